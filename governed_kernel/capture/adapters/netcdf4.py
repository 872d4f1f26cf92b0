"""netCDF4: files that its native classes open."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.openings import observe_native_opening

__all__ = ["arm"]


def arm(observation: Observation, _name: str, module: ModuleType | Any) -> None:
    """Observe ``netCDF4.Dataset``, and ``MFDataset``, which opens several by another way."""
    for title, parameter, operation in (
        ("Dataset", "filename", None),
        ("MFDataset", "files", "read"),
    ):
        observe_native_opening(
            observation,
            "netCDF4",
            (getattr(module, title),),
            "__init__",
            via=f"netCDF4.{title}",
            place=1,  # after the object itself
            parameter=parameter,
            operation=operation,  # type: ignore[arg-type]
        )
