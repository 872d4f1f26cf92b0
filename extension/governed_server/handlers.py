"""The web side of every route: who asks, what may be asked, and how it is answered."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.iostream import StreamClosedError

from governed_kernel import errors
from governed_kernel.errors import GovernedError, Refused, UsageError
from governed_kernel.lineage.chaining import shown
from governed_server import routes
from governed_server.naming import too_long_names_in_words
from governed_server.routes.asked import Remembered
from governed_server.routing import ROUTES, Route
from governed_server.sending import in_words, send
from governed_server.service import Service

__all__ = ["handlers"]

LARGEST_BODY = 1 << 20
_STATUS: dict[type[GovernedError], int] = {
    errors.UnknownName: 404,
    errors.UsageError: 400,
    errors.CheckFailed: 422,
    errors.Refused: 409,
    errors.IntegrityBroken: 409,
    errors.MissingExtra: 501,
    errors.ResourceMissing: 503,
    GovernedError: 422,
}
"""The nearest class decides. Never 401 or 403: those say that Jupyter's own door is shut."""


def handlers(base_url: str) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Every route as Tornado wants it."""
    assert routes.__all__  # their import declares them
    found: dict[str, dict[str, Route]] = {}
    for (method, path), route in ROUTES.items():
        found.setdefault(path, {})[method] = route
    root = base_url.rstrip("/")
    return [
        (
            rf"{root}/governed/{path}",
            _StreamHandler if "STREAM" in methods else _Handler,
            {"routes": methods},
        )
        for path, methods in found.items()
    ]


class _Handler(APIHandler):
    """Answers the routes of one address."""

    auth_resource = "governed"

    def initialize(self, routes: dict[str, Route]) -> None:
        self._routes = routes

    @property
    def service(self) -> Service:
        found: Service = self.settings["governed_service"]
        return found

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer a question."""
        await self._answer("GET")

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Do something."""
        await self._answer("POST")

    async def _answer(self, method: str) -> None:
        if method not in self._routes:
            raise web.HTTPError(405)
        route = self._routes[method]
        try:
            asked = await self._asked(route)
            with too_long_names_in_words():
                done = await self.service.call(route.function, asked)
        except GovernedError as error:
            self._refuse(error)
            return
        self.finish(shown(done))

    async def _asked(self, route: Route) -> Any:
        """The request as its type; the person is who signed in, where the server knows people."""
        asked: Any = self._understood(route)
        if isinstance(asked, Remembered):
            asked.person = self.service.signed_in(self.current_user) or asked.person
        elif hasattr(asked, "person"):
            try:
                asked.person = self.service.person_of(self.current_user, asked.person)
            except Refused as error:
                if route.method == "POST":  # what only asks leaves no record
                    tried = (self.service.signed_in(self.current_user), route.path, error)
                    await self.service.in_thread(self.service.put_on_record, asked, *tried)
                raise
        return asked

    def _understood(self, route: Route) -> Any:
        try:
            if route.method == "POST":
                if len(self.request.body) > LARGEST_BODY:
                    raise UsageError(
                        "what was written is too long to be sent",
                        why=f"it has {len(self.request.body):,} bytes, and at most "
                        f"{LARGEST_BODY:,} are taken",
                        next="say it shorter, and name a file or page that says the rest",
                    )
                asked = msgspec.json.decode(self.request.body or b"{}", type=route.asked)
            else:
                said = {
                    name: self.get_query_argument(name) for name in self.request.query_arguments
                }
                asked = msgspec.convert(said, type=route.asked, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(
                f"this request to {route.path} can't be used",
                why=_without_values(error),
                next="reload the page; if it stays, the browser has an older version",
            ) from error
        return asked

    def _refuse(self, error: GovernedError) -> None:
        kind = next(kind for kind in type(error).__mro__ if kind in _STATUS)
        self.set_status(_STATUS[kind])
        self.finish(shown(error.describe()))


class _StreamHandler(_Handler):
    """Sends events until there are none left or nobody listens."""

    _track_activity = False

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Follow something as server-sent events."""
        route = self._routes["STREAM"]
        try:
            asked = await self._asked(route)
            events = in_words(route.function(self.service, asked))
            first = await anext(events, None)
        except GovernedError as error:
            self._refuse(error)
            return
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        try:
            with contextlib.suppress(StreamClosedError, asyncio.CancelledError):
                await send(first, events, self.write, self.flush)
        finally:
            await events.aclose()
        with contextlib.suppress(StreamClosedError):
            self.finish(set_content_type="text/event-stream")


def _without_values(error: Exception) -> str:
    """What is wrong, and never what was sent: it may hold a passphrase."""
    return str(error) if isinstance(error, msgspec.ValidationError) else "it is no JSON"
