"""Which files sessions made from classified data: ``.governed/derived.jsonl``.

Recorders add to it at the end of the cell that wrote a file; whoever decides about an open asks it,
so it is kept in memory and read on where it has grown. It repeats `events.Derived` and the content
digests of the sessions' journals, which are the record.

A file is known by its path; by device, inode, size and time of change, so that a moved or linked
file stays what it is; and by content.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from governed_kernel.errors import GovernedError, IntegrityBroken
from governed_kernel.files import open_regular, read_or_refuse, unreadable, write_atomically
from governed_kernel.lineage.derived_head import noted, write_head
from governed_kernel.lineage.events import Derived, Digested, SessionSealed, now
from governed_kernel.lineage.forms import forms, journal_files
from governed_kernel.lineage.journal import SESSION_DECODER
from governed_kernel.lineage.journal_reader import JournalReader
from governed_kernel.lineage.numbering import of_session
from governed_kernel.locks import AN_HOUR, exclusive_lock
from governed_kernel.workspace import Workspace

if TYPE_CHECKING:  # recorders start with every notebook, and need no database
    import duckdb

__all__ = [
    "Derivation",
    "Derivations",
    "Stamp",
    "add",
    "from_journals",
    "known",
    "read_all",
    "recorded",
    "restore",
    "stamp_of",
    "write_anew",
]

Stamp = tuple[int, int, int, int]
"""Device, inode, size, and the nanoseconds of the last change of content."""


_TELLING = 64
"""Bytes below which files are alike by chance: such a content alone says nothing."""


class Derivation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that a session made, and what from."""

    path: str
    """Canonical."""
    origins: list[str]
    """``NAME@VERSION`` of what it was made from; empty when it owes to nothing classified now."""
    data_class: str = ""
    """The strictest class among these."""
    stamp: Stamp = (0, 0, 0, 0)
    sha256: str = ""
    """Of its content; empty until that is known."""
    session_id: str = ""
    at: datetime = msgspec.field(default_factory=now)


def stamp_of(status: os.stat_result) -> Stamp:
    """What identifies the content of a file, without reading it."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def add(workspace: Workspace, derivations: Iterable[Derivation]) -> None:
    """Note what sessions made; whole lines, whoever else writes at the same moment.

    Raises
    ------
    ResourceMissing, OSError
        It can't be written.
    """
    new, path = list(derivations), workspace.derived
    if not new:
        return
    with exclusive_lock(path.with_suffix(".lock"), AN_HOUR):
        if not _begins_as_noted(workspace):  # what is lost is found first: it must not go on so
            found = _write_from_journals(workspace)
            known = {(one.session_id, one.path, one.sha256) for one in found}
            new = [one for one in new if (one.session_id, one.path, one.sha256) not in known]
        lines = b"".join(msgspec.json.encode(item) + b"\n" for item in new)
        with path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":  # a power cut: what it left is no line
                    lines = b"\n" + lines
            file.write(lines)
        write_head(workspace)


def recorded(connection: duckdb.DuckDBPyConnection) -> list[Derivation]:
    """What the sessions' journals say, from a lineage store that was made from them."""
    rows = connection.execute(
        f"""SELECT j.session_id, e.uri, e.origins, e.data_class, e.occurred_at, d.sha256, d.bytes
        FROM base.derived e JOIN base.journals j USING (session_no)
        JOIN base.neighbours n ON n.home AND n.workspace_no = {of_session("e.session_no")}
        LEFT JOIN base.digested d
            ON d.session_no = e.session_no AND d.access_id = e.access_id AND NOT d.changed
        ORDER BY e.occurred_at, j.session_id, e.record"""
    ).fetchall()
    return [
        Derivation(
            path=unquote(uri.removeprefix("file://"), errors="surrogateescape"),
            origins=list(origins),
            data_class=data_class,
            stamp=(0, 0, size or 0, 0),
            sha256=sha256 or "",
            session_id=session,
            at=at.replace(tzinfo=UTC),
        )
        for session, uri, origins, data_class, at, sha256, size in rows
    ]


def read_all(workspace: Workspace) -> list[Derivation]:
    """Every line that is one.

    Raises
    ------
    ResourceMissing
        It can't be read, or something that is no file lies in its place.
    """
    try:
        lines = read_or_refuse(workspace.derived).splitlines()
    except FileNotFoundError:
        return []
    return _decoded(lines)


def _decoded(lines: Iterable[bytes]) -> list[Derivation]:
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=Derivation))
        except msgspec.MsgspecError:
            continue
    return found


def known(workspace: Workspace) -> list[Derivation]:
    """Every line, or where the list is lost what the journals say; nothing is written."""
    if workspace.derived.exists():
        return read_all(workspace)
    return from_journals(workspace)


def write_anew(
    workspace: Workspace, derivations: Iterable[Derivation], whole: Collection[str]
) -> None:
    """Put what the journals say in the place of what lies there.

    Lines that lie there and say the same know the file's identity as well, and stay. So do the
    lines of sessions whose journal could not be read to its end: nobody contradicts them, and a
    file must not become nobody's because a journal is missing.

    Parameters
    ----------
    whole : collection of str
        The sessions whose journals were read to their end.
    """
    with exclusive_lock(workspace.derived.with_suffix(".lock"), AN_HOUR):
        there = read_all(workspace)
        known = {(one.session_id, one.path, one.sha256): one for one in there}
        kept = [one for one in there if one.session_id not in whole]
        for one in derivations:
            same = known.get((one.session_id, one.path, one.sha256))
            if same is None or same.origins != one.origins:
                kept.append(one)
            elif one.session_id in whole:
                kept.append(same)
        lines = [msgspec.json.encode(one) + b"\n" for one in sorted(kept, key=lambda it: it.at)]
        if lines or workspace.derived.exists():
            write_atomically(workspace.derived, b"".join(lines))
            write_head(workspace)


def restore(workspace: Workspace) -> bool:
    """Write the list from the sessions' journals where it is lost; whether it was written.

    It is where it is not there, does not begin as it did when it was written last, or where a line
    of it is none: a power cut left it, or somebody changed it. Without it what sessions made of
    classified data would be nobody's. A journal that is broken is read up to there: `write_anew`
    and an audit look at more.

    Raises
    ------
    IntegrityBroken
        It was cut, and journals are gone that would say what is missing.
    """
    if _is_whole(workspace):
        return False
    with exclusive_lock(workspace.derived.with_suffix(".lock"), AN_HOUR):
        if _is_whole(workspace):
            return False
        _refuse_unknown(workspace)
        _write_from_journals(workspace)
    return True


def _begins_as_noted(workspace: Workspace) -> bool:
    """Whether the list is there and has all that it had when it was written last."""
    head = noted(workspace)
    try:
        return head is not None and head.begins(read_or_refuse(workspace.derived))
    except FileNotFoundError:
        return False


def _refuse_unknown(workspace: Workspace) -> None:
    """Refuse to go on with a list that was cut where nothing says any more what it lacks."""
    from governed_kernel.lineage.ledger import Ledger

    head = noted(workspace)
    if head is None or _begins_as_noted(workspace) or not workspace.ledger.exists():
        return
    sealed = (
        one.session_id for one in Ledger(workspace).events() if isinstance(one, SessionSealed)
    )
    gone = [session for session in sealed if not forms(workspace.journals / f"{session}.jsonl")]
    if gone:
        raise IntegrityBroken(
            "the list of what sessions made of classified data is not what it was",
            why=f"{workspace.derived} does not begin with the {head.size} bytes that were written "
            f"last, and of {', '.join(gone)} there is no journal that would say what is missing",
            next="restore both from a backup; 'governed store rebuild' takes what is left for all",
        )


def _is_whole(workspace: Workspace) -> bool:
    """Whether the list is there with all that it had, and each of its lines is one."""
    if not _begins_as_noted(workspace):
        return False
    lines = read_or_refuse(workspace.derived).splitlines()
    return len(lines) == len(_decoded(lines))


def _write_from_journals(workspace: Workspace) -> list[Derivation]:
    """Write the list anew, empty as well, which says that it was looked for; returns it.

    What still lies there stays: it knows the files' identity, which journals don't.
    """
    there = read_all(workspace)
    known = {(one.session_id, one.path, one.sha256, tuple(one.origins)) for one in there}
    found = there + [
        one
        for one in from_journals(workspace)
        if (one.session_id, one.path, one.sha256, tuple(one.origins)) not in known
    ]
    found.sort(key=lambda it: it.at)
    write_atomically(workspace.derived, b"".join(msgspec.json.encode(one) + b"\n" for one in found))
    write_head(workspace)
    return found


def from_journals(workspace: Workspace) -> list[Derivation]:
    """What the sessions' journals say, as far as each can be read."""
    found = [one for path in journal_files(workspace.journals) for one in _of_journal(path)]
    return sorted(found, key=lambda it: it.at)


def _of_journal(path: Path) -> list[Derivation]:
    """What one session said that it made, with the content where that is known."""
    made: list[Derived] = []
    contents: dict[int, Digested] = {}
    with contextlib.suppress(GovernedError, msgspec.MsgspecError), JournalReader(path) as reader:
        while True:
            block = reader.block(limit=10_000)
            for body in block.bodies:
                if b'"derived"' in body or b'"digested"' in body:
                    event = SESSION_DECODER.decode(body)
                    if isinstance(event, Derived):
                        made.append(event)
                    elif isinstance(event, Digested) and not event.changed:
                        contents |= dict.fromkeys(event.access_ids, event)
            if block.last:
                break
    return [
        Derivation(
            path=unquote(one.uri.removeprefix("file://"), errors="surrogateescape"),
            origins=one.origins,
            data_class=one.data_class,
            stamp=(0, 0, content.bytes if content else 0, 0),
            sha256=content.sha256 if content else "",
            session_id=path.name.partition(".")[0],
            at=one.occurred_at,
        )
        for one in made
        for content in [contents.get(one.access_id)]
    ]


class Derivations:
    """What is known of files that sessions of a workspace made, read on as it grows.

    Attributes
    ----------
    contents : dict of str to Derivation
        By SHA-256.
    sizes : dict of int to set of str
        The sizes that these contents have, and which of them.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._path = str(workspace.derived)
        self._clear()

    def _clear(self) -> None:
        self._seen: tuple[int, int] = (0, 0)
        self._by_path: dict[str, Derivation] = {}
        self._by_stamp: dict[Stamp, Derivation] = {}
        self.contents: dict[str, Derivation] = {}
        self.sizes: dict[int, set[str]] = {}

    def refresh(self) -> bool:
        """Read on; returns whether there was anything new.

        Raises
        ------
        ResourceMissing
            Something that is no file lies in its place, or it can't be read.
        """
        try:
            status = os.stat(self._path)  # noqa: PTH116 (called for every open)
        except OSError:
            return False
        inode, size = self._seen
        if (status.st_ino, status.st_size) == self._seen:
            return False
        if status.st_ino != inode or status.st_size < size:
            self._clear()
            size = 0
        try:
            with open_regular(self._path) as file:
                file.seek(size)
                whole = file.read().rpartition(b"\n")[0]
        except OSError as error:
            raise unreadable(Path(self._path), error) from error
        for line in whole.splitlines():
            try:
                self.take(msgspec.json.decode(line, type=Derivation))
            except msgspec.MsgspecError:
                continue  # left by a power cut, never acknowledged
        self._seen = (status.st_ino, size + len(whole) + bool(whole))
        return bool(whole)

    def take(self, item: Derivation) -> None:
        """Know one more; of one path the last that was said counts."""
        self._by_path[item.path] = item
        if item.stamp[1]:
            self._by_stamp[item.stamp] = item
        if item.sha256 and item.stamp[2] >= _TELLING:
            # Two ways to one content: what it was made from in both.
            known = self.contents.get(item.sha256)
            if known is None or not set(item.origins) <= set(known.origins):
                self.contents[item.sha256] = item
            self.sizes.setdefault(item.stamp[2], set()).add(item.sha256)

    def __bool__(self) -> bool:
        return bool(self._by_path)

    def of(self, path: str, status: os.stat_result | None) -> Derivation | None:
        """What the file at a canonical path was made as; None when nobody said, or of nothing."""
        found = self._by_path.get(path)
        if status is not None and stat.S_ISREG(status.st_mode):
            by_stamp = self._by_stamp.get(stamp_of(status))
            found = by_stamp or found
        return found if found is not None and found.origins else None

    def path_of(self, path: str | Path) -> Derivation | None:
        """What was said last of a path."""
        return self._by_path.get(str(path))
