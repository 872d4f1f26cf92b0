"""A workspace out of a backup: every byte is verified before the folder gets its name."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

from governed_kernel.audit.backup import BEGINNING, END, Beginning, broken
from governed_kernel.errors import IntegrityBroken, UsageError
from governed_kernel.files import open_regular, sync_folder, unreadable, unwritable
from governed_kernel.governance import pins
from governed_kernel.governance.catalog import label
from governed_kernel.governance.objects import ObjectStore
from governed_kernel.governance.register import Register
from governed_kernel.lineage import merkle
from governed_kernel.lineage.events import FileDigest
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace

__all__ = ["restore"]

_BLOCK = 1 << 20
_NO_NAME = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EILSEQ)
"""What comes of names that no backup has: twice the same, a file within a file, too long."""
Progress = Callable[[str], None]


def restore(
    backup: Path,
    folder: Path,
    progress: Progress = lambda _: None,
    *,
    older: bool = False,
) -> tuple[Workspace, Beginning]:
    """Make the workspace of a backup in a folder that is not there yet, or empty.

    A crash leaves nothing under the folder's name. Whether the backup is the newest it can't say
    itself: a checkpoint does ('governed audit verify --since'), and so does what each person's
    own folder remembers of the ledger.

    Parameters
    ----------
    older : bool
        Whether to take a backup that ends before what this person saw in that folder. Who hands
        them an older one takes back what was said since, a revocation for example; so it has to be
        asked for, holds for this person alone, and every verification of theirs tells of it.

    Raises
    ------
    UsageError
        There is something in the folder already, or it is a link.
    ResourceMissing
        The backup can't be read, or the disk is full or can't be written.
    IntegrityBroken
        The backup is not whole, says something else than it holds, is older than what was seen, or
        of another workspace than this person knows by that folder or identity.
    """
    folder = folder.absolute()
    if folder.is_symlink():
        raise UsageError(
            f"{folder} is a symbolic link",
            why="a backup is restored into a folder of its own, which is made under that name",
            next=f"name the folder itself: {folder.resolve()}",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"there is something in {folder}",
            why="a backup is restored into a folder of its own, and replaces nothing",
            next="name another folder, or move what is there away",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = folder.parent / f".{folder.name}.restoring-{secrets.token_hex(4)}"
    try:
        progress("files")
        beginning = _extract(backup, making)
        workspace = Workspace.open(making)
        _check_ledger(backup, workspace, beginning)
        register = Register(workspace, Ledger(workspace).events())
        # Also of an older one: what was seen of another ledger is not to be given up for this.
        pins.check_identity(folder.resolve(), register.workspace_id, register.genesis)
        if not older:
            _check_seen(backup, folder.resolve(), workspace)
        progress("snapshots")
        for history in register.datasets.values():
            for version in history:
                if label(version) not in register.collected:
                    ObjectStore(workspace).snapshot(version.files, version.sha256)
        if folder.exists():
            folder.rmdir()
        making.rename(folder)
        sync_folder(folder.parent)
    finally:
        _remove(making)
    restored = Workspace.open(folder)
    if older:
        pins.accept_older(restored.root, Ledger(restored).records()[-1].head)
    return restored, beginning


def _check_seen(backup: Path, folder: Path, workspace: Workspace) -> None:
    """Refuse a backup that ends before what this person saw in the folder it goes to."""
    seen, records = pins.last_seen(folder), Ledger(workspace).records()
    try:
        pins.check_seen(folder, seen, records)
    except IntegrityBroken as error:
        last = records[-1].event.occurred_at
        raise IntegrityBroken(
            f"{backup.name} is older than the ledger that was seen before in {folder}",
            why=f"it ends at record {len(records) - 1} of {last:%Y-%m-%d %H:%M:%S} UTC; "
            f"{error.why}",
            next="restore the newest backup; if this is the newest that is left, the same command "
            "with --older gives the rest up, and each verification of yours will tell of it",
        ) from error


def _extract(backup: Path, folder: Path) -> Beginning:
    """Write every file, and hold all of them against the list at the end."""
    written: list[FileDigest] = []
    first, last = b"", b""
    try:
        with _opened(backup) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                # A sparse one may say that it is larger than any disk.
                regular = member.isreg() and not member.issparse()
                content = archive.extractfile(member) if regular else None
                if content is None:
                    raise broken(backup, f"{member.name} is no regular file")
                if member.name == END:
                    last = content.read()
                    continue
                target = folder / _inside(backup, member.name)
                written.append(_write(content, target, member))
                if member.name == BEGINNING:
                    first = target.read_bytes()
                    target.unlink()
    except (tarfile.TarError, EOFError) as error:
        raise broken(backup, str(error)) from error
    except OSError as error:
        if error.errno in _NO_NAME:
            raise broken(backup, f"{member.name[:200]}: {error.strerror}") from error
        raise unwritable(folder, error) from error
    try:
        listed = msgspec.json.decode(last, type=list[FileDigest])
        beginning = msgspec.json.decode(first, type=Beginning)
    except msgspec.MsgspecError as error:
        raise broken(backup, f"its first or last part is missing: {error}") from error
    for known, found in zip(listed, written, strict=False):
        if known != found:
            raise broken(backup, f"{known.path} is not what was backed up")
    if len(listed) != len(written):
        raise broken(backup, f"{len(listed)} files were backed up, {len(written)} are there")
    return beginning


def _opened(backup: Path) -> IO[bytes]:
    try:
        return open_regular(backup)
    except OSError as error:
        raise unreadable(backup, error) from error


def _inside(backup: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise broken(backup, f"{name!r} would lie outside of the workspace")
    return path


def _write(content: IO[bytes], target: Path, member: tarfile.TarInfo) -> FileDigest:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
        while block := content.read(_BLOCK):
            digest.update(block)
            size += len(block)
            file.write(block)
        os.fchmod(file.fileno(), member.mode & 0o777)
        file.flush()
        os.fsync(file.fileno())
    return FileDigest(member.name, digest.hexdigest(), size)


def _check_ledger(backup: Path, workspace: Workspace, beginning: Beginning) -> None:
    ledger = Ledger(workspace)
    records = ledger.records()
    found = (len(records), records[-1].head.hash.hex(), merkle.root(ledger.leaves()).hex())
    if found != (beginning.records, beginning.head, beginning.root):
        raise broken(backup, "its ledger is not the one that it speaks of")
    if ledger.workspace_id != beginning.workspace_id:
        raise broken(backup, f"its ledger is that of workspace {ledger.workspace_id}")


def _remove(folder: Path) -> None:
    """What a restoration that failed has made; read-only folders are made writable first."""
    if not folder.exists():
        return
    for where, _, _ in os.walk(folder):
        Path(where).chmod(0o755)
    shutil.rmtree(folder)
