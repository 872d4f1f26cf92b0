"""How relations between columns compose over several steps; `capture.relations` says what each is.

One rule for everybody: what is recorded (plans and queries of several steps), the store, and
whoever follows paths. The view ``column_origins`` says it in SQL, for paths through files.
"""

from __future__ import annotations

from typing import TypeVar, cast

from governed_kernel.lineage.vocabulary import OF_ROWS, Relation

__all__ = ["DIRECT", "combined"]

DIRECT: tuple[Relation, ...] = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")
"""Relations by which values go on, from the weakest to the strongest."""
_Word = TypeVar("_Word", bound=str)


def combined(near: _Word, far: _Word) -> _Word:
    """The relation of a path from its part near the output and its part near the source."""
    if far in OF_ROWS:
        return far
    if near in OF_ROWS:
        return near
    if "PARTITION" in (near, far):
        return near if near == "PARTITION" else far
    if near not in DIRECT:
        return near
    if far not in DIRECT:
        return far
    return max(near, far, key=cast("tuple[str, ...]", DIRECT).index)
