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
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any, NamedTuple, TypeAlias

from governed_kernel.capture.arming import meet
from governed_kernel.capture.bringing import MISSING, may_lead_to_data, may_read
from governed_kernel.capture.deciding import DECISION, beside, record_beside
from governed_kernel.capture.functions import files_behind, functions_of, global_names, read_by
from governed_kernel.capture.inside import PARAMETER, files_under_way, inside, written_in
from governed_kernel.capture.leftovers import Source, Sources, leaves_of, used_up, values_of
from governed_kernel.capture.looks import (
    column_at,
    constant_text,
    is_size,
    item,
    kind_of,
    may_be_taught,
    own,
)
from governed_kernel.capture.magics import ANY
from governed_kernel.capture.observation import Doings, Observation
from governed_kernel.capture.readings import Reading, read
from governed_kernel.capture.references import Made, Reference
from governed_kernel.capture.registry import Node, identity
from governed_kernel.capture.statements import CALLED, Flow
from governed_kernel.capture.steps import MOST_EDGES, Work
from governed_kernel.capture.uris import forget_paths
from governed_kernel.capture.writing import Written
from governed_kernel.lineage.events import UNKNOWN, ColumnEdge, Entity, Relation, Transformation

__all__ = ["Variables"]

_CODE = (
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    type,
)
_MOMENTS = itertools.count(1 << 40)  # no number of a cell
_FOLLOWED = ("frame", "series", "index", "group", "relation")
"""Kinds of things whose changes in place are observed."""
_CONTAINERS = (dict, list, tuple)
_SIZED = (dict, list, set)
_WRITTEN = (dict, list, tuple, set)
_PLAIN = (int, float, complex, str, bytes, bool, type(None))

_Output: TypeAlias = tuple[Node, str, Sources, Sources, tuple[str, ...]]
"""What came out, its name, what its values and what its conditions owe to, and its columns."""
_SAVING = {"dump", "dumps", "save", "savez", "savez_compressed", "savetxt", "save_file"}
"""Functions of modules that give nothing."""
_MANY = 1_000
_FEW = 64
_HOLDING_VALUES = ("value", "dict", "list", "tuple")


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
        self._constants: dict[int, str] = {}
        """`identity` of what holds only values that a statement's text says → these, as text."""
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

    def inside(self) -> Owed | None:
        """What a function of the user's that is under way lets a value owe to, by its text."""
        registry = self._observation.registry
        found = inside(
            self._observation.is_user_file,
            lambda thing: registry.get(thing) is not None,
            self._observation.read_text,
            2,
        )
        if found is None or not self._before:
            return None
        sources: Sources = {}
        is_all, reads = True, False
        for reference in found.owed:
            thing = found.things[reference.name]
            reads |= may_read(thing, reference.path)
            if reference.name in found.gone or self._is_users(thing):
                is_all = False  # what it stood for at first, or does within, is not known
            elif known := list(self._of(thing, reference.path)):
                _add(sources, known)
            elif not found.writes_out(thing) and not self.writes_out(thing):
                is_all &= not reference.name.startswith(PARAMETER)
                is_all &= not self._may_lead(reference.name, thing, reference.path)
        return Owed(sources, is_all, reads)

    def writes_out(self, value: Any) -> bool:
        """Whether `value` stands in the statement's own text, a list of them as a whole."""
        written = self._text()
        return written is not None and (written.holds(value) or self._stands_in_code(value))

    def assigns(self, value: Any) -> bool:
        """Whether `value` stands there as what becomes a value, and no condition has chosen it."""
        written = self._text()
        return written is not None and (written.assigns(value) or self._stands_in_code(value))

    def _stands_in_code(self, value: Any) -> bool:
        """Whether a container stands as a whole in code of the user's that the statement runs."""
        if type(value) not in _WRITTEN or not value:
            return False
        is_user_file = self._observation.is_user_file
        files = dict.fromkeys(files_under_way(is_user_file))
        for name, _ in self._before[-1].flow.reads:
            files.update(dict.fromkeys(files_behind(self.namespace.get(name), is_user_file)))
        for file in files:
            if file not in linecache.cache:
                self._observation.read_text(file)
            written = written_in("".join(linecache.getlines(file)))
            if written is not None and written.holds(value):
                return True
        return False

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
        self._written = None
        self._before.append(_NOTHING)
        reading = statement if isinstance(statement, Reading) else read(statement)
        self._meet(reading.mentioned)
        sources = {reference: list(self._sources(reference)) for reference in reading.mentioned}
        names = {*reading.flow.touches, *(reference.name for reference in reading.mentioned)}
        self._observation.doings[-1].computed = any(
            source.node.kind in _HOLDING_VALUES for each in sources.values() for source in each
        )
        shapes = {name: self._shape(name) for name in names}
        nodes = {name: self._node(name) for name in names}
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
        outputs: list[_Output] = []
        for name, owed in self._bound(before):
            in_place = name in before.flow.touches
            self._follow(name, owed, before, (made, used), outputs, changed=in_place)
        for name, owed in self._changed(before).items():
            self._follow(name, owed, before, (made, used), outputs, changed=True)
        self._complete(doings, before, (made, used), outputs)
        self._keep_constants(doings, before)
        self._observation.scalars.forget()
        if outputs:
            self._record(outputs)
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

    def _sources(self, reference: Reference) -> Iterator[Source]:
        thing = self.namespace.get(reference.name, MISSING)
        if thing is not MISSING:
            yield from self._of(thing, reference.path)

    def _of(self, start: Any, steps: Iterable[str | int]) -> Iterator[Source]:
        """What is known of what some steps lead to from a thing."""
        thing, path, around = start, list(steps), None
        while path:
            if type(thing) in _CONTAINERS:
                inner = item(thing, path[0])
            else:
                inner = self._attribute(thing, str(path[0]))
            if inner is MISSING:
                break
            around, thing = thing, inner
            path.pop(0)
        found = list(self._known(thing, tuple(path)))
        if not found and type(around) in _CONTAINERS and not self._tells_apart(around):
            found = list(self._known(around, ()))
        yield from found

    def _attribute(self, thing: Any, name: str) -> Any:
        """What lies in a module, or in a function of the user's, where that leads to data."""
        if not isinstance(thing, (types.ModuleType, types.FunctionType)):
            return MISSING
        inner = (own(thing) or {}).get(name, MISSING)
        if isinstance(inner, _CODE) and not isinstance(inner, types.ModuleType):
            return MISSING
        known = self._observation.registry.get
        return inner if known(thing) is None or known(inner) is not None else MISSING

    def _tells_apart(self, container: Any) -> bool:
        """Whether some of what lies in a container is known by itself; then the rest is not."""
        parts = container.values() if isinstance(container, dict) else container
        known = self._observation.registry.get
        return any(known(part) is not None for part in itertools.islice(parts, _MANY))

    def _known(self, thing: Any, path: tuple[str | int, ...]) -> Iterator[Source]:
        node = self._observation.registry.get(thing)
        if node is not None:
            if is_size(node, path):
                yield Source(node, ())  # it was read, and no value of it goes on
                return
            wanted = tuple(column for column in node.columns if column in path)
            if not wanted and path[:1] in (("iat",), ("iloc",)):
                wanted = column_at(thing, node, path[1:])
            yield Source(node, wanted or node.columns or ("*",))
        elif isinstance(thing, _CODE):
            is_user_file = self._observation.is_user_file
            for inner in read_by(thing, self.namespace, is_user_file):
                node = self._observation.registry.get(inner)
                if node is not None:
                    yield Source(node, node.columns or ("*",))

    def _node(self, name: str) -> Node | None:
        return self._observation.registry.get(self.namespace.get(name))

    def _shape(self, name: str) -> Any:
        """A cheap look at a thing, which is another one after most changes in place."""
        thing = self.namespace.get(name, MISSING)
        if type(thing) in (list, dict, set):
            return (identity(thing), len(thing))
        if isinstance(thing, type) and thing.__module__ == "__main__":
            return _held(thing, vars(thing))
        if isinstance(thing, _CODE) or self._observation.registry.get(thing) is not None:
            return identity(thing)
        held = own(thing) if may_be_taught(type(thing)) else None
        return identity(thing) if held is None else _held(thing, held)

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
            if isinstance(shape, tuple) and shape != self._shape(name):
                changed[name] = every
        return {name: made for name, made in changed.items() if name not in before.flow.writes}

    def _follow(
        self,
        name: str,
        owed: Made,
        before: _Before,
        doings: tuple[Sources, frozenset[str]],
        outputs: list[_Output],
        *,
        changed: bool = False,
    ) -> None:
        """Let what `name` now stands for owe to what it owes to."""
        made, used = doings
        thing = self.namespace.get(name, MISSING)
        if isinstance(thing, _CODE) and changed:
            self._follow_into(thing, name, owed, before, outputs)
        if thing is MISSING or isinstance(thing, _CODE) or thing is None:
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
        """Know what holds nothing but what a statement's text says: a notebook's settings."""
        if doings.works or doings.read:
            return
        for name, owed in before.flow.writes.items():
            thing = self.namespace.get(name)
            if self._gather(owed.all, before) or type(thing) in _PLAIN:
                continue
            text = constant_text(thing)
            if text is not None and not self._is_unknown(before):
                if len(self._constants) >= _MANY:
                    self._constants.clear()
                self._constants[identity(thing)] = text

    def _is_constant(self, thing: Any) -> bool:
        text = self._constants.get(identity(thing))
        return text is not None and text == constant_text(thing)

    def _follow_into(
        self, code: Any, name: str, owed: Made, before: _Before, outputs: list[_Output]
    ) -> None:
        """Data was put into a module, a function or a class: ``os.environ["A"] = …``."""
        direct = self._gather(owed.direct, before)
        indirect = self._gather(owed.indirect, before)
        if not direct and not indirect:
            return
        places = set(before.flow.places.get(name, ()))
        if CALLED in places and not (isinstance(code, types.FunctionType) and self._is_users(code)):
            places.remove(CALLED)  # what a class or a module gives is another thing
        if before.shapes.get(name) != self._shape(name):
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
            _add(found, before.sources.get(reference, ()))
        return found

    def _complete(
        self,
        doings: Doings,
        before: _Before,
        known_doings: tuple[Sources, frozenset[str]],
        outputs: list[_Output],
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
                    _add(sources, work.inside.sources.values())
                is_open = not _complete(work, sources, values, used, outputs)
                if is_open and (work.inside is not None or self._is_unknown(before)):
                    outputs.append((work.output, "", self._unknown(), {}, work.open))
        for uri, kind in doings.written.items():
            if uri not in doings.explained:
                work = Work((), Node(uri, kind, ()), every)
                is_open = not _complete(work, {**mentioned, **made}, {}, used, outputs)
                if is_open and self._is_unknown(before):
                    outputs.append((work.output, "", self._unknown(), {}, every))

    def _decide(
        self,
        doings: Doings,
        before: _Before,
        known_doings: tuple[Sources, frozenset[str]],
        outputs: list[_Output],
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
            node = self._node(name)
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
            and self._may_lead(name, thing, path)
            for name, path in before.flow.reads
        )

    def _is_users(self, thing: Any) -> bool:
        """Whether a thing is a function or class of the user's."""
        is_user_file = self._observation.is_user_file
        return any(is_user_file(each.__code__.co_filename) for each in functions_of(thing))

    def _may_lead(self, name: str, thing: Any, path: tuple[str | int, ...] = ()) -> bool:
        if isinstance(thing, types.ModuleType) and path[:1] and path[0] in _SAVING:
            return False
        get, is_user_file = self._observation.registry.get, self._observation.is_user_file
        return may_lead_to_data(
            name, thing, is_user_file, lambda each: get(each) is not None or self._is_constant(each)
        )

    def _unknown(self) -> Sources:
        """A source that nobody has seen: it may hold whatever was read until then."""
        node = Node(self._observation.new_entity(), UNKNOWN, ())
        return {node.entity: Source(node, ("*",))}

    def _record(self, outputs: list[_Output]) -> None:
        cell = self._observation.cell()
        inputs: dict[str, Node] = {}
        edges: list[ColumnEdge] = []
        for node, _, direct, indirect, columns in outputs:
            edges += _edges(node, columns, direct, "TRANSFORMATION")
            edges += _edges(node, columns, indirect, "CONDITIONAL")
            for source in (*direct.values(), *indirect.values()):
                inputs[source.node.entity] = source.node
        self._observation.emitter.emit(
            Transformation(
                execution=cell.execution,
                cell_id=cell.cell_id,
                transformation_id=self._observation.new_transformation(),
                operation="statement",
                library="python",
                inputs=[Entity(n.entity, n.kind, "", list(n.columns)) for n in inputs.values()],
                outputs=[
                    Entity(node.entity, node.kind, name, list(node.columns))
                    for node, name, *_ in outputs
                ],
                columns=edges,
            )
        )


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


def _complete(
    work: Work, sources: Sources, values: Sources, used: frozenset[str], outputs: list[_Output]
) -> bool:
    """Let what a step could not follow owe to `sources`, and its single values to `values`.

    False where something went in of which that tells nothing.
    """
    known = {work.output.entity, *used}
    found = {entity: each for entity, each in sources.items() if entity not in known}
    if found and work.open:
        outputs.append((work.output, "", found, {}, work.open))
    single = {entity: each for entity, each in found.items() if each.node.kind in _HOLDING_VALUES}
    single |= {entity: each for entity, each in values.items() if entity not in known}
    if single and work.values:
        outputs.append((work.output, "", single, {}, work.values))
    return bool(found) or not work.open


def _add(found: Sources, sources: Iterable[Source]) -> None:
    """Put sources to those that were found, with the columns of both."""
    for source in sources:
        entity = source.node.entity
        if entity in found:
            both = dict.fromkeys((*found[entity].columns, *source.columns))
            source = Source(source.node, tuple(both))
        found[entity] = source


def _held(thing: Any, values: Mapping[str, Any]) -> tuple[int, list[tuple[str, int, int]]]:
    """Which thing it is, and what it holds: which things, and how many are in those."""
    return identity(thing), [
        (key, identity(value), len(value) if type(value) in _SIZED else 0)
        for key, value in values.items()
    ]


def _edges(
    node: Node, outputs: tuple[str, ...], sources: Sources, relation: Relation
) -> Iterator[ColumnEdge]:
    for entity, source in sources.items():
        columns = source.columns if len(source.columns) <= MOST_EDGES else ("*",)
        for column in columns:
            for output in outputs:
                yield ColumnEdge(node.entity, output, entity, column, relation, "inferred")
