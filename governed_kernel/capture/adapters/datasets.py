"""Hugging Face datasets: the Arrow files that native code maps into memory."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.openings import observe_opening

__all__ = ["arm"]


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe where tables are mapped: by ``load_from_disk``, by caches, by ``map``."""
    observe_opening(
        observation,
        "datasets",
        module,
        "_memory_mapped_arrow_table_from_file",
        via="datasets.load",
        parameter="filename",
    )
