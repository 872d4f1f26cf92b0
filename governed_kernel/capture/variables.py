"""What variables owe to each other where no observer links them: inferred, statement by statement.

Before a top-level statement the things that it mentions are looked up, after it the names it has
bound. What an observer has followed is left alone; the rest (lists, arrays, tensors, numbers, the
user's own objects) owes to what the statement mentioned, and to what observed calls made in it.
"""

from __future__ import annotations

import ast
import itertools
import linecache
import types
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, NamedTuple

from governed_kernel.capture.arming import meet
from governed_kernel.capture.bringing import CODE, MISSING, may_read
from governed_kernel.capture.deciding import DECISION, beside, record_beside
from governed_kernel.capture.functions import files_behind, global_names
from governed_kernel.capture.inside import PARAMETER, files_under_way, inside, written_in
from governed_kernel.capture.leftovers import Source, Sources, add, leaves_of, used_up, values_of
from governed_kernel.capture.looks import (
    kind_of,
)
from governed_kernel.capture.lookup import Lookup
from governed_kernel.capture.magics import ANY
from governed_kernel.capture.observation import Doings, Observation
from governed_kernel.capture.owing import HOLDING_VALUES, Output, complete, record_statement
from governed_kernel.capture.readings import Reading, read
from governed_kernel.capture.references import Made, Reference
from governed_kernel.capture.registry import Node
from governed_kernel.capture.statements import CALLED, Flow
from governed_kernel.capture.steps import Work
from governed_kernel.capture.uris import forget_paths
from governed_kernel.capture.writing import Written
from governed_kernel.lineage.events import UNKNOWN

__all__ = ["Variables"]

_MOMENTS = itertools.count(1 << 40)  # no number of a cell
_FOLLOWED = ("frame", "series", "index", "group", "relation")
"""Kinds of things whose changes in place are observed."""
_WRITTEN = (dict, list, tuple, set)

_MANY = 1_000
_FEW = 64


class _Before(NamedTuple):
    """What was there before a statement."""

    reading: Reading
    sources: dict[Reference, list[Source]]
    shapes: dict[str, Any]
    nodes: dict[str, Node | None]
    values: dict[str, Any]
    """All variables, where the statement binds names that it does not say."""

    @property
    def flow(self) -> Flow:
        """What the statement does with names."""
        return self.reading.flow


class Owed(NamedTuple):
    """What a value within a function owes to.

    Attributes
    ----------
    sources : dict of str to Source
        What is known of it.
    is_all : bool
        Whether that is all: no name can have brought in something else.
    reads : bool
        Whether what calls have read or made on the way may be in it as well.
    """

    sources: Sources
    is_all: bool
    reads: bool


_NOTHING = _Before(read(ast.Pass()), {}, {}, {}, {})


class Variables:
    """Follows the variables of one namespace.

    Parameters
    ----------
    observation : Observation
    namespace : dict
        The notebook's variables.
    """

    def __init__(self, observation: Observation, namespace: dict[str, Any]) -> None:
        self._observation = observation
        self.namespace = namespace
        self._met: set[type] = set()
        self._before: list[_Before] = []
        self._endings: list[Callable[[], None]] = []
        self._written: Written | None = None
        self._around: dict[str, Written | None] | None = None
        """File of the user's code that the statement runs → what its text writes out."""
        self._look = Lookup(observation, namespace)
        observation.variables = self
        observation.scalars.is_mentioned = self._mentions

    def mentioned(self) -> Sources:
        """What the statement that is executed mentions, and what was made in it so far."""
        if not self._before:
            return {}
        before = self._before[-1]
        return {
            **self._gather(before.flow.reads, before),
            **leaves_of(self._observation.doings[-1], before.sources, frozenset()),
        }

    def _mentions(self, entity: str) -> bool:
        """Whether the statement that is executed mentions an entity."""
        sources = self._before[-1].sources.values() if self._before else ()
        return any(source.node.entity == entity for each in sources for source in each)

    def mentions(self, thing: Any) -> bool:
        """Whether a variable that the statement mentions stands for a thing."""
        names = {name for name, _ in self._before[-1].sources} if self._before else ()
        return any(self.namespace.get(name, MISSING) is thing for name in names)

    def computed(self) -> Iterator[tuple[Any, Node]]:
        """Single values that the statement mentions, or has computed."""
        for (name, path), sources in self._before[-1].sources.items() if self._before else ():
            for source in sources:
                if source.node.kind == "value" and path in ((), ("*",)):
                    yield self.namespace.get(name), source.node
        yield from self._observation.scalars.now()

    def inside(self, argument: Any = MISSING) -> Owed | None:
        """What a function of the user's that is under way lets a value owe to, by its text.

        Parameters
        ----------
        argument : object, optional
            What goes into a call beside what is known, where it is that and not an assigned value.
        """
        registry = self._observation.registry
        found = inside(
            self._observation.is_user_file,
            lambda thing: registry.get(thing) is not None,
            self._observation.read_text,
            argument,
            2,
        )
        if found is None or not self._before:
            return None
        sources: Sources = {}
        is_all, reads = True, False
        for reference in found.owed:
            thing = found.things[reference.name]
            reads |= may_read(thing, reference.path)
            if reference.name in found.gone or self._look.is_users(thing):
                is_all = False  # what it stood for at first, or does within, is not known
            elif known := list(self._look.of(thing, reference.path)):
                add(sources, known)
            elif not found.writes_out(thing) and not self.writes_out(thing):
                is_all &= not reference.name.startswith(PARAMETER)
                is_all &= not self._look.may_lead(reference.name, thing, reference.path)
        return Owed(sources, is_all, reads)

    def writes_out(self, value: Any) -> bool:
        """Whether `value` stands in the statement's own text, a list of them as a whole."""
        written = self._text()
        return written is not None and (
            written.holds(value) or self._stands_in_code(value, Written.holds)
        )

    def assigns(self, value: Any) -> bool:
        """Whether `value` stands there as what becomes a value, and no condition has chosen it."""
        written = self._text()
        return written is not None and (
            written.assigns(value) or self._stands_in_code(value, Written.assigns)
        )

    def _stands_in_code(self, value: Any, stands: Callable[[Written, Any], bool]) -> bool:
        """Whether a container stands as a whole in code of the user's that the statement runs."""
        if type(value) not in _WRITTEN or not value:
            return False
        return any(stands(written, value) for written in self._codes())

    def _codes(self) -> Iterable[Written]:
        """What the texts of the user's code write out that the statement runs."""
        is_user_file = self._observation.is_user_file
        if self._around is None:
            self._around = {}
            for name, _ in self._before[-1].flow.reads:
                for file in files_behind(self.namespace.get(name), is_user_file):
                    self._take_in(file)
        for file in files_under_way(is_user_file):
            if file not in self._around:
                self._take_in(file)
        return (written for written in self._around.values() if written is not None)

    def _take_in(self, file: str) -> None:
        assert self._around is not None
        if file not in linecache.cache:
            self._observation.read_text(file)
        self._around[file] = written_in("".join(linecache.getlines(file)))

    def _text(self) -> Written | None:
        if self._written is None and self._before:
            self._written = Written(self._before[-1].reading.statement)
        return self._written if self._before else None

    def values(self) -> list[Any]:
        """What the notebook's variables stand for."""
        return list(self.namespace.values())

    def holds(self, thing: Any) -> bool:
        """Whether a variable stands for a thing: what that owes to was told where it was bound."""
        return any(thing is each for each in self.values())

    def at_end(self, action: Callable[[], None]) -> None:
        """Do something once, when the statement that is executed has ended."""
        self._endings.append(action)

    def enter(self, statement: Reading | ast.stmt) -> None:
        """Before a top-level statement is executed, which may have been read already."""
        # A call that an interrupt tore down before its end would hide all later ones.
        self._observation.state.call = None
        self._observation.moment = next(_MOMENTS)
        forget_paths()  # other processes may have moved what they led to
        self._observation.doings.append(Doings())
        self._written = self._around = None
        self._before.append(_NOTHING)
        reading = statement if isinstance(statement, Reading) else read(statement)
        self._meet(reading.mentioned)
        sources = {
            reference: list(self._look.sources(reference)) for reference in reading.mentioned
        }
        names = {*reading.flow.touches, *(reference.name for reference in reading.mentioned)}
        self._observation.doings[-1].computed = any(
            source.node.kind in HOLDING_VALUES for each in sources.values() for source in each
        )
        shapes = {name: self._look.shape(name) for name in names}
        nodes = {name: self._look.node(name) for name in names}
        values = dict(self.namespace) if ANY in reading.flow.writes else {}
        self._before[-1] = _Before(reading, sources, shapes, nodes, values)

    def leave(self) -> None:
        """After it was executed, or has failed."""
        self._observation.moment = 0
        endings, self._endings = self._endings, []
        try:
            for ending in endings:
                ending()
        finally:
            before = self._before.pop()
            doings = self._observation.doings.pop()
        bound = [self.namespace.get(name) for name in before.flow.writes]
        named = {node.entity for thing in bound if (node := self._observation.registry.get(thing))}
        used = used_up(doings, before.reading.counts, before.sources)
        made = {
            entity: source
            for entity, source in leaves_of(doings, before.sources, used).items()
            if entity not in named
        }
        outputs: list[Output] = []
        for name, owed in self._bound(before):
            in_place = name in before.flow.touches
            self._follow(name, owed, before, (made, used), outputs, changed=in_place)
        for name, owed in self._changed(before).items():
            self._follow(name, owed, before, (made, used), outputs, changed=True)
        self._complete(doings, before, (made, used), outputs)
        self._keep_constants(doings, before)
        self._observation.scalars.forget()
        if outputs:
            record_statement(self._observation, outputs)
        self._decide(doings, before, (made, used), outputs)

    # --- before -----------------------------------------------------------------------------

    def _meet(self, mentioned: Iterable[Reference]) -> None:
        """Have the classes of what is mentioned observed, where a library has too many of them."""
        for name, path in mentioned:
            thing: Any = self.namespace.get(name)
            for key in path:
                if not isinstance(thing, types.ModuleType):
                    break
                thing = vars(thing).get(str(key))
            things = [thing]
            if isinstance(thing, types.FunctionType) and thing.__globals__ is self.namespace:
                things += map(self.namespace.get, global_names(thing.__code__))
            for each in things:
                kind = each if isinstance(each, type) else type(each)
                if kind not in self._met:
                    self._met.add(kind)
                    meet(self._observation, kind)

    # --- after ------------------------------------------------------------------------------

    def _bound(self, before: _Before) -> Iterator[tuple[str, Made]]:
        """The names that a statement has bound, and what each owes to."""
        for name, owed in before.flow.writes.items():
            if name != ANY:
                yield name, owed
                continue
            for each, value in list(self.namespace.items()):
                if before.values.get(each, MISSING) is not value and not each.startswith("_"):
                    yield each, owed

    def _changed(self, before: _Before) -> dict[str, Made]:
        """Names whose thing was changed in place, by the syntax or by its looks."""
        changed = dict(before.flow.touches)
        every = Made(before.flow.reads)
        for name, shape in before.shapes.items():
            if name in before.flow.writes or name in changed:
                continue
            if isinstance(shape, tuple) and shape != self._look.shape(name):
                changed[name] = every
        return {name: made for name, made in changed.items() if name not in before.flow.writes}

    def _follow(
        self,
        name: str,
        owed: Made,
        before: _Before,
        doings: tuple[Sources, frozenset[str]],
        outputs: list[Output],
        *,
        changed: bool = False,
    ) -> None:
        """Let what `name` now stands for owe to what it owes to."""
        made, used = doings
        thing = self.namespace.get(name, MISSING)
        if isinstance(thing, CODE) and changed:
            self._follow_into(thing, name, owed, before, outputs)
        if thing is MISSING or isinstance(thing, CODE) or thing is None:
            return
        if type(thing) in self._observation.handles:
            return
        registry = self._observation.registry
        if self._observation.scalars.bind(self.namespace, name):
            return
        known = registry.get(thing)
        if known is not None and (not changed or known is not before.nodes.get(name)):
            return  # an observer has followed it, or it is another name of something known
        if known is not None and known.kind in _FOLLOWED:
            return
        direct = self._gather(owed.direct, before)
        if any(name == "open" or name in self.namespace for name, _ in owed.direct):
            # What calls in the expression may have made on the way, instead of what they took.
            direct = {entity: each for entity, each in direct.items() if entity not in used}
            direct |= made
        indirect = self._gather(owed.indirect, before)
        if known is not None:
            direct.setdefault(known.entity, Source(known, ("*",)))
        if not direct and not indirect:
            return
        node = Node(self._observation.new_entity(), kind_of(thing), ())
        if not registry.put(thing, node):
            self._observation.scalars.put_named(self.namespace, name, thing, node)
        outputs.append((node, name, direct, indirect, ("*",)))

    def _keep_constants(self, doings: Doings, before: _Before) -> None:
        """Know what a statement has bound that it made of nothing but its own text."""
        if doings.works or doings.read:
            return
        for name, owed in before.flow.writes.items():
            if not self._gather(owed.all, before) and not self._is_unknown(before):
                self._look.keep_constant(name)

    def _follow_into(
        self, code: Any, name: str, owed: Made, before: _Before, outputs: list[Output]
    ) -> None:
        """Data was put into a module, a function or a class: ``os.environ["A"] = …``."""
        direct = self._gather(owed.direct, before)
        indirect = self._gather(owed.indirect, before)
        if not direct and not indirect:
            return
        places = set(before.flow.places.get(name, ()))
        if CALLED in places and not (
            isinstance(code, types.FunctionType) and self._look.is_users(code)
        ):
            places.remove(CALLED)  # what a class or a module gives is another thing
        if before.shapes.get(name) != self._look.shape(name):
            places.add(())
        for place in places:
            thing = code
            for key in place:
                if not isinstance(thing, types.ModuleType):
                    break
                thing = vars(thing).get(key)
            known = self._observation.registry.get(thing)
            if known is not None:
                direct = {**direct, known.entity: Source(known, ("*",))}
            node = Node(self._observation.new_entity(), kind_of(thing), ())
            if thing is not None and self._observation.registry.put(thing, node):
                outputs.append((node, name, direct, indirect, ("*",)))

    def _gather(self, references: Iterable[Reference], before: _Before) -> Sources:
        found: Sources = {}
        for reference in references:
            add(found, before.sources.get(reference, ()))
        return found

    def _complete(
        self,
        doings: Doings,
        before: _Before,
        known_doings: tuple[Sources, frozenset[str]],
        outputs: list[Output],
    ) -> None:
        """Observed results into which went what can't be followed; files that no rule explains."""
        made, used = known_doings
        reads = before.flow.reads
        mentioned = self._gather(reads, before)
        parts = self._gather({*_named(reads, before), *before.flow.given}, before)
        every: tuple[str, ...] = ("*",)
        found: dict[int, tuple[Sources, Sources]] = {}
        for place, work in enumerate(doings.works):
            if work.open or work.values:
                # What came after a step can't have gone into it, unless code is repeated.
                last = place if before.reading.counts else len(doings.works)
                last = last if work.place is None else work.place
                last = last if last < _FEW else -(-last // _FEW) * _FEW
                if last not in found:
                    there = doings.until(last)
                    leaves = leaves_of(there, before.sources, used)
                    found[last] = {**mentioned, **leaves}, values_of(there)
                sources, values = dict(found[last][0]), found[last][1]
                for node in work.inputs:
                    sources.pop(node.entity, None)
                    if node.entity in parts:  # its own columns, by way of plain Python
                        sources[node.entity] = parts[node.entity]
                if work.inside is not None:
                    if work.inside.is_all:
                        leaves = leaves_of(doings.until(last), before.sources, used)
                        owed = {**(leaves if work.inside.reads else {}), **work.inside.sources}
                        if owed:
                            outputs.append((work.output, "", owed, {}, (*work.open, *work.values)))
                        continue
                    add(sources, work.inside.sources.values())
                is_open = not complete(work, sources, values, used, outputs)
                if is_open and (work.inside is not None or self._is_unknown(before)):
                    outputs.append((work.output, "", self._unknown(), {}, work.open))
        for uri, kind in doings.written.items():
            if uri not in doings.explained:
                work = Work((), Node(uri, kind, ()), every)
                is_open = not complete(work, {**mentioned, **made}, {}, used, outputs)
                if is_open and self._is_unknown(before):
                    outputs.append((work.output, "", self._unknown(), {}, every))

    def _decide(
        self,
        doings: Doings,
        before: _Before,
        known_doings: tuple[Sources, frozenset[str]],
        outputs: list[Output],
    ) -> None:
        """Things and files that were made, and may tell of what their steps did not take."""
        if not doings.works:
            return
        left, used = known_doings
        # What was told of things on the way came too late for those that were made of them.
        told = {node.entity: {*direct, *indirect} for node, _, direct, indirect, _ in outputs}
        left = left if before.reading.counts else {}
        old = {source.node.entity for each in before.sources.values() for source in each}
        for name, owed in (*self._bound(before), *self._changed(before).items()):
            node = self._look.node(name)
            if node is None or node.entity in old:
                continue
            read = {**self._gather(owed.all, before), **left}
            self._note(
                doings, read, used | told.get(node.entity, set()), (node.entity,), node, name
            )
        for uri in doings.written:
            if uri in doings.into:
                read = {**self._gather(before.flow.reads, before), **left}
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

    def _is_unknown(self, before: _Before) -> bool:
        """Whether a statement that mentions nothing known may have got data from somewhere."""
        known = self._observation.registry.get
        return any(
            known(thing := self.namespace.get(name, MISSING)) is None
            and self._look.may_lead(name, thing, path)
            for name, path in before.flow.reads
        )

    def _unknown(self) -> Sources:
        """A source that nobody has seen: it may hold whatever was read until then."""
        node = Node(self._observation.new_entity(), UNKNOWN, ())
        return {node.entity: Source(node, ("*",))}


def _named(references: Iterable[Reference], before: _Before) -> Iterator[Reference]:
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
