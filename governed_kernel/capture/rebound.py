"""Global names that the user's functions bind: ``global MEDIAN``, in a notebook or a module.

No statement of the notebook says where that happens. So each such name is looked at before and
after a statement, like the values that a module has computed while it was imported.
"""

from __future__ import annotations

import ast
import functools
import linecache
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from governed_kernel.capture.bringing import MISSING, PLAIN
from governed_kernel.capture.inside import written_in

__all__ = ["Place", "Rebound"]

_COMPOUND = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.While),
    *(ast.AsyncFor, ast.AsyncWith, ast.With, ast.Try, ast.TryStar, ast.Match),
)


class Place(NamedTuple):
    """A global name, and the variables that it is one of."""

    namespace: dict[str, Any]
    name: str


class Seen(NamedTuple):
    """What was there before a statement.

    Attributes
    ----------
    values : dict
        Place → its value.
    modules : frozenset of int
        Identities of the modules' variables that were looked at.
    """

    values: dict[tuple[int, str], Any]
    modules: frozenset[int]


class Rebound:
    """Watches the single values of global names that functions bind, and of the user's modules.

    Parameters
    ----------
    is_user_file : callable
        Whether code of a file is the user's.
    read : callable
        Has the text of a file read, which is not at hand.
    """

    def __init__(self, is_user_file: Callable[[str], bool], read: Callable[[str], object]) -> None:
        self._is_user_file = is_user_file
        self._read = read
        self._places: dict[tuple[int, str], Place] = {}
        self._modules: dict[int, tuple[dict[str, Any], str]] = {}
        """Identity of a module's variables → these, and its file."""
        self._before: list[Seen] = []
        self._imported = set(sys.modules)

    def begin(self) -> None:
        """A statement is about to be executed."""
        values = {key: _value(place) for key, place in self._places.items()}
        for variables, _ in self._modules.values():
            values.update(((id(variables), name), value) for name, value in _single(variables))
        self._before.append(Seen(values, frozenset(self._modules)))

    def end(self) -> Seen:
        """It was executed, or has failed; returns what was there before, for `changed`."""
        return self._before.pop()

    def is_new(self, namespace: Mapping[str, Any], name: str, thing: Any) -> bool:
        """Whether a global name was bound by a function in the statement that is executed."""
        key = (id(namespace), name)
        if not self._before or namespace.get(name, MISSING) is not thing:
            return False
        values, modules = self._before[-1]
        if key in values:
            return values[key] is not thing
        file = namespace.get("__file__")
        if not _is_single(thing) or not isinstance(file, str):
            return False
        return id(namespace) in modules or self._is_bound(file, name, thing)

    def changed(
        self, before: Seen, statement: ast.stmt, namespace: dict[str, Any], *, computed: bool
    ) -> list[Place]:
        """The names whose single value is another after a statement, or new and computed in it.

        Parameters
        ----------
        before : Seen
            What `end` has returned.
        namespace : dict
            The notebook's variables, in which the statement was executed.
        computed : bool
            Whether observed calls were made in it.
        """
        found = [
            place
            for key, place in self._places.items()
            if key in before.values
            and _value(place) is not before.values[key]
            and _is_single(_value(place))
        ]
        for identity in before.modules:
            variables, file = self._modules[identity]
            found += [
                Place(variables, name)
                for name, value in _single(variables)
                if before.values.get((identity, name), MISSING) is not value
                and (
                    name in _names_bound_globally(self._text(file))
                    or not self.writes_out(file, value)
                )
            ]
        if isinstance(statement, _COMPOUND):
            for name in _bound_globally(statement):
                self._places[id(namespace), name] = Place(namespace, name)
        if len(sys.modules) != len(self._imported):
            found += [place for place in self._meet_modules() if computed]
        return found

    def _meet_modules(self) -> Iterator[Place]:
        """Watch the user's modules that were imported; gives values that no text of theirs says."""
        new = [sys.modules[name] for name in set(sys.modules) - self._imported]
        self._imported = set(sys.modules)
        for module in new:
            file = getattr(module, "__file__", None)
            if type(module) is not types.ModuleType or not isinstance(file, str):
                continue
            if not self._is_user_file(file):
                continue
            self._modules[id(vars(module))] = vars(module), file
            for name, value in _single(vars(module)):
                if not self._is_written(file, value):
                    yield Place(vars(module), name)

    def writes_out(self, file: str, value: Any) -> bool:
        """Whether a value stands in the text of a file as it is now."""
        linecache.checkcache(file)
        return self._is_written(file, value)

    def gives(self, file: str, value: Any) -> bool:
        """Whether it stands there by itself."""
        linecache.checkcache(file)
        written = written_in(self._text(file))
        return written is not None and written.gives(value)

    def _is_bound(self, file: str, name: str, value: Any) -> bool:
        """Whether a module's value is of a function's making, and not what its text says."""
        return name in _names_bound_globally(self._text(file)) or not self._is_written(file, value)

    def _is_written(self, file: str, value: Any) -> bool:
        written = written_in(self._text(file))
        return written is not None and written.holds(value)

    def _text(self, file: str) -> str:
        if file not in linecache.cache:
            self._read(file)
        return "".join(linecache.getlines(file))


def _value(place: Place) -> Any:
    return place.namespace.get(place.name, MISSING)


def _single(variables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The single values among a module's variables that are its own."""
    for name, value in list(variables.items()):
        if not name.startswith("__") and _is_single(value):
            yield name, value


def _is_single(value: Any) -> bool:
    return value is not None and isinstance(value, PLAIN)


@functools.lru_cache(maxsize=200)
def _names_bound_globally(text: str) -> frozenset[str]:
    try:
        return frozenset(_bound_globally(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()


def _bound_globally(tree: ast.AST) -> Iterator[str]:
    """The names that functions in a text say to be global, or bind by ``globals()["K"] = …``."""
    for node in ast.walk(tree):
        match node:
            case ast.Global(names=names):
                yield from names
            case ast.Subscript(
                value=ast.Call(func=ast.Name(id="globals")),
                slice=ast.Constant(value=str() as name),
                ctx=ast.Store(),
            ):
                yield name
