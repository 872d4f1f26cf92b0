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
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from governed_kernel.capture.bringing import MISSING, PLAIN
from governed_kernel.capture.inside import written_in

__all__ = ["Place", "Rebound"]

_COMPOUND = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.While),
    *(ast.With, ast.Try),
)


class Place(NamedTuple):
    """A global name, and the variables that it is one of."""

    namespace: dict[str, Any]
    name: str


class Rebound:
    """Watches the single values of global names that functions bind.

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
        self._before: list[dict[tuple[int, str], Any]] = []
        self._modules = set(sys.modules)

    def begin(self) -> None:
        """A statement is about to be executed."""
        self._before.append({key: _value(place) for key, place in self._places.items()})

    def is_new(self, namespace: dict[str, Any], name: str, thing: Any) -> bool:
        """Whether a function has bound a global name in the statement that is executed."""
        key = (id(namespace), name)
        if not self._before or namespace.get(name, MISSING) is not thing:
            return False
        if key in self._before[-1]:
            return self._before[-1][key] is not thing
        file = namespace.get("__file__")
        return (
            isinstance(file, str)
            and name in self._bound_in(file)
            and not self._is_written(file, thing)
        )

    def end(self, statement: ast.stmt, namespace: dict[str, Any], *, computed: bool) -> list[Place]:
        """The names whose single value is another after a statement, or new and computed in it.

        Parameters
        ----------
        namespace : dict
            The notebook's variables, in which the statement was executed.
        computed : bool
            Whether observed calls were made in it.
        """
        before = self._before.pop()
        found = [
            place
            for key, place in self._places.items()
            if key in before and _value(place) is not before[key] and _is_single(_value(place))
        ]
        if isinstance(statement, _COMPOUND):
            self._watch(namespace, _bound_globally(statement))
        if len(sys.modules) != len(self._modules):
            found += [place for place in self._meet_modules() if computed]
        return found

    def _watch(self, namespace: dict[str, Any], names: Iterator[str] | frozenset[str]) -> None:
        for name in names:
            self._places[id(namespace), name] = Place(namespace, name)

    def _meet_modules(self) -> Iterator[Place]:
        """Watch the user's modules that were imported; the values that no text of theirs says."""
        new = [sys.modules[name] for name in set(sys.modules) - self._modules]
        self._modules = set(sys.modules)
        for module in new:
            file = getattr(module, "__file__", None)
            if type(module) is not types.ModuleType or not isinstance(file, str):
                continue
            if not self._is_user_file(file):
                continue
            self._watch(vars(module), self._bound_in(file))
            for name, value in list(vars(module).items()):
                is_own = not name.startswith("__") and _is_single(value)
                if is_own and not self._is_written(file, value):
                    yield Place(vars(module), name)

    def _bound_in(self, file: str) -> frozenset[str]:
        return _names_bound_globally(self._text(file))

    def _is_written(self, file: str, value: Any) -> bool:
        written = written_in(self._text(file))
        return written is not None and written.holds(value)

    def _text(self, file: str) -> str:
        if file not in linecache.cache:
            self._read(file)
        return "".join(linecache.getlines(file))


def _value(place: Place) -> Any:
    return place.namespace.get(place.name, MISSING)


def _is_single(value: Any) -> bool:
    return value is not None and isinstance(value, PLAIN)


@functools.lru_cache(maxsize=200)
def _names_bound_globally(text: str) -> frozenset[str]:
    try:
        return frozenset(_bound_globally(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()


def _bound_globally(tree: ast.AST) -> Iterator[str]:
    """The names that functions in a text say to be global."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names
