"""h5py: HDF5 files, which native code opens. What a file links to is the witness's to see."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.openings import observe_opening

__all__ = ["arm"]


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe ``h5py.File``."""
    observe_opening(
        observation,
        "h5py",
        module.File,
        "__init__",
        via="h5py.File",
        parameter="name",
        mode="mode",
    )
