"""SciPy: Matrix Market files, which native code opens; its other files Python opens itself."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.openings import observe_opening

__all__ = ["arm"]


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe ``scipy.io.mmread`` and ``mmwrite``."""
    observe_opening(
        observation, "scipy", module, "mmread", via="scipy.io.mmread", parameter="source"
    )
    observe_opening(
        observation,
        "scipy",
        module,
        "mmwrite",
        via="scipy.io.mmwrite",
        parameter="target",
        operation="write",
    )
