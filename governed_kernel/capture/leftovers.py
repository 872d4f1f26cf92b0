"""What observed calls left over in a statement: what it still owes to, beyond what they tell.

A name that a statement mentions may have gone into observed calls each time; then all of it that is
in the statement's results is in what those calls made, which says more than the name does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from governed_kernel.capture.observation import Doings, Observation
from governed_kernel.capture.references import Reference, opened
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import MOST_WORKS
from governed_kernel.lineage.events import UNKNOWN

__all__ = [
    "LABELS",
    "Source",
    "Sources",
    "add",
    "asked_of",
    "leaves_of",
    "made_of",
    "narrowed",
    "undivided",
    "unknown",
    "used_up",
    "values_of",
]

_SINGLE = ("value", "result")
"""Kinds of what single values may be: a query's result by way of ``fetchone()``."""
LABELS = ("columns", "keys", "schema", "dtypes")
"""Attributes of tables by which it is asked for names of columns."""


class Source(NamedTuple):
    """A thing that is known, and those of its columns that are meant."""

    node: Node
    columns: tuple[str, ...]


Sources = dict[str, Source]
"""Entity → source."""


def used_up(
    doings: Doings, counts: Mapping[str, int], mentioned: Mapping[Reference, Sequence[Source]]
) -> frozenset[str]:
    """What observed calls took, each time that the statement looks up its name (`counts`).

    All that is in the statement of such a thing is in what those calls made of it.
    """
    if not counts or not doings.works:
        return frozenset()
    taken = Counter(node.entity for work in doings.steps for node in work.inputs)
    taken.update(doings.chosen)
    names: defaultdict[str, set[str]] = defaultdict(set)
    for reference, sources in mentioned.items():
        for source in sources:
            if source.node.entity in taken:
                names[source.node.entity].add(reference.name)
    return frozenset(
        entity
        for entity, each in names.items()
        if entity not in doings.ended and 0 < sum(counts[name] for name in each) <= taken[entity]
    )


def narrowed(
    doings: Doings, items: Set[str], mentioned: dict[Reference, list[Source]]
) -> dict[Reference, list[Source]]:
    """What a statement mentions, with what it can have of frames whose `items` alone it takes.

    Each item that is taken of a frame is an observed call, so nothing of the frame is in the
    statement but the columns that came of these calls, by whatever name or in however many turns.
    """
    names: defaultdict[str, set[str]] = defaultdict(set)
    frames: dict[str, Node] = {}
    for reference, sources in mentioned.items() if items and doings.works else ():
        for source in sources:
            names[source.node.entity].add(reference.name)
            if source.node.kind == "frame":
                frames[source.node.entity] = source.node
    taken: defaultdict[str, set[str]] = defaultdict(set)
    for work in doings.steps if len(doings.works) < MOST_WORKS else ():
        for node in work.inputs:
            taken[node.entity].update(work.output.columns)
    kept = {
        entity: taken[entity]
        for entity, node in frames.items()
        if names[entity] <= items and taken[entity] and taken[entity] < set(node.columns)
    }
    if not kept:
        return mentioned
    return {
        reference: [
            source._replace(columns=tuple(filter(kept[source.node.entity].__contains__, columns)))
            if (columns := source.columns) and source.node.entity in kept
            else source
            for source in sources
        ]
        for reference, sources in mentioned.items()
    }


def undivided(doings: Doings, reference: Reference, sources: list[Source]) -> list[Source]:
    """What a reference leads to, without values where its rows were only counted."""
    if not doings.divided or not any(doings.divided.get(str(each)) for each in reference.path):
        return sources
    return [source._replace(columns=()) for source in sources]


def leaves_of(
    doings: Doings, mentioned: Mapping[Reference, Sequence[Source]], used: frozenset[str]
) -> Sources:
    """What observed calls made or read in a statement, and no step has used up.

    What they made of things that the statement mentions by name is not told twice.
    """
    taken = {node.entity for work in doings.steps for node in work.inputs}
    told = {source.node.entity for sources in mentioned.values() for source in sources}
    told -= used
    left = {work.output.entity for work in doings.steps} - taken | doings.ended
    leaves: Sources = {}
    named = {work.output.entity for work in doings.works if work.taken is not None}
    for work in doings.steps:
        inputs = {node.entity for node in work.inputs}
        inputs = inputs - named or inputs  # its operation's names tell what such a thing is
        if inputs and inputs <= told:
            told.add(work.output.entity)
        elif work.output.entity in left and work.output.entity.startswith("memory:"):
            leaves[work.output.entity] = Source(work.output, work.output.columns or ("*",))
    for uri, kind in doings.read.items():
        if uri not in doings.explained and uri not in doings.written:
            leaves[uri] = Source(Node(uri, kind, ()), ("*",))
    return leaves


def asked_of(
    reference: Reference, among: Set[Reference], sources: Iterable[Source]
) -> Iterator[str]:
    """Entities behind a reference of which it is asked whether something is in them.

    A table as such is asked for names of columns: ``if "age" in frame``, ``in frame.columns``.
    """
    plain = opened(reference)
    if reference in among or plain in among:
        named = plain in among and (not plain.path or plain.path[0] in LABELS)
        for source in sources:
            if not (named and source.node.kind in ("frame", "relation")):
                yield source.node.entity


def made_of(doings: Doings, entities: Set[str]) -> Set[str]:
    """These entities, and what observed calls made of them alone: ``keep.unique()``."""
    found = set(entities)
    for work in doings.steps if found else ():
        inputs = {node.entity for node in work.inputs}
        if inputs and inputs <= found:
            found.add(work.output.entity)
    return found


def values_of(doings: Doings) -> Sources:
    """The single values that observed calls gave, and no step has used up.

    A relation whose rows were fetched has given some too.
    """
    taken = {node.entity for work in doings.steps for node in work.inputs}
    fetched = {
        work.output.entity
        for work in doings.steps
        if work.output.kind == "relation" and work.output.entity in doings.ended
    }
    return {
        work.output.entity: Source(work.output, work.output.columns or ("*",))
        for work in doings.steps
        if work.output.entity in fetched
        or (work.output.kind in _SINGLE and work.output.entity not in taken)
    }


def unknown(observation: Observation) -> Source:
    """What nobody has seen: it may hold whatever was read until then."""
    return Source(Node(observation.new_entity(), UNKNOWN, ()), ("*",))


def add(found: Sources, sources: Iterable[Source]) -> None:
    """Put sources to those that were found, with the columns of both."""
    for source in sources:
        entity = source.node.entity
        if entity in found:
            both = dict.fromkeys((*found[entity].columns, *source.columns))
            source = Source(source.node, tuple(both))
        found[entity] = source
