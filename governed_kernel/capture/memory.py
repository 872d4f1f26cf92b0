"""What was recorded already in the current statement or cell, for what loops repeat."""

from __future__ import annotations

from typing import Any

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node

__all__ = ["PATIENCE", "memory_of", "remember_step", "same_as_before"]

PATIENCE = 100
"""Turns of a loop that are a record each."""


class _Memory:
    """What was recorded already in the current statement or cell."""

    def __init__(self) -> None:
        self.moment = -1
        self.nodes: dict[Any, Node] = {}
        self.turns: dict[Any, int] = {}
        self.shared: dict[Any, str] = {}
        self.calls: dict[Any, Any] = {}

    def renewed(self, moment: int) -> _Memory:
        self.moment = moment
        self.nodes.clear()
        self.turns.clear()
        self.shared.clear()
        self.calls.clear()
        return self

    def again(self, place: Any) -> bool:
        """Count one more turn at a place; true once it has lost patience."""
        turns = self.turns.get(place, 0) + 1
        self.turns[place] = turns
        return turns > PATIENCE


def same_as_before(observation: Observation, key: Any, output: Any) -> bool:
    """Whether a step that is known by a short key alone was recorded in this cell already.

    The quick way for what loops repeat: `output` gets the entity of the earlier result.
    """
    node = memory_of(observation).nodes.get(key)
    return node is not None and observation.registry.put(output, node)


def remember_step(observation: Observation, key: Any, output: Any) -> None:
    """Let `same_as_before` know the step that has just been recorded."""
    node = observation.registry.get(output)
    if node is not None:
        memory_of(observation).nodes[key] = node


def memory_of(observation: Observation) -> _Memory:
    """The observation's memory of the calling thread's cell."""
    memory: _Memory | None = observation.state.memory
    if memory is None:
        memory = observation.state.memory = _Memory()
    # Where statements are followed, no two need ask which cell this thread works for.
    moment = observation.moment or observation.cell().execution
    return memory if memory.moment == moment else memory.renewed(moment)
