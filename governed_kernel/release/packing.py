"""The files of a bundle: copied against digests, listed, made read-only, packed into one tar."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

from governed_kernel.canonical import digest_file
from governed_kernel.errors import IntegrityBroken, ResourceMissing, UsageError
from governed_kernel.lineage.events import FileDigest

__all__ = ["altered", "checksums", "copy", "files_of", "make_read_only", "remove", "write_tar"]


def files_of(folder: Path) -> list[Path]:
    """Every file and link below `folder`, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def copy(source: Path, target: Path, sha256: str) -> None:
    """Copy one file, which must be what was recorded.

    Raises
    ------
    IntegrityBroken
        It is not.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError as error:
        raise altered(source, "it is missing") from error
    found = digest_file(target)
    if found != sha256:
        raise altered(source, f"its SHA-256 is {found}, recorded was {sha256}")


def checksums(files: Iterable[FileDigest]) -> str:
    """The list that ``sha256sum -c`` reads (coreutils' own escapes in names)."""
    lines = []
    for file in files:
        name = file.path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        mark = "\\" if name != file.path else ""
        lines.append(f"{mark}{file.sha256}  {name}\n")
    return "".join(lines)


def make_read_only(folder: Path) -> None:
    """Write every file to disk, then take away the right to write; not of `folder` itself."""
    for root, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(root, name)
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
            path.chmod(0o444)
        if Path(root) != folder:  # it is still to be moved, which needs the right to write to it
            Path(root).chmod(0o555)


def remove(folder: Path) -> None:
    """Remove a folder, read-only or not, if it is there."""
    if not folder.is_dir():
        return
    for root, _, _ in os.walk(folder):
        Path(root).chmod(0o755)
    shutil.rmtree(folder)


def write_tar(folder: Path, target: Path) -> str:
    """Pack a bundle; the same bundle gives the same bytes. Returns their SHA-256.

    Raises
    ------
    UsageError
        `target` exists: what was handed out is never written over.
    """
    try:
        with target.open("xb") as file, tarfile.open(fileobj=file, mode="w:") as tar:
            for path in (folder, *sorted(folder.rglob("*"), key=str)):
                tar.add(path, _name(folder, path), recursive=False, filter=_plain)
    except FileExistsError as error:
        raise UsageError(
            f"{target} exists", why="a bundle is never written over", next="name a new file"
        ) from error
    except OSError as error:
        target.unlink(missing_ok=True)
        raise ResourceMissing(
            f"{target} could not be written",
            why=error.strerror or str(error),
            next="free disk space or mend the permissions, then run the same command again",
        ) from error
    return digest_file(target)


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder.parent).as_posix()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing that differs from one machine or day to another."""
    entry.mtime = 0
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o555 if entry.isdir() else 0o444
    return entry


def altered(path: Path, why: str) -> IntegrityBroken:
    """The error for a file that is not what was recorded or sealed."""
    return IntegrityBroken(
        f"{path} is not what was sealed",
        why=why,
        next="restore the bundle from a copy; a bundle is never mended",
    )
