"""Streams of events, as they are written to whoever listens."""

from __future__ import annotations

import asyncio
import errno
import json
from pathlib import Path
from typing import Any

import pytest
from governed_server.routing import Event, Stream
from governed_server.sending import in_words, send

from .awaiting import awaited

EVENT = Event("log", {"text": "a line"})


def test_a_name_that_is_too_long_is_refused_in_words_after_the_first_event_too() -> None:
    async def events() -> Stream:
        yield EVENT
        raise OSError(errno.ENAMETOOLONG, "File name too long", "x" * 7000)

    name, data = told(awaited(sent(events())))[-1]
    assert name == "error"
    assert data["what"] == "a name is too long for a file"
    assert "7,000 letters" in data["why"]
    assert data["next"]


def test_a_name_of_foreign_bytes_keeps_nothing_from_being_told() -> None:
    async def events() -> Stream:
        yield EVENT
        yield Event("done", {"name": "\udcff.jsonl", "at": Path("a")})

    name, data = told(awaited(sent(events())))[-1]
    assert (name, data) == ("done", {"name": "\\udcff.jsonl", "at": "a"})


def test_what_is_no_fault_of_a_name_stays_what_it_is() -> None:
    async def events() -> Stream:
        yield EVENT
        raise OSError(errno.EIO, "Input/output error", "ledger")

    with pytest.raises(OSError, match="Input/output error"):
        awaited(sent(events()))


def test_a_stream_ends_with_its_reader_however_silent_it_is() -> None:
    """Nothing can be closed that is still being asked for its next event."""
    ended = []

    async def events() -> Stream:
        try:
            yield EVENT
            await asyncio.Event().wait()  # a run that says nothing for hours
        finally:
            ended.append(True)

    with pytest.raises(ConnectionError):
        awaited(sent(events(), leaves_after=1))
    assert ended


async def sent(events: Stream, leaves_after: int | None = None) -> str:
    """All that is written of a stream to a reader, who may leave."""
    text: list[str] = []
    flushed = 0

    async def flush() -> None:
        nonlocal flushed
        if flushed == leaves_after:
            raise ConnectionError
        flushed += 1

    stream = in_words(events)
    try:
        async with asyncio.timeout(30):
            await send(await anext(stream, None), stream, text.append, flush, silence=0.01)
    finally:
        await stream.aclose()
    return "".join(text)


def told(text: str) -> list[tuple[str, Any]]:
    """Each event's name and content."""
    events = [part.splitlines() for part in text.split("\n\n") if part.startswith("event: ")]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in events
    ]
