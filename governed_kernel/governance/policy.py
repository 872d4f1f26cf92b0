"""The rules: what ``governed.toml`` and the policies say, once an administrator signed for it."""

from __future__ import annotations

from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance.cedar import Policies
from governed_kernel.governance.policy_words import check_words
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.rules import policy_texts, read_rules, rule_files
from governed_kernel.governance.signing import attest
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import PolicyAdopted, Predicate
from governed_kernel.workspace import Workspace

__all__ = ["adopt", "checked", "to_adopt"]


def to_adopt(workspace: Workspace) -> str:
    """The digest of the rules that lie there now, all of them valid.

    Raises
    ------
    ConfigurationError
        A policy is not valid, or never counts.
    """
    return checked(workspace)[1]


def checked(workspace: Workspace) -> tuple[Policies, str]:
    """The policies that lie there now, as they may be adopted, and the digest of the rules.

    Raises
    ------
    ConfigurationError
        As for `to_adopt`.
    """
    texts, digest = read_rules(workspace)
    policies = Policies(texts)
    policies.check_contradictions()
    check_words(policies, workspace.settings)
    return policies, digest


def adopt(workspace: Workspace, administrator: str, passphrase: bytes, digest: str) -> Entry:
    """Make the rules with this digest, which lie there now, those that gates accept.

    Raises
    ------
    ConfigurationError
        A policy is not valid; nothing is adopted.
    IntegrityBroken
        They are no longer what was shown to whoever signs.
    """
    files, texts = rule_files(workspace), policy_texts(workspace)
    found = to_adopt(workspace)
    if found != digest:
        raise IntegrityBroken(
            "the rules changed while they were being signed",
            why=f"shown was {digest[:16]}…, there is {found[:16]}…",
            next="look at them again, then adopt them",
        )

    def make(_: Register, who: Person) -> Predicate:
        return PolicyAdopted(
            person=who.name,
            printed_name=who.printed_name,
            meaning="adopted",
            policy=digest,
            rules=files,
            settings=workspace.settings.adoptable(),
            policies=texts,
        )

    return attest(
        workspace,
        administrator,
        passphrase,
        make,
        action="policy adopt",
        resource=digest,
    )
