"""polars: plans are read where they run; what runs none has a rule, or a conservative one."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.observation import Observation

__all__ = ["arm"]


def arm(observation: Observation, name: str, module: ModuleType) -> None:  # noqa: ARG001
    """Observe polars. The first theme that names a method has it, so the fallbacks come last."""
    from governed_kernel.capture.adapters.polars import (
        changes,
        conversion,
        databases,
        execution,
        files,
        frames,
        groups,
        lazy,
        series,
    )

    themes = (execution, files, databases, changes, conversion, frames, groups, lazy, series)
    for theme in themes:
        theme.arm(observation)
    frames.arm_rest(observation)
