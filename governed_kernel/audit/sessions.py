"""Sessions verified: each journal by its chain and its seal, and the texts beside it.

A sealed session must be exactly what the ledger says. One that is not sealed (it runs, or its
recorder was killed) must be what its recorder said last, and is never called good.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from governed_kernel.audit.report import Check, Outcome
from governed_kernel.audit.sealed import check_sealed
from governed_kernel.audit.seen import Seen
from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import GovernedError, IntegrityBroken
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import JournalOpened, PayloadDigest, SessionSealed
from governed_kernel.lineage.forms import compressed, content_size, forms
from governed_kernel.lineage.heads import Said, head_file, outlived, read_head
from governed_kernel.lineage.journal import (
    SESSION_DECODER,
    Head,
    JournalReader,
    encode,
    not_understood,
    read_block,
    read_records,
)
from governed_kernel.lineage.texts import TextsDigest, lines_of, text_named, texts_file
from governed_kernel.workspace import Workspace

__all__ = ["check_sessions"]

_TRIES = 5
_BLOCK = 50_000


def check_sessions(
    workspace: Workspace,
    register: Register,
    erased: Collection[PayloadDigest] = frozenset(),
    seen: Seen | None = None,
) -> Iterator[Check]:
    """One check a session that the ledger or the folder of journals knows.

    Parameters
    ----------
    erased : collection of str
        Digests of the texts that signed entries say were erased.
    seen : Seen, optional
        What is known from earlier: sealed sessions that are as they were are not read again.
    """
    seen = seen or Seen(register.workspace_id, skip=False)
    gone = digest_bytes("".join(sorted(erased)).encode())
    seals = {
        event.session_id: event for event in register.events if isinstance(event, SessionSealed)
    }
    there = {path.name.partition(".")[0] for path in workspace.journals.glob("[!.]*.*")}
    for session in sorted(seals.keys() | there):
        found = _Session(workspace, register.workspace_id, session, erased)
        seal = seals.get(session)
        token = digest_bytes(encode(seal)) + gone if seal else ""
        stamps = seen.stamp(found.files())
        if seal and (known := seen.unchanged(session, token, stamps)):
            yield Check("journal", session, "unread", known)
            continue
        try:
            outcome, said = found.verify(seal)
        except GovernedError as error:
            outcome, said = "broken", f"{error.what}: {error.why}" if error.why else error.what
        except OSError as error:
            outcome, said = "broken", str(error)
        if outcome == "ok":
            seen.note(session, token, stamps, said)
        yield Check("journal", session, outcome, said)


@dataclass
class _Read:
    """What a journal holds."""

    head: Head = field(default_factory=Head)
    at: Head | None = None
    """The head after as many records as its recorder spoke of."""
    named: dict[PayloadDigest, int] = field(default_factory=dict)
    """Text → the first record that speaks of it."""


@dataclass
class _Texts:
    """What a payload file holds."""

    kept: int = 0
    erased: int = 0
    torn: int = 0
    digests: set[PayloadDigest] = field(default_factory=set)
    whole: TextsDigest = field(default_factory=TextsDigest)
    at: str = ""
    """The digest of as many texts as its recorder spoke of."""

    def __str__(self) -> str:
        gone = f", {self.erased} erased" if self.erased else ""
        torn = f", {self.torn} torn bytes at the end of the texts" if self.torn else ""
        return f"{self.kept} texts{gone}{torn}"


@dataclass
class _Session:
    workspace: Workspace
    workspace_id: str
    session: str
    erased: Collection[PayloadDigest]

    @property
    def journal(self) -> Path:
        return self.workspace.journals / f"{self.session}.jsonl"

    def files(self) -> list[Path]:
        """All that belongs to it, whether it is there or not."""
        journal = self.journal
        return [journal, compressed(journal), texts_file(journal), head_file(journal)]

    def verify(self, seal: SessionSealed | None) -> tuple[Outcome, str]:
        """What becomes of it, and what is to be said; raises `IntegrityBroken` with the reason."""
        for path in self.files():
            if os.path.lexists(path) and not path.is_file():
                raise _otherwise(f"{path} can't be read: something that is no file is in its place")
        if not forms(self.journal):
            if seal is None:
                raise _otherwise("its journal is gone, and other files of it are there")
            raise _otherwise("it was sealed into the ledger and is gone")
        if seal is not None:
            return "ok", self._sealed(seal)
        for _ in range(_TRIES):
            said = read_head(self.journal)
            try:
                return "unsealed", self._unsealed(said)
            except IntegrityBroken:
                if read_head(self.journal) == said:
                    raise
        return "unsealed", "its recorder writes too fast to be held against it"

    def _sealed(self, seal: SessionSealed) -> str:
        counted = seal.texts >= 0
        if seal.sha256:
            for form in forms(self.journal):
                for body in read_block(form, limit=1).bodies:
                    self._check_first(body)
            check_sealed(self.journal, seal)
        read = _Read() if seal.sha256 and counted else self._chained(seal)
        said = read_head(self.journal)
        if said is not None and said.seal is not None and _place(said.seal) != _place(seal):
            raise _otherwise("its recorder's last word is not what was sealed")
        texts = self._read_texts(max(seal.texts, 0), whole=True, keep=not counted)
        if not counted:
            self._check_named(read, texts)
        elif (seal.texts, seal.texts_sha256) != (texts.whole.count, texts.whole.hexdigest()):
            raise self._other_texts(seal, texts)
        return f"{seal.records} records, {texts}"

    def _chained(self, seal: SessionSealed) -> _Read:
        """Follow the chain to the end that a seal names: one that binds no digest of the whole."""
        read = self._read(0) if seal.texts < 0 else self._follow()
        size = content_size(self.journal)
        if seal.records != read.head.records:
            raise _otherwise(f"sealed at record {seal.records}, the file has {read.head.records}")
        if (seal.bytes, seal.head) != (read.head.size, read.head.hash.hex()):
            raise _otherwise(f"its last hash is {read.head.hash.hex()}, sealed was {seal.head}")
        if size != read.head.size:
            raise _otherwise(f"{size - read.head.size} bytes after its seal")
        return read

    def _unsealed(self, said: Said | None) -> str:
        seal = said.seal if said else None
        read = self._read(seal.records if seal else 0)
        torn = content_size(self.journal) - read.head.size
        stopped = said is not None and outlived(self.journal)
        exact = said is not None and not said.writing and not stopped
        texts = self._read_texts(seal.texts if seal else 0, whole=exact)
        if seal is not None:
            self._check_head(seal, read, texts, torn, exact=exact)
        known = seal.records if seal and stopped else None
        lost = self._check_named(read, texts, known)
        words = f"{read.head.records} records verify, {texts}"
        words += f", {torn} torn bytes at its end" if torn else ""
        if said is None:
            return f"{words}; nothing says where it ends"
        if stopped:
            words += f", {lost} texts did not reach the disk" if lost else ""
            return f"{words}; this machine was started anew since its recorder's last word" + (
                f", for {seal.records} records" if seal else ""
            )
        return words if exact else f"{words}; its recorder was writing"

    def _check_head(
        self, seal: SessionSealed, read: _Read, texts: _Texts, torn: int, *, exact: bool
    ) -> None:
        if seal.session_id != self.session:
            raise _otherwise(f"the recorder of {seal.session_id} speaks of it: it was swapped")
        if read.at is None:
            why = f"its recorder wrote {seal.records} records, the file has {read.head.records}"
            raise _otherwise(why)
        if (seal.bytes, seal.head) != (read.at.size, read.at.hash.hex()):
            why = f"record {seal.records - 1} has another hash than its recorder wrote"
            raise _otherwise(f"{why}: {read.at.hash.hex()} instead of {seal.head}")
        if exact and (torn or read.head != read.at):
            raise _otherwise(f"it goes on after record {seal.records - 1}, its recorder's last")
        if texts.at != seal.texts_sha256 or (exact and texts.whole.count != seal.texts):
            raise self._other_texts(seal, texts)

    def _follow(self) -> _Read:
        """Follow the chain to its end: all that it takes where the ledger knows the end."""
        first = True
        with JournalReader(self.journal) as reader:
            while True:
                block = reader.block(limit=_BLOCK)
                if block.bodies and first:
                    self._check_first(block.bodies[0])
                    first = False
                if block.broken is not None:
                    raise block.broken
                if block.last:
                    return _Read(block.head)

    def _read(self, spoken_of: int) -> _Read:
        """Read every record: which texts it speaks of, and where its recorder said that it is."""
        read = _Read(at=Head() if not spoken_of else None)
        for record in read_records(self.journal, SESSION_DECODER):
            if not record.number:
                self._check_opening(record.event)
            read.head = record.head
            if record.head.records == spoken_of:
                read.at = record.head
            if digest := text_named(record.event):
                read.named.setdefault(digest, record.number)
        return read

    def _check_first(self, body: bytes) -> None:
        try:
            self._check_opening(SESSION_DECODER.decode(body))
        except msgspec.MsgspecError as error:
            raise not_understood(self.journal, Head(), error) from error

    def _check_opening(self, event: object) -> None:
        found = (getattr(event, "workspace_id", ""), getattr(event, "journal", ""))
        if not isinstance(event, JournalOpened) or found != (self.workspace_id, self.session):
            raise _otherwise(f"it opens as {found}: it was swapped")

    def _read_texts(self, spoken_of: int, *, whole: bool, keep: bool = True) -> _Texts:
        """Hold every text against its digest.

        Parameters
        ----------
        spoken_of : int
            How many its recorder spoke of.
        whole : bool
            Whether the last line must be whole.
        keep : bool
            Whether digests are remembered; where their order is known it takes no memory.
        """
        path = texts_file(self.journal)
        texts = _Texts(at=TextsDigest().hexdigest() if not spoken_of else "")
        for line in lines_of(path):
            where = f"{path.name}: line {line.number} (byte {line.offset})"
            if line.torn and not whole:
                texts.torn = line.torn
                break
            if line.wrong:
                raise _otherwise(f"{where} is not what was written: {line.wrong}")
            if line.erased and line.digest not in self.erased:
                raise _otherwise(f"{where} was erased, and no entry in the ledger says so")
            if line.digest in texts.digests:
                raise _otherwise(f"{where} is there for the second time")
            texts.erased += line.erased
            texts.kept += not line.erased
            if keep:
                texts.digests.add(line.digest)
            texts.whole.add(line.digest)
            if texts.whole.count == spoken_of:
                texts.at = texts.whole.hexdigest()
        return texts

    def _check_named(self, read: _Read, texts: _Texts, known: int | None = None) -> int:
        """Where nothing says which texts there were: those that the journal speaks of.

        Parameters
        ----------
        known : int, optional
            Where the machine stopped: how many records' texts its recorder spoke of. Those of
            later ones may not have reached the disk; gives how many did not.
        """
        lost = 0
        for digest, record in read.named.items():
            if digest in texts.digests or digest in self.erased:
                continue
            if known is None or record < known:
                path = texts_file(self.journal)
                raise _otherwise(f"{path.name}: the text {digest} of record {record} is gone")
            lost += 1
        return lost

    def _other_texts(self, seal: SessionSealed, texts: _Texts) -> IntegrityBroken:
        name = texts_file(self.journal).name
        if seal.texts != texts.whole.count:
            return _otherwise(f"{name} has {texts.whole.count} texts, {seal.texts} were written")
        return _otherwise(f"{name}: its texts are not those that were written, in that order")


def _place(seal: SessionSealed) -> tuple[object, ...]:
    where = (seal.session_id, seal.records, seal.bytes, seal.head)
    return (*where, seal.texts, seal.texts_sha256)


def _otherwise(what: str) -> IntegrityBroken:
    return IntegrityBroken(what, why="", next="restore the file from a backup")
