"""What a function of the user's gives that an observed call asks stands in the function's place.

``frame.assign(new=lambda d: …)`` and ``frame[lambda d: …]`` ask once, with the whole table. So what
the function calls is observed as anywhere in the user's code, and the rule of the call that asked
sees what came of it, as if that had been written there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.rewriting import Hooks

__all__ = ["Answers", "answered", "asking"]

Answers = tuple[tuple[Any, Any], ...]
"""Each function that was asked, and what it gave, in their order."""
_DEEPEST = 2


class _Asked(NamedTuple):
    """A function that is under way, asked by an observed call."""

    function: Any
    call: Call
    before: Answers


def asking(
    observation: Observation,
    library: str,
    is_function: Callable[[Any], bool],
    prepare: Callable[[Call, Any, Any], object],
) -> Hooks:
    """The hooks of the function by which a library asks: its arguments are function and table.

    Parameters
    ----------
    library : str
        Calls of this one's observed functions ask.
    is_function : callable
        Whether what was given is asked; else it stands for itself.
    prepare : callable
        Takes the call, the function and the table, before that is asked.
    """
    state = observation.state

    def enter(values: tuple[Any, ...]) -> _Asked | None:
        function = values[0]
        if type(function) is str:  # the name of a column, of which thousands are asked
            return None
        call = state.call
        if call is None or state.busy or call.target.library != library:
            return None
        if not is_function(function):
            return None
        before, table = state.answers, values[1]
        with observation.at_work():
            try:
                prepare(call, function, table)
            except Exception as error:
                observation.lost(call.target.title, error)
        state.call, state.answers = None, ()
        return _Asked(function, call, before)

    def leave(asked: _Asked | None, answer: Any) -> Any:
        if asked is not None:
            state.call, state.answers = asked.call, asked.before
            if observation.registry.get(answer) is not None:
                state.answers = (*asked.before, (asked.function, answer))
        return answer

    def fail(asked: _Asked | None) -> None:
        if asked is not None:
            state.call, state.answers = asked.call, asked.before

    return Hooks(enter, leave, fail)


def answered(arguments: tuple[Any, ...], answers: Answers) -> tuple[Any, ...]:
    """Arguments with what functions among them gave in the places of these, each once."""
    left = list(answers)
    return tuple([_in_place(each, left, _DEEPEST) for each in arguments])


def _in_place(thing: Any, left: list[tuple[Any, Any]], deep: int) -> Any:
    if left and thing is left[0][0]:
        return left.pop(0)[1]
    if not left or not deep:
        return thing
    if type(thing) in (list, tuple):
        return type(thing)([_in_place(each, left, deep - 1) for each in thing])
    if type(thing) is dict:
        return {name: _in_place(each, left, deep - 1) for name, each in thing.items()}
    return thing
