"""Which approvals count: the one place that decides it, for every gate and every report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from governed_kernel.configuration import ApprovalRule
from governed_kernel.governance.roster import Person, Roster
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import Approval
from governed_kernel.lineage.events import FileDigest

__all__ = ["CountedApproval", "Purpose", "count_approvals", "describe", "objection", "unmet"]

Purpose = Literal["run", "deployment"]


class CountedApproval(msgspec.Struct, frozen=True):
    """One approval of a release, and whether it counts."""

    number: int
    release: str
    run_id: str
    purpose: Purpose
    person: str
    printed_name: str
    role: str
    """The role it counts for; empty when it does not count."""
    meaning: str
    digest: str
    signed_at: datetime
    counts: bool
    reason: str
    """Why it does not count."""
    key_id: str
    evidence: tuple[FileDigest, ...]
    comment: str
    envelope: dict[str, Any]
    held: tuple[str, ...] = ()
    """Every role of the rule that its signer had."""


def unmet(rule: ApprovalRule, counting: Sequence[CountedApproval]) -> str:
    """What is still asked for beyond `counting`, in words; empty when nothing is.

    Every role of `rule.each` takes a person of its own, so that nobody signs for two of them.
    """
    missing = []
    if len(counting) < rule.required:
        more = rule.required - len(counting)
        missing.append(f"{more} more with one of the roles {', '.join(rule.roles)}")
    covered: dict[int, str] = {}
    for role in rule.each:
        if not _cover(role, counting, covered, set()):
            missing.append(f"one by a {role} of its own")
    return ", and ".join(missing)


def describe(rule: ApprovalRule) -> str:
    """The rule in words."""
    each = f", among them for each of {', '.join(rule.each)} a person of its own"
    return (
        f"{rule.required} by different people with the role {' or '.join(rule.roles)}"
        f"{each if rule.each else ''}, none of them the author"
    )


def _cover(
    role: str, counting: Sequence[CountedApproval], covered: dict[int, str], tried: set[int]
) -> bool:
    """Find `role` a signer, moving others to another of their roles where that helps."""
    for index, given in enumerate(counting):
        if role not in given.held or index in tried:
            continue
        tried.add(index)
        if index not in covered or _cover(covered[index], counting, covered, tried):
            covered[index] = role
            return True
    return False


def count_approvals(
    entries: list[Entry],
    roster: Roster,
    rule: ApprovalRule,
    *,
    author: str,
    release: str,
    digest: str,
    purpose: Purpose,
    run_id: str,
    refused: str = "",
) -> list[CountedApproval]:
    """Every approval that names `release` and `purpose`, in the order of the ledger.

    `refused` is a reason that lets none of them count.
    """
    counted: set[str] = set()
    found = []
    for entry in entries:
        given = entry.predicate
        if not isinstance(given, Approval) or (given.release, given.purpose) != (release, purpose):
            continue
        role, reason = "", refused or entry.reason
        person = roster.people.get(given.person)
        if not reason and person is not None:
            role, reason = _judge(given, entry, person, rule, author, digest, run_id)
        if not reason and given.person in counted:
            role, reason = "", f"{given.person} approved before; a person counts once"
        if not reason:
            counted.add(given.person)
        held = person.roles_at(entry.number, given.signed_at) if person and not reason else ()
        wanted = tuple(role for role in rule.roles if role in held)
        found.append(_counted(entry, given, role, reason, wanted))
    return found


def objection(
    person: Person, rule: ApprovalRule, *, author: str, position: int, signed_at: datetime | None
) -> tuple[str, str]:
    """The role an approval by `person` counts for, or the reason why it would not count."""
    if person.name == author:
        return "", f"{person.name} is the author of the release, and nobody approves their own work"
    held = person.roles_at(position, signed_at)
    role = next((role for role in rule.roles if role in held), "")
    if role:
        return role, ""
    wanted = " or ".join(rule.roles)
    if set(person.roles) & set(rule.roles):
        return "", f"the role {wanted} was granted to {person.name} after the signature"
    return "", f"it takes the role {wanted}; {person.name} had {', '.join(held) or 'none'}"


def _judge(
    given: Approval,
    entry: Entry,
    person: Person,
    rule: ApprovalRule,
    author: str,
    digest: str,
    run_id: str,
) -> tuple[str, str]:
    key = person.key(entry.key_id)
    if key is None or (key.revoked is not None and not key.replaced):
        since = f" on {key.revoked_at:%Y-%m-%d}" if key and key.revoked_at else ""
        return "", f"the key of {person.name} was revoked{since}"
    if given.digest != digest:
        return "", f"it is for the digest {given.digest[:16]}…, and now it is {digest[:16]}…"
    if given.run_id != run_id:
        return "", f"it is for the run {given.run_id or 'none'}, not {run_id or 'none'}"
    return objection(person, rule, author=author, position=entry.number, signed_at=given.signed_at)


def _counted(
    entry: Entry, given: Approval, role: str, reason: str, held: tuple[str, ...]
) -> CountedApproval:
    return CountedApproval(
        number=entry.number,
        release=given.release,
        run_id=given.run_id,
        purpose=given.purpose,
        person=given.person,
        printed_name=given.printed_name,
        role=role,
        meaning=given.meaning,
        digest=given.digest,
        signed_at=given.signed_at,
        counts=not reason,
        reason=reason,
        key_id=entry.key_id,
        evidence=tuple(given.evidence),
        comment=given.comment,
        envelope=entry.envelope,
        held=held,
    )
