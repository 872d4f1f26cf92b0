"""The policy: what ``governed.toml`` says, once an administrator has signed for it."""

from __future__ import annotations

from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import PolicyAdopted, Predicate
from governed_kernel.workspace import Workspace

__all__ = ["adopt"]


def adopt(workspace: Workspace, administrator: str, passphrase: bytes) -> Entry:
    """Make the ``governed.toml`` that lies there now the one that gates accept."""
    digest = workspace.settings.policy_digest()

    def make(_: Register, who: Person) -> Predicate:
        return PolicyAdopted(
            person=who.name, printed_name=who.printed_name, meaning="adopted", policy=digest
        )

    return attest(
        workspace,
        administrator,
        passphrase,
        make,
        action="policy adopt",
        resource=digest,
    )
