"""httpx, of today and to come: what its clients have in common, whether they wait or not.

Coroutines can't be observed in place. But each passes through plain functions: one that chooses a
transport before a request is sent, one that binds the answer's body, and one that cuts the body
into pieces as it arrives. Of the first and the last the caller's frame says whose they are.
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


class _Clients:
    """Which exchange a request, a response or a piece of a body belongs to."""

    def __init__(self, observation: Observation, library: str) -> None:
        self._exchanges = Exchanges.of(observation)
        self._library = library
        self._asked: weakref.WeakKeyDictionary[Any, Exchange] = weakref.WeakKeyDictionary()
        self._answered: weakref.WeakKeyDictionary[Any, Exchange] = weakref.WeakKeyDictionary()
        self._cut: weakref.WeakKeyDictionary[Any, Exchange] = weakref.WeakKeyDictionary()

    def request(self, values: tuple[Any, ...]) -> None:
        """``_transport_for_url(url)``, called with the request at hand."""
        request = sys._getframe(_CALLER).f_locals.get("request")
        if request is None:
            return
        exchange = self._exchanges.begin(request.method, str(values[1]), self._library)
        if exchange is not None:
            self._asked[request] = exchange

    def response(self, values: tuple[Any, ...]) -> None:
        """``Bound…Stream(stream, response, start)``."""
        response = next(value for value in values[1:] if hasattr(value, "status_code"))
        exchange = self._asked.pop(response.request, None)
        if exchange is None:
            return
        exchange.status = response.status_code
        if exchange.detail.startswith("HEAD "):
            self._exchanges.finish(exchange, whole=False)
        else:
            self._answered[response] = exchange

    def chunker(self, values: tuple[Any, ...]) -> None:
        """``ByteChunker(…)``, made where the raw body is read."""
        caller = sys._getframe(_CALLER)
        if caller.f_code.co_name in ("iter_raw", "aiter_raw"):
            exchange = self._answered.pop(caller.f_locals.get("self"), None)
            if exchange is not None:
                self._cut[values[0]] = exchange

    def chunk(self, values: tuple[Any, ...]) -> None:
        """``ByteChunker.decode(content)``."""
        exchange = self._cut.get(values[0])
        if exchange is not None:
            exchange.feed(values[1])

    def end(self, values: tuple[Any, ...]) -> None:
        """``ByteChunker.flush()``: no more of it comes."""
        exchange = self._cut.pop(values[0], None)
        if exchange is not None:
            self._exchanges.finish(exchange)


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe the module that holds the clients; by then it has imported all it is made of."""
    library = name.partition(".")[0]
    decoders = sys.modules[f"{library}._decoders"]
    clients = _Clients(observation, library)
    title = f"{library}.request"
    for client in ("Client", "AsyncClient"):
        owner = getattr(module, client)
        hook(observation, owner, "_transport_for_url", title, enter=clients.request)
    for stream in ("BoundSyncStream", "BoundAsyncStream"):
        owner = getattr(module, stream)
        hook(observation, owner, "__init__", f"{library}.response", enter=clients.response)
    for method, enter in (
        ("__init__", clients.chunker),
        ("decode", clients.chunk),
        ("flush", clients.end),
    ):
        hook(observation, decoders.ByteChunker, method, f"{library}.body", enter=enter)
