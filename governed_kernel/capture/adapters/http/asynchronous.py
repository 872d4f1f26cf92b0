"""aiohttp's client.

Its requests are coroutines, which can't be observed in place; the objects that they are made of
are not. A body's digest is that of what aiohttp hands out: it undoes content coding on the way.
"""

from __future__ import annotations

import sys
import weakref
from types import ModuleType
from typing import Any

from governed_kernel.capture.exchanges import Exchange, Exchanges, hook
from governed_kernel.capture.observation import Observation

__all__ = ["arm"]

_CALLER = 3
"""Frames from our function to the caller of the observed one: the hook, and the function itself."""


class _Client:
    """Which exchange a request, a response or a body belongs to."""

    def __init__(self, observation: Observation) -> None:
        self._exchanges = Exchanges.of(observation)
        self._asked: weakref.WeakKeyDictionary[Any, Exchange] = weakref.WeakKeyDictionary()
        self._answered: weakref.WeakKeyDictionary[Any, Exchange] = weakref.WeakKeyDictionary()
        self._bodies: dict[int, tuple[Any, Any, Exchange]] = {}
        self._empty: list[tuple[Any, Exchange]] = []
        # Before what is left is told of: until then the status is the response's alone.
        observation.at_end.insert(0, self._settle)

    def request(self, values: tuple[Any, ...]) -> None:
        """``ClientRequest(method, url, …)``: one for each request, redirected ones too."""
        exchange = self._exchanges.begin(values[1], str(values[2]), "aiohttp")
        if exchange is not None:
            self._asked[values[0]] = exchange

    def response(self, values: tuple[Any, ...]) -> None:
        """``ClientResponse(…)``, made by the request that is sent."""
        request = sys._getframe(_CALLER).f_locals.get("self")
        exchange = self._asked.pop(request, None) if request is not None else None
        if exchange is not None:
            self._answered[values[0]] = exchange

    def body(self, values: tuple[Any, ...]) -> None:
        """``StreamReader.on_eof(response._response_eof)``: this stream is that response's body."""
        stream, callback = values
        response = getattr(callback, "__self__", None)
        exchange = self._answered.pop(response, None) if response is not None else None
        if exchange is not None:
            # A stream admits no weak reference, so it is kept until its end, or the cell's.
            self._bodies[id(stream)] = (stream, response, exchange)

    def no_body(self, values: tuple[Any, ...]) -> None:
        """The same of the stream that all answers without a body share."""
        response = getattr(values[1], "__self__", None)
        exchange = self._answered.pop(response, None) if response is not None else None
        if exchange is not None:
            self._empty.append((response, exchange))

    def _settle(self) -> None:
        for _, response, exchange in self._bodies.values():
            exchange.status = response.status or 0
        for response, exchange in self._empty:
            exchange.status = response.status or 0
        self._bodies.clear()
        self._empty.clear()

    def chunk(self, values: tuple[Any, ...], result: Any) -> None:
        """``StreamReader._read_nowait_chunk(n)``."""
        found = self._bodies.get(id(values[0]))
        if found is not None and result is not None:
            found[2].feed(result)

    def end(self, values: tuple[Any, ...], _: Any) -> None:
        """Whether a stream has come to its end and all of it was read."""
        stream = values[0]
        found = self._bodies.get(id(stream))
        if found is not None:
            exchange = found[2]
            exchange.status = found[1].status or exchange.status
            if stream.at_eof():
                del self._bodies[id(stream)]
                self._exchanges.finish(exchange)


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe the requests and the streams that they are read by."""
    client, streams = _Client(observation), sys.modules["aiohttp.streams"]
    hook(observation, module.ClientRequest, "__init__", "aiohttp.request", enter=client.request)
    hook(observation, module.ClientResponse, "__init__", "aiohttp.response", enter=client.response)
    reader = streams.StreamReader
    hook(observation, reader, "on_eof", "aiohttp.body", enter=client.body)
    hook(observation, streams.EmptyStreamReader, "on_eof", "aiohttp.body", enter=client.no_body)
    hook(observation, reader, "_read_nowait_chunk", "aiohttp.body", leave=client.chunk)
    for method in ("_read_nowait", "feed_eof"):
        hook(observation, reader, method, "aiohttp.body", leave=client.end)
