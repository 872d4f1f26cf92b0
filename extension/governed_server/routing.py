"""How a route is declared: a function of the service and one typed request.

::

    @get("releases")
    def releases(service: Service, asked: Place) -> list[Row]: ...

The type of ``asked`` is a `msgspec.Struct`; what does not fit it never reaches the function. A
function runs in a thread, so that reading files keeps nobody else waiting; its `GovernedError`
becomes JSON with what, why and next. `handlers` does the rest, the same for every route.
"""

from __future__ import annotations

import typing
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

__all__ = ["ROUTES", "Event", "Route", "get", "post", "stream"]

Method = Literal["GET", "POST", "STREAM"]
Function = TypeVar("Function", bound=Callable[..., Any])


class Event(msgspec.Struct, frozen=True):
    """One server-sent event.

    Attributes
    ----------
    name : str
        What kind of event it is.
    data : object
        Its content, written as JSON.
    """

    name: str
    data: Any


Stream = AsyncIterator[Event]


@dataclass(frozen=True)
class Route:
    """One method of one address below ``governed/``."""

    method: Method
    path: str
    function: Callable[..., Any]
    asked: type[msgspec.Struct]


ROUTES: dict[tuple[Method, str], Route] = {}
"""Every route, by method and path; filled when `governed_server.routes` is imported."""


def get(path: str) -> Callable[[Function], Function]:
    """Declare a route that reads; its request comes from the query string."""
    return _declare("GET", path)


def post(path: str) -> Callable[[Function], Function]:
    """Declare a route that does something; its request is a JSON body."""
    return _declare("POST", path)


def stream(path: str) -> Callable[[Function], Function]:
    """Declare a route that sends events for as long as its asynchronous generator goes on."""
    return _declare("STREAM", path)


def _declare(method: Method, path: str) -> Callable[[Function], Function]:
    def declare(function: Function) -> Function:
        if (method, path) in ROUTES:
            raise ValueError(f"{method} {path} is declared twice")
        asked = typing.get_type_hints(function)["asked"]
        ROUTES[method, path] = Route(method, path, function, asked)
        return function

    return declare
