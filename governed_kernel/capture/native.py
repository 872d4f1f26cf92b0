"""Observe a native function without putting a Python frame around it.

`rewriting` can't help where there is no Python code, and a wrapper written in Python is noticed:
``duckdb.sql("FROM frame")`` looks for ``frame`` in the frame that calls it, warnings point at it,
and it stands in every traceback. So what stands around the function is native as well:

- ``wrapt.FunctionWrapper`` (C) collects a call's arguments into a tuple and a dictionary. It is
  a proxy: name, documentation, class and ``isinstance`` are those of the function.
- Its wrapper is a `ctypes` prototype of ``PyObject_VectorcallDict`` (documented C API). Before
  the call ctypes hands each argument to a ``from_param`` of ours, and they put the arguments in
  place; after it, the result goes through ``_check_retval_``. These are Python functions, but
  they have returned when the native function begins, or begin when it has returned.
- Whether it failed is told by the object that holds the keyword arguments: ctypes lets go of it
  when the call is over, and if no result came first, it failed.
- What is raised in a ``from_param`` becomes an `ArgumentError`. Nothing of ours raises there, but
  Python does where calls are nested too deeply; so wrapt asks before whether there is room left.

So ``sys._getframe()`` inside the function is the user's own frame, an exception goes to it
without a stop, and a call costs 2 µs. Tried and left: a Python wrapper (breaks replacement scans
and tracebacks), ``cytoolz.compose`` (three Cython entries in each traceback), ``sys.setprofile``
(no arguments, and too dear), an extension of our own (a compiler wherever this is installed).

Everything depends on details of CPython, ctypes and wrapt, so `works` tries it out before the
first use: if anything differs, native functions stay unobserved and that is on record.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import operator
import sys
import threading
from collections.abc import Callable
from typing import Any

from governed_kernel.capture.rewriting import Hooks

__all__ = ["as_method", "is_observed", "observed", "put", "works"]

_MOST = 32
_DEPTH = 8
"""More calls inside each other than there are between a native call and its hooks."""
_Values: Any = ctypes.py_object * _MOST
_CALL: Any = ctypes.py_object(operator.call)


class _Entry:
    """A call that is under way."""

    __slots__ = ("hooks", "over", "token")

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks
        self.token: Any = None
        self.over = False


class _Passage:
    """The arguments of one call on their way."""

    __slots__ = ("array", "function", "positional")

    def __init__(self, function: Any) -> None:
        self.function = function
        self.array: Any = _Values()
        self.positional: tuple[Any, ...] = ()

    def place(self, values: tuple[Any, ...]) -> int:
        """Put function and arguments where the native side looks; returns their number."""
        self.positional = values
        array = self.array
        if len(values) >= _MOST:
            array[0] = functools.partial(self.function, *values)
            return 1
        array[0] = self.function
        for number, value in enumerate(values, 1):
            array[number] = value
        return len(values) + 1


class _Last(ctypes.py_object):
    """The keyword arguments; ctypes holds them as long as the call lasts."""

    entry: _Entry

    def __del__(self) -> None:
        entry = self.entry
        if entry.over:
            return
        entry.over = True
        with contextlib.suppress(ValueError):
            _under.calls.remove(entry)
        if entry.token is not None:
            # Nobody could take an error here: a recorder that is lost will be missed again.
            with contextlib.suppress(Exception):
                entry.hooks.fail(entry.token)


class _Under(threading.local):
    """What a thread is in the middle of."""

    def __init__(self) -> None:
        self.preparing: list[_Passage] = []
        self.calls: list[_Entry] = []


_under = _Under()
_hooks: dict[int, Hooks] = {}


class _Function:
    """First argument: the function, whose place ``operator.call`` takes."""

    @staticmethod
    def from_param(function: Any) -> Any:
        _under.preparing.append(_Passage(function))
        return _CALL


class _Instance:
    """Second: what wrapt thinks the function is bound to; instead, where the arguments will be."""

    @staticmethod
    def from_param(instance: Any) -> Any:  # noqa: ARG004
        return _under.preparing[-1].array


class _Positional:
    """Third: the positional arguments, of which only the number goes on."""

    @staticmethod
    def from_param(values: tuple[Any, ...]) -> int:
        return _under.preparing[-1].place(values)


class _Keywords:
    """Last: the keyword arguments; then everything is known."""

    @staticmethod
    def from_param(keywords: dict[str, Any]) -> _Last:
        passage = _under.preparing.pop()
        entry = _Entry(_hooks[id(passage.function)])
        last = _Last(keywords) if keywords else _Last()
        last.entry = entry
        try:
            entry.token = entry.hooks.enter((passage.positional, keywords))
        except BaseException as error:
            # What is raised here would become an error of ctypes; so the call itself raises it.
            passage.array[0] = _raiser(error)
        _under.calls.append(entry)
        return last


def _raiser(error: BaseException) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    return refuse


class _Returned(ctypes._SimpleCData):  # type: ignore[type-arg]
    """What comes back, seen before the arguments go."""

    _type_ = "O"

    @staticmethod
    def _check_retval_(value: Any) -> Any:
        entry = _under.calls.pop()
        entry.over = True
        return value if entry.token is None else entry.hooks.leave(entry.token, value)


def observed(function: Any, hooks: Hooks) -> Any:
    """`function` behind a native wrapper that calls `hooks`.

    ``enter`` gets the positional and the keyword arguments as a pair.

    Parameters
    ----------
    function : callable
        A native one; methods are observed unbound and made methods by `as_method`.
    """
    _hooks[id(function)] = hooks
    wrapper = _wrapper(type(function).__name__)
    return wrapper(function, _machinery(), enabled=_room())


def is_observed(function: Any) -> bool:
    """Whether `function` is what `observed` made."""
    kind = type(function)
    return kind is _wrapper(kind.__name__)


def as_method(function: Any) -> Any:
    """A callable as a native class holds it: bound when it is looked up on an instance."""
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)
    return make(("PyInstanceMethod_New", ctypes.pythonapi))(function)


def put(owner: Any, name: str, value: Any) -> None:
    """Set an attribute, also of a native class that admits no setting."""
    try:
        setattr(owner, name, value)
    except TypeError:
        # What the class shows is a proxy of its dictionary; the interpreter has to be told of a
        # change, since it remembers where it found methods (``PyType_Modified``, documented).
        (held,) = (each for each in gc.get_referents(owner.__dict__) if type(each) is dict)
        held[name] = value
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(owner))


@functools.cache
def _room() -> Callable[[], bool]:
    """What wrapt asks before each call, and lets fail: is there room for the functions above?

    An error in them becomes one of ctypes, so where Python is as deep as it goes they must not
    begin. Up to 3.11 native comparisons count as deep as they are, and leave no trace.
    """
    if tuple(sys.version_info) < (3, 12):
        return functools.partial(operator.eq, _nested(_DEPTH), _nested(_DEPTH))
    return functools.partial(_descended, _DEPTH)


def _nested(depth: int) -> tuple[Any, ...]:
    made: tuple[Any, ...] = ()
    for _ in range(depth):
        made = (made,)
    return made


def _descended(depth: int) -> bool:
    return depth == 0 or _descended(depth - 1)


@functools.cache
def _wrapper(kind: str) -> Any:
    """The class of what stands around functions of that type, for tools that show its name."""
    import wrapt

    def __repr__(self: Any) -> str:  # noqa: N807 - it becomes a method
        return repr(self.__wrapped__)

    def __reduce_ex__(self: Any, protocol: Any) -> Any:  # noqa: N807
        return self.__wrapped__.__reduce_ex__(protocol)

    def __copy__(self: Any) -> Any:  # noqa: N807 - functions are what they are a copy of
        return self

    def __deepcopy__(self: Any, _: Any) -> Any:  # noqa: N807
        return self

    return type(
        kind,
        (wrapt.FunctionWrapper,),
        {
            "__slots__": (),
            "__module__": "builtins",
            "__repr__": __repr__,
            "__reduce_ex__": __reduce_ex__,
            "__copy__": __copy__,
            "__deepcopy__": __deepcopy__,
        },
    )


@functools.cache
def _machinery() -> Any:
    """The function that makes the calls."""
    places: Any = (_Function, _Instance, _Positional, _Keywords)
    prototype = ctypes.PYFUNCTYPE(_Returned, *places)
    return prototype(("PyObject_VectorcallDict", ctypes.pythonapi))


@functools.cache
def works() -> bool:
    """Whether native functions can be observed in this interpreter without being noticed."""
    try:
        return _tried()
    except Exception:
        return False


def _tried() -> bool:
    seen: list[Any] = []

    def enter(values: tuple[Any, ...]) -> Any:
        seen.append(values)
        return len(seen)

    def leave(token: Any, value: Any) -> Any:
        seen.append((token, value))
        return value

    def fail(token: Any) -> None:
        seen.append(("failed", token))

    hooks = Hooks(enter, leave, fail)
    frame = sys._getframe()
    if observed(sys._getframe, hooks)() is not frame or seen != [((), {}), (1, frame)]:
        return False
    seen.clear()
    if observed(sorted, hooks)([1, 3, 2], reverse=True) != [3, 2, 1] or len(seen) != 2:
        return False
    most = observed(max, hooks)
    if most(*range(100)) != 99 or most(1, 2, key=observed(abs, hooks)) != 2:
        return False
    seen.clear()
    try:
        observed(ord, hooks)("too long")
    except TypeError as error:
        trace = error.__traceback__
        alone = trace is not None and trace.tb_next is None
    else:
        return False
    return alone and seen == [(("too long",), {}), ("failed", 1)] and not _under.calls
