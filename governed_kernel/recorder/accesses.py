"""Accesses: numbered, written down, hashed off the cell's path, followed where classified."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

import msgspec

from governed_kernel.errors import GovernedError
from governed_kernel.lineage.derivations import add
from governed_kernel.lineage.events import Access, Digested, Transformation
from governed_kernel.recorder import paths
from governed_kernel.recorder.hashing import Hasher
from governed_kernel.recorder.origins import Origins
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.recorder.restrictions import Restrictions
from governed_kernel.recorder.sightings import Sighting

__all__ = ["Accesses"]


class Accesses:
    """The accesses of one session.

    Parameters
    ----------
    record : SessionRecord
        Where they are written down.
    restrictions : Restrictions or None
        What is classified; where nothing can be, nothing is followed.
    lose : callable
        Told of an observer that failed: its name, the error's name, and its text.
    """

    def __init__(
        self,
        record: SessionRecord,
        restrictions: Restrictions | None,
        lose: Callable[[str, str, str], None],
    ) -> None:
        self._record = record
        self._lose = lose
        self._hasher = Hasher()
        self._written: list[tuple[Access, int, str]] = []
        self._origins = None
        if restrictions is not None:
            self._origins = Origins(restrictions, record.session, self._local_path)
        self._local: dict[str, str | None] = {}
        self._folders: dict[str, str] = {}
        self._count = 0

    @property
    def descriptor(self) -> int:
        """Readable when contents have been hashed; then `take_digests` is due."""
        return self._hasher.descriptor

    def accept(self, access: Access) -> str | None:
        """Number an access, write it down, have its content hashed; returns its local path."""
        self._count += 1
        path = self._local_path(access.uri)
        if self._origins is not None and access.operation == "read":
            access = self._origins.read(access, self._count, path)
        self._record.add(msgspec.structs.replace(access, access_id=self._count))
        if path is None or access.sha256 or access.operation not in ("read", "write"):
            return path
        if access.operation == "write":
            self._written.append((access, self._count, path))
        else:
            self._hasher.submit(self._count, path, access.uri)
        return path

    def transformed(self, event: Transformation) -> None:
        """Follow what a step made of what is classified."""
        if self._origins is not None:
            self._origins.transformed(event)

    def saw(self, sighting: Sighting) -> None:
        """A call was witnessed: names may lead elsewhere, and files may hold something else."""
        if sighting.call.startswith(("rename", "link", "symlink")):
            self._forget_names()
        if self._origins is not None:
            self._origins.saw(sighting)

    def settle(self) -> None:
        """A cell has ended: what it wrote is what the files hold now."""
        if self._origins is not None:
            self._origins.unfollowed()
        for access, access_id, path in self._written:
            try:
                derived = self._origins.written(access, access_id, path) if self._origins else None
            except (GovernedError, OSError) as error:
                self._lose("origins", type(error).__name__, str(error))
                derived = None
            if derived is not None:
                self._record.add(derived)
            self._hasher.submit(access_id, path, access.uri)
        self._written.clear()
        self._forget_names()
        if self._origins is not None:
            self._origins.settled()
        self._take(self._hasher.repeated())

    def take_digests(self) -> None:
        """Write down what has been hashed by now."""
        self._take(self._hasher.finished())

    def finish(self, deadline: float) -> None:
        """Wait for what is still being hashed, until a moment of the monotonic clock."""
        while self._hasher.busy and time.monotonic() < deadline:
            select.select([self._hasher.descriptor], [], [], 1)
            self.take_digests()
        self._take(self._hasher.repeated())

    def _take(self, events: list[Digested]) -> None:
        """Write down what files hold, and note for other sessions what this one made."""
        for event in events:
            self._record.add(event)
            if self._origins is not None:
                self._origins.digested(event)
        made = self._origins.take_new() if self._origins is not None else []
        if made:
            self._record.flush()  # nothing is noted that is not on record
            try:
                add(self._record.workspace, made)
            except (GovernedError, OSError) as error:
                self._lose("origins", type(error).__name__, str(error))

    def _local_path(self, uri: str) -> str | None:
        path = self._local.get(uri, "")
        if path == "":
            path = self._local[uri] = paths.local_path(uri, self._folders)
        return path

    def _forget_names(self) -> None:
        """From now on the names of files and folders may lead elsewhere."""
        self._local.clear()
        self._folders.clear()
