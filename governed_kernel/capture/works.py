"""What one step, or one thing that nobody could follow, has done within its statement."""

from __future__ import annotations

from typing import Any, NamedTuple

from governed_kernel.capture.operands import Operands
from governed_kernel.capture.registry import Node

__all__ = ["Work"]


class Work(NamedTuple):
    """A step as the statement that it belongs to will look at it."""

    inputs: tuple[Node, ...]
    output: Node
    open: tuple[str, ...]
    """Columns into which something went that could not be followed."""
    values: tuple[str, ...] = ()
    """Columns into which single values went that could not be followed."""
    place: int | None = None
    """How many steps came before what is no step itself, but a name for what they may have made."""
    inside: Any = None
    """Of a step that a function of the user's took: what its open columns owe to, as
    `variables.Variables.inside` tells it."""
    taken: Operands | None = None
    """What the operation takes that this went into, where the notebook's own statement says it."""
