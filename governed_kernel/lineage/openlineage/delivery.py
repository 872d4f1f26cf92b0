"""Events on their way: into a file at once, or to an HTTP endpoint that may fail half-way."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import msgspec
import requests
from openlineage.client import event_v2 as model
from openlineage.client.serde import Serde
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import ResourceMissing, UsageError
from governed_kernel.files import written_atomically
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.openlineage.events import session_events, sessions
from governed_kernel.lineage.store import Store
from governed_kernel.locks import AN_HOUR, exclusive_lock
from governed_kernel.workspace import Workspace

__all__ = ["Delivered", "to_endpoint", "to_file", "to_stream"]

_PATIENCE = 30.0
_RETRIES = {"total": 3, "connect": 3, "read": 3, "backoff_factor": 0.3}
_ENDPOINT = "api/v1/lineage"


@dataclass(frozen=True)
class Delivered:
    """What an export did: events written or acknowledged now, and acknowledged before."""

    destination: str
    sessions: int
    events: int
    before: int = 0


def to_file(store: Store, path: Path, since: datetime | None = None) -> Delivered:
    """Write one event a line; the file is there whole, or as it was before."""
    with written_atomically(path) as file:
        return to_stream(store, file, str(path), since)


def to_stream(store: Store, file: BinaryIO, name: str, since: datetime | None = None) -> Delivered:
    """Write one event a line to an open file."""
    workspace_id = Ledger(store.workspace).workspace_id
    count = 0
    with store.read() as connection:
        chosen = sessions(connection, since)
        for number, _ in chosen:
            for event in session_events(connection, workspace_id, number):
                file.write(_line(event))
                count += 1
    return Delivered(name, len(chosen), count)


def to_endpoint(
    store: Store,
    url: str,
    since: datetime | None = None,
    *,
    retries: dict[str, Any] | None = None,
) -> Delivered:
    """Post each event to a server that speaks OpenLineage, and remember what it acknowledged.

    The same command goes on behind the last acknowledged event of each session, also after it was
    killed. An event whose acknowledgement was lost is sent again, and is the same event: its run
    id and time are those of the record. ``OPENLINEAGE_API_KEY`` is sent as the bearer's token.

    Raises
    ------
    ResourceMissing
        The server can't be reached or refuses an event; what it took before is remembered.
    """
    transport = HttpTransport(_config(url, retries or _RETRIES))
    workspace_id = Ledger(store.workspace).workspace_id
    count = skipped = 0
    with _Progress.held(store.workspace, url) as progress, store.read() as connection:
        try:
            chosen = sessions(connection, since)
            for number, session in chosen:
                known = progress.acknowledged.get(session, 0)
                skipped += known
                events = session_events(connection, workspace_id, number)
                for place, event in enumerate(events):
                    if place >= known:
                        _post(transport, event, url, count)
                        progress.add(session, place + 1)
                        count += 1
        finally:
            transport.close()
    return Delivered(url, len(chosen), count, skipped)


def _line(event: model.RunEvent) -> bytes:
    return Serde.to_json(event).encode() + b"\n"


def _config(url: str, retries: dict[str, Any]) -> HttpConfig:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{url} is no address of a server",
            why="an endpoint begins with http:// or https:// and a host",
            next="name one such as https://lineage.example.org/api/v1/lineage, or a file",
        )
    if parts.username or parts.password:
        raise UsageError(
            "credentials are not taken from an address",
            why="addresses are kept in the workspace and shown",
            next="set OPENLINEAGE_API_KEY to the key that the server wants",
        )
    key = os.environ.get("OPENLINEAGE_API_KEY", "")
    chosen: dict[str, Any] = {"auth": ApiKeyTokenProvider({"api_key": key})} if key else {}
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    return HttpConfig(
        url=f"{parts.scheme}://{parts.netloc}",
        endpoint=f"/{path or _ENDPOINT}",
        timeout=_PATIENCE,
        retry={**retries, "status_forcelist": [500, 502, 503, 504], "allowed_methods": ["POST"]},
        **chosen,
    )


def _post(transport: HttpTransport, event: model.RunEvent, url: str, count: int) -> None:
    try:
        transport.emit(event)
    except requests.RequestException as error:
        raise ResourceMissing(
            f"{url} did not take event {count + 1} of this export",
            why=str(error),
            next="mend the server or the address, then run the same command again: it goes on "
            "behind what was acknowledged",
        ) from error


class _Progress:
    """How many events of each session a destination has acknowledged, in a file of lines."""

    def __init__(self, path: Path, url: str) -> None:
        self.acknowledged: dict[str, int] = {}
        self._read(path)
        self._file = path.open("ab")
        if not path.stat().st_size:
            self._write({"to": url})

    @classmethod
    @contextlib.contextmanager
    def held(cls, workspace: Workspace, url: str) -> Iterator[_Progress]:
        """The progress of one destination, with everybody else kept from sending to it."""
        path = workspace.state / "exports" / f"{digest_bytes(url.encode())[:16]}.jsonl"
        with exclusive_lock(path.with_suffix(".lock"), AN_HOUR):
            progress = cls(path, url)
            try:
                yield progress
            finally:
                progress.close()

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        whole = path.read_bytes()
        lines = whole[: whole.rfind(b"\n") + 1]
        if len(lines) != len(whole):  # a line that a power cut tore
            os.truncate(path, len(lines))
        for line in lines.splitlines():
            said = msgspec.json.decode(line)
            if "session" in said:
                self.acknowledged[said["session"]] = said["events"]

    def add(self, session: str, events: int) -> None:
        """Note one more acknowledged event; it survives a kill at once."""
        self.acknowledged[session] = events
        self._write({"session": session, "events": events})

    def _write(self, said: dict[str, Any]) -> None:
        self._file.write(msgspec.json.encode(said) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Make what was noted durable."""
        os.fsync(self._file.fileno())
        self._file.close()
