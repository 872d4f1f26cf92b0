"""Events on their way into DuckDB: sorted by type, as files of newline-delimited JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from governed_kernel.lineage.schema import EVENT_TABLES, EventTable, quoted

__all__ = ["Spool", "read_json", "room"]

_START = b'{"type":"'
_OPENED = b"journal-opened"


class Spool:
    """Events sorted by type into files of newline-delimited JSON, each with its number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[bytes, BinaryIO] = {}
        self._lines: dict[bytes, list[bytes]] = {}
        self._longest = 0
        self.size = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def put(self, session: int, record: int, bodies: list[bytes]) -> bool:
        """Keep events that follow each other; false when the type of one is not known."""
        found = self._lines
        for body in bodies:
            tag = body[9 : body.find(b'"', 9)]
            lines = found.get(tag)
            if lines is None:
                lines = self._open(tag, body)
                if lines is None:
                    return False
            lines.append(b'{"session_no":%d,"record":%d,%b\n' % (session, record, body[1:]))
            record += 1
        if bodies:
            self._longest = max(self._longest, max(map(len, bodies)))
        self._write()
        return True

    def _open(self, tag: bytes, body: bytes) -> list[bytes] | None:
        if not body.startswith(_START) or not (tag == _OPENED or tag.decode() in EVENT_TABLES):
            return None
        self._files[tag] = self._path(tag).open("wb")
        self._lines[tag] = []
        return self._lines[tag]

    def _path(self, tag: bytes) -> Path:
        return self._folder / f"{tag.decode()}.jsonl"

    def _write(self) -> None:
        for tag, lines in self._lines.items():
            self.size += self._files[tag].write(b"".join(lines))
            lines.clear()

    def finish(self) -> Iterable[tuple[str, Path, int]]:
        """Each type's name and file, and the longest event; the spool is empty afterwards."""
        for file in self._files.values():
            file.close()
        # Transformations last: what they link to is then there.
        tags = sorted(
            self._files.keys() - {_OPENED}, key=lambda tag: (tag == b"transformation", tag)
        )
        longest = self._longest
        self._files, self._lines, self._longest, self.size = {}, {}, 0, 0
        for tag in tags:
            yield tag.decode(), self._path(tag), longest


def room(longest: int) -> int:
    """Memory for DuckDB's JSON reader, which must hold the longest object whole."""
    return max(1 << 21, 2 * longest + 1024)


def read_json(path: Path, table: EventTable, longest: int) -> str:
    """The table function that reads a spooled file, its longest event being `longest` bytes."""
    fields = {"session_no": "INTEGER", "record": "BIGINT", **table.json}
    listed = ", ".join(f"{quoted(name)}: '{kind}'" for name, kind in fields.items())
    name = str(path).replace("'", "''")
    return (
        f"read_json('{name}', format = 'newline_delimited', "
        f"maximum_object_size = {room(longest)}, columns = {{{listed}}})"
    )
