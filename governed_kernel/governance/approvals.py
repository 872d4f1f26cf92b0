"""Approve, reject and revoke releases: the signature of one person, refused when it can't count."""

from __future__ import annotations

from collections.abc import Sequence

from governed_kernel.errors import NotApproved, UnknownName, UsageError
from governed_kernel.governance.adopted import as_adopted
from governed_kernel.governance.counting import Purpose, describe, objection
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import (
    Approval,
    Predicate,
    Promotion,
    Rejection,
    Revocation,
)
from governed_kernel.lineage.events import FileDigest
from governed_kernel.workspace import Workspace

__all__ = ["approve", "check_that_it_counts", "reject", "revoke"]

MEANINGS = ("reviewed", "approved", "authored", "responsible")


def approve(
    workspace: Workspace,
    release: str,
    purpose: Purpose,
    person: str,
    passphrase: bytes,
    *,
    meaning: str,
    digest: str,
    evidence: Sequence[FileDigest] = (),
    run_id: str = "",
    comment: str = "",
) -> Entry:
    """Sign for a release to be run, or for one run of it to be deployed.

    Parameters
    ----------
    digest : str
        What is signed: the release digest, for deployment the digest of the run's evidence.
    evidence : sequence of FileDigest
        What the signer was shown.
    run_id : str
        The run, for deployment.

    Raises
    ------
    NotApproved
        The approval would not count: by the author, without the role, or a second time.
    SignatureRefused
        Wrong passphrase, or the person or key does not count. Every refusal is on record.
    """
    _check_meaning(meaning)
    if (purpose == "deployment") != bool(run_id):
        raise UsageError(
            "an approval for deployment names a run, and one for a run does not",
            why=f"purpose {purpose}, run {run_id or 'none'}",
            next=f"governed approve {release} --for deployment --run RUN",
        )

    def make(register: Register, who: Person) -> Predicate:
        promotion = _promotion(register, release)
        register.check_policy()
        if purpose == "run" and digest != promotion.digest:
            raise NotApproved(
                f"{release} is not what was promoted",
                why=f"its digest is {digest[:16]}…, the promoted one {promotion.digest[:16]}…",
                next="restore its files, or promote the changed notebook as a new version",
            )
        check_that_it_counts(register, who, release, purpose, digest, run_id)
        return Approval(
            person=who.name,
            printed_name=who.printed_name,
            meaning=meaning,
            release=release,
            purpose=purpose,
            digest=digest,
            run_id=run_id,
            evidence=list(evidence),
            comment=comment,
        )

    return attest(
        workspace, person, passphrase, make, action="approve", resource=release, purpose=purpose
    )


def reject(
    workspace: Workspace, release: str, person: str, passphrase: bytes, *, digest: str, reason: str
) -> Entry:
    """Say no to a release for good; a change is a new version.

    Where rules lie there that nobody adopted, those decide that were (`as_adopted`).
    """
    return _end(workspace, release, person, passphrase, digest, reason, Rejection)


def revoke(
    workspace: Workspace, release: str, person: str, passphrase: bytes, *, digest: str, reason: str
) -> Entry:
    """Withdraw a release that was approved; it can't be run or deployed any more.

    Where rules lie there that nobody adopted, those decide that were (`as_adopted`).
    """
    return _end(workspace, release, person, passphrase, digest, reason, Revocation)


def _end(
    workspace: Workspace,
    release: str,
    person: str,
    passphrase: bytes,
    digest: str,
    reason: str,
    statement: type[Rejection] | type[Revocation],
) -> Entry:
    action, meaning = ("reject", "rejected") if statement is Rejection else ("revoke", "revoked")
    workspace = as_adopted(workspace, person, action, release)

    def make(register: Register, who: Person) -> Predicate:
        _promotion(register, release)
        return statement(
            person=who.name,
            printed_name=who.printed_name,
            meaning=meaning,
            release=release,
            digest=digest,
            reason=_reason(reason),
        )

    return attest(workspace, person, passphrase, make, action=action, resource=release)


def check_that_it_counts(
    register: Register, who: Person, release: str, purpose: Purpose, digest: str, run_id: str
) -> None:
    """Refuse an approval that would not count, before anybody goes to the trouble of giving it.

    Raises
    ------
    NotApproved
        The release has ended; it is by the author, without the role, or a second time.
    """
    _refuse_ended(register, _promotion(register, release))
    rule = register.rule(purpose, release)
    _, reason = objection(
        who,
        rule,
        author=register.author_of(release),
        position=len(register.events),
        signed_at=None,
    )
    earlier = [
        given
        for given in register.approvals_for(release, digest, purpose, run_id)
        if given.counts and given.person == who.name
    ]
    if not reason and earlier:
        reason = f"{who.name} approved it already, on {earlier[0].signed_at:%Y-%m-%d %H:%M} UTC"
    if reason:
        raise NotApproved(
            f"an approval of {release} by {who.name} would not count",
            why=reason,
            next=f"it takes {describe(rule)}",
        )


def _promotion(register: Register, release: str) -> Promotion:
    promotion = register.promotions.get(release)
    if promotion is None:
        raise UnknownName(
            f"no release is called {release!r}",
            why=f"the ledger knows {', '.join(sorted(register.promotions)) or 'no release yet'}",
            next="see 'governed release list'; a release is made by 'governed promote NOTEBOOK'",
        )
    return promotion


def _refuse_ended(register: Register, promotion: Promotion) -> None:
    for entry in register.entries:
        said = entry.predicate
        if not entry.valid or not isinstance(said, Rejection | Revocation):
            continue
        if (said.release, said.digest) == (promotion.release, promotion.digest):
            raise NotApproved(
                f"{promotion.release} can't be approved any more",
                why=f"{said.printed_name} {said.meaning} it: {said.reason}",
                next="promote a new version",
            )


def _check_meaning(meaning: str) -> None:
    if meaning not in MEANINGS:
        raise UsageError(
            f"a signature can't mean {meaning!r}",
            why=f"the meanings are {', '.join(MEANINGS)}",
            next="choose one of them with --meaning",
        )


def _reason(reason: str) -> str:
    clean = reason.strip()
    if not clean:
        raise UsageError(
            "a reason is missing",
            why="whoever reads the record later must learn why",
            next="give one with --reason",
        )
    return clean
