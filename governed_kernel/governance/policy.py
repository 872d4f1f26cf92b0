"""The rules: what ``governed.toml`` and the policies say, once an administrator signed for it."""

from __future__ import annotations

from governed_kernel.governance.cedar import Policies
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.rules import read_rules, rule_files
from governed_kernel.governance.signing import attest
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import PolicyAdopted, Predicate
from governed_kernel.workspace import Workspace

__all__ = ["adopt"]


def adopt(workspace: Workspace, administrator: str, passphrase: bytes) -> Entry:
    """Make the ``governed.toml`` and the policies that lie there now those that gates accept.

    Raises
    ------
    ConfigurationError
        A policy is not valid; nothing is adopted.
    """
    policies, digest = read_rules(workspace)
    Policies(policies)
    files = rule_files(workspace)

    def make(_: Register, who: Person) -> Predicate:
        return PolicyAdopted(
            person=who.name,
            printed_name=who.printed_name,
            meaning="adopted",
            policy=digest,
            rules=files,
        )

    return attest(
        workspace,
        administrator,
        passphrase,
        make,
        action="policy adopt",
        resource=digest,
    )
