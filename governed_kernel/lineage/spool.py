"""Events on their way into DuckDB: sorted by type, as files of newline-delimited JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from governed_kernel.lineage.schema import EVENT_TABLES, EventTable, quoted

__all__ = ["Spool", "read_json", "room"]

_TAG = re.compile(rb'\{"type":"([a-z-]+)"')


class Spool:
    """Events sorted by type into files of newline-delimited JSON, each with its number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[bytes, tuple[BinaryIO, list[bytes]]] = {}
        self._longest: dict[bytes, int] = {}
        self.events = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        for file, _lines in self._files.values():
            file.close()

    def put(self, session: int, record: int, body: bytes) -> bool:
        """Keep one event; false when its type is not known."""
        found = _TAG.match(body)
        tag = found.group(1) if found else b""
        if tag == b"journal-opened":
            return True
        if tag not in self._files and not self._open(tag):
            return False
        lines = self._files[tag][1]
        lines.append(b'{"session_no":%d,"record":%d,%b\n' % (session, record, body[1:]))
        self.events += 1
        if len(body) > self._longest[tag]:
            self._longest[tag] = len(body)
        if len(lines) >= 10_000 or len(body) > 100_000:
            self._write(tag)
        return True

    def _open(self, tag: bytes) -> bool:
        if tag.decode() not in EVENT_TABLES:
            return False
        self._files[tag] = (self._path(tag).open("wb"), [])
        self._longest[tag] = 0
        return True

    def _path(self, tag: bytes) -> Path:
        return self._folder / f"{tag.decode()}.jsonl"

    def _write(self, tag: bytes) -> None:
        file, lines = self._files[tag]
        file.write(b"".join(lines))
        lines.clear()

    def finish(self) -> Iterable[tuple[str, Path, int]]:
        """Each type's name, file and longest event; the spool is empty afterwards."""
        for tag in self._files:
            self._write(tag)
            self._files[tag][0].close()
        # Transformations last: what they link to is then there.
        tags = sorted(self._files, key=lambda tag: (tag == b"transformation", tag))
        longest, self.events = self._longest, 0
        self._files, self._longest = {}, {}
        for tag in tags:
            yield tag.decode(), self._path(tag), longest[tag]


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
