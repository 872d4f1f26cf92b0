"""Observed functions and their calls, as rules see them."""

from __future__ import annotations

import inspect
import types
from typing import Any

from governed_kernel.capture.observation import Call, running
from governed_kernel.capture.rewriting import argument_names

__all__ = ["NativeTarget", "Observed", "Target"]

_BUNDLES = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Observed:
    """A finished call, as a rule sees it.

    Attributes
    ----------
    operation : str
        What was called: ``DataFrame.merge``, ``pandas.read_csv`` …
    library : str
        Name of the library.
    result : Any
        What the call returned.
    """

    __slots__ = ("_bound", "_operation", "call", "library", "result", "target")

    def __init__(self, call: Call, result: Any) -> None:
        self.call = call
        self.target: Target = call.target
        self._operation = self.target.label
        self.library = self.target.library
        self.result = result
        self._bound: dict[str, Any] | None = None

    @property
    def operation(self) -> str:
        """What was called; a method is named after the class of its subject."""
        return self._operation or f"{type(self.subject).__name__}.{self.target.name}"

    @operation.setter
    def operation(self, name: str) -> None:
        self._operation = name

    @property
    def subject(self) -> Any:
        """The first argument: ``self`` of a method."""
        return self.target.subject(self.call.arguments)

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments by name, with their defaults."""
        if self._bound is None:
            self._bound = self.target.bind(self.call.arguments)
        return self._bound

    def __getitem__(self, name: str) -> Any:
        return self.arguments.get(name)


class Target:
    """One observed function."""

    __slots__ = ("_defaults", "_signature", "function", "label", "library", "name", "names")

    def __init__(self, library: str, name: str, label: str, function: types.FunctionType) -> None:
        self.library = library
        self.name = name
        self.label = label
        """What the call is named; empty for a method, named after the class of its subject."""
        self.function = function
        names = argument_names(function)
        self._signature: inspect.Signature | None = None
        self._defaults: tuple[Any, ...] | None = None
        code = function.__code__
        if code.co_argcount == code.co_kwonlyargcount == 0 and len(names) == 2:
            # A decorator's ``wrapper(*args, **kwargs)``: its users see another signature.
            self._signature = inspect.signature(function)
            names = tuple(self._signature.parameters)
        self.names = names

    def normal(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The values in the order of `names`.

        Raises
        ------
        TypeError
            The arguments don't fit; the call is going to say so itself.
        """
        if self._signature is None:
            return values
        bound = self._signature.bind(*values[0], **values[1])
        bound.apply_defaults()
        return tuple(bound.arguments.values())

    @property
    def defaults(self) -> tuple[Any, ...]:
        """What each argument is where a call says nothing of it; itself where there is no such."""
        if self._defaults is None:
            given = self._signature or inspect.signature(self.function)
            found = {name: each.default for name, each in given.parameters.items()}
            self._defaults = tuple([found.get(name) for name in self.names])
        return self._defaults

    @property
    def bundles(self) -> tuple[int, ...]:
        """The places of what ``*args`` and ``**kwargs`` hold together."""
        if self._signature is not None:
            kinds = [each.kind for each in self._signature.parameters.values()]
            return tuple([place for place, kind in enumerate(kinds) if kind in _BUNDLES])
        flags, last = self.function.__code__.co_flags, len(self.names)
        count = bool(flags & inspect.CO_VARARGS) + bool(flags & inspect.CO_VARKEYWORDS)
        return tuple(range(last - count, last))

    def runs_in(self, frame: Any) -> bool:
        """Whether a call of it is on the stack that ends in `frame`."""
        return running(self.function.__code__, frame)

    @property
    def is_generator(self) -> bool:
        """Whether a call only makes a generator, which runs later."""
        return bool(self.function.__code__.co_flags & inspect.CO_GENERATOR)

    @property
    def is_plain(self) -> bool:
        """Whether the values come in the order of `names` as they are."""
        return self._signature is None and not self.is_generator

    @property
    def title(self) -> str:
        """A name for messages."""
        return self.label or f"{self.library}.{self.name}"

    def subject(self, values: tuple[Any, ...]) -> Any:
        """The first argument."""
        return values[0]

    def bind(self, values: tuple[Any, ...]) -> dict[str, Any]:
        """Arguments by the names of the signature that users see."""
        return dict(zip(self.names, values, strict=True))


class NativeTarget(Target):
    """An observed native function: its arguments come as a tuple and a dictionary."""

    __slots__ = ("_native",)

    def __init__(self, library: str, name: str, label: str, function: Any) -> None:
        self.library = library
        self.name = name
        self.label = label
        self.names = ("args", "kwargs")
        self._signature = None
        self._defaults = None
        self._native = function

    def subject(self, values: tuple[Any, ...]) -> Any:
        """The first positional argument."""
        return values[0][0]

    def given(self, values: tuple[Any, ...]) -> dict[str, Any]:
        """Arguments by name, with their defaults, of a function that tells its signature."""
        bound = inspect.signature(self._native).bind(*values[0], **values[1])
        bound.apply_defaults()
        return bound.arguments

    def runs_in(self, frame: Any) -> bool:  # noqa: ARG002
        """It has no frame; but it tells by itself when it is over, whatever happens."""
        return True

    @property
    def bundles(self) -> tuple[int, ...]:
        """All of them."""
        return (0, 1)

    @property
    def defaults(self) -> tuple[Any, ...]:
        """A native function says little of its defaults."""
        return (None, None)

    @property
    def is_generator(self) -> bool:
        """Native functions run when they are called."""
        return False
