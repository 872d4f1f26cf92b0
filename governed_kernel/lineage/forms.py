"""The two forms of a journal on disk: plain while it is written, compressed once it is sealed.

A journal is named by its plain file, ``SESSION.jsonl``, whichever form is there. Beside it or
instead of it lies ``SESSION.jsonl.zst``, one Zstandard frame: ``zstd -dc FILE | sha256sum`` shows
what its seal says. The compressed form appears complete, before the plain one goes.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO, cast

from governed_kernel.files import open_regular, opened_regular

__all__ = [
    "COMPRESSED",
    "PAYLOADS",
    "Damaged",
    "compressed",
    "content_size",
    "files_in",
    "forms",
    "journal_files",
    "journal_names",
    "open_compressed",
    "open_journal",
    "stream",
]

COMPRESSED = ".zst"
PAYLOADS = ".payloads.jsonl"
_HEADER = 18
"""Most bytes of a Zstandard frame's header (RFC 8878, 3.1.1.1)."""
_WINDOW = 1 << 27
"""Largest window that is accepted: no damaged header may ask for all memory."""
_PIECE = 1 << 18
_BUFFER = 1 << 17
"""Smaller than a piece: what is read in pieces is not copied through it. What is read by the line
takes a quarter less with it than with the 4 KiB that a file is read by else."""
_AHEAD = 3


class Damaged(Exception):
    """A compressed form that is no whole Zstandard frame."""


def compressed(path: Path) -> Path:
    """Where the compressed form of the journal `path` lies."""
    return path.with_name(path.name + COMPRESSED)


def forms(path: Path) -> list[Path]:
    """The forms of the journal `path` that are there, the plain one first."""
    return [form for form in (path, compressed(path)) if form.is_file()]


def journal_files(folder: Path) -> list[Path]:
    """The session journals in a folder by their plain names, oldest first."""
    return [folder / name for name in journal_names(files_in(folder))]


def files_in(folder: Path) -> set[str]:
    """The names in a folder of journals; none where it is not there.

    Among ten thousand journals a path for each takes longer than the disk does.
    """
    try:
        return set(os.listdir(folder))  # noqa: PTH208 (half the time of iterdir)
    except FileNotFoundError:
        return set()


def journal_names(names: Iterable[str]) -> list[str]:
    """The plain names of session journals among others, oldest first."""
    plain = {name.removesuffix(COMPRESSED) for name in names}
    return [
        name
        for name in sorted(plain)
        if name.endswith(".jsonl") and not name.endswith(PAYLOADS) and not name.startswith(".")
    ]


def open_journal(path: Path) -> BinaryIO:
    """The journal's content, from whichever form is there; the compressed one can't be sought.

    A compressed form itself can be named as well. Reading may raise `Damaged`.

    Raises
    ------
    FileNotFoundError
        There is neither form.
    """
    if path.suffix == COMPRESSED:
        return open_compressed(path)
    with contextlib.suppress(FileNotFoundError):
        return open(path, "rb", _BUFFER, opener=opened_regular)
    # Compressed and removed since the last line, or since long: the compressed form came first.
    return open_compressed(compressed(path))


def open_compressed(path: Path, note: Callable[[bytes], object] | None = None) -> BinaryIO:
    """The content of a compressed form; `note` is given every byte of the form itself."""
    return cast(BinaryIO, io.BufferedReader(_Content(open_regular(path), note), _BUFFER))


def content_size(path: Path) -> int:
    """Bytes of the journal's content; what a compressed form says of itself may be untrue.

    Raises
    ------
    FileNotFoundError
        There is neither form.
    Damaged
        The compressed form's first bytes are not those of a frame that knows its size.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    with open_regular(compressed(path)) as file:
        return _said(file.read(_HEADER))


def _said(header: bytes) -> int:
    import zstandard

    try:
        size = zstandard.frame_content_size(header)
    except zstandard.ZstdError as error:
        raise Damaged(str(error)) from error
    if size < 0:
        raise Damaged("it does not say how long its content is")
    return size


class _Content(io.RawIOBase):
    """What one Zstandard frame holds, as long as it says it is, else `Damaged`.

    What may follow it and mean nothing is for those to find who know the file's digest.
    """

    def __init__(self, file: BinaryIO, note: Callable[[bytes], object] | None = None) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._file = file
        self._left = _said(file.read(_HEADER))
        file.seek(0)
        self._stream = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(
            cast(BinaryIO, _Noted(file, note)) if note else file,
            read_size=_PIECE,
            read_across_frames=True,
        )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            count = int(self._stream.readinto(buffer))
        except self._error as error:
            raise Damaged(str(error)) from error
        self._left -= count
        if self._left < 0 or (count == 0 and len(buffer) and self._left):
            raise Damaged(f"its content ends {self._left:+d} bytes from where it says")
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Noted:
    """A file that tells what is read of it."""

    def __init__(self, file: BinaryIO, note: Callable[[bytes], object]) -> None:
        self._file = file
        self._note = note

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._note(data)
        return data


def stream(file: BinaryIO) -> Iterator[memoryview]:
    """The rest of `file` in pieces, the next ones read while the last is used.

    Each piece is valid until the next is asked for. Reading, decompressing and hashing leave the
    interpreter free, so that both take place at the same time; what is no longer than a piece is
    read before a thread would have started.
    """
    piece = memoryview(bytearray(_PIECE))
    while count := _read_into(file, piece):
        yield piece[:count]
        if count == _PIECE:
            yield from _read_ahead(file)
            return


def _read_into(file: BinaryIO, piece: memoryview) -> int:
    count: int = file.readinto(piece)  # type: ignore[attr-defined]
    return count


def _read_ahead(file: BinaryIO) -> Iterator[memoryview]:
    empty: SimpleQueue[memoryview | None] = SimpleQueue()
    full: SimpleQueue[tuple[memoryview, int] | BaseException] = SimpleQueue()
    for _ in range(_AHEAD):
        empty.put(memoryview(bytearray(_PIECE)))

    def fill() -> None:
        try:
            while (buffer := empty.get()) is not None:
                count = _read_into(file, buffer)
                full.put((buffer, count))
                if not count:
                    return
        except BaseException as error:  # raised again where the pieces are used
            full.put(error)

    reader = Thread(target=fill, daemon=True)
    reader.start()
    try:
        while not isinstance(filled := full.get(), BaseException) and filled[1]:
            yield filled[0][: filled[1]]
            empty.put(filled[0])
        if isinstance(filled, BaseException):
            raise filled
    finally:
        empty.put(None)
        reader.join()
