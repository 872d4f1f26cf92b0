"""What a statement that has ended tells of what its observed calls could not follow.

Into a step may go what no observer knows, a file may be written by what no rule explains: both owe
to what the statement mentions, and to what its calls made before.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, NamedTuple

from governed_kernel.capture.bringing import MISSING, may_give
from governed_kernel.capture.contents import Contents
from governed_kernel.capture.deciding import DECISION, beside, record_beside
from governed_kernel.capture.leftovers import Source, Sources, add, leaves_of, unknown, values_of
from governed_kernel.capture.looks import SIZES
from governed_kernel.capture.lookup import Lookup
from governed_kernel.capture.observation import Doings, Observation
from governed_kernel.capture.owing import Output, complete, giving_values
from governed_kernel.capture.readings import Reading
from governed_kernel.capture.references import NONE, Made, Reference, opened
from governed_kernel.capture.registry import Node
from governed_kernel.capture.statements import Flow, Reader
from governed_kernel.capture.works import Work

__all__ = ["Before", "Completion"]

_FEW = 64


class Before(NamedTuple):
    """What was there before a statement."""

    reading: Reading
    sources: dict[Reference, list[Source]]
    shapes: dict[str, Any]
    nodes: dict[str, Node | None]
    values: dict[str, Any]
    """All variables, where the statement binds names that it does not say."""
    contents: dict[str, Contents]
    """What plain things and arrays within its reach held."""
    kept: dict[tuple[int, str], Any]
    """The single values that functions and objects within its reach kept."""

    @property
    def flow(self) -> Flow:
        """What the statement does with names."""
        return self.reading.flow

    def gather(self, references: Iterable[Reference]) -> Sources:
        """What is known of what some references led to."""
        found: Sources = {}
        for reference in references:
            add(found, self.sources.get(reference, ()))
        return found


class _Taken(NamedTuple):
    """What an operation of the statement takes that its operands name.

    Attributes
    ----------
    named : dict of str to Source
        By names that stood for it before the statement.
    bound : dict of str to Source
        By names that the statement has bound, which may be a loop: what these owe to.
    picked : dict of str to Source
        Columns that single values may have been taken of by what no call tells.
    calls : bool
        Whether calls, or attributes that are code, may have given more.
    """

    named: Sources
    bound: Sources
    picked: Sources
    calls: bool


class Completion:
    """Completes what observed calls told of one namespace's statements.

    Parameters
    ----------
    observation : Observation
    namespace : dict
        The notebook's variables.
    look : Lookup
        Tells what is known of them.
    """

    def __init__(self, observation: Observation, namespace: dict[str, Any], look: Lookup) -> None:
        self._observation = observation
        self._namespace = namespace
        self._look = look

    def complete(
        self,
        doings: Doings,
        before: Before,
        known_doings: tuple[Sources, frozenset[str]],
        outputs: list[Output],
    ) -> None:
        """Observed results into which went what can't be followed; files that no rule explains."""
        if not doings.works and not doings.written:
            return
        made, used = known_doings
        reads = before.flow.reads
        mentioned = before.gather(reads)
        parts = before.gather({*_named(reads, before), *before.flow.given})
        every: tuple[str, ...] = ("*",)
        into_calls = {node.entity for work in doings.steps for node in work.inputs}
        found: dict[int, tuple[Sources, Sources]] = {}
        for place, work in enumerate(doings.works):
            if work.open or work.values:
                # What came after a step can't have gone into it, unless code is repeated.
                last = place if before.reading.counts else len(doings.works)
                last = last if work.place is None else work.place
                last = last if last < _FEW else -(-last // _FEW) * _FEW
                if last not in found:
                    there = doings.until(last)
                    found[last] = leaves_of(there, before.sources, used), values_of(there)
                leaves, values = found[last]
                sources = {**mentioned, **leaves}
                taken = self._taken(work, before)
                is_told = taken is not None and not taken.calls
                if taken is not None and is_told:
                    sources = {**taken.named, **(leaves if taken.bound else {})}
                    values = {each: values[each] for each in values if each in sources}
                elif work.place is not None:  # it may be the rows to which something is assigned
                    add(sources, before.gather(before.reading.mentioned).values())
                for node in work.inputs:
                    was_there = sources.pop(node.entity, None) is not None
                    # its own columns, by way of plain Python
                    if node.entity in parts and (was_there or not is_told):
                        sources[node.entity] = parts[node.entity]
                if work.inside is not None:
                    if work.inside.is_all:
                        leaves = leaves_of(doings.until(last), before.sources, used)
                        owed = {**(leaves if work.inside.reads else {}), **work.inside.sources}
                        if owed:
                            outputs.append((work.output, "", owed, {}, (*work.open, *work.values)))
                        continue
                    add(sources, work.inside.sources.values())
                    values = {**values, **work.inside.sources}
                if taken is not None:
                    add(sources, taken.bound.values())
                    values = {**values, **taken.bound}
                left = used.difference(work.inside.sources) if work.inside is not None else used
                giving = giving_values(sources, mentioned, into_calls)
                if taken is not None and giving.isdisjoint(sources) and not values:
                    values = taken.picked
                    left = left.difference(values)
                is_open = not complete(work, sources, values, left, outputs, giving)
                if is_open and (work.inside is not None or self.is_unknown(before)):
                    outputs.append((work.output, "", self.unknown(), {}, work.open))
        for uri, kind in doings.written.items():
            if uri not in doings.explained:
                work = Work((), Node(uri, kind, ()), every)
                is_open = not complete(work, {**mentioned, **made}, {}, used, outputs)
                if is_open and self.is_unknown(before):
                    outputs.append((work.output, "", self.unknown(), {}, every))

    def _taken(self, work: Work, before: Before) -> _Taken | None:
        """What the names lead to in what an operation of the statement takes, if all are known."""
        if work.taken is None or work.inside is not None:
            return None
        taken, every = work.taken, before.flow.every if not before.reading.counts else {}
        known = {*every, *(name for name, _ in before.sources), "len"}
        if not taken.names <= known:
            return None
        named = before.gather(_read_in(taken.parts, before))
        bound = NONE.union(*(every[name].all for name in taken.names if name in every))
        picked = before.gather(_read_in(taken.picked, before))
        # of what a call gave of a whole table, no column can be said to be in it
        picked = {
            each: found for each, found in picked.items() if found.columns != found.node.columns
        }
        given = {each for part in taken.given for each in Reader().value(part).direct}
        asked = {each for part in taken.parts for each in Reader().value(part).direct if each.path}
        calls = any(map(self._may_compute, asked)) or any(
            may_give(self._namespace.get(each.name, MISSING), each, self._observation.is_user_file)
            or self._may_bring(each)
            or (SIZES.isdisjoint(each.path) and any(self._look.sources(each)))
            for each in given
        )
        return _Taken(named, before.gather(bound), picked, calls)

    def _may_compute(self, reference: Reference) -> bool:
        """Whether an attribute is code that gives something: a property."""
        thing = self._namespace.get(reference.name)
        if self._observation.registry.get(thing) is not None:
            return False
        found = inspect.getattr_static(type(thing), str(reference.path[0]), None)
        return isinstance(found, (property, functools.cached_property))

    def _may_bring(self, reference: Reference) -> bool:
        """Whether a name may bring in data that nobody has seen."""
        thing = self._namespace.get(reference.name, MISSING)
        if self._observation.registry.get(thing) is not None:
            return False
        return self._look.may_lead(reference.name, thing, reference.path)

    def decide(
        self,
        doings: Doings,
        before: Before,
        known_doings: tuple[Sources, frozenset[str]],
        outputs: list[Output],
        names: Mapping[str, Made],
    ) -> None:
        """Things and files that were made, and may tell of what their steps did not take."""
        if not doings.works:
            return
        left, used = known_doings
        # What was told of things on the way came too late for those that were made of them.
        told = {node.entity: {*direct, *indirect} for node, _, direct, indirect, _ in outputs}
        left = left if before.reading.counts else {}
        old = {source.node.entity for each in before.sources.values() for source in each}
        for name, owed in names.items():
            node = self._look.node(name)
            if node is None or node.entity in old:
                continue
            read = {**before.gather(owed.all), **left}
            self._note(
                doings, read, used | told.get(node.entity, set()), (node.entity,), node, name
            )
        for uri in doings.written:
            if uri in doings.into:
                read = {**before.gather(before.flow.reads), **left}
                self._note(doings, read, used, doings.into[uri], Node(uri, DECISION, ()), "")

    def _note(
        self,
        doings: Doings,
        read: Sources,
        used: Set[str],
        made: Iterable[str],
        output: Node,
        name: str,
    ) -> None:
        """Let `output` be of the class of what was read and has not gone into what was `made`."""
        read = {entity: source for entity, source in read.items() if entity not in used}
        if inputs := beside(doings, read, made):
            record_beside(self._observation, inputs, output, name)

    def is_unknown(self, before: Before) -> bool:
        """Whether a statement that mentions nothing known may have got data from somewhere."""
        return any(self._may_bring(reference) for reference in before.flow.reads)

    def unknown(self) -> Sources:
        """A source that nobody has seen: it may hold whatever was read until then."""
        source = unknown(self._observation)
        return {source.node.entity: source}


def _read_in(parts: Iterable[ast.expr], before: Before) -> list[Reference]:
    """What a statement reads by references that some of its expressions make."""
    made = {each for part in parts for each in Reader().value(part).all}
    changed = (owed.all for owed in before.flow.touches.values())  # places say where
    read = before.flow.reads.union(*changed)
    return [each for each in read if any(_leads_on(each, to) for to in made)]


def _leads_on(reference: Reference, to: Reference) -> bool:
    """Whether a reference is another one, or goes on from that."""
    path = opened(to).path
    return reference.name == to.name and reference.path[: len(path)] == path


def _named(references: Iterable[Reference], before: Before) -> Iterator[Reference]:
    """References to columns, or to a thing itself; not to what a method of it gives."""
    for reference in references:
        steps = frozenset(map(str, reference.path))
        sources = before.sources.get(reference, ())
        itself = not reference.path or reference.path[0] == "*"
        if itself or any(
            source.columns != source.node.columns or not steps.isdisjoint(source.columns)
            for source in sources
        ):
            yield reference
