"""What variables owe to each other where no observer links them: inferred, statement by statement.

Before a top-level statement the things that it mentions are looked up, after it the names it has
bound. What an observer has followed is left alone; the rest (lists, arrays, tensors, numbers, the
user's own objects) owes to what the statement mentioned, and to what observed calls made in it.
"""

from __future__ import annotations

import ast
import itertools
import types
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, NamedTuple, TypeAlias

from governed_kernel.capture.arming import meet
from governed_kernel.capture.bringing import MISSING, may_bring_data
from governed_kernel.capture.deciding import beside, record_beside
from governed_kernel.capture.functions import global_names, read_by
from governed_kernel.capture.leftovers import Source, Sources, leaves_of, used_up, values_of
from governed_kernel.capture.observation import Doings, Observation
from governed_kernel.capture.readings import Reading, read
from governed_kernel.capture.references import Made, Reference
from governed_kernel.capture.registry import Node, identity
from governed_kernel.capture.statements import ANY, Flow
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

_Output: TypeAlias = tuple[Node, str, Sources, Sources, tuple[str, ...]]
"""What came out, its name, what its values and what its conditions owe to, and its columns."""
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

    def writes_out(self, value: Any) -> bool:
        """Whether `value` stands in the statement's own text, a list of them as a whole."""
        written = self._text()
        return written is not None and written.holds(value)

    def assigns(self, value: Any) -> bool:
        """Whether `value` stands there as what becomes a value, and no condition has chosen it."""
        written = self._text()
        return written is not None and written.assigns(value)

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
        if thing is MISSING:
            return
        path, around = list(reference.path), None
        while path:
            if type(thing) in _CONTAINERS:
                inner = _item(thing, path[0])
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
        inner = (_own(thing) or {}).get(name, MISSING)
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
            wanted = tuple(column for column in node.columns if column in path)
            if not wanted and path[:1] in (("iat",), ("iloc",)):
                wanted = _column_at(thing, node, path[1:])
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
        if isinstance(thing, _CODE) or self._observation.registry.get(thing) is not None:
            return identity(thing)
        own = _own(thing) if _may_be_taught(type(thing)) else None
        if own is not None:
            return (identity(thing), [(key, identity(value)) for key, value in own.items()])
        return identity(thing)

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
        node = Node(self._observation.new_entity(), _kind(thing), ())
        if not registry.put(thing, node):
            self._observation.scalars.put_named(self.namespace, name, thing, node)
        outputs.append((node, name, direct, indirect, ("*",)))

    def _follow_into(
        self, code: Any, name: str, owed: Made, before: _Before, outputs: list[_Output]
    ) -> None:
        """Data was put into a module, a function or a class: ``os.environ["A"] = …``."""
        direct = self._gather(owed.direct, before)
        indirect = self._gather(owed.indirect, before)
        if not direct and not indirect:
            return
        for place in before.flow.places.get(name, ()):
            thing = code
            for key in place:
                if not isinstance(thing, types.ModuleType):
                    break
                thing = vars(thing).get(key)
            known = self._observation.registry.get(thing)
            if known is not None:
                direct = {**direct, known.entity: Source(known, ("*",))}
            node = Node(self._observation.new_entity(), _kind(thing), ())
            if thing is not None and self._observation.registry.put(thing, node):
                outputs.append((node, name, direct, indirect, ("*",)))

    def _gather(self, references: Iterable[Reference], before: _Before) -> Sources:
        found: Sources = {}
        for reference in references:
            for source in before.sources.get(reference, ()):
                entity = source.node.entity
                if entity in found:
                    both = dict.fromkeys((*found[entity].columns, *source.columns))
                    source = Source(source.node, tuple(both))
                found[entity] = source
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
                if not _complete(work, sources, values, used, outputs) and self._is_unknown(before):
                    outputs.append((work.output, "", self._unknown(), {}, work.open))
        for uri, kind in doings.written.items():
            if uri not in doings.explained:
                work = Work((), Node(uri, kind, ()), every)
                _complete(work, {**mentioned, **made}, {}, used, outputs)

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
        for uri, kind in doings.written.items():
            if uri in doings.into:
                read = {**self._gather(before.flow.reads, before), **left}
                self._note(doings, read, used, doings.into[uri], Node(uri, kind, ()), "")

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
        names = {name for name, _ in before.flow.reads}
        things = ((name, self.namespace.get(name, MISSING)) for name in names)
        known = self._observation.registry.get
        return any(known(thing) is None and may_bring_data(name, thing) for name, thing in things)

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


def _edges(
    node: Node, outputs: tuple[str, ...], sources: Sources, relation: Relation
) -> Iterator[ColumnEdge]:
    for entity, source in sources.items():
        columns = source.columns if len(source.columns) <= MOST_EDGES else ("*",)
        for column in columns:
            for output in outputs:
                yield ColumnEdge(node.entity, output, entity, column, relation, "inferred")


def _may_be_taught(kind: type) -> bool:
    """Whether things of this type take in data while they live: estimators, the user's own."""
    return kind.__module__ == "__main__" or hasattr(kind, "fit")


def _own(thing: Any) -> dict[str, Any] | None:
    """A thing's own attributes, without running code of its class."""
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return None
    return own if type(own) is dict else None


def _item(container: Any, key: str | int) -> Any:
    """What lies in a plain container, whose look-up runs no code of the user's."""
    try:
        return container[key]
    except (KeyError, IndexError, TypeError):
        return MISSING


def _column_at(frame: Any, node: Node, path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The column of a frame that a number means, as its only step."""
    width = getattr(frame, "shape", (0, 0))[-1]
    own = node.columns[len(node.columns) - width :] if len(node.columns) >= width else ()
    place = path[0] if path else None
    return (own[place],) if isinstance(place, int) and -len(own) <= place < len(own) else ()


def _kind(thing: Any) -> str:
    if hasattr(type(thing), "parameters") and hasattr(type(thing), "state_dict"):
        return "model"
    if isinstance(thing, (int, float, complex, str, bytes, bool)):
        return "value"
    name = type(thing).__name__
    return {"ndarray": "array", "Tensor": "array"}.get(name, name)
