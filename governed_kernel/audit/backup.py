"""A workspace in one file, as it stood at one record of its ledger, and back.

The ledger is read first; of everything else that is taken which the ledger speaks of, and it is all
there: a record is written after what it names. Open sessions go as far as their recorders' word.
So a backup is consistent while kernels, runs and people write. It is a tar file: what is first
says what it is, what is last lists every file with its digest.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from governed_kernel.errors import IntegrityBroken, ResourceMissing
from governed_kernel.files import open_regular, read_or_refuse, unreadable, written_atomically
from governed_kernel.governance import erasure
from governed_kernel.governance.cards import card_of
from governed_kernel.governance.register import Register
from governed_kernel.lineage import merkle
from governed_kernel.lineage.derived_head import head_file
from governed_kernel.lineage.events import FileDigest, SessionSealed, now
from governed_kernel.lineage.forms import compressed, journal_files, open_journal
from governed_kernel.lineage.heads import head_line, read_head
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.texts import texts_file
from governed_kernel.release.manifest import release_folder
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace

__all__ = ["BEGINNING", "END", "Beginning", "back_up", "broken"]

BEGINNING = "governed-backup.json"
END = "governed-backup-files.json"
_AT_ONCE = 16 << 20
_SKIPPED = {".git", ".governed", ".ipynb_checkpoints", ".venv", "node_modules", "__pycache__"}
_NAMED = ("bundles", "catalog", "release")
Progress = Callable[[str], None]


class Beginning(msgspec.Struct, frozen=True):
    """What a backup says of itself.

    Attributes
    ----------
    records, head, root
        How far the ledger goes, its last record's hash, the root of its Merkle tree (RFC 6962).
    genesis : str
        Digest of the ledger's first signed entry.
    """

    workspace_id: str
    name: str
    taken_at: datetime
    records: int
    head: str
    root: str
    genesis: str
    format: int = 1


def back_up(workspace: Workspace, target: Path, progress: Progress = lambda _: None) -> Path:
    """Write a backup; into a folder under a name with its date.

    Private keys are not in it, neither people's nor the service's: they lie elsewhere. Texts are,
    also those that are erased here later.

    Returns
    -------
    Path
        The backup.
    """
    if target.is_dir():
        target = target / f"{workspace.root.name}-{now():%Y%m%dT%H%M%S}.governed-backup.tar"
    # An erasure would take texts away whose entry in the ledger came after it was read here.
    with (
        erasure.held(workspace),
        written_atomically(target, mode=0o600) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        _Backup(workspace, archive, progress).write()
    return target


class _Backup:
    """One backup while it is written."""

    def __init__(self, workspace: Workspace, archive: tarfile.TarFile, progress: Progress) -> None:
        self._workspace = workspace
        self._archive = archive
        self._progress = progress
        self._files: list[FileDigest] = []
        ledger = Ledger(workspace)
        records = ledger.records()
        self._head = records[-1].head
        self._registry = Registry(Register.replay(workspace, [r.event for r in records]))
        leaves = ledger.leaves()
        self._beginning = Beginning(
            workspace_id=self._registry.register.workspace_id,
            name=self._registry.register.name,
            taken_at=now(),
            records=self._head.records,
            head=self._head.hash.hex(),
            root=merkle.root(leaves).hex(),
            genesis=self._registry.register.genesis,
        )

    def write(self) -> None:
        """Everything, in the order in which it is found again."""
        self._put(BEGINNING, msgspec.json.encode(self._beginning))
        parts = {
            "ledger": self._ledger,
            "journals and texts": self._journals,
            "datasets and base models": self._objects,
            "releases": self._releases,
            "runs": self._runs,
            "bundles": self._bundles,
            "the rest": self._rest,
        }
        for name, part in parts.items():
            self._progress(name)
            part()
        self._put(END, msgspec.json.encode(self._files))

    # --- files ------------------------------------------------------------------------------

    def _put(self, name: str, data: bytes, mode: int = 0o644) -> None:
        self._add(name, io.BytesIO(data), len(data), mode)

    def _file(self, path: Path) -> bool:
        """One regular file as long as it is now; false when it is not there."""
        try:
            file = open_regular(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise unreadable(path, error) from error
        with file:
            status = os.fstat(file.fileno())
            name = path.relative_to(self._workspace.root).as_posix()
            self._add(name, file, status.st_size, status.st_mode & 0o777)
        return True

    def _working_file(self, path: Path) -> None:
        """One of people's files, which they may be writing anew: a small one is read at once."""
        try:
            status = path.stat()
            if status.st_size > _AT_ONCE:
                self._file(path)
                return
            data = read_or_refuse(path)
        except FileNotFoundError:
            return
        name = path.relative_to(self._workspace.root).as_posix()
        self._put(name, data, status.st_mode & 0o777)

    def _add(self, name: str, file: BinaryIO, size: int, mode: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, mode
        info.mtime = int(self._beginning.taken_at.timestamp()) if self._files else 0
        reading = _Digesting(file, size, name)
        self._archive.addfile(info, reading)
        self._files.append(FileDigest(name, reading.sha256.hexdigest(), size))

    def _below(self, folder: Path) -> Iterator[Path]:
        for where, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if name not in _SKIPPED)
            for name in sorted(names):
                path = Path(where) / name
                if path.is_file() and not path.is_symlink():
                    yield path

    def _folder(self, folder: Path) -> None:
        for path in self._below(folder):
            self._file(path)

    # --- parts ------------------------------------------------------------------------------

    def _ledger(self) -> None:
        with open_regular(self._workspace.ledger) as file:
            name = self._workspace.ledger.relative_to(self._workspace.root).as_posix()
            self._add(name, file, self._head.size, 0o664)
        for path in Ledger(self._workspace).torn():
            self._file(path)

    def _journals(self) -> None:
        sealed = {
            event.session_id
            for event in self._registry.register.events
            if isinstance(event, SessionSealed)
        }
        for journal in journal_files(self._workspace.journals):
            if journal.stem in sealed:
                packed = compressed(journal)  # it is there before the plain form goes
                _ = self._file(packed) or self._file(journal) or self._file(packed)
                self._file(texts_file(journal))
            else:
                self._open_session(journal)

    def _open_session(self, journal: Path) -> None:
        """A session as far as its recorder's last word; its whole journal where there is none."""
        name = journal.relative_to(self._workspace.root)
        said = read_head(journal)
        seal = said.seal if said else None
        if said is not None and seal is None:
            return  # nothing is recorded yet
        with open_journal(journal) as file:
            content = file.read(seal.bytes if seal else -1)
        content = content[: content.rfind(b"\n") + 1]
        texts = b""
        if texts_file(journal).exists():
            lines = read_or_refuse(texts_file(journal)).splitlines(keepends=True)
            texts = b"".join(lines[: seal.texts] if seal and seal.texts >= 0 else lines)
        self._put(name.as_posix(), content, 0o664)
        self._put(texts_file(name).as_posix(), texts, 0o664)
        if seal is not None:
            self._put(name.with_suffix(".head").as_posix(), head_line(seal), 0o664)

    def _objects(self) -> None:
        register = self._registry.register
        versions = [item for history in register.datasets.values() for item in history]
        named = {file.sha256 for version in versions for file in version.files}
        named |= register.kept_code.keys()
        for sha256 in sorted(named):
            self._file(self._workspace.objects / sha256[:2] / sha256)
        for dataset, history in register.datasets.items():
            self._put(f"catalog/{dataset}.toml", card_of(dataset, history).encode())

    def _releases(self) -> None:
        for name in self._registry.releases:
            self._folder(release_folder(self._workspace, name))

    def _runs(self) -> None:
        for run in self._registry.runs.values():
            folder = self._workspace.runs / run.run_id
            if run.ended is not None:
                self._folder(folder)
            else:
                self._running(folder)

    def _running(self, folder: Path) -> None:
        """Of a run that goes on: what it was given and where it stands; its output is half-made."""
        for path in sorted(folder.glob("*")):
            if path.is_file() and not path.is_symlink():
                self._put(path.relative_to(self._workspace.root).as_posix(), read_or_refuse(path))

    def _bundles(self) -> None:
        for run in self._registry.runs.values():
            if run.bundle is not None:
                self._folder(self._workspace.bundles / run.bundle.name)

    def _rest(self) -> None:
        """Settings, policies, suites, research: people's files, as they are now."""
        taken = {file.path for file in self._files}
        for path in self._below(self._workspace.root):
            relative = path.relative_to(self._workspace.root)
            if relative.parts[0] not in _NAMED and relative.as_posix() not in taken:
                self._working_file(path)
        for path in sorted((self._workspace.state / "exports").glob("*.jsonl")):
            self._put(path.relative_to(self._workspace.root).as_posix(), read_or_refuse(path))
        head = head_file(self._workspace)  # before its list, which may go on meanwhile
        for done in (self._workspace.state / "erased.json", head, self._workspace.derived):
            if done.exists():
                self._put(done.relative_to(self._workspace.root).as_posix(), read_or_refuse(done))


class _Digesting(io.RawIOBase):
    """So many bytes of a file, hashed while they are read; fewer are an error."""

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        self._file, self._left, self._name = file, size, name
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        if len(data) < wanted:
            raise ResourceMissing(
                f"{self._name} became shorter while it was backed up",
                why=f"{self._left - len(data)} bytes of it are gone",
                next="run the same command again",
            )
        self._left -= len(data)
        self.sha256.update(data)
        return data


def broken(path: Path, why: str) -> IntegrityBroken:
    """The error for a backup that is not one, or not whole."""
    return IntegrityBroken(
        f"{path} is no whole backup",
        why=why,
        next="take another one; a backup is good when 'governed store restore' says so",
    )
