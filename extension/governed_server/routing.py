"""How a route is declared: a function of the service and one typed request.

::

    @get("releases")
    def releases(service: Service, asked: Place) -> list[Row]: ...

    @job("audit/verify", "Reading what there is")
    def verify(work: Work, asked: Verification) -> dict[str, Any]: ...

The type of ``asked`` is a `msgspec.Struct`; what does not fit it never reaches the function. A
function runs in a thread, so that reading files keeps nobody else waiting; its `GovernedError`
becomes JSON with what, why and next. `handlers` does the rest, the same for every route.
"""

from __future__ import annotations

import typing
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from governed_kernel.governance import contents
from governed_kernel.workspace import Workspace
from governed_server import reading

if TYPE_CHECKING:
    from governed_server.service import Service

__all__ = ["ROUTES", "Event", "Route", "Work", "get", "job", "post", "stream"]

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


Stream = AsyncGenerator[Event, None]


@dataclass(frozen=True)
class Work:
    """What takes longer than an answer may is done with.

    Attributes
    ----------
    service : Service
        What the routes of this server share.
    workspace : Workspace
        That of the request's place.
    progress : callable
        Told each step, for those who watch.
    """

    service: Service
    workspace: Workspace
    progress: Callable[[str], None]


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


def job(path: str, step: str = "") -> Callable[[Function], Function]:
    """Declare a route that starts work, and answers with the job that `jobs/events` follows.

    A place without a workspace is refused at once; what else is wrong is the job's failure.
    While much of what was registered is verified, how far that is, is told as a step as well.

    Parameters
    ----------
    step : str
        The first step that is told.
    """

    def declare(function: Function) -> Function:
        def start(service: Service, asked: Any) -> dict[str, Any]:
            workspace = service.workspace(asked.path)

            def work(progress: Callable[[str], None]) -> Any:
                if step:
                    progress(step)
                with contents.watched(reading.telling(progress)):
                    return function(Work(service, workspace, progress), asked)

            return service.jobs.start(path, work)

        _put("POST", path, start, function)
        return function

    return declare


def stream(path: str) -> Callable[[Function], Function]:
    """Declare a route that sends events for as long as its asynchronous generator goes on."""
    return _declare("STREAM", path)


def _declare(method: Method, path: str) -> Callable[[Function], Function]:
    def declare(function: Function) -> Function:
        _put(method, path, function, function)
        return function

    return declare


def _put(
    method: Method, path: str, function: Callable[..., Any], asking: Callable[..., Any]
) -> None:
    """Take in a route; `asking` is the function that says what is asked for."""
    if (method, path) in ROUTES:
        raise ValueError(f"{method} {path} is declared twice")
    asked = typing.get_type_hints(asking)["asked"]
    ROUTES[method, path] = Route(method, path, function, asked)
