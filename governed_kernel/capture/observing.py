"""Observed calls: which function, who called it, and the rule that reads what it did.

A call is recorded when it comes from the user's own code, not from a library, and no recorded call
is already under way in the thread: so one line of a notebook makes one record, however much
pandas calls itself. Readers and writers (``io``) are recorded whoever calls them.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from governed_kernel.capture import native
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.registry import identity
from governed_kernel.capture.rewriting import (
    Hooks,
    NotRewritable,
    outermost_function,
    rewrite,
)
from governed_kernel.capture.targets import NativeTarget, Observed, Target
from governed_kernel.errors import GovernedError, RecorderLost

_SUSPICIOUS = 64
"""After so many calls inside another, see whether that other one is still under way."""

__all__ = [
    "NativeTarget",
    "Observed",
    "Repeats",
    "Rule",
    "Target",
    "each_time",
    "observe",
    "observe_all",
    "observe_native",
]


Rule: TypeAlias = Callable[[Observation, Observed], None]


class Repeats(NamedTuple):
    """What a function's calls have told, for what people call a hundred thousand times."""

    again: Callable[[tuple[Any, ...], Any], bool]
    """Whether a call, by its arguments and its result, leaves nothing for the rule to do."""
    learn: Callable[[tuple[Any, ...], Any], None]
    """Looks at a call that the rule has been told of."""


Quick: TypeAlias = Callable[[Observation, "Target"], Repeats]


def observe(
    observation: Observation,
    library: str,
    owner: Any,
    name: str,
    rule: Rule,
    *,
    label: str = "",
    before: Callable[[Observation, Call], None] | None = None,
    io: bool = False,
    quick: Quick | None = None,
    behind: str = "",
) -> bool:
    """Let `rule` see each recorded call of ``owner.name``.

    Parameters
    ----------
    before : callable, optional
        Runs before the call, for decisions and for what the call will change.
    io : bool
        Record the call whoever makes it, inside another recorded call as well.
    quick : callable, optional
        Makes what is asked before `rule`, with no `Observed` made yet. For what people call a
        hundred thousand times.
    behind : str, optional
        A file through which people call it: its frames count as theirs.

    Returns
    -------
    bool
        False when the function is native, a coroutine, or observed already.
    """
    function = outermost_function(owner, name)
    if function is None:
        return False
    if not label and not isinstance(owner, type):
        label = f"{library}.{name}"
    target = Target(library, name, label, function)
    try:
        hooks = _hooks(observation, target, rule, before, io, behind)
        if quick is not None and before is None and not io and not target.is_generator:
            hooks = _quick_hooks(observation, target, quick, hooks)
        rewrite(function, hooks)
    except NotRewritable:
        return False
    return True


def each_time(asked: Callable[[Observation, Target, tuple[Any, ...], Any], bool]) -> Quick:
    """A `quick` for a rule that remembers by itself."""
    return lambda observation, target: Repeats(
        functools.partial(asked, observation, target), lambda _arguments, _result: None
    )


def observe_native(
    observation: Observation,
    library: str,
    owners: Iterable[Any],
    name: str,
    rule: Rule,
    *,
    label: str = "",
    before: Callable[[Observation, Call], None] | None = None,
    io: bool = True,
) -> bool:
    """As `observe`, of a native function that `owners` (a class, modules) have.

    ``call.arguments`` are the positional and the keyword arguments.

    Returns
    -------
    bool
        False where there is no such function, or where native functions can't be observed.
    """
    owners = tuple(owners)
    found = function = inspect.getattr_static(owners[0], name, None)
    method = isinstance(owners[0], type)
    if isinstance(found, property):
        function = found.fget
    elif method:
        function = getattr(found, "__func__", found)
    if not callable(function) or not native.works() or native.is_observed(function):
        return False
    if not method:
        label = label or f"{library}.{name}"
    target = NativeTarget(library, name, label, function)
    made = native.observed(function, _hooks(observation, target, rule, before, io))
    if isinstance(found, property):
        made = property(made, found.fset, found.fdel, found.__doc__)
    elif isinstance(found, staticmethod):
        made = staticmethod(made)
    elif isinstance(found, classmethod):
        made = classmethod(native.as_method(made))
    elif method:
        made = native.as_method(made)
    for owner in owners:
        native.put(owner, name, made)
    return True


def observe_all(
    observation: Observation, library: str, owner: Any, names: Iterable[str], rule: Rule
) -> None:
    """`observe` for several methods of one owner that share a rule."""
    for name in names:
        observe(observation, library, owner, name, rule)


def hooks_of(
    observation: Observation,
    target: Target,
    rule: Rule,
    before: Callable[[Observation, Call], None] | None = None,
    *,
    io: bool = False,
) -> Hooks:
    """The hooks that `observe` would use, for those who add something of their own."""
    return _hooks(observation, target, rule, before, io)


def _hooks(
    observation: Observation,
    target: Target,
    rule: Rule,
    before: Callable[[Observation, Call], None] | None,
    io: bool,
    behind: str = "",
) -> Hooks:
    state, judged = observation.state, observation.user_files
    get_frame = sys._getframe
    generator = target.is_generator

    def enter(values: tuple[Any, ...]) -> Call | None:
        # The order is that of cost: most calls come from pandas itself, inside a recorded one.
        outer = state.call
        if outer is not None and not io:
            outer.nested += 1
            if outer.nested % _SUSPICIOUS or outer.target.runs_in(get_frame(2)):
                return None
            # An interrupt tore it down before its end, and it would hide all later calls.
            outer = state.call = None
        if state.busy:
            return None
        site = 0, 0
        try:
            frame = get_frame(2)
            if behind:
                frame = _before(frame, behind)
            site = identity(frame.f_code), frame.f_lasti
        except ValueError:
            # Called by native code, at the bottom of a thread: nobody's line of Python.
            if not io:
                return None
        if not io and not judged[frame.f_code.co_filename]:
            return None
        try:
            values = target.normal(values)
        except TypeError:
            return None
        call = Call(target, values, outer, site)
        if before is not None:
            state.busy = True
            try:
                before(observation, call)
            except GovernedError:
                raise
            except Exception as error:
                observation.lost(target.title, error)
                return None
            finally:
                state.busy = False
        if generator:
            # It runs between the user's own lines: there is no "after", nor anything inside.
            leave(call, None)
            return None
        state.call = call
        return call

    def leave(call: Call | None, value: Any) -> Any:
        if call is None:
            return value
        state.call = call.outer
        state.busy = True
        try:
            rule(observation, Observed(call, value))
        except RecorderLost:
            raise
        except Exception as error:
            observation.lost(target.title, error)
        finally:
            state.busy = False
            call.arguments = ()
            call.note = None
        return value

    def fail(call: Call | None) -> None:
        if call is None:
            return
        state.call = call.outer
        call.arguments = ()
        call.note = None
        # What was opened was opened, even if what came then failed.
        for operation, uri in call.opened:
            decision, kind = call.claims[operation, uri]
            observation.access(operation, kind, uri, target.title, decision)

    return Hooks(enter, leave, fail, None if io else state)


def _before(frame: types.FrameType, behind: str) -> types.FrameType:
    """The frame that called into a file."""
    while frame.f_code.co_filename == behind and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _quick_hooks(observation: Observation, target: Target, quick: Quick, hooks: Hooks) -> Hooks:
    """`hooks`, but with as little as possible done for a call that `quick` can take.

    The call under way is one object for all calls of this function, and the place of a call is
    looked at where a rule needs it.
    """
    state, judged = observation.state, observation.user_files
    get_frame = sys._getframe
    again, learn = quick(observation, target)
    under_way = Call(target, (), None, (0, 0))

    def enter(values: tuple[Any, ...]) -> Any:
        try:
            frame = get_frame(2)
        except ValueError:
            return None
        if not judged[frame.f_code.co_filename] or state.busy:
            return None
        state.call = under_way
        return values

    def leave(values: Any, value: Any) -> Any:
        if values is None:
            return value
        state.call = None
        try:
            if again(values, value):
                return value
        except Exception as error:
            observation.lost(target.title, error)
        try:
            arguments = target.normal(values)
        except TypeError:
            return value
        frame = get_frame(2)
        site = identity(frame.f_code), frame.f_lasti
        hooks.leave(Call(target, arguments, None, site), value)
        try:
            learn(values, value)
        except Exception as error:
            observation.lost(target.title, error)
        return value

    def fail(values: Any) -> None:
        if values is not None:
            state.call = None

    return Hooks(enter, leave, fail, hooks.state)
