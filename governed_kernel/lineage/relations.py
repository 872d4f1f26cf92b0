"""How relations between columns compose over several steps; `capture.relations` says what each is.

One rule for everybody: what is recorded (plans and queries of several steps), the store, and
whoever follows paths. The view ``column_origins`` says it in SQL, for paths through files.
"""

from __future__ import annotations

from itertools import product
from typing import TypeVar, cast, get_args

from governed_kernel.lineage.vocabulary import AND_MEMBERSHIP, NOT_BY_VALUE, OF_ROWS, Relation

__all__ = ["DIRECT", "STRENGTHS", "combined"]

STRENGTHS: tuple[Relation, ...] = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")
"""Relations by which values go on, from the weakest to the strongest."""
DIRECT: tuple[Relation, ...] = (
    *STRENGTHS,
    "TRANSFORMATION AND MEMBERSHIP",
    "AGGREGATION AND MEMBERSHIP",
)
"""All relations by which values go on."""
_Word = TypeVar("_Word", bound=str)


def combined(near: _Word, far: _Word) -> _Word:
    """The relation of a path from its part near the output and its part near the source."""
    return cast("_Word", _COMBINED[near, far])


def _combined(near: str, far: str) -> str:
    plain, source = near.removesuffix(AND_MEMBERSHIP), far.removesuffix(AND_MEMBERSHIP)
    word = _plainly(plain, source)
    # What decides rows, or parts them, by a membership lets no value of it go on.
    told = near != plain or (far != source and plain not in NOT_BY_VALUE)
    return word + AND_MEMBERSHIP if told else word


def _plainly(near: str, far: str) -> str:
    if far in OF_ROWS:
        return far
    if near in OF_ROWS:
        return near
    if "PARTITION" in (near, far):
        return "PARTITION"
    if near not in STRENGTHS:
        return near
    if far not in STRENGTHS:
        return far
    return max(near, far, key=cast("tuple[str, ...]", STRENGTHS).index)


_COMBINED = {pair: _combined(*pair) for pair in product(get_args(Relation), repeat=2)}
"""Plans and stores ask for millions of paths: each answer is worked out once."""
