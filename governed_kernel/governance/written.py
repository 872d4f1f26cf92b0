"""Whether what lies in a file is what a recorded step wrote there, or what came after it.

A file is what the last thing wrote that wrote it. Steps are recorded with the columns that they
wrote, and each cell with the content that a file had at its end; a program that writes leaves only
the content. So a content that no step's cell left is nobody's, and so are columns that no step
wrote, where a program ran in the cell after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import unquote

from governed_kernel.capture.uris import file_uri
from governed_kernel.lineage.store import Store

__all__ = ["Written", "path_of", "places_of"]

_FILE = "file://"
_INDEX = "__index_level_0__"
"""What Parquet calls an index without a name, which no step tells of; CSV gives it none."""


def path_of(uri: str) -> str:
    """The local path that a file's address names."""
    return unquote(uri.removeprefix(_FILE), errors="surrogateescape")


def places_of(uri: str) -> Iterator[str]:
    """The addresses of a file and of each folder that it may have been written with."""
    path = Path(path_of(uri))
    for place in (path, *path.parents):
        yield file_uri(place, follow=False)


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
        self._beside: set[str] = set()
        """Files that a step wrote in a cell in which a program ran after it."""

    def take(self, store: Store) -> None:
        """Keep what one store tells."""
        steps = store.query(
            """SELECT j.session_id, w.execution, w.occurred_at, r.uri, w.columns
            FROM base.writes w JOIN base.resources r USING (entity_no)
            JOIN base.journals j USING (session_no)"""
        )
        accesses = store.query(
            "SELECT session_id, execution, occurred_at, operation, uri, sha256 FROM accesses "
            "WHERE operation IN ('read', 'write', 'execute')"
        )
        ran = {
            (row["session_id"], row["execution"]): row["occurred_at"]
            for row in sorted(accesses, key=lambda row: row["occurred_at"])
            if row["operation"] == "execute"
        }
        cells: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        for row in steps:
            cell = row["session_id"], row["execution"]
            cells[row["uri"]].add(cell)
            self._columns[row["uri"]].update(row["columns"] or ())
            if cell in ran and ran[cell] >= row["occurred_at"]:
                self._beside.add(row["uri"])
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

    def may_be_replaced(self, uri: str, columns: Collection[str]) -> bool:
        """Whether a program may have put these columns in the place of what a step wrote."""
        added = (column for column in columns if self.is_added(uri, column))
        return uri in self._beside and any(column != _INDEX for column in added)
