"""PyTables: HDF5 files, which native code opens."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.openings import observe_opening

__all__ = ["arm"]


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe ``tables.open_file`` and the class behind it."""
    observe_opening(
        observation,
        "tables",
        module.File,
        "__init__",
        via="tables.open_file",
        parameter="filename",
        mode="mode",
    )
