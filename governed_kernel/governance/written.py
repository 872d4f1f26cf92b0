"""Whether what lies in a file is what a recorded step wrote there, or what came after it.

A file is what the last thing wrote that wrote it. Steps are recorded with the columns that they
wrote, and each cell with the content that a file had at its end; a program that writes leaves only
the content. So a content that no step's cell left is nobody's, and so is one that the cell wrote
after its step, or another process beside it: the witness sees who writes, and when. Where there was
none, any program that ran after the step may have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from governed_kernel.capture.uris import file_uri
from governed_kernel.lineage.store import Store

__all__ = ["Written", "path_of", "places_of", "with_folders"]

_FILE = "file://"
_Cell = tuple[str, int]
"""A session, and the number of an execution in it."""


def path_of(uri: str) -> str:
    """The local path that a file's address names."""
    return unquote(uri.removeprefix(_FILE), errors="surrogateescape")


def places_of(uri: str) -> Iterator[str]:
    """The addresses of a file and of each folder that it may have been written with."""
    path = Path(path_of(uri))
    for place in (path, *path.parents):
        yield file_uri(place, follow=False)


def with_folders(named: dict[str, set[str]], read: Iterable[str]) -> None:
    """Add to the addresses of files whose content is known what is known of folders among `read`.

    Who reads a folder as one table says nothing of its files, which are read on the way.
    """
    folders = {uri for uri in read if uri.startswith(_FILE) and uri not in named}
    for uri, names in [*named.items()] if folders else ():
        for place in places_of(uri) if uri.startswith(_FILE) else ():
            if place in folders:
                named.setdefault(place, set()).update(names)


class Written:
    """What the steps of sessions wrote, and what others did."""

    def __init__(self) -> None:
        self._columns: defaultdict[str, set[str]] = defaultdict(set)
        """File or folder that a step wrote → the columns that it has, as the step says."""
        self._left: defaultdict[str, set[str]] = defaultdict(set)
        """The same → the contents of its cells' ends."""
        self._read: defaultdict[str, set[str]] = defaultdict(set)
        self._otherwise: set[str] = set()
        """Files that something else wrote as well, and the folders that they lie in."""
        self._replaced: set[str] = set()
        """Files that a step wrote in a cell that wrote them otherwise as well, or may have."""

    def take(self, store: Store) -> None:
        """Keep what one store tells."""
        steps = store.query(
            """SELECT j.session_id, w.execution, w.occurred_at, r.uri, w.columns
            FROM base.writes w JOIN base.resources r USING (entity_no)
            JOIN base.journals j USING (session_no)"""
        )
        accesses = store.query(
            "SELECT session_id, execution, operation, uri, sha256 FROM accesses "
            "WHERE operation IN ('read', 'write')"
        )
        cells: defaultdict[str, dict[_Cell, datetime]] = defaultdict(dict)
        """File or folder → the cells whose steps wrote it, each with when the last of them did."""
        for row in sorted(steps, key=lambda row: row["occurred_at"]):
            cells[row["uri"]][row["session_id"], row["execution"]] = row["occurred_at"]
            self._columns[row["uri"]].update(row["columns"] or ())
        self._replaced |= _written_otherwise(store, cells)
        self._replaced |= _run_unseen(store, cells)
        for row in accesses:
            uri, cell = row["uri"], (row["session_id"], row["execution"])
            if row["operation"] == "read":
                self._read[uri].add(row["sha256"] or "")
            elif row["operation"] == "write" and uri.startswith(_FILE):
                of_step = any(cell in cells.get(place, ()) for place in places_of(uri))
                if not of_step:
                    self._otherwise.update(places_of(uri))
                elif row["sha256"]:
                    self._left[uri].add(row["sha256"])

    def is_of_steps(self, uri: str, sha256: str) -> bool:
        """Whether this content of a file is one that a step's cell left there."""
        return sha256 in self._left[uri]

    def was_read_otherwise(self, uri: str) -> bool:
        """Whether a file was read when it was not, or may not have been, what a step left."""
        read = self._read.get(uri, {""})
        return any(
            sha256 not in self._left[uri] if sha256 else uri in self._otherwise for sha256 in read
        )

    def is_added(self, uri: str, column: str) -> bool:
        """Whether a column of a table is none that a step wrote there."""
        known = self._columns[uri]
        return bool(known) and column not in known and bool(column)

    def may_be_replaced(self, uri: str) -> bool:
        """Whether something may have put other columns in the place of what a step wrote."""
        return uri in self._replaced


def _written_otherwise(store: Store, cells: Mapping[str, Mapping[_Cell, datetime]]) -> set[str]:
    """What the witness saw written after the step of its cell, or by several processes.

    A worker that writes a part of its own is one process; a program beside the kernel is another,
    which may have opened the file before the step and write to it afterwards. What an earlier cell
    started may write until this one ends, which is when its content is looked at.
    """
    ended = {
        (row["session_id"], row["execution"]): row["occurred_at"]
        for row in store.query(
            """SELECT j.session_id, c.execution, c.occurred_at
            FROM base.cell_ended c JOIN base.journals j USING (session_no)"""
        )
    }
    writers: defaultdict[tuple[str, _Cell], set[int]] = defaultdict(set)
    found = set()
    for row in store.query(
        """SELECT j.session_id, w.execution, w.occurred_at, w.pid, w.path
        FROM base.witnessed w JOIN base.journals j USING (session_no)
        WHERE w."write" AND w.success AND NOT w.deletes AND starts_with(w.path, '/')"""
    ):
        own, moment = (row["session_id"], row["execution"]), row["occurred_at"]
        places = [
            place for place in places_of(file_uri(row["path"], follow=False)) if place in cells
        ]
        for cell in {cell for place in places for cell in cells[place] if cell[0] == own[0]}:
            there = [place for place in places if cell in cells[place]]
            is_later = moment > max(cells[place][cell] for place in there)
            if cell == own:
                writers[there[0], cell].add(row["pid"])
                is_later |= len(writers[there[0], cell]) > 1
            else:
                is_later &= moment <= ended.get(cell, moment)
            if is_later:
                found.update(there)
    return found


def _run_unseen(store: Store, cells: Mapping[str, Mapping[_Cell, datetime]]) -> set[str]:
    """What programs may have written after a step of their cell, where no witness saw it."""
    ran = {
        (row["session_id"], row["execution"]): row["last"]
        for row in store.query(
            """SELECT a.session_id, a.execution, max(a.occurred_at) AS last FROM accesses a
            JOIN base.journals j USING (session_id) JOIN base.session_started s USING (session_no)
            WHERE a.operation = 'execute' AND s.witness <> 'full' GROUP BY ALL"""
        )
    }
    return {
        place
        for place, written in cells.items()
        for cell, moment in written.items()
        if cell in ran and ran[cell] >= moment
    }
