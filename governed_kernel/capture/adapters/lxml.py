"""lxml: documents that libxml2 opens. What an ``ElementTree`` writes is the witness's to see."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.openings import observe_native_opening

__all__ = ["arm"]


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe ``lxml.etree.parse``."""
    via = "lxml.etree.parse"
    observe_native_opening(observation, "lxml", (module,), "parse", via=via, parameter="source")
