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
from governed_kernel.capture.answers import answered
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
Before: TypeAlias = Callable[[Observation, Call], bool | None]
"""Runs before a call; false where that is none to record, but what is called within it."""


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
    before: Before | None = None,
    io: bool = False,
    quick: Quick | None = None,
    behind: str = "",
) -> bool:
    """Let `rule` see each recorded call of ``owner.name``.

    Parameters
    ----------
    before : callable, optional
        Runs before the call, for decisions and for what the call will change; see `Before`.
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
    before: Before | None = None,
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
    before: Before | None = None,
    *,
    io: bool = False,
) -> Hooks:
    """The hooks that `observe` would use, for those who add something of their own."""
    return _hooks(observation, target, rule, before, io)


def _hooks(
    observation: Observation,
    target: Target,
    rule: Rule,
    before: Before | None,
    io: bool,
    behind: str = "",
) -> Hooks:
    followed = _FollowingHooks(observation, target, rule, before, io, behind)
    return Hooks(followed.enter, followed.leave, followed.fail, None if io else observation.state)


class _FollowingHooks:
    """The hooks of one function; an object, since thousands of closures make collections slow."""

    __slots__ = (
        "before",
        "behind",
        "generator",
        "io",
        "judged",
        "observation",
        "rule",
        "state",
        "target",
    )

    def __init__(
        self,
        observation: Observation,
        target: Target,
        rule: Rule,
        before: Before | None,
        io: bool,
        behind: str,
    ) -> None:
        self.observation, self.target, self.rule = observation, target, rule
        self.before, self.io, self.behind = before, io, behind
        self.state, self.judged = observation.state, observation.user_files
        self.generator = target.is_generator

    def enter(self, values: tuple[Any, ...]) -> Call | None:
        # The order is that of cost: most calls come from pandas itself, inside a recorded one.
        state, io = self.state, self.io
        outer = state.call
        if outer is not None and not io:
            outer.nested += 1
            if outer.nested % _SUSPICIOUS or outer.target.runs_in(sys._getframe(2)):
                return None
            # An interrupt tore it down before its end, and it would hide all later calls.
            outer = state.call = None
        if state.busy:
            return None
        site = 0, 0
        try:
            frame = sys._getframe(2)
            if self.behind:
                frame = _before(frame, self.behind)
            site = identity(frame.f_code), frame.f_lasti
        except ValueError:
            # Called by native code, at the bottom of a thread: nobody's line of Python.
            if not io:
                return None
        if not io and not self.judged[frame.f_code.co_filename]:
            return None
        try:
            values = self.target.normal(values)
        except TypeError:
            return None
        call = Call(self.target, values, outer, site)
        if self.before is not None and not self._prepared(call):
            return None
        if self.generator:
            # It runs between the user's own lines: there is no "after", nor anything inside.
            self.leave(call, None)
            return None
        state.call = call
        return call

    def _prepared(self, call: Call) -> bool:
        """Whether what comes before the call was done, and it is to be recorded.

        Where that failed, that is on record.
        """
        assert self.before is not None
        self.state.busy = True
        try:
            return self.before(self.observation, call) is not False
        except GovernedError:
            raise
        except Exception as error:
            self.observation.lost(self.target.title, error)
            return False
        finally:
            self.state.busy = False

    def leave(self, call: Call | None, value: Any) -> Any:
        if call is None:
            return value
        state = self.state
        state.call = call.outer
        state.busy = True
        if state.answers:
            call.arguments, state.answers = answered(call.arguments, state.answers), ()
        try:
            self.rule(self.observation, Observed(call, value))
        except RecorderLost:
            raise
        except Exception as error:
            self.observation.lost(self.target.title, error)
        finally:
            state.busy = False
            call.arguments = ()
            call.note = None
        return value

    def fail(self, call: Call | None) -> None:
        if call is None:
            return
        self.state.call, self.state.answers = call.outer, ()
        call.arguments = ()
        call.note = None
        # What was opened was opened, even if what came then failed.
        for operation, uri in call.opened:
            decision, kind = call.claims[operation, uri]
            self.observation.access(operation, kind, uri, self.target.title, decision)


def _before(frame: types.FrameType, behind: str) -> types.FrameType:
    """The frame that called into a file."""
    while frame.f_code.co_filename == behind and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _quick_hooks(observation: Observation, target: Target, quick: Quick, hooks: Hooks) -> Hooks:
    """`hooks`, but with as little as possible done for a call that `quick` can take."""
    followed = _QuickHooks(observation, target, quick(observation, target), hooks)
    return Hooks(followed.enter, followed.leave, followed.fail, hooks.state)


class _QuickHooks:
    """The hooks of one function whose calls `Repeats` knows.

    The call under way is one object for all calls of this function, and the place of a call is
    looked at where a rule needs it.
    """

    __slots__ = (
        "again",
        "judged",
        "learn",
        "observation",
        "slowly",
        "state",
        "target",
        "under_way",
    )

    def __init__(
        self, observation: Observation, target: Target, known: Repeats, hooks: Hooks
    ) -> None:
        self.observation, self.target = observation, target
        self.state, self.judged = observation.state, observation.user_files
        self.again, self.learn = known
        self.slowly = hooks.leave
        self.under_way = Call(target, (), None, (0, 0))

    def enter(self, values: tuple[Any, ...]) -> Any:
        try:
            frame = sys._getframe(2)
        except ValueError:
            return None
        state = self.state
        if not self.judged[frame.f_code.co_filename] or state.busy:
            return None
        state.call = self.under_way
        return values

    def leave(self, values: Any, value: Any) -> Any:
        if values is None:
            return value
        self.state.call = None
        if self.state.answers:
            values, self.state.answers = answered(values, self.state.answers), ()
        try:
            if self.again(values, value):
                return value
        except Exception as error:
            self.observation.lost(self.target.title, error)
        try:
            arguments = self.target.normal(values)
        except TypeError:
            return value
        frame = sys._getframe(2)
        site = identity(frame.f_code), frame.f_lasti
        self.slowly(Call(self.target, arguments, None, site), value)
        try:
            self.learn(values, value)
        except Exception as error:
            self.observation.lost(self.target.title, error)
        return value

    def fail(self, values: Any) -> None:
        if values is not None:
            self.state.call, self.state.answers = None, ()
