"""What observed calls left over in a statement: what it still owes to, beyond what they tell.

A name that a statement mentions may have gone into observed calls each time; then all of it that is
in the statement's results is in what those calls made, which says more than the name does.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from governed_kernel.capture.observation import Doings
from governed_kernel.capture.references import Reference
from governed_kernel.capture.registry import Node

__all__ = ["Source", "Sources", "leaves_of", "used_up"]

_MANY = 1_000


class Source(NamedTuple):
    """A thing that is known, and those of its columns that are meant."""

    node: Node
    columns: tuple[str, ...]


Sources = dict[str, Source]
"""Entity → source."""


def used_up(
    doings: Doings, statement: ast.stmt, mentioned: Mapping[Reference, Sequence[Source]]
) -> frozenset[str]:
    """What observed calls took, each time that the statement mentions it.

    All that is in the statement of such a thing is in what those calls made of it.
    """
    taken = Counter(node.entity for work in doings.works for node in work.inputs)
    if not taken or not isinstance(statement, _SIMPLE):
        return frozenset()
    ended = set(doings.ended)
    for work in reversed(doings.works):
        if work.output.entity in ended:
            ended.update(node.entity for node in work.inputs)
    names: defaultdict[str, set[str]] = defaultdict(set)
    for reference, sources in mentioned.items():
        for source in sources:
            if source.node.entity in taken:
                names[source.node.entity].add(reference.name)
    if not names:
        return frozenset()
    mentions = Counter(_loads(statement))
    return frozenset(
        entity
        for entity, each in names.items()
        if entity not in ended and 0 < sum(mentions[name] for name in each) <= taken[entity]
    )


_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)
_REPEATED = (
    *(ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
"""What may be run many times, or not at all."""


def _loads(statement: ast.AST) -> Iterator[str]:
    """The names that a statement looks up, each time; many times where code is repeated."""
    for node in ast.iter_child_nodes(statement):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, _REPEATED):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name):
                    yield from (inner.id,) * _MANY
        else:
            yield from _loads(node)


def leaves_of(
    doings: Doings, mentioned: Mapping[Reference, Sequence[Source]], used: frozenset[str]
) -> Sources:
    """What observed calls made or read in a statement, and no step has used up.

    What they made of things that the statement mentions by name is not told twice.
    """
    taken = {node.entity for work in doings.works for node in work.inputs}
    told = {source.node.entity for sources in mentioned.values() for source in sources}
    told -= used
    leaves: Sources = {}
    for work in doings.works:
        inputs = {node.entity for node in work.inputs}
        if inputs and inputs <= told:
            told.add(work.output.entity)
        elif work.output.entity not in taken and work.output.entity.startswith("memory:"):
            leaves[work.output.entity] = Source(work.output, work.output.columns or ("*",))
    for uri, kind in doings.read.items():
        if uri not in doings.explained and uri not in doings.written:
            leaves[uri] = Source(Node(uri, kind, ()), ("*",))
    return leaves
