"""Letting models learn a column after all that a version was closed with by what it was made from.

What a session made is closed column by column where its lineage can't rule out that a closed one
goes into it: also a column that only bears the name of one that was left out, or of a file that a
program wrote. Who looked at it says so by signature, with a reason. What an owner declared of a
source, and so of its parts, nobody opens: that is registered otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from governed_kernel.errors import UsageError
from governed_kernel.governance.cards import write_card
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.lineage.attestations import LearningAllowed
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = ["allow", "allowed"]


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
        No version, column or reason is given, a column is open, or it is a source.
    SignatureRefused
        The person may not; it takes an administrator or a data steward.
    NotApproved
        The rules of the workspace are not those that were adopted.
    """
    if "@" not in name or not columns or not reason.strip():
        raise UsageError(
            f"no column of {name} can be opened like that",
            why="it takes NAME@VERSION, a column and a reason, which stays in the ledger",
            next=f"'governed data show {name.partition('@')[0]}' lists versions and columns",
        )

    def make(register: Register, who: Person) -> LearningAllowed:
        register.check_policy()
        known = register.version(name)
        _check(register, known, name, columns)
        return LearningAllowed(
            person=who.name,
            printed_name=who.printed_name,
            meaning="opened",
            dataset=known.dataset,
            version=known.version,
            sha256=known.sha256,
            columns=list(dict.fromkeys(columns)),
            reason=reason.strip(),
        )

    attest(workspace, person, passphrase, make, action="data may-learn", resource=name)
    register = Register.read(workspace)
    version = register.version(name)
    for dataset in register.called(version.sha256):
        write_card(workspace, dataset, register.datasets[dataset])
    return version


def allowed(register: Register, version: DatasetRegistered) -> list[dict[str, Any]]:
    """Which columns of a version were opened, by whom, when and why, as it is told."""
    return [
        {
            "columns": said.columns,
            "by": said.person,
            "at": said.signed_at.isoformat(timespec="seconds"),
            "reason": said.reason,
        }
        for said in register.may_learn.get(version.sha256, ())
    ]


def _check(register: Register, known: DatasetRegistered, name: str, columns: Sequence[str]) -> None:
    if not register.is_of_sessions(known):
        raise UsageError(
            f"no column of {name} can be opened",
            why="no session made it: its owner, or that of what it was divided off or made from by "
            "rules, declared what must not be learned",
            next="have its owner register it otherwise, or make it without these columns",
        )
    closed = known.never_learn
    if open_already := [column for column in columns if column not in closed]:
        raise UsageError(
            f"{', '.join(open_already)} of {name} need not be opened",
            why=f"never to be learned of it is {', '.join(closed) or 'nothing'}",
            next=f"see 'governed data show {name}'",
        )
