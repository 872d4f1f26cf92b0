"""What was made in this session, as its kernel told it: enough to say where a thing is from.

The record lies with the recorder; this is what a cell can ask at once, without reading files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from governed_kernel.capture.emitter import ObservedEvent
from governed_kernel.lineage.events import Transformation

__all__ = ["MADE", "Remembered"]

_MOST_EDGES = 200_000
_MOST = 20_000


class Remembered:
    """The transformations of a session, the oldest of too many forgotten.

    Attributes
    ----------
    forgotten : int
        How many there were that it knows no more.
    """

    def __init__(self) -> None:
        self._made: deque[Transformation] = deque()
        self._edges = 0
        self.forgotten = 0

    def __iter__(self) -> Iterator[Transformation]:
        return iter(tuple(self._made))

    def add(self, event: ObservedEvent) -> None:
        """Remember a transformation; other events are none of its business."""
        if not isinstance(event, Transformation):
            return
        self._made.append(event)
        self._edges += len(event.columns)
        while len(self._made) > 1 and (len(self._made) > _MOST or self._edges > _MOST_EDGES):
            self._edges -= len(self._made.popleft().columns)
            self.forgotten += 1


MADE = Remembered()
"""Of this kernel's session."""
