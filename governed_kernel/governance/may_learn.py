"""Letting models learn a column after all that a version was closed with by what it was made from.

What a session made is closed column by column where its lineage can't rule out that a closed one
goes into it: also a column that only bears the name of one that was left out, or of a file that a
program wrote. Who looked at it says so by signature, with a reason, and may take it back. What
anybody declared, of a source and so of its parts, or of the file itself, nobody opens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from governed_kernel.errors import UsageError
from governed_kernel.governance.cards import write_card
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.lineage.attestations import LearningAllowed, LearningClosed
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = ["allow", "allowed", "close"]

_Check = Callable[[Register, DatasetRegistered, str, Sequence[str]], None]


def allow(
    workspace: Workspace,
    name: str,
    columns: Sequence[str],
    person: str,
    passphrase: bytes,
    reason: str,
) -> DatasetRegistered:
    """Let models learn columns of a version after all, by a signed entry.

    It holds for this content, under each of its names, and for what is made from it later.

    Parameters
    ----------
    name : str
        ``NAME@VERSION``; a name alone is not enough, since it is said of one content.

    Raises
    ------
    UnknownName
        There is no such version.
    UsageError
        No version, column or reason is given, or a column is open or was declared by somebody.
    SignatureRefused
        The person may not; it takes an administrator or a data steward.
    NotApproved
        The rules of the workspace are not those that were adopted.
    """
    _check_words(name, columns, reason)
    make = _saying(LearningAllowed, _check_closed, name, columns, reason, "opened")
    return _signed(workspace, name, person, passphrase, make)


def close(
    workspace: Workspace,
    name: str,
    columns: Sequence[str],
    person: str,
    passphrase: bytes,
    reason: str,
) -> DatasetRegistered:
    """Close columns of a version again that were opened; as for `allow`.

    What was registered meanwhile of what is made from it stays open: its own versions are closed
    or withdrawn by themselves.
    """
    _check_words(name, columns, reason)
    make = _saying(LearningClosed, _check_open, name, columns, reason, "closed")
    return _signed(workspace, name, person, passphrase, make)


def allowed(register: Register, version: DatasetRegistered) -> list[dict[str, Any]]:
    """Which columns of a version were opened or closed again, by whom, when and why."""
    return [
        {
            "columns": said.columns,
            "said": "opened" if isinstance(said, LearningAllowed) else "closed",
            "by": said.person,
            "at": said.signed_at.isoformat(timespec="seconds"),
            "reason": said.reason,
        }
        for said in register.may_learn.get(version.sha256, ())
    ]


def _check_words(name: str, columns: Sequence[str], reason: str) -> None:
    if "@" not in name or not columns or not reason.strip():
        raise UsageError(
            f"no column of {name} can be opened or closed like that",
            why="it takes NAME@VERSION, a column and a reason, which stays in the ledger",
            next=f"'governed data show {name.partition('@')[0]}' lists versions and columns",
        )


def _saying(
    kind: type[LearningAllowed] | type[LearningClosed],
    check: _Check,
    name: str,
    columns: Sequence[str],
    reason: str,
    meaning: str,
) -> Callable[[Register, Person], LearningAllowed | LearningClosed]:
    """What makes the statement, once it is known who signs it in which workspace."""

    def make(register: Register, who: Person) -> LearningAllowed | LearningClosed:
        register.check_policy()
        known = register.version(name)
        check(register, known, name, columns)
        return kind(
            person=who.name,
            printed_name=who.printed_name,
            meaning=meaning,
            dataset=known.dataset,
            version=known.version,
            sha256=known.sha256,
            columns=list(dict.fromkeys(columns)),
            reason=reason.strip(),
        )

    return make


def _signed(
    workspace: Workspace,
    name: str,
    person: str,
    passphrase: bytes,
    make: Callable[[Register, Person], LearningAllowed | LearningClosed],
) -> DatasetRegistered:
    attest(workspace, person, passphrase, make, action="data may-learn", resource=name)
    register = Register.read(workspace)
    version = register.version(name)
    for dataset in register.called(version.sha256):
        write_card(workspace, dataset, register.datasets[dataset])
    return version


def _check_closed(_: Register, known: DatasetRegistered, name: str, columns: Sequence[str]) -> None:
    """Refuse to open what is open, and what somebody declared."""
    closed = known.never_learn
    if open_already := [column for column in columns if column not in closed]:
        raise UsageError(
            f"{', '.join(open_already)} of {name} need not be opened",
            why=f"never to be learned of it is {', '.join(closed) or 'nothing'}",
            next=f"see 'governed data show {name}'",
        )
    if declared := [column for column in columns if column not in known.inherited]:
        raise UsageError(
            f"{', '.join(declared)} of {name} can't be opened",
            why="lineage did not close that: who registered this content, or what it was divided "
            "off or made from by rules, declared that it must not be learned",
            next="make it without what must not be learned, and register that",
        )


def _check_open(
    register: Register, known: DatasetRegistered, name: str, columns: Sequence[str]
) -> None:
    opened = register.opened(known.sha256)
    if others := [column for column in columns if column not in opened]:
        raise UsageError(
            f"{', '.join(others)} of {name} can't be closed",
            why=f"by signature was opened of it: {', '.join(opened) or 'nothing'}",
            next=f"see 'governed data show {name}'",
        )
