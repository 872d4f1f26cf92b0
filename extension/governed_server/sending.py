"""Server-sent events: what a stream tells, written to whoever listens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from governed_kernel.errors import GovernedError
from governed_kernel.lineage.chaining import shown
from governed_server.naming import too_long_names_in_words
from governed_server.routing import Event, Stream

__all__ = ["in_words", "send"]

_SECONDS_OF_SILENCE = 15.0


async def in_words(events: Stream) -> Stream:
    """The same events; a name that is too long for a file is refused in words, whenever it is."""
    async with contextlib.aclosing(events):
        with too_long_names_in_words():
            async for event in events:
                yield event


async def send(
    first: Event | None,
    events: Stream,
    write: Callable[[str], object],
    flush: Callable[[], Awaitable[object]],
    silence: float = _SECONDS_OF_SILENCE,
) -> None:
    """Write events until there are none left; an error among them is the last one.

    Parameters
    ----------
    first : Event, optional
        What was asked for already; None where there is nothing to tell.
    events : async generator of Event
        What comes after it.
    write, flush : callable
        Those of the answer. What they raise ends it, and leaves `events` ready to be closed.
    silence : float
        Seconds after which a line is written that says nothing: a closed browser is only found out
        by writing.
    """
    event = first
    while event is not None:
        await _write(event, write, flush)
        waiting = asyncio.ensure_future(anext(events, None))
        try:
            while not (await asyncio.wait({waiting}, timeout=silence))[0]:
                write(": still here\n\n")
                await flush()
            event = waiting.result()
        except GovernedError as error:
            event = None
            await _write(Event("error", error.describe()), write, flush)
        finally:
            # nobody can close what is still being asked for the next one
            if waiting.cancel():
                await asyncio.wait({waiting})


async def _write(
    event: Event, write: Callable[[str], object], flush: Callable[[], Awaitable[object]]
) -> None:
    data = shown(event.data).decode()
    write(f"event: {event.name}\ndata: {data}\n\n")
    await flush()
