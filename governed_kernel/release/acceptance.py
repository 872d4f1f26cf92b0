"""Accepting a risk: one failing case of one validation may pass, until a day and for a reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from governed_kernel.errors import NotApproved, UsageError
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.governance.verification import LONGEST_ACCEPTANCE
from governed_kernel.lineage.attestations import RiskAcceptance
from governed_kernel.lineage.events import CaseResult, ValidationRecorded, now
from governed_kernel.release import gate
from governed_kernel.release.registry import Registry, ReleaseRecord, RunRecord
from governed_kernel.workspace import Workspace

__all__ = ["LONGEST_DAYS", "accept", "accepted_case", "check_terms", "judged_run"]

LONGEST_DAYS = LONGEST_ACCEPTANCE.days


def judged_run(registry: Registry, release: ReleaseRecord, run_id: str = "") -> RunRecord:
    """The run whose risk is accepted; by default the newest one that a suite was run over.

    Raises
    ------
    UsageError
        It is a run of another release, for which the acceptance would not count.
    NotApproved
        No run of the release was validated.
    """
    if run_id:
        run = registry.run(run_id)
        if run.started.digest != release.digest:
            raise UsageError(
                f"{run_id} is no run of {release.name}",
                why=f"it is one of {run.started.release}; an acceptance lets a case of its own "
                "release pass, and would let nothing pass here",
                next=f"name a run of {release.name}, which 'governed release show {release.name}' "
                f"lists, or accept the risk of {run.started.release}",
            )
        return run
    for run in reversed(release.runs):
        if run.started.kind == "release" and run.validations:
            return run
    raise NotApproved(
        f"{release.name} has no validation with a risk to accept",
        why="none of its runs was validated",
        next=f"'governed run {release.name}', then 'governed validate RUN'",
    )


def accepted_case(run: RunRecord, case_id: str) -> tuple[ValidationRecorded, CaseResult]:
    """The failing case of that name, in the validation that counts.

    Raises
    ------
    UsageError
        There is none, or it did not fail in a way that can be accepted.
    """
    failing = [
        (found, case)
        for found in run.evaluations
        for case in found.cases
        if case.blocking and case.outcome != "passed"
    ]
    for found, case in failing:
        if case.case_id != case_id:
            continue
        if case.outcome == "failed" and found.required:
            return found, case
        raise UsageError(
            f"the risk of {case_id} can't be accepted",
            why="it was not measured, so nobody knows how large it is"
            if case.outcome != "failed"
            else "the validation is of an earlier version, which tells too little",
            next=f"validate again: 'governed validate {run.run_id}'",
        )
    raise UsageError(
        f"{case_id!r} is no case that keeps {run.run_id} from passing",
        why=f"failing and blocking are {', '.join(case.case_id for _, case in failing) or 'none'}",
        next="name one of these",
    )


def accept(
    workspace: Workspace,
    release: str,
    case_id: str,
    person: str,
    passphrase: bytes,
    *,
    until: str,
    reason: str,
    control: str,
    run_id: str = "",
) -> RiskAcceptance:
    """Let one failing case pass, by a signature that ends by itself.

    Parameters
    ----------
    until : str
        Date (ISO 8601); it counts to the end of that day, UTC, at most `LONGEST_DAYS` away.
    control : str
        What is done instead, to keep the harm away.
    run_id : str
        By default the newest run that was validated.

    Raises
    ------
    UsageError
        The case did not fail; or date, reason or control are missing.
    SignatureRefused, PolicyDenied
        Who signs is the author, or has no role that may.
    """
    expires = check_terms(until, reason, control)

    def make(register: Register, who: Person) -> RiskAcceptance:
        registry = Registry(register)
        record = _judged(registry, release, who)
        run = judged_run(registry, record, run_id)
        return RiskAcceptance(
            person=who.name,
            printed_name=who.printed_name,
            meaning="accepted",
            **_measured(record, run, case_id),
            reason=reason.strip(),
            control=control.strip(),
            expires_at=expires,
        )

    entry = attest(workspace, person, passphrase, make, action="accept-risk", resource=release)
    assert isinstance(entry.predicate, RiskAcceptance)
    return entry.predicate


def _measured(record: ReleaseRecord, run: RunRecord, case_id: str) -> dict[str, Any]:
    """The case whose risk is accepted, as the validation that counts measured it."""
    found, case = accepted_case(run, case_id)
    return {
        "release": record.name,
        "digest": record.digest,
        "run_id": run.run_id,
        "validation_run": found.validation_run,
        "suite": found.suite,
        "case_id": case.case_id,
        "value": case.value,
        "threshold": case.threshold,
    }


def check_terms(until: str, reason: str, control: str) -> datetime:
    """The moment that an acceptance ends at: the end of that day, UTC.

    Parameters
    ----------
    until : str
        Date (ISO 8601), at most `LONGEST_DAYS` away.
    reason, control : str
        Why, and what is done instead.

    Returns
    -------
    datetime
        From then on it lets nothing pass.

    Raises
    ------
    UsageError
        It has no end, none that may be, or no reason or control.
    """
    if not reason.strip() or not control.strip():
        raise UsageError(
            "a risk is not accepted without a reason and a control",
            why="whoever reads the record later must learn why, and what is done instead",
            next="give --reason and --control",
        )
    return _end_of(until)


def _judged(registry: Registry, release: str, who: Person) -> ReleaseRecord:
    """The release, if `who` may judge it as it stands."""
    registry.register.check_policy()
    record = registry.release(release)
    gate.check_state(record)
    if record.author == who.name:
        raise NotApproved(
            f"{who.name} can't accept a risk of {record.name}",
            why="they are its author, and nobody judges their own work",
            next="ask somebody who judges releases",
        )
    return record


def _end_of(until: str) -> datetime:
    try:
        day = date.fromisoformat(until)
    except ValueError as error:
        raise UsageError(
            f"{until!r} is no date", why=str(error), next="write it as 2027-01-31"
        ) from error
    expires = datetime.combine(day, time.max, tzinfo=UTC).replace(microsecond=0)
    left = expires - now()
    if left <= timedelta(0) or left > LONGEST_ACCEPTANCE:
        raise UsageError(
            f"a risk can't be accepted until {until}",
            why=f"it must end, in the future and within {LONGEST_DAYS} days",
            next="choose another day with --until",
        )
    return expires
