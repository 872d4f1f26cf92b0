"""pandas: a rule a method, by theme; what has no rule falls to a conservative one."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.observation import Observation

__all__ = ["arm"]


def arm(observation: Observation, name: str, module: ModuleType) -> None:  # noqa: ARG001
    """Observe pandas. The first theme that names a method has it, so the fallback comes last."""
    from governed_kernel.capture.adapters.pandas import (
        accessors,
        arrays,
        assignment,
        combining,
        computed,
        conversion,
        databases,
        files,
        grouping,
        indexes,
        operators,
        reshaping,
        selection,
        summaries,
    )

    # Summaries come after operators: what both name is value by value.
    themes = (
        files,
        databases,
        selection,
        assignment,
        computed,
        operators,
        accessors,
        combining,
        reshaping,
        grouping,
        summaries,
        conversion,
        indexes,
        arrays,
    )
    for theme in themes:
        theme.arm(observation)
    conversion.arm_rest(observation)
