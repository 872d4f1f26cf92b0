"""What a run left, as it goes on record."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from governed_kernel.canonical import digest_file
from governed_kernel.errors import IntegrityBroken, RunFailed
from governed_kernel.files import below
from governed_kernel.governance.programs import runs_code
from governed_kernel.governance.tensors import check_tensors
from governed_kernel.lineage.events import Artifact

__all__ = ["KINDS", "collect", "excess"]

_WEIGHTS = ".safetensors"
KINDS = {
    _WEIGHTS: "weights",
    ".ipynb": "notebook",
    ".csv": "table",
    ".parquet": "table",
    ".png": "figure",
    ".svg": "figure",
    ".json": "facts",
}
"""What an artifact is, by the suffix of its name; any other is a ``file``."""

_MOST_FILES = 5_000
_LONGEST_NAMES = 256 << 10
"""Bytes of the names of all files: one signed statement lists them, of 4 MiB at most."""
_LARGEST_HOLES = 1 << 30


def excess(output: Path) -> str:
    """Why what lies in a run's output is too much to go on record, in words; empty if it is not."""
    count = length = 0
    try:
        for path in below(output):
            count += 1
            name = path.relative_to(output).as_posix()
            length += len(os.fsencode(name))
            if not path.is_symlink() and path.is_file() and _holes(path) > _LARGEST_HOLES:
                size = path.stat().st_size
                return f"{name!a} is said to hold {size:,} bytes, most of which were never written"
    except OSError as error:
        return f"{str(error.filename)[-80:]!a} can't be looked at: {error.strerror}"
    if count > _MOST_FILES:
        return f"it left {count:,} files and folders, and {_MOST_FILES:,} go on record"
    if length > _LONGEST_NAMES:
        return f"the names of its files have {length:,} bytes, and {_LONGEST_NAMES:,} go on record"
    return ""


def _holes(path: Path) -> int:
    """Bytes of a file that were never written: they take no space, and hours to be hashed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        size = os.fstat(descriptor).st_size
        return size - sum(end - start for start, end in _written(descriptor, size))
    finally:
        os.close(descriptor)


def _written(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:  # a file system that knows no holes
                yield end, size
            return
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def collect(output: Path) -> list[Artifact]:
    """Everything the run left, by digest; from here on read-only.

    Raises
    ------
    RunFailed
        It left a link or a pipe, which hold nothing, a name that no record can hold, a pickle,
        damaged weights, or more than goes on record.
    """
    if why := excess(output):
        raise RunFailed(
            "the run left more than can be released",
            why=why,
            next="write many small files as one archive or Parquet file, and no file with holes",
        )
    artifacts = []
    for path in sorted(below(output)):
        name = path.relative_to(output).as_posix()
        if not name.isprintable():
            raise RunFailed(
                f"the run left a file whose name is no printable text: {name!a}",
                why="it could not be written into the record, nor shown to a reviewer",
                next="name it otherwise",
            )
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            what = "a symbolic link" if path.is_symlink() else "something that is no file"
            raise RunFailed(
                f"the run left {what}: {name}",
                why="only a file has content of its own that can be released",
                next="write files",
            )
        if path.is_file():
            if why := runs_code(path):
                raise RunFailed(
                    f"the run left what may run code when it is loaded: {name}",
                    why=f"it is {why}; whoever loads it runs what is in it",
                    next="save weights with safetensors ('release.save_adapter'), tables as "
                    "Parquet, parameters as JSON",
                )
            if path.suffix.lower() == _WEIGHTS:
                _check_weights(path, name)
            path.chmod(0o444)
            kind = KINDS.get(path.suffix, "file")
            size = path.stat().st_size
            artifacts.append(Artifact(name, path.as_uri(), digest_file(path), size, kind))
    return artifacts


def _check_weights(path: Path, name: str) -> None:
    """Refuse weights that nobody could load, and no later audit read."""
    try:
        check_tensors(path)
    except IntegrityBroken as error:
        raise RunFailed(
            f"the run left a file that is no well-formed safetensors file: {name}",
            why=error.why,
            next="save weights with safetensors ('release.save_adapter'), whole and closed, "
            "or call the file otherwise",
        ) from error
