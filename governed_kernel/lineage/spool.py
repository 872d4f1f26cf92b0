"""Events on their way into DuckDB: sorted by type, as files of newline-delimited JSON.

Every event carries its number ``n``: its session's in the upper bits, its place in the journal in
the lower ones. One addition in front of a line costs less than taking the line apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from governed_kernel.lineage.schema import EVENT_TABLES, EventTable, quoted

__all__ = ["Spool", "Spooled", "read_json", "room"]

_START = b'{"type":"'
_OPENED = b"journal-opened"
_RECORD_BITS = 32
_FREE = b'"'


@dataclass(frozen=True)
class Spooled:
    """The events of one type that wait.

    Attributes
    ----------
    tag : str
        Their type.
    longest : int
        Bytes of the longest event.
    """

    tag: str
    path: Path
    longest: int


class Spool:
    """Events sorted by type into files of newline-delimited JSON, each with its number.

    Parameters
    ----------
    folder : Path
        Empty or missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[bytes, BinaryIO] = {}
        self._lines: dict[bytes, list[bytes]] = {}
        self._append: dict[bytes, Callable[[bytes], None]] = {}
        self._longest = 0
        self.size = 0

    def put(self, session: int, record: int, bodies: list[bytes]) -> bool:
        """Keep events that follow each other; false when the type of one is not known."""
        append = self._append
        number = session << _RECORD_BITS | record
        for body in bodies:
            tag = body[9 : body.find(_FREE, 9)]
            try:
                append[tag](b'{"n":%d,%b' % (number, body[1:]))
            except KeyError:
                if not self._open(tag, body):
                    return False
                append[tag](b'{"n":%d,%b' % (number, body[1:]))
            number += 1
        if bodies:
            self._longest = max(self._longest, max(map(len, bodies)))
        self._write()
        return True

    def _open(self, tag: bytes, body: bytes) -> bool:
        if not body.startswith(_START) or not (tag == _OPENED or tag.decode() in EVENT_TABLES):
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        self._files[tag] = self._path(tag).open("wb")
        self._lines[tag] = []
        self._append[tag] = self._lines[tag].append
        return True

    def _path(self, tag: bytes) -> Path:
        return self.folder / f"{tag.decode()}.jsonl"

    def _write(self) -> None:
        for tag, lines in self._lines.items():
            if lines:
                lines.append(b"")
                self.size += self._files[tag].write(b"\n".join(lines))
                lines.clear()

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files.values():
            file.close()

    def spooled(self) -> Iterator[Spooled]:
        """What waits, type by type; nothing can be put afterwards."""
        self.close()
        # Transformations last: what they link to is then there.
        tags = self._files.keys() - {_OPENED}
        for tag in sorted(tags, key=lambda tag: (tag == b"transformation", tag)):
            yield Spooled(tag.decode(), self._path(tag), self._longest)


def room(longest: int) -> int:
    """Memory for DuckDB's JSON reader, which must hold the longest object whole."""
    return max(1 << 21, 2 * longest + 1024)


def read_json(spooled: Spooled, table: EventTable) -> str:
    """A query that reads what was spooled of one type, with the defaults of what was left out."""
    fields = {"n": "BIGINT", **{name: _read_as(kind) for name, kind in table.json.items()}}
    listed = ", ".join(f"{quoted(name)}: '{kind}'" for name, kind in fields.items())
    name = str(spooled.path).replace("'", "''")
    taken = ", ".join(table.value_of(field) for field in table.json)
    return (
        f"(SELECT (n >> {_RECORD_BITS})::INTEGER AS session_no, "
        f"n & {(1 << _RECORD_BITS) - 1} AS record, {taken} "
        f"FROM read_json('{name}', format = 'newline_delimited', "
        f"maximum_object_size = {room(spooled.longest)}, columns = {{{listed}}}))"
    )


def _read_as(kind: str) -> str:
    return "VARCHAR" if kind == "TIMESTAMPTZ" else kind
