"""Withdrawing a version: nobody reads it any more, and its content may be collected."""

from __future__ import annotations

from collections.abc import Sequence

from governed_kernel.errors import UsageError
from governed_kernel.governance.cards import write_card
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import Make, attest
from governed_kernel.lineage.attestations import Withdrawal
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = ["withdraw"]


def withdraw(
    workspace: Workspace,
    name: str,
    person: str,
    passphrase: bytes,
    reason: str,
    also: Sequence[Make] = (),
) -> DatasetRegistered:
    """Take back a version of a dataset or base model, by a signed entry.

    Its content is withdrawn under every other name as well, and with it every folder that holds it.

    Parameters
    ----------
    name : str
        ``NAME@VERSION``; a name alone is not enough, since versions are withdrawn one by one.
    also : sequence of callable
        Give what is signed with it: the recall of what was made from it (`release.recall`).

    Raises
    ------
    UnknownName
        There is no such version.
    UsageError
        It is withdrawn already, or no version or no reason is given.
    SignatureRefused
        The person may not; it takes an administrator or a data steward.
    """
    if "@" not in name or not reason.strip():
        raise UsageError(
            f"{name} can't be withdrawn like that",
            why="it takes NAME@VERSION and a reason, which stays in the ledger",
            next=f"'governed data show {name.partition('@')[0]}' lists the versions",
        )

    def make(register: Register, who: Person) -> Withdrawal:
        known = register.version(name)
        if known.state == "withdrawn":
            raise UsageError(
                f"{name} is withdrawn already",
                why="an entry in the ledger says so",
                next="nothing is to be done",
            )
        return Withdrawal(
            person=who.name,
            printed_name=who.printed_name,
            meaning="withdrawn",
            dataset=known.dataset,
            version=known.version,
            sha256=known.sha256,
            reason=reason.strip(),
        )

    attest(workspace, person, passphrase, make, action="data withdraw", resource=name, also=also)
    register = Register.read(workspace)
    version = register.version(name)
    for dataset in register.called(version.sha256):
        write_card(workspace, dataset, register.datasets[dataset])
    return version
