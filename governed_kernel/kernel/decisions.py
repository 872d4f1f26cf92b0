"""Asks policy about an access: the catalog's in research, the ticket's in a release run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from governed_kernel.capture.emitter import Decision
from governed_kernel.errors import RecorderLost
from governed_kernel.lineage.events import Operation
from governed_kernel.lineage.news import REGISTERED, LedgerNews
from governed_kernel.recorder.kept import KEPT, Kept
from governed_kernel.workspace import Workspace

__all__ = ["by_catalog", "by_ticket", "decider"]

_ALLOWED = Decision(allowed=True)


class _Grant(msgspec.Struct, frozen=True):
    """One input of a run."""

    dataset: str
    version: str
    path: str
    data_class: str = ""


class _Ticket(msgspec.Struct, frozen=True):
    """The part of ``ticket.json`` that decides accesses."""

    read: list[str]
    write: list[str]
    inputs: dict[str, _Grant] = {}


def decider() -> Callable[[Operation, str], Decision]:
    """Whoever decides in this process, by what its recorder put into the environment."""
    if os.environ.get("GOVERNED_MODE") == "release":
        return by_ticket(Path(os.environ.get("GOVERNED_TICKET", "")))
    return by_catalog(Workspace.open(Path(os.environ["GOVERNED_WORKSPACE"])))


def by_catalog(workspace: Workspace) -> Callable[[Operation, str], Decision]:
    """Research: what the catalog knows of a path; everything in a workspace without a ledger.

    Who reads the ledger needs half of governance and its cryptography: sixty milliseconds, fifteen
    megabytes. So nobody does until something is registered, or a cell reaches for the workspace's
    own state.
    """
    news, kept = LedgerNews(workspace), Kept()
    state = f"{workspace.state}{os.sep}"
    asked: list[Callable[[Workspace, Operation, str], Decision]] = []

    def decide(operation: Operation, path: str) -> Decision:
        if kept.folder in path:
            why = kept.opened(_plain(path), write=operation in ("write", "delete"))
            if why:  # as the witness would, with a better message
                return _denied(why, KEPT)
        if not asked:
            new = news.look()
            if new is not None and REGISTERED not in new:
                news.take()
                new = None
            own = operation in ("write", "delete") and _reaches(state, path)
            if new is None and not (own and workspace.ledger.exists()):
                return _ALLOWED
            from governed_kernel.governance import access

            asked.append(access.decide)
        return asked[0](workspace, operation, path)

    return decide


def _reaches(state: str, path: str) -> bool:
    path = _plain(path)
    return "://" not in path and "\0" not in path and os.path.realpath(path).startswith(state)


def _plain(path: str) -> str:
    return unquote(path.removeprefix("file://")) if path.startswith("file://") else path


def by_ticket(path: Path) -> Callable[[Operation, str], Decision]:
    """Release: what the run's ticket names, and nothing else.

    Landlock and seccomp enforce the same from outside; this says why, before it happens.
    """
    try:
        ticket = msgspec.json.decode(path.read_bytes(), type=_Ticket)
    except (OSError, msgspec.MsgspecError) as error:
        raise RecorderLost(
            "the ticket of this run can't be read",
            why=f"{path}: {error}",
            next="start the run again with 'governed run RELEASE'",
        ) from error
    readable = [os.path.realpath(place) for place in (*ticket.read, *ticket.write)]
    writable = [os.path.realpath(place) for place in ticket.write]
    grants = {os.path.realpath(grant.path): grant for grant in ticket.inputs.values()}

    def decide(operation: Operation, target: str) -> Decision:
        local = _local(target)
        if operation == "execute":
            return _ALLOWED  # Landlock leaves only the programs of the environment
        if local is None or (operation == "connect" and target.startswith(("tcp:", "udp:"))):
            return _denied(f"a release run has no network: {target}", "no-network")
        places = readable if operation in ("read", "connect") else writable
        if not _covers(places, local):
            return _denied(f"the run's ticket does not name {local}", "ticket")
        return _of_input(grants, local)

    return decide


def _denied(reason: str, policy: str) -> Decision:
    return Decision(allowed=False, reason=reason, policies=[policy])


def _local(target: str) -> str | None:
    scheme, separator, rest = target.partition("://")
    if not separator:
        return os.path.realpath(target)
    path = unquote(rest)
    if scheme in ("file", "sqlite", "duckdb") and path.startswith("/"):
        return os.path.realpath(path)
    if scheme == "unix" and path and not path.startswith("@"):
        return os.path.realpath(path)  # a socket may be named relative to the working directory
    return None


def _covers(places: list[str], path: str) -> bool:
    return any(path == place or path.startswith(place + os.sep) for place in places)


def _of_input(grants: dict[str, Any], path: str) -> Decision:
    for place, grant in grants.items():
        if _covers([place], path):
            return Decision(
                allowed=True,
                policies=["ticket"],
                dataset=grant.dataset,
                version=grant.version,
                data_class=grant.data_class,
            )
    return _ALLOWED
