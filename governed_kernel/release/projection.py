"""The lineage store brought up to date with journals and ledger, by whoever asks it next."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from governed_kernel.errors import GovernedError
from governed_kernel.governance import envelopes, erasure, pins
from governed_kernel.governance.cards import mend_cards
from governed_kernel.governance.register import Register
from governed_kernel.governance.settling import Unsettled, settled
from governed_kernel.lineage import derivations
from governed_kernel.lineage.events import LedgerEvent
from governed_kernel.lineage.forms import journal_files
from governed_kernel.lineage.imports import imported
from governed_kernel.lineage.journal import Record
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.ledger_tables import LedgerTables
from governed_kernel.lineage.store import IngestReport, Store, disk
from governed_kernel.release.ledger_rows import tables, tables_of, tells_of_data
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace

__all__ = ["bring_up", "opened", "rebuild", "refresh"]

_COPIES: dict[Path, tuple[tuple[Any, ...], Store]] = {}
"""The copy of each store that this process may only read, and what it was made of."""
_SECONDS_KEPT = 300.0


@contextlib.contextmanager
def opened(workspace: Workspace) -> Iterator[Store]:
    """The lineage store, brought up to date as by `refresh`, and kept open for all that is asked.

    Where nothing is new, which is how most questions find it, it is opened once: that takes as long
    as ten of them.
    """
    waits = _erasure_waits(workspace)
    with contextlib.ExitStack() as questions:
        store, ledger = Store(workspace), Ledger(workspace)
        if not _is_writable(workspace):
            store = _copy(store, waits=waits)
            questions.enter_context(store.kept_open())
        elif waits or not _is_open_and_current(store, ledger, questions):
            known = _known(store)
            questions.close()  # whoever brings in what is new needs it alone
            _catch_up(store, ledger, known, waits=waits)
            questions.enter_context(store.kept_open())
        yield store


def refresh(workspace: Workspace) -> Store:
    """Bring the lineage store up to date with journals and ledger; returns it.

    An erasure that was signed and not carried out, because of a crash or a session that ran, comes
    first: the store must not take in what is to be forgotten. So do cards that a crash left behind.
    Whoever may only read the workspace gets a copy of the store, gone with the process.
    """
    store, waits = Store(workspace), _erasure_waits(workspace)
    if not _is_writable(workspace):
        return _copy(store, waits=waits)
    ledger = Ledger(workspace)
    with contextlib.ExitStack() as look:
        if not waits and _is_open_and_current(store, ledger, look):
            return store
        known = _known(store)
    _catch_up(store, ledger, known, waits=waits)
    return store


def _erasure_waits(workspace: Workspace) -> bool:
    """Whether an erasure was signed and not carried out."""
    return workspace.ledger.exists() and erasure.waits(workspace)


def _is_writable(workspace: Workspace) -> bool:
    """Whether this process may bring in what is new."""
    return workspace.keeps_lake or os.access(workspace.state, os.W_OK)


def _catch_up(store: Store, ledger: Ledger, known: str, *, waits: bool) -> None:
    """Take in what is new, after what was to be forgotten and mended.

    Parameters
    ----------
    known : str
        Hash of the last record that the store has taken in, as `_known` gives it.
    """
    workspace = store.workspace
    seen = pins.last_seen(workspace.root)
    is_behind = _is_behind(workspace, ledger, known)
    if not is_behind:
        if waits:
            _make_good(workspace, Register.replay(workspace, ledger.events()))
        store.ingest()
        # An erasure may have taken the store away, and the ledger gone on meanwhile.
        known = _known(store)
        is_behind = _is_behind(workspace, ledger, known)
    if is_behind:
        # Once: what is added meanwhile is the next question's to take in.
        records = ledger.records()
        events = [record.event for record in records]
        settled(workspace, events, partial(_take_in, store, known, records, seen))
    _bring_ledgers(store, imported(workspace))


def _take_in(
    store: Store,
    known: str,
    records: Sequence[Record[LedgerEvent]],
    seen: pins.Seen | None,
    found: Unsettled,
) -> None:
    """Bring in what the ledger says, which is put in place once its signatures are verified."""
    workspace, taken = store.workspace, 0

    @lru_cache(maxsize=1)  # asked twice where a journal has moved as well
    def telling(known: str) -> LedgerTables:
        nonlocal taken
        taken = _taken(records, known)
        said = tables_of(Registry(found.register), taken)
        return LedgerTables(records[-1].head, said, known if taken else "")

    def confirm() -> None:
        found.settle()
        envelopes.keep_verified()
        pins.check_seen(workspace.root, seen, records)
        # Once the store is current nobody looks at cards until the ledger tells of data again.
        if tells_of_data(found.register, taken):
            mend_cards(workspace, found.register.datasets)

    if found.register.erased:
        confirm()
        erasure.finish(workspace, found.register)
        if not store.go_on(known, telling):
            store.ingest(telling)
        return
    if not store.go_on(known, telling, confirm):
        store.ingest(telling, confirm)
    erasure.finish(workspace, found.register)


def _taken(records: Sequence[Record[LedgerEvent]], known: str) -> int:
    """So many of these records a store has taken in, where the last of them has this hash.

    None where it is of another ledger: records that come to the same hash are the same.
    """
    try:
        sought = bytes.fromhex(known)
    except ValueError:  # whoever may write the store's file may write anything
        return 0
    found = (record.head.records for record in reversed(records) if record.head.hash == sought)
    return next(found, 0)


def _make_good(workspace: Workspace, register: Register) -> None:
    """Carry out what a crash may have kept from being done."""
    erasure.finish(workspace, register)
    mend_cards(workspace, register.datasets)


def _copy(store: Store, *, waits: bool) -> Store:
    """A copy of a store, brought up to date, for who may not write where it lies.

    It is kept for minutes, or until the store changes, as it does when something is erased. While
    an erasure may wait for somebody to carry it out, no texts come in.
    """
    files = (store.path, store.path.with_name(store.path.name + ".wal"))
    found = [file.stat() for file in files if file.exists()]
    mark = (waits, store.texts, *((each.st_ino, each.st_size, each.st_mtime_ns) for each in found))
    known = _COPIES.pop(store.path, None)
    is_known = known is not None and known[0] == mark
    copy = known[1] if known and is_known else _copied(store, with_texts=not waits)
    bring_up(copy)
    _COPIES[store.path] = mark, copy
    if not is_known:
        # what is erased meanwhile stays in it until the next question, which may never come
        drop = threading.Timer(_SECONDS_KEPT, _drop, (store.path, copy))
        drop.daemon = True
        drop.start()
    return copy


def _drop(path: Path, copy: Store) -> None:
    """Forget a copy, unless another has taken its place; whoever is asking keeps it that long."""
    kept = _COPIES.get(path)
    if kept is not None and kept[1] is copy:
        _COPIES.pop(path, None)


def _copied(store: Store, *, with_texts: bool) -> Store:
    folder = Path(tempfile.mkdtemp(prefix="governed-store-"))
    copy = Store(store.workspace, path=folder / store.path.name)
    weakref.finalize(copy, shutil.rmtree, folder, ignore_errors=True)
    copy.texts = store.texts and with_texts
    with disk(copy.location):
        store.copy_to(folder)
    return copy


def bring_up(store: Store) -> IngestReport:
    """Bring a store up to date with journals and ledger, and with those that were imported."""
    report = store.ingest()
    _bring_ledgers(store, [None, *imported(store.workspace)])
    return report


def _bring_ledgers(store: Store, of_whom: Sequence[Workspace | None]) -> None:
    """Take in every ledger that has gone on, of imported workspaces or the store's own (None)."""
    for of in of_whom:
        ledger = Ledger(of or store.workspace)
        if ledger.path.exists():
            head = ledger.records()[-1].head
            if store.ledger_head(of) != head.hash.hex():
                store.replace_ledger_tables(head, tables(ledger.workspace, ledger), of)


def _is_open_and_current(store: Store, ledger: Ledger, questions: contextlib.ExitStack) -> bool:
    """Whether a store has taken in all that is on record: one look, as most questions need.

    If it can be opened at all it is open until `questions` end.
    """
    if store.workspace.keeps_lake or not store.exists():
        return False
    with contextlib.suppress(GovernedError):
        questions.enter_context(store.kept_open())
        ledgers = [(None, ledger), *((of, Ledger(of)) for of in imported(store.workspace))]
        return not store.is_behind() and not any(
            store.ledger_head(of) != each.records()[-1].head.hash.hex()
            for of, each in ledgers
            if each.path.exists() or (of is None and _has_ledger(store.workspace))
        )
    return False


def _known(store: Store) -> str:
    """Hash of the ledger's last record that a store has taken in; empty where it has none."""
    with contextlib.suppress(GovernedError):  # no store: made anew by those who ingest
        return store.ledger_head() or ""
    return ""


def _is_behind(workspace: Workspace, ledger: Ledger, known: str) -> bool:
    """Whether there is a ledger, and it has gone on since the record of the hash `known`.

    Raises
    ------
    UnknownName
        There was one, and it is gone.
    """
    return _has_ledger(workspace) and known != ledger.records()[-1].head.hash.hex()


def _has_ledger(workspace: Workspace) -> bool:
    """Whether there is a ledger, or there was: to make a store without it would hide the loss.

    Folders where kernels ran that nobody initialised never had one.
    """
    return workspace.ledger.exists() or pins.is_known(workspace.root)


def rebuild(workspace: Workspace, progress: Callable[[str], None] = lambda _: None) -> Store:
    """Make the lineage store anew from journals and ledger, and missing cards; returns it.

    Parameters
    ----------
    progress : callable
        Told what is being read, now and then.

    Raises
    ------
    UnknownName
        The ledger is gone; the store stays as it is.
    """
    ledger = Ledger(workspace)
    found = None
    if _has_ledger(workspace):
        progress("the ledger")
        register = Register.replay(workspace, ledger.events())
        erasure.finish(workspace, register)
        mend_cards(workspace, register.datasets)
        found = LedgerTables(ledger.records()[-1].head, tables(workspace, ledger))
    progress("the journals")
    store = Store(workspace, progress=_each(1_000_000, progress))
    store.rebuild(found)
    _bring_ledgers(store, imported(workspace))
    doubtful = {report.session_id for report in store.report.problems}
    whole = {journal.stem for journal in journal_files(workspace.journals)} - doubtful
    with store.read() as connection:
        derivations.write_anew(workspace, derivations.recorded(connection), whole)
    return store


def _each(many: int, progress: Callable[[str], None]) -> Callable[[int], None]:
    """Tell of every so many events."""
    told = 0

    def tell(count: int) -> None:
        nonlocal told
        if count - told >= many:
            told = count
            progress(f"{count:,} events")

    return tell
