"""Erasing texts: a signed entry first, then the texts, then what the lineage store knew of them.

Facts, digests and column names stay; the texts beside journals (cell sources, statements,
arguments, error messages) go. What is signed names each text by its digest, so verification tells
a text that was erased from one that is missing. A crash between the steps is made good by whoever
asks next.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from governed_kernel.errors import Refused, UnknownName, UsageError
from governed_kernel.files import read_regular, write_atomically
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest, identify, record_refusal
from governed_kernel.governance.traces import occurrences, places_of
from governed_kernel.lineage import texts
from governed_kernel.lineage.attestations import Erasure
from governed_kernel.lineage.events import CellStarted, PayloadDigest
from governed_kernel.lineage.heads import is_live
from governed_kernel.lineage.journal import SESSION_DECODER, read_payloads, read_records
from governed_kernel.lineage.store import Store
from governed_kernel.locks import AN_HOUR, exclusive_lock
from governed_kernel.workspace import Workspace

__all__ = [
    "Erased",
    "Plan",
    "Unfinished",
    "erase",
    "erasures",
    "finish",
    "held",
    "permit",
    "plan",
    "unfinished",
    "waits",
]

Scope = Literal["session", "dataset", "subject", "expired"]
_ACTION = "store erase"


@dataclass
class Plan:
    """What an erasure would remove, and what it can't.

    Attributes
    ----------
    texts : dict of str to list of str
        Session → digests of the texts that are there and would go.
    live : list of str
        Sessions among these that still run: their texts go when they have ended.
    elsewhere : list of str
        Files that hold, or may hold, the same texts: notebooks with their outputs, logs of runs,
        data. They are for people to look at.
    """

    scope: Scope
    target: str
    texts: dict[str, list[PayloadDigest]] = field(default_factory=dict)
    live: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many texts it names."""
        return sum(map(len, self.texts.values()))


@dataclass(frozen=True)
class Erased:
    """What was erased: the plan that was signed, and the ledger's record that says so."""

    plan: Plan
    record: int
    gone: int


# --- who may -----------------------------------------------------------------------------------


def permit(workspace: Workspace, scope: Scope, person: str, passphrase: bytes) -> None:
    """Refuse who may not erase, before anything is searched for them.

    Raises
    ------
    SignatureRefused
        A wrong passphrase, or the person is neither administrator nor data steward. The refusal is
        on record.
    """
    try:
        register = Register.read(workspace)
        who = identify(register, person, passphrase)
        register.check_role(Erasure, who)
    except Refused as error:
        record_refusal(workspace, person, _ACTION, scope, error)
        raise


# --- what there is to erase --------------------------------------------------------------------


def plan(workspace: Workspace, scope: Scope, target: str, *, store: Store) -> Plan:
    """Find the texts of a session, of those who read a dataset, of a person, or past their time.

    Parameters
    ----------
    scope : {'session', 'dataset', 'subject', 'expired'}
        ``dataset``: from the first cell of each session that read it, by name or by content, to
        the session's end, since later texts can hold what was seen. ``subject``: every text that
        contains `target`, whatever its case. ``expired``: sessions that ended longer ago than
        ``lineage.retention_days``.
    target : str
        Session, ``NAME[@VERSION]`` or text.
    store : Store
        Up to date.

    Raises
    ------
    UnknownName
        There is no such session or dataset.
    UsageError
        A session that was named still runs; or nothing says how long texts are kept.
    """
    found = Plan(scope, "" if scope == "subject" else target)
    for session, chosen in _CHOICES[scope](workspace, target, store).items():
        path = workspace.journals / f"{session}.jsonl"
        there = read_payloads(texts.texts_file(path))
        digests = [digest for digest in there if chosen is None or digest in chosen]
        if digests:
            found.texts[session] = digests
            if is_live(path):
                found.live.append(session)
    if scope == "session" and found.live:
        raise UsageError(
            f"session {target} still runs",
            why="what it says next would not be erased",
            next="shut its kernel down, then run the same command again",
        )
    if scope == "subject":
        found.elsewhere = occurrences(workspace, target)
    else:
        found.elsewhere = places_of(workspace, sorted(found.texts))
    return found


Chosen = dict[str, set[PayloadDigest] | None]
"""Session → the texts that are meant; None for all of them."""


def _of_session(_: Workspace, target: str, store: Store) -> Chosen:
    rows = store.query("SELECT session_id FROM sessions WHERE session_id = ?", [target])
    if not rows:
        raise UnknownName(
            f"no session {target!r} is recorded",
            why="the journals of this workspace have none of that name",
            next="'governed lineage sessions' lists them",
        )
    return {target: None}


def _of_dataset(workspace: Workspace, target: str, store: Store) -> Chosen:
    dataset, _, version = target.partition("@")
    known = store.query(
        "SELECT 1 FROM dataset_versions WHERE dataset = ? AND (? = '' OR version = ?)",
        [dataset, version, version],
    )
    if not known:
        raise UnknownName(
            f"no dataset or base model is called {target!r}",
            why="the catalog does not know it",
            next="'governed data list' shows what there is",
        )
    rows = store.query(
        """SELECT session_id, arg_min(execution, occurred_at) AS execution FROM accesses
        WHERE operation = 'read' AND dataset = ? AND (? = '' OR version = ?)
        GROUP BY session_id ORDER BY session_id""",
        [dataset, version, version],
    )
    return {
        row["session_id"]: set(_from_cell(workspace, row["session_id"], row["execution"]))
        for row in rows
    }


def _from_cell(workspace: Workspace, session: str, execution: int) -> Iterator[PayloadDigest]:
    """The texts of a cell's execution and of everything recorded after it."""
    begun = False
    for record in read_records(workspace.journals / f"{session}.jsonl", SESSION_DECODER):
        event = record.event
        begun = begun or (isinstance(event, CellStarted) and event.execution == execution)
        if begun and (digest := texts.text_named(event)):
            yield digest


def _of_subject(workspace: Workspace, target: str, store: Store) -> Chosen:
    if len(target.strip()) < 3:
        raise UsageError(
            "that is too short to find a person by",
            why="nearly every text contains it",
            next="give a name, an address or a number that stands for the person alone",
        )
    wanted = target.casefold()
    found: Chosen = {}
    for row in store.query("SELECT session_id FROM sessions ORDER BY session_id"):
        session = row["session_id"]
        kept = read_payloads(texts.texts_file(workspace.journals / f"{session}.jsonl"))
        found[session] = {digest for digest, text in kept.items() if wanted in text.casefold()}
    return found


def _of_expired(workspace: Workspace, _: str, store: Store) -> Chosen:
    days = workspace.settings.lineage.retention_days
    if not days:
        raise UsageError(
            "nothing says how long texts are kept",
            why="lineage.retention_days is 0 in governed.toml: for ever",
            next="set it, and have the policy adopted: 'governed policy adopt --as ADMIN'",
        )
    limit = (datetime.now(UTC) - timedelta(days=days)).replace(tzinfo=None)
    rows = store.query(
        "SELECT session_id FROM sessions WHERE coalesce(ended_at, started_at) < ? ORDER BY ALL",
        [limit],
    )
    live = {row["session_id"] for row in rows if is_live(_journal(workspace, row["session_id"]))}
    return {row["session_id"]: None for row in rows if row["session_id"] not in live}


def _journal(workspace: Workspace, session: str) -> Path:
    return workspace.journals / f"{session}.jsonl"


_CHOICES: dict[Scope, Callable[[Workspace, str, Store], Chosen]] = {
    "session": _of_session,
    "dataset": _of_dataset,
    "subject": _of_subject,
    "expired": _of_expired,
}


# --- erasing -----------------------------------------------------------------------------------


def erase(workspace: Workspace, found: Plan, person: str, passphrase: bytes, reason: str) -> Erased:
    """Sign for a plan, remove its texts, and let the lineage store forget them.

    Raises
    ------
    UsageError
        There is nothing to erase, or no reason is given.
    SignatureRefused
        The person may not erase; it takes an administrator or a data steward.
    """
    if not found.count:
        raise UsageError(
            "there is nothing to erase",
            why="no text that is still there is meant",
            next="'governed store erase … --dry-run' shows what would go",
        )
    if not reason.strip():
        raise UsageError(
            "an erasure needs a reason",
            why="it stays in the ledger, so that people know later",
            next="give one with --reason, without the personal data itself",
        )

    def make(_: Register, who: Person) -> Erasure:
        return Erasure(
            person=who.name,
            printed_name=who.printed_name,
            meaning="erased",
            scope=found.scope,
            target=found.target,
            reason=reason.strip(),
            texts=found.texts,
        )

    entry = attest(workspace, person, passphrase, make, action=_ACTION, resource=found.scope)
    gone = finish(workspace, Register.read(workspace))
    return Erased(found, entry.number, gone)


_Stamp = tuple[int, int, int]


class _Done(msgspec.Struct):
    """Up to which record of the ledger erasures are finished."""

    record: int = 0
    waits: bool = False
    """Whether texts of a session that ran were left."""
    files: dict[str, _Stamp] = {}
    """Session → the state of its texts after that. A file that somebody put back, with what was
    erased in it, has another; then its texts are erased again."""


def _done_file(workspace: Workspace) -> Path:
    return workspace.state / "erased.json"


def held(workspace: Workspace) -> contextlib.AbstractContextManager[None]:
    """Keep texts from being erased: what is gone has its entry in the ledger already."""
    return exclusive_lock(workspace.state / "erased.lock", AN_HOUR)


def finish(workspace: Workspace, register: Register) -> int:
    """Carry out the erasures that are signed and not finished yet; how many texts went.

    The store's file is removed after the texts, since a database keeps what was deleted in its
    free pages; the next reader makes it anew. Only then the erasure counts as finished. Texts of
    a session that still runs are left until it has ended. Texts that came back are erased again.
    """
    with held(workspace):
        known = _read_done(workspace)
        done = known or _Done()
        back = _put_back(workspace, done)
        signed = erasures(register)
        pending = [
            (number, said)
            for number, said in signed
            if number > done.record or not back.isdisjoint(said.texts)
        ]
        gone, finished, left = 0, done.record, False
        for number, said in pending:
            for session, digests in said.texts.items():
                path = _journal(workspace, session)
                if is_live(path):
                    left = True
                elif texts.texts_file(path).exists():
                    gone += texts.erase(texts.texts_file(path), digests)
            finished = finished if left else max(finished, number)
        if gone or any(number > done.record for number, _ in pending):
            Store(workspace).forget()
        named = {session for _, said in signed for session in said.texts}
        now = _Done(finished, left, {name: _stamp(workspace, name) for name in sorted(named)})
        if now != known:
            write_atomically(_done_file(workspace), msgspec.json.encode(now))
        return gone


def waits(workspace: Workspace) -> bool:
    """Whether an erasure may have to be carried out, again or at last.

    It may wait for a session that still ran when it was signed, or texts have come back.
    """
    done = _read_done(workspace)
    return done is None or done.waits or bool(_put_back(workspace, done))


def _put_back(workspace: Workspace, done: _Done) -> set[str]:
    """Sessions whose texts are not the file any more in which texts were erased."""
    known = done.files.items()
    return {session for session, stamp in known if stamp != _stamp(workspace, session)}


def _stamp(workspace: Workspace, session: str) -> _Stamp:
    """The state of a session's texts; zeros where there are none."""
    try:
        status = texts.texts_file(_journal(workspace, session)).stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def erasures(register: Register) -> list[tuple[int, Erasure]]:
    """Those that are signed and count, each with the number of its record."""
    return [
        (entry.number, entry.predicate)
        for entry in register.entries
        if entry.valid and isinstance(entry.predicate, Erasure)
    ]


def _read_done(workspace: Workspace) -> _Done | None:
    try:
        return msgspec.json.decode(read_regular(_done_file(workspace)), type=_Done)
    except (OSError, msgspec.MsgspecError):
        return None


class Unfinished(NamedTuple):
    """What is left of an erasure.

    Attributes
    ----------
    number : int
        Its record in the ledger.
    left : dict of str to int
        Session → how many of the texts are there; empty when all are gone.
    again : bool
        Whether they had been erased before, so that somebody has put them back.
    """

    number: int
    left: dict[str, int]
    again: bool


def unfinished(workspace: Workspace, number: int, said: Erasure) -> Unfinished:
    """What of an erasure, the ledger's record `number`, is still there."""
    done = _read_done(workspace) or _Done()
    left = {}
    for session, digests in said.texts.items():
        wanted = set(digests)
        lines = texts.lines_of(texts.texts_file(_journal(workspace, session)))
        count = sum(not line.erased and line.digest in wanted for line in lines)
        if count:
            left[session] = count
    return Unfinished(number, left, number <= done.record)
