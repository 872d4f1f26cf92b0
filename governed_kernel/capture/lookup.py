"""What is known of the things that names and paths lead to."""

from __future__ import annotations

import ast
import itertools
import types
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from governed_kernel.capture.bringing import CODE, MISSING, PLAIN, may_lead_to_data
from governed_kernel.capture.contents import is_array, root_of
from governed_kernel.capture.functions import enclosed, functions_of, globals_behind, read_by
from governed_kernel.capture.kept import Kept
from governed_kernel.capture.leftovers import Source, Sources, unknown
from governed_kernel.capture.looks import (
    column_at,
    constant_text,
    is_size,
    item,
    may_be_taught,
    own,
)
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.references import Reference
from governed_kernel.capture.registry import Node, identity, is_shared
from governed_kernel.capture.writing import Written

__all__ = ["FILLED", "Lookup"]

FILLED = "filled"
"""`Node.extra` of what was filled where no syntax tells into which part."""

_CONTAINERS = (dict, list, tuple)
_SIZED = (dict, list, set)
_SAVING = {"dump", "dumps", "save", "savez", "savez_compressed", "savetxt", "save_file"}
"""Functions of modules that give nothing."""
_MANY = 1_000
_MODELS = ("estimator", "model")
_LARGE = 100_000
"""Bytes of an array that are not looked at with each statement any more."""


class Lookup:
    """Looks things up, as they are now.

    Parameters
    ----------
    observation : Observation
    namespace : dict
        The notebook's variables.
    kept : Kept
        Knows the single values that their functions and objects keep.
    """

    def __init__(self, observation: Observation, namespace: dict[str, Any], kept: Kept) -> None:
        self._observation = observation
        self._namespace = namespace
        self._kept = kept
        self._constants: dict[int, str] = {}
        """`identity` of what holds only values that a statement's text says → these, as text."""

    def sources(self, reference: Reference) -> Iterator[Source]:
        """What is known of what a reference leads to from the notebook's variables."""
        thing = self._namespace.get(reference.name, MISSING)
        if thing is MISSING:
            return
        if is_shared(thing):
            node = self.node(reference.name)
            if node is not None and not is_size(node, reference.path):
                yield Source(node, node.columns or ("*",))
            return
        if (ready := self._observation.handles.get(type(thing))) is not None:
            node = ready(thing, reference.path)
            if node is not None:
                yield Source(node, node.columns or ("*",))
            return
        yield from self.of(thing, reference.path)

    def of(
        self, start: Any, steps: Iterable[str | int], *, by_any_name: bool = False
    ) -> Iterator[Source]:
        """What is known of what some steps lead to from a thing.

        With `by_any_name` also of what Python has one object of for many uses, whose name is not
        known: as if it were each variable of that value.
        """
        thing, path, around = start, list(steps), list[Any]()
        node, is_known = self._kept.at(start, path[0]) if path else (None, False)
        if is_known:
            yield from () if node is None else (Source(node, node.columns or ("*",)),)
            return
        kept = list(self._kept.nodes(start, tuple(path)))
        while path:
            if type(thing) in _CONTAINERS:
                inner = item(thing, path[0])
            else:
                inner = self._attribute(thing, str(path[0]))
            if inner is MISSING:
                break
            around.append(thing)
            thing = inner
            path.pop(0)
        found = list(self._known(thing, tuple(path)))
        if not found and by_any_name and is_shared(thing):
            node = self._observation.registry.of_any_name(thing)
            found = [Source(node, node.columns or ("*",))] if node is not None else []
        yield from found or self._around(reversed(around))
        yield from (Source(node, node.columns or ("*",)) for node in kept)

    def _around(self, containers: Iterable[Any]) -> Iterator[Source]:
        """What is known of the nearest container around a thing that nothing is known of."""
        told_apart = False
        for container in containers:
            if type(container) not in _CONTAINERS:
                return
            told_apart = told_apart or self._tells_apart(container)
            node = self._observation.registry.get(container)
            if node is not None and (node.extra is FILLED or not told_apart):
                yield from self._known(container, ())
                return

    def _attribute(self, thing: Any, name: str) -> Any:
        """What lies in a module, or in a function of the user's, where that leads to data."""
        if not isinstance(thing, (types.ModuleType, types.FunctionType)):
            return MISSING
        inner = (own(thing) or {}).get(name, MISSING)
        if isinstance(inner, CODE) and not isinstance(inner, types.ModuleType):
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
        if node is None and (root := root_of(thing)) is not thing:
            node = self._observation.registry.get(root)
        if node is not None:
            names = self._observation.names.get(node.entity, ())
            if names and not set(node.columns) & set(path):
                yield from (Source(name, name.columns) for name in names)
            if path[:1] == ("attrs",) and getattr(thing, "attrs", None):
                yield unknown(self._observation)  # every frame made of it takes them along
                return
            if path[:1] == ("index",) and (labels := self._labels(thing, node)) is not None:
                yield Source(labels, labels.columns or ("*",))
            # the numbers of rows that something chose tell which were chosen
            counts = path[:1] == ("index",) and not node.rows and _only_counts(thing)
            if counts or is_size(node, path):
                yield Source(node, ())  # it was read, and no value of it goes on
                return
            wanted = tuple(column for column in node.columns if column in path)
            if not wanted and path[:1] in (("iat",), ("iloc",)):
                wanted = column_at(thing, node, path[1:])
            yield Source(node, wanted or node.columns or ("*",))
        elif isinstance(thing, CODE):
            is_user_file = self._observation.is_user_file
            for inner in read_by(thing, self._namespace, is_user_file):
                node = self._observation.scalars.get(inner)
                if node is not None:
                    yield Source(node, node.columns or ("*",))
            yield from self._shared_within(thing)

    def _labels(self, table: Any, node: Node) -> Node | None:
        """What is known of the labels of a table's rows, where they were given to it."""
        if node.kind not in ("frame", "series"):
            return None
        labels = self._observation.registry.get(getattr(table, "index", None))
        return None if labels is None or labels.entity == node.entity else labels

    def _shared_within(self, code: Any) -> Iterator[Source]:
        """What is known of single values that a function uses, by their names or by any."""
        registry = self._observation.registry
        nodes = [self.node(name) for name in globals_behind(code, self._namespace)]
        nodes += [registry.of_any_name(each) for each in enclosed(code) if is_shared(each)]
        for node in nodes:
            if node is not None and node.kind == "value":
                yield Source(node, node.columns or ("*",))

    def node(self, name: str) -> Node | None:
        """What is known of a name's thing."""
        thing = self._namespace.get(name)
        if is_shared(thing):
            return self._observation.registry.named(self._namespace, name)
        return self._observation.registry.get(thing)

    def models_in(self, thing: Any) -> Sources:
        """The models that a list holds, if it holds nothing else: it owes to no more than these.

        A statement that fits them in a loop mentions whole tables, of which they took some columns.
        """
        if type(thing) not in (list, tuple) or not 0 < len(thing) <= _MANY:
            return {}
        nodes = [self._observation.registry.get(part) for part in thing]
        known = [node for node in nodes if node is not None and node.kind in _MODELS]
        if len(known) < len(nodes):
            return {}
        return {node.entity: Source(node, node.columns or ("*",)) for node in known}

    def shape(self, name: str) -> Any:
        """A cheap look at a thing, which is another one after most changes in place."""
        thing = self._namespace.get(name, MISSING)
        if type(thing) in (list, dict, set):
            return (identity(thing), len(thing))
        if isinstance(thing, type) and thing.__module__ == "__main__":
            return _held(thing, vars(thing))
        if isinstance(thing, CODE):
            return identity(thing)
        if self._observation.registry.get(thing) is not None:
            return _taught(thing) if hasattr(type(thing), "fit") else identity(thing)
        held = own(thing) if may_be_taught(type(thing)) else None
        return identity(thing) if held is None else _held(thing, held)

    def keep_constant(self, name: str, statement: ast.stmt) -> None:
        """Know that a name's thing holds nothing but what the code says: a notebook's settings."""
        thing = self._namespace.get(name)
        if isinstance(thing, type) and isinstance(statement, ast.ClassDef):
            written = Written(statement)  # a dataclass keeps its defaults out of its text's reach
            for value in vars(thing).values():
                if isinstance(value, _CONTAINERS) and written.holds(value):
                    self._keep(value)
        else:
            self._keep(thing)

    def _keep(self, thing: Any) -> None:
        if type(thing) not in PLAIN and (text := constant_text(thing)) is not None:
            if len(self._constants) >= _MANY:
                self._constants.clear()
            self._constants[identity(thing)] = text

    def _is_constant(self, thing: Any) -> bool:
        text = self._constants.get(identity(thing))
        return text is not None and text == constant_text(thing)

    def is_users(self, thing: Any) -> bool:
        """Whether a thing is a function or class of the user's."""
        is_user_file = self._observation.is_user_file
        return any(is_user_file(each.__code__.co_filename) for each in functions_of(thing))

    def may_lead(self, name: str, thing: Any, path: tuple[str | int, ...] = ()) -> bool:
        """Whether a name that nothing is known of can bring in data."""
        if isinstance(thing, types.ModuleType) and path[:1] and path[0] in _SAVING:
            return False
        get, is_user_file = self._observation.registry.get, self._observation.is_user_file
        return may_lead_to_data(
            name, thing, is_user_file, lambda each: get(each) is not None or self._is_constant(each)
        )


def _only_counts(thing: Any) -> bool:
    """Whether a frame's index numbers its rows, and says nothing else of them."""
    index = getattr(thing, "index", None)
    return type(index).__name__ == "RangeIndex" and getattr(index, "name", index) is None


def _taught(thing: Any) -> Any:
    """Which estimator it is, and a checksum of the small arrays that it has learned."""
    held = own(thing) or {}
    arrays = [(key, each) for key, each in held.items() if key.endswith("_") and _is_small(each)]
    return identity(thing), [(key, zlib.crc32(each.tobytes())) for key, each in arrays]


def _is_small(thing: Any) -> bool:
    return (
        is_array(type(thing))
        and getattr(thing, "nbytes", _LARGE) < _LARGE
        and not (getattr(thing.dtype, "hasobject", True))
    )


def _held(thing: Any, values: Mapping[str, Any]) -> tuple[int, list[tuple[str, int, int]]]:
    """Which thing it is, and what it holds: which things, and how many are in those."""
    return identity(thing), [
        (key, identity(value), len(value) if type(value) in _SIZED else 0)
        for key, value in values.items()
    ]
