"""Compressing a finished journal, and finishing what a crash left half-way.

The compressed form is complete, on disk and read back before the seal names its digest, and
only then gets its name; the plain form goes last. So a crash at any moment leaves one good form, or
both, and whoever ingests next goes on from there. Until the seal, a lock on the unnamed file says
that its maker lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from governed_kernel.files import open_regular, opened_regular, sync_folder
from governed_kernel.lineage.events import SessionSealed
from governed_kernel.lineage.forms import (
    COMPRESSED,
    Damaged,
    compressed,
    files_in,
    journal_names,
    open_compressed,
    stream,
)

if TYPE_CHECKING:
    import zstandard

__all__ = ["Compressed", "Sealing", "compressor", "digest_of", "finish_interrupted", "unfinished"]

_UNNAMED = ".part"
_LEVEL = 1
_WINDOW_LOG = 17
"""128 KiB: records repeat each other closely, and a small window is read back fastest."""
_PIECE = 1 << 18


class Compressed(msgspec.Struct, frozen=True):
    """What a seal says of a journal's content and of its compressed form."""

    sha256: str
    bytes: int
    compressed_sha256: str
    compressed_bytes: int


class Sealing:
    """Makes the compressed form of a finished journal, around its seal.

    Use as a context: `compress`, then write the seal, then `settle`. Without `settle` the journal
    stays as it was.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unnamed = _unnamed(path)
        self._descriptor = -1
        self._settled = False

    def __enter__(self) -> Sealing:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor >= 0:
            if not self._settled:
                with contextlib.suppress(OSError):
                    self._unnamed.unlink()
            os.close(self._descriptor)

    def compress(self, sha256: str) -> Compressed | None:
        """Write the compressed form under a temporary name, onto the disk, and read it back.

        Parameters
        ----------
        sha256 : str
            Digest of what was written to the journal.

        Returns
        -------
        Compressed or None
            None where the journal had better stay plain: the disk is full, or the file does not
            hold what was written to it, which its plain form shows best.
        """
        try:
            made = self._write()
            whole = made.sha256 == sha256 and _read_back(self._unnamed) == sha256
        except (OSError, ImportError):
            return None
        return made if whole else None

    def _write(self) -> Compressed:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._unnamed, flags, 0o664)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open_regular(self._path) as source:
            size = os.fstat(source.fileno()).st_size
            content, form = hashlib.sha256(), hashlib.sha256()
            packing = compressor().compressobj(size=size)
            written = 0
            while piece := source.read(_PIECE):
                content.update(piece)
                written += self._append(packing.compress(piece), form.update)
            written += self._append(packing.flush(), form.update)
        os.fsync(self._descriptor)
        return Compressed(content.hexdigest(), size, form.hexdigest(), written)

    def _append(self, data: bytes, note: Callable[[bytes], None]) -> int:
        note(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        return len(data)

    def settle(self) -> None:
        """After the seal: give the compressed form its name, and remove the plain one.

        What fails here is finished by the next ingestion.
        """
        self._settled = True
        with contextlib.suppress(OSError):
            self._unnamed.replace(compressed(self._path))
            sync_folder(self._path.parent)
            self._path.unlink()
            sync_folder(self._path.parent)


def compressor(*, checksum: bool = False) -> zstandard.ZstdCompressor:
    """What journals are compressed with: the same content gives the same bytes.

    Zstandard's own checksum would find a byte less than the seal's two digests do, and takes a
    third of the time of a verification. Journals that were sealed earlier have it.
    """
    import zstandard

    return zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(
            _LEVEL, window_log=_WINDOW_LOG, write_content_size=True, write_checksum=checksum
        )
    )


def _unnamed(path: Path) -> Path:
    return path.with_name(_unnamed_form(path.name))


def _unnamed_form(name: str) -> str:
    """What the compressed form of a journal of that name is called until it is whole."""
    return f".{name}{COMPRESSED}{_UNNAMED}"


def _read_back(form: Path) -> str:
    """Digest of the content of a compressed form; empty when it has none."""
    try:
        with open_compressed(form) as file:
            return digest_of(file)
    except Damaged:
        return ""


def digest_of(file: BinaryIO) -> str:
    """SHA-256 of the rest of `file`, in constant memory."""
    digest = hashlib.sha256()
    for piece in stream(file):
        digest.update(piece)
    return digest.hexdigest()


# --- after a crash -----------------------------------------------------------------------------


def unfinished(folder: Path) -> list[Path]:
    """Journals whose sealing did not end: by their plain names."""
    names = files_in(folder)
    return [
        folder / name
        for name in journal_names(names)
        if _unnamed_form(name) in names or {name, name + COMPRESSED} <= names
    ]


def finish_interrupted(paths: Iterable[Path], seals: Iterable[SessionSealed]) -> None:
    """Go on from where a crash ended a sealing; what can't be, or is in doubt, stays as it is.

    Parameters
    ----------
    paths : iterable of Path
        From `unfinished`.
    seals : iterable of SessionSealed
        What the ledger says of finished sessions.
    """
    sealed = {event.session_id: event for event in seals}
    for path in paths:
        with contextlib.suppress(OSError):  # another account's journal, a full disk: later
            _finish(path, sealed.get(path.stem))


def _finish(path: Path, seal: SessionSealed | None) -> None:
    unnamed, named = _unnamed(path), compressed(path)
    if unnamed.exists() and not _is_held(unnamed):
        if seal is not None and path.exists() and _is(unnamed, seal.compressed_sha256):
            unnamed.replace(named)
            sync_folder(path.parent)
        else:
            unnamed.unlink()
    if seal is None or not (path.exists() and named.exists()):
        return
    # Two that say the same; where they do not, verification is to see both.
    if _is(named, seal.compressed_sha256) and _is(path, seal.sha256):
        path.unlink()
        sync_folder(path.parent)


def _is(path: Path, sha256: str) -> bool:
    with open_regular(path) as file:
        return bool(sha256) and digest_of(file) == sha256


def _is_held(path: Path) -> bool:
    """Whether the process that makes a compressed form is still at it."""
    descriptor = opened_regular(str(path), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
