"""The object store: files kept by their SHA-256, once each, read-only, never half-made."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from governed_kernel.canonical import digest_file, digest_json
from governed_kernel.errors import IntegrityBroken, ResourceMissing
from governed_kernel.files import sync_folder
from governed_kernel.governance.contents import (
    Identity,
    Progress,
    at_once,
    check_content,
    check_contents,
    locked,
)
from governed_kernel.governance.originals import (
    copy_sharing,
    files_below,
    opened,
    refuse_being_written,
    refuse_changed,
    share_blocks,
    unreadable,
)
from governed_kernel.lineage.events import FileDigest
from governed_kernel.locks import AN_HOUR, exclusive_lock
from governed_kernel.workspace import Workspace

__all__ = ["ObjectStore", "Progress", "manifest_digest"]

_BLOCK = 1 << 20


def manifest_digest(files: Sequence[FileDigest]) -> str:
    """SHA-256 that stands for a folder: of the canonical list of path, digest and size, sorted."""
    return digest_json(sorted(files, key=lambda file: file.path))


class ObjectStore:
    """``.governed/objects`` and ``.governed/snapshots`` of one workspace.

    Objects lie at ``ab/<sha256>`` with mode 0444. A snapshot is a read-only folder, named by the
    digest of a version, with the version's files as hard links of objects (copies where the file
    system has no links). Several processes may add at once.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.root: Path = workspace.objects
        self.snapshots: Path = workspace.snapshots

    def path(self, sha256: str) -> Path:
        """Where the object of that digest lies, or would lie."""
        return self.root / sha256[:2] / sha256

    def add_file(self, path: Path, name: str = "", progress: Progress | None = None) -> FileDigest:
        """Keep the content of `path`.

        Parameters
        ----------
        name : str
            The path to note in the result; the file's own name when empty.

        Raises
        ------
        UsageError
            It is a symbolic link, no regular file, or it changed while it was read.
        ResourceMissing
            It can't be read, or the disk is full; nothing half-made is left.
        """
        with opened(path) as descriptor:
            before = os.fstat(descriptor)
            refuse_being_written(path, descriptor)
            temporary, sha256, size = self._copy(descriptor, path, before.st_size, progress)
            try:
                refuse_changed(path, before, os.fstat(descriptor), size)
                self._place(temporary, sha256)
            finally:
                temporary.unlink(missing_ok=True)
        return FileDigest(name or path.name, sha256, size)

    def add_bytes(self, data: bytes, name: str) -> FileDigest:
        """Keep `data` under the path `name`."""
        sha256 = hashlib.sha256(data).hexdigest()
        with self._temporary() as (temporary, descriptor):
            with _disk(self.root):
                _write(descriptor, data)
                _finish(descriptor)
            self._place(temporary, sha256)
        return FileDigest(name, sha256, len(data))

    def add_folder(self, folder: Path, progress: Progress | None = None) -> list[FileDigest]:
        """Keep every file below `folder`, each under its path relative to it.

        Several are read at once, since hashing one takes one processor; in memory is never more
        than a block of each.
        """
        paths = files_below(folder)
        names = [path.relative_to(folder).as_posix() for path in paths]
        with ThreadPoolExecutor(at_once(), thread_name_prefix="hashing") as pool:
            waiting = [
                pool.submit(self.add_file, path, name, locked(progress))
                for path, name in zip(paths, names, strict=True)
            ]
            try:
                return [future.result() for future in waiting]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def snapshot(self, files: Sequence[FileDigest], sha256: str) -> Path:
        """The read-only folder of a version with these files; made when it is missing.

        Raises
        ------
        IntegrityBroken
            An object is missing or a path leaves the folder.
        """
        target = self.snapshots / sha256
        wanted = {_safe(file.path): file for file in files}
        if all((target / name).is_file() for name in wanted):
            return target
        with exclusive_lock(self.snapshots / ".lock", AN_HOUR), _disk(self.snapshots):
            for left in self.snapshots.glob(".making-*"):  # by a process that was killed
                _remove(left)
            temporary = Path(tempfile.mkdtemp(dir=self.snapshots, prefix=".making-"))
            try:
                # One content can be registered under two file names; the old names stay.
                present = files_below(target) if target.is_dir() else []
                for path in present:
                    self._link(path, temporary / path.relative_to(target))
                for name, file in wanted.items():
                    if not (temporary / name).exists():
                        self._link(self._object(file), temporary / name)
                _make_read_only(temporary)
                if target.is_dir():
                    _remove(target)
                temporary.rename(target)
                sync_folder(self.snapshots)
            except BaseException:
                _remove(temporary)
                raise
        return target

    def remove_snapshot(self, sha256: str) -> None:
        """Remove the snapshot of that digest, read-only as it is."""
        folder = self.snapshots / sha256
        if folder.is_dir():
            _remove(folder)

    def verify(self, files: Sequence[FileDigest], sha256: str = "") -> None:
        """Hash the objects of `files`, and those of snapshot `sha256`, again.

        One that the snapshot holds by a second name is hashed once.

        Raises
        ------
        IntegrityBroken
            A byte is not what was recorded, or a file is missing; it is named.
        """
        known = check_contents([(self.path(file.sha256), file) for file in files])
        if sha256:
            self.verify_snapshot(files, sha256, known)

    def verify_snapshot(
        self,
        files: Sequence[FileDigest],
        sha256: str,
        known: Mapping[Identity, str] = MappingProxyType({}),
    ) -> Path:
        """Hash the files of a snapshot again; nothing may be missing or added.

        The snapshot of one file is named by its content, and may hold that under other names: it
        was registered under each of them. Files in `known` were hashed a moment ago.
        """
        folder = self.snapshots / sha256
        check_contents([(folder / file.path, file) for file in files], known)
        there = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
        added = {path.relative_to(folder).as_posix() for path in there}
        added -= {file.path for file in files}
        if [file.sha256 for file in files] == [sha256]:
            added = {name for name in added if not _is(folder / name, sha256)}
        if added:
            raise IntegrityBroken(
                f"{min(added)} was added to a snapshot",
                why=f"{folder / min(added)} is no part of what was registered",
                next="remove it; what belongs to the data is registered as a new version",
            )
        return folder

    def _object(self, file: FileDigest) -> Path:
        path = self.path(file.sha256)
        if not path.is_file():
            raise IntegrityBroken(
                f"the content of {file.path} is missing from the object store",
                why=f"{path} is not there",
                next="register the dataset again, or restore .governed/objects from a backup",
            )
        return path

    def _copy(
        self, source: int, path: Path, expected: int, progress: Progress | None
    ) -> tuple[Path, str, int]:
        """Stream a file into a temporary one; digest and size of what was read.

        Where the file system shares blocks between files nothing is written, and what is hashed
        is the copy. It stops beyond the `expected` size: a file that grows faster than it is read
        has no end.
        """
        digest, size = hashlib.sha256(), 0
        with self._temporary(keep=True) as (temporary, target):
            shared = share_blocks(source, target)
            read_from = target if shared else source
            while size <= expected:
                try:
                    block = os.read(read_from, _BLOCK)
                except OSError as error:
                    raise unreadable(path, error) from error
                if not block:
                    break
                digest.update(block)
                size += len(block)
                if not shared:
                    with _disk(self.root):
                        _write(target, block)
                if progress:
                    progress(len(block))
            with _disk(self.root):
                _finish(target)
        return temporary, digest.hexdigest(), size

    @contextlib.contextmanager
    def _temporary(self, keep: bool = False) -> Iterator[tuple[Path, int]]:
        """A new file beside the objects; removed at the end, or, with `keep`, on failure."""
        with _disk(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self.root, prefix=".adding-")
        temporary = Path(name)
        done = False
        try:
            yield temporary, descriptor
            done = True
        finally:
            os.close(descriptor)
            if not (keep and done):
                temporary.unlink(missing_ok=True)

    def _place(self, temporary: Path, sha256: str) -> None:
        """Give a finished file its name; of two that come at once the first stays."""
        target = self.path(sha256)
        with _disk(self.root):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(temporary, target)
            except FileExistsError:
                size = temporary.stat().st_size
                check_content(target, FileDigest(target.name, sha256, size))
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
                    raise
                temporary.rename(target)
            sync_folder(target.parent)

    def _link(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV):
                raise
            copy_sharing(source, target)
            target.chmod(0o444)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _finish(descriptor: int) -> None:
    os.fchmod(descriptor, 0o444)
    os.fsync(descriptor)


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Say it in our words when the disk is full or can't be written."""
    try:
        yield
    except OSError as error:
        raise ResourceMissing(
            f"{folder} can't take the file",
            why=error.strerror or str(error),
            next="free disk space or mend the permissions, then run the same command again",
        ) from error


def _is(path: Path, sha256: str) -> bool:
    """Whether there is a regular file of that content."""
    return stat.S_ISREG(path.lstat().st_mode) and digest_file(path) == sha256


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise IntegrityBroken(
            f"{name!r} can't be a file of a snapshot",
            why="it would lie outside",
            next="the ledger entry that names it was not made by this program",
        )
    return path


def _make_read_only(folder: Path) -> None:
    for where, _, _ in os.walk(folder):
        Path(where).chmod(0o555)


def _remove(folder: Path) -> None:
    for where, _, _ in os.walk(folder):
        Path(where).chmod(0o755)
    shutil.rmtree(folder)
