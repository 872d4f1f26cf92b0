"""What variables owe to each other where no observer links them: inferred, statement by statement.

Before a top-level statement the things that it mentions are looked up, after it the names it has
bound. What an observer has followed is left alone; the rest (lists, arrays, tensors, numbers, the
user's own objects) owes to what the statement mentioned, and to what observed calls made in it.
"""

from __future__ import annotations

import ast
import itertools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from governed_kernel.capture.arming import meet
from governed_kernel.capture.bringing import CODE, MISSING
from governed_kernel.capture.changes import Changes
from governed_kernel.capture.completing import Before, Completion
from governed_kernel.capture.contents import root_of
from governed_kernel.capture.definitions import writes_default
from governed_kernel.capture.expressions import CALLED
from governed_kernel.capture.functions import (
    enclosed,
    global_names,
    globals_behind,
)
from governed_kernel.capture.kept import Kept
from governed_kernel.capture.leftovers import (
    Source,
    Sources,
    asked_of,
    leaves_of,
    made_of,
    narrowed,
    undivided,
    used_up,
)
from governed_kernel.capture.looks import SIZES, kind_of
from governed_kernel.capture.lookup import FILLED, Lookup
from governed_kernel.capture.magics import ANY
from governed_kernel.capture.observation import Doings, Observation
from governed_kernel.capture.out_of_sight import OutOfSight
from governed_kernel.capture.owing import Output, record_statement
from governed_kernel.capture.readings import Reading, read
from governed_kernel.capture.rebound import Rebound
from governed_kernel.capture.references import Made, Reference
from governed_kernel.capture.registry import Node
from governed_kernel.capture.texts import Texts
from governed_kernel.capture.under_way import Owed, UnderWay
from governed_kernel.capture.untold import takes_literal
from governed_kernel.capture.uris import forget_paths
from governed_kernel.capture.within import asked_by_calls

__all__ = ["Variables"]

_MOMENTS = itertools.count(1 << 40)  # no number of a cell
_FOLLOWED = ("frame", "series", "index", "group", "relation")
"""Kinds of things whose changes in place are observed."""


_KEEPING_NOTHING = ("Connection", "Engine")
"""Ends of the names of types whose things execute statements, and give what comes of each."""


_NOTHING = Before(read(ast.Pass()), {}, {}, {}, {}, {}, {})


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
        self._before: list[Before] = []
        self._endings: list[Callable[[], None]] = []
        self._made_now: set[str] = set()
        """Entities that steps of the statement which ends have made, or taught."""
        kept = Kept(observation)
        self._look = Lookup(observation, namespace, kept)
        self._changes = Changes(observation, namespace)
        self._completion = Completion(observation, namespace, self._look)
        self._rebound = Rebound(observation.is_user_file, observation.read_text)
        self._out_of_sight = OutOfSight(
            observation, namespace, self._rebound, kept, self._completion
        )
        self.text = Texts(observation, namespace)
        """What the text of the statement that is executed writes out."""
        self._under_way = UnderWay(observation, namespace, self._look, self._rebound, self.text)
        observation.variables = self
        observation.scalars.of_mentioned = self._of_mentioned

    def mentioned(self) -> Sources:
        """What the statement that is executed mentions, and what was made in it so far."""
        if not self._before:
            return {}
        before = self._before[-1]
        return {
            **before.gather(before.flow.reads),
            **leaves_of(self._observation.doings[-1], before.sources, frozenset()),
        }

    def _of_mentioned(self, thing: Any) -> Node | None:
        """What is known of a value by a name that the statement mentions, or its functions."""
        known = self._observation.registry.of_any_name(thing)
        if known is None or not self._before:
            return None
        names = {reference.name for reference in self._before[-1].sources}
        for name in list(names):
            value = self.namespace.get(name)
            if isinstance(value, CODE):
                names |= globals_behind(value, self.namespace)
                if any(thing is each for each in enclosed(value)) and not writes_default(
                    value, thing
                ):
                    return known
        found = [self._look.node(name) for name in names if self.namespace.get(name) is thing]
        found += self._out_of_sight.nodes(names, thing)
        node = next((node for node in found if node is not None), None)
        return None if node is None or takes_literal(self._observation, thing) else node

    def owes(self, names: Iterable[str]) -> bool:
        """Whether the statement that is executed binds a name, of some, to what is made of data."""
        before = self._before[-1] if self._before else _NOTHING
        written = [before.flow.every[name] for name in names if name in before.flow.every]
        return any(before.gather(made.all) for made in written)

    def mentions(self, thing: Any) -> bool:
        """Whether a variable that the statement mentions stands for a thing."""
        names = {name for name, _ in self._before[-1].sources} if self._before else ()
        return any(self.namespace.get(name, MISSING) is thing for name in names)

    def keeps(self, value: Any) -> bool:
        """Whether a function or object that the statement mentions keeps a value as a constant."""
        names = {name for name, _ in self._before[-1].sources} if self._before else set()
        return self._out_of_sight.are_constants(names, value)

    def things_mentioned(self) -> Iterator[Any]:
        """What the names stand for that the statement mentions which is executed."""
        names = {name for name, _ in self._before[-1].sources} if self._before else ()
        return (self.namespace[name] for name in names if name in self.namespace)

    def things_bound(self) -> Iterator[Any]:
        """What the names stand for that it binds."""
        names = self._before[-1].flow.writes if self._before else ()
        return (self.namespace[name] for name in names if name in self.namespace)

    def computed(self) -> Iterator[tuple[Any, Node]]:
        """Single values that the statement mentions, or has computed."""
        for (name, path), sources in self._before[-1].sources.items() if self._before else ():
            for source in sources:
                if source.node.kind == "value" and path in ((), ("*",)):
                    yield self.namespace.get(name), source.node
        yield from self._observation.scalars.now()

    def inside(self, argument: Any = MISSING, names: frozenset[str] | None = None) -> Owed | None:
        """What a function of the user's that is under way lets a value owe to, by its text.

        Parameters
        ----------
        argument : object, optional
            What goes into a call beside what is known, where it is that and not an assigned value.
        names : frozenset of str, optional
            The names of it that the call mentions, where that is known.
        """
        return self._under_way.owed(self._before[-1], argument, names) if self._before else None

    def values(self) -> list[Any]:
        """What the notebook's variables stand for."""
        return list(self.namespace.values())

    def holds(self, thing: Any) -> bool:
        """Whether a variable stands for a thing: what that owes to was told where it was bound.

        That is yet to be told of one which a loop, or another compound statement, binds now.
        """
        names = [name for name, each in list(self.namespace.items()) if each is thing]
        before = self._before[-1] if self._before else _NOTHING
        bound = before.flow.every if not before.reading.counts else {}
        return any(name not in bound for name in names)

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
        self._before.append(_NOTHING)
        self._rebound.begin()
        reading = statement if isinstance(statement, Reading) else read(statement)
        self.text.begin(reading)
        self._meet(reading.mentioned)
        sources = {
            reference: list(self._look.sources(reference)) for reference in reading.mentioned
        }
        names = {*reading.flow.touches, *(reference.name for reference in reading.mentioned)}
        self._observation.doings[-1].computed = any(
            source.node.kind != "frame" for each in sources.values() for source in each
        )
        shapes = {name: self._look.shape(name) for name in names}
        contents = self._changes.before(names)
        nodes = {name: self._look.node(name) for name in names.union(contents)}
        values = dict(self.namespace) if ANY in reading.flow.writes else {}
        kept = self._out_of_sight.before(names)
        self._before[-1] = Before(reading, sources, shapes, nodes, values, contents, kept)

    def leave(self) -> None:
        """After it was executed, or has failed."""
        self._observation.moment = 0
        endings, self._endings = self._endings, []
        try:
            for ending in endings:
                ending()
        finally:
            self.text.end()
            before = self._before.pop()
            seen = self._rebound.end()
            doings = self._observation.doings.pop()
        sources = narrowed(doings, before.reading.items, before.sources)
        sources = {each: undivided(doings, each, found) for each, found in sources.items()}
        before = before._replace(sources=sources)
        bound = [self.namespace.get(name) for name in before.flow.writes]
        named = {node.entity for thing in bound if (node := self._observation.registry.get(thing))}
        used = used_up(doings, before.reading.counts, before.sources)
        leaves = leaves_of(doings, before.sources, used)
        made = {entity: source for entity, source in leaves.items() if entity not in named}
        outputs: list[Output] = []
        self._made_now = {work.output.entity for work in doings.works} | doings.taught
        for name, owed in self._bound(before):
            in_place = name in before.flow.touches
            self._follow(name, owed, before, (made, used), outputs, changed=in_place)
        changed = self._changed(before, leaves)
        for name, owed in changed.items():
            left = made if name in before.flow.touches else leaves
            self._follow(name, owed, before, (left, used), outputs, changed=True)
        self._out_of_sight.follow(seen, doings, before, (made, used), outputs)
        self._completion.complete(doings, before, (made, used), outputs)
        self._keep_constants(doings, before)
        self._observation.scalars.forget()
        if outputs:
            asked = before.flow.among | asked_by_calls(
                before.reading.statement, self._called(before)
            )
            among = doings.among.union(
                entity
                for reference, sources in before.sources.items()
                for entity in asked_of(reference, asked, sources)
            )
            record_statement(self._observation, outputs, made_of(doings, among))
        names = {**dict(self._bound(before)), **changed} if doings.works else {}
        self._completion.decide(doings, before, (made, used), outputs, names)

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
            if isinstance(thing, types.FunctionType):
                if thing.__globals__ is self.namespace:
                    things += map(self.namespace.get, global_names(thing.__code__))
                elif (thing.__module__ or "").startswith("sklearn."):  # such as make_pipeline
                    made = map(thing.__globals__.get, global_names(thing.__code__))
                    things += (each for each in made if isinstance(each, type))
            for each in things:
                kind = each if isinstance(each, type) else type(each)
                if kind not in self._met:
                    self._met.add(kind)
                    meet(self._observation, kind)

    # --- after ------------------------------------------------------------------------------

    def _bound(self, before: Before) -> Iterator[tuple[str, Made]]:
        """The names that a statement has bound, and what each owes to."""
        for name, owed in before.flow.writes.items():
            if name != ANY:
                yield name, owed
                continue
            for each, value in list(self.namespace.items()):
                if before.values.get(each, MISSING) is not value and not each.startswith("_"):
                    yield each, owed

    def _called(self, before: Before) -> dict[str, types.FunctionType]:
        """The user's functions that a statement mentions."""
        things = {name: self.namespace.get(name) for name, _ in before.flow.reads}
        return {
            name: thing
            for name, thing in things.items()
            if isinstance(thing, types.FunctionType)
            and self._observation.is_user_file(thing.__code__.co_filename)
        }

    def _changed(self, before: Before, made: Sources) -> dict[str, Made]:
        """Names whose thing was changed in place, by the syntax, its looks or what it holds."""
        changed = dict(before.flow.touches)
        every = Made(before.flow.reads)
        for name, shape in before.shapes.items():
            if name in before.flow.writes or name in changed:
                continue
            if isinstance(shape, tuple) and shape != self._look.shape(name):
                node = self._look.node(name)
                if node is None or node.entity not in self._made_now:
                    changed[name] = every
        if before.contents and (made or before.gather(every.all)):
            for name in self._changes.changed(before.contents, changed):
                changed[name] = every
        return {name: made for name, made in changed.items() if name not in before.flow.writes}

    def _follow(
        self,
        name: str,
        owed: Made,
        before: Before,
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
        if changed and type(thing).__name__.endswith(_KEEPING_NOTHING):
            return
        if type(thing) in self._observation.handles:
            return
        registry = self._observation.registry
        if self._observation.scalars.bind(self.namespace, name):
            return
        known = registry.get(thing)
        if known is not None and not changed and registry.entry(thing) is None:
            self._observation.scalars.put_named(self.namespace, name, thing, known)
        if known is not None and (not changed or known is not before.nodes.get(name, known)):
            return  # an observer has followed it, or it is another name of something known
        if known is not None and known.kind in _FOLLOWED:
            return
        models = self._models_made(name, thing, before)
        direct = models or before.gather(owed.direct)
        if not models and any(name == "open" or name in self.namespace for name, _ in owed.direct):
            # What calls in the expression may have made on the way, instead of what they took.
            direct = {entity: each for entity, each in direct.items() if entity not in used}
            if any(SIZES.isdisjoint(each.path) for each in owed.direct):
                direct |= made
        indirect = {} if models else before.gather(owed.indirect)
        if known is not None:
            direct.setdefault(known.entity, Source(known, ("*",)))
        if not direct and not indirect:
            if not changed:
                registry.forget_name(self.namespace, name)  # ``n = 3``, which it was before
            return
        within = FILLED if changed and name not in before.flow.touches else None
        node = Node(self._observation.new_entity(), kind_of(thing), (), extra=within)
        if changed and (root := root_of(thing)) is not thing and registry.get(root) is None:
            registry.put(root, node)
        if not registry.put(thing, node):
            self._observation.scalars.put_named(self.namespace, name, thing, node)
        outputs.append((node, name, direct, indirect, ("*",)))

    def _models_made(self, name: str, thing: Any, before: Before) -> Sources:
        """The models in a list that holds nothing else, where its statement has made each of them
        and put nothing into one: the list owes to no more than these.
        """
        models = self._look.models_in(thing)
        if not models or not models.keys() <= self._made_now:
            return {}
        touched = (self._look.node(each) for each in before.flow.touches if each != name)
        return {} if any(node is not None and node.entity in models for node in touched) else models

    def _keep_constants(self, doings: Doings, before: Before) -> None:
        """Know what a statement has bound that it made of nothing but its own text."""
        if doings.works or doings.read:
            return
        for name, owed in before.flow.writes.items():
            if not before.gather(owed.all) and not self._completion.is_unknown(before):
                self._look.keep_constant(name, before.reading.statement)

    def _follow_into(
        self, code: Any, name: str, owed: Made, before: Before, outputs: list[Output]
    ) -> None:
        """Data was put into a module, a function or a class: ``os.environ["A"] = …``."""
        direct = before.gather(owed.direct)
        indirect = before.gather(owed.indirect)
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
            if self._changes.is_library(thing):
                continue  # ``np.append(a, b)`` changes no library
            known = self._observation.registry.get(thing)
            if known is not None:
                direct = {**direct, known.entity: Source(known, ("*",))}
            node = Node(self._observation.new_entity(), kind_of(thing), ())
            if thing is not None and self._observation.registry.put(thing, node):
                outputs.append((node, name, direct, indirect, ("*",)))
