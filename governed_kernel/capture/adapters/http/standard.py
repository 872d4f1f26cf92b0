"""``http.client``, and the libraries that fetch through it: urllib, urllib3, requests.

The connection knows the address, the response the body; who was asked by the user names it.
"""

from __future__ import annotations

import weakref
from types import ModuleType
from typing import Any

from governed_kernel.capture.exchanges import Exchange, Exchanges, hook
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.uris import is_url

__all__ = ["arm"]

_CLIENTS = {
    "requests.sessions": ("Session", "send", "requests"),
    "urllib.request": ("OpenerDirector", "open", "urllib"),
    "urllib3.connectionpool": ("HTTPConnectionPool", "urlopen", "urllib3"),
}
_BODILESS = (204, 304)


class _Wire:
    """Which exchange a connection or a response belongs to."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.exchanges = Exchanges.of(observation)
        self.asked: weakref.WeakKeyDictionary[Any, Exchange] = weakref.WeakKeyDictionary()
        self.answered: weakref.WeakKeyDictionary[Any, Exchange] = weakref.WeakKeyDictionary()
        self._reading: set[int] = set()

    @classmethod
    def of(cls, observation: Observation) -> _Wire:
        """The one that these libraries share."""
        found = observation.__dict__.get("_wire")
        if found is None:
            found = observation.__dict__["_wire"] = cls(observation)
        return found

    # --- a connection -----------------------------------------------------------------------

    def request(self, values: tuple[Any, ...]) -> None:
        """``HTTPConnection.putrequest(method, url)``."""
        connection, method, target = values[:3]
        exchange = self.exchanges.begin(method, _address(connection, target), "http.client")
        if exchange is not None:
            self.asked[connection] = exchange

    def response(self, values: tuple[Any, ...], response: Any) -> None:
        """``HTTPConnection.getresponse()``."""
        exchange = self.asked.pop(values[0], None)
        if exchange is None or response is None:
            return
        exchange.status = response.status
        if exchange.detail.startswith("HEAD ") or response.status in _BODILESS:
            self.exchanges.finish(exchange, whole=False)
        elif response.isclosed() or response.length == 0:
            self.exchanges.finish(exchange)
        else:
            self.answered[response] = exchange

    # --- a response -------------------------------------------------------------------------

    def reads(self, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Before a read; those that it is made of are passed over."""
        response = values[0]
        if id(response) in self._reading or response not in self.answered:
            return None
        self._reading.add(id(response))
        return values

    def read(self, values: tuple[Any, ...], result: Any) -> None:
        """After a read: its bytes, or, of ``readinto``, how many there are in the buffer."""
        response = values[0]
        self._reading.discard(id(response))
        exchange = self.answered.get(response)
        if exchange is None or result is None:
            return
        exchange.feed(memoryview(values[1]).cast("B")[:result] if type(result) is int else result)
        if response.isclosed() or response.length == 0:
            self._end(response, exchange)

    def chunk(self, values: tuple[Any, ...], result: Any) -> None:
        """``urllib3``'s own way of reading a chunk."""
        response = values[0]._original_response
        exchange = self.answered.get(response)
        if exchange is not None and result is not None:
            exchange.feed(result)

    def chunk_length(self, values: tuple[Any, ...], _: Any) -> None:
        """A chunk of length 0 is the end."""
        response = values[0]._original_response
        exchange = self.answered.get(response)
        if exchange is not None and values[0].chunk_left == 0:
            self._end(response, exchange)

    def _end(self, response: Any, exchange: Exchange) -> None:
        del self.answered[response]
        self.exchanges.finish(exchange)


def _address(connection: Any, target: str) -> str:
    """The URL of a request; to a proxy it comes whole."""
    if is_url(target):
        return target
    host = connection._tunnel_host or connection.host
    port = connection._tunnel_port if connection._tunnel_host else connection.port
    usual = connection.default_port
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return (
        f"http{'s' * (usual == 443)}://{host}{'' if port in (None, usual) else f':{port}'}{target}"
    )


def _in_the_name_of(observation: Observation, owner: Any, name: str, library: str) -> None:
    """What is fetched while ``owner.name`` runs was asked of `library`."""
    state = observation.state

    def enter(_: tuple[Any, ...]) -> str | None:
        if state.client:
            return None
        state.client = library
        return library

    def leave(_: str, __: Any) -> None:
        state.client = ""

    hook(observation, owner, name, f"{library}.{name}", enter=enter, leave=leave)


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe the module of that name."""
    wire = _Wire.of(observation)
    if name == "http.client":
        connection, response = module.HTTPConnection, module.HTTPResponse
        hook(observation, connection, "putrequest", "http.client.request", enter=wire.request)
        hook(observation, connection, "getresponse", "http.client.response", leave=wire.response)
        for way in ("read", "readinto", "read1", "readline"):
            title = f"http.client.{way}"
            hook(observation, response, way, title, enter=wire.reads, leave=wire.read)
        observation.observed.add("http.client")
    elif name == "urllib3.response":
        owner = module.HTTPResponse
        hook(observation, owner, "_handle_chunk", "urllib3.chunk", leave=wire.chunk)
        hook(observation, owner, "_update_chunk_length", "urllib3.chunk", leave=wire.chunk_length)
    else:
        owner, method, library = _CLIENTS[name]
        _in_the_name_of(observation, getattr(module, owner), method, library)
