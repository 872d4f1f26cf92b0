"""The gates before a run and a bundle: nothing unapproved or altered is ever started or sealed.

Each check rests on the verified ledger and on bytes hashed now, never on the lineage store.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from governed_kernel.errors import (
    IntegrityBroken,
    NotApproved,
    Refused,
    ResourceMissing,
    SignatureRefused,
)
from governed_kernel.files import read_regular
from governed_kernel.governance.counting import Purpose, unmet
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import identify
from governed_kernel.release import admission, environment, intake, manifest, parameters
from governed_kernel.release.environment import EnvironmentLock
from governed_kernel.release.intake import Card
from governed_kernel.release.manifest import Input, ReleaseManifest
from governed_kernel.release.registry import Registry, ReleaseRecord, RunRecord
from governed_kernel.release.taken_back import check_recalls
from governed_kernel.workspace import Workspace

__all__ = [
    "Allowed",
    "allow",
    "check_approvals",
    "check_card",
    "check_deployable",
    "check_environment",
    "check_identity",
    "check_promotion",
    "check_requirements",
    "check_separation",
    "check_signatures",
    "check_state",
    "takes_part",
]


@dataclass(frozen=True)
class Allowed:
    """What a run was allowed to do: the release, what it is bound to, and its parameters."""

    record: ReleaseRecord
    manifest: ReleaseManifest
    parameters: dict[str, Any]
    environment: EnvironmentLock


def allow(
    workspace: Workspace,
    registry: Registry,
    release: str,
    texts: Sequence[tuple[str, str]] = (),
    given: Mapping[str, Any] | None = None,
) -> Allowed:
    """Every gate before a run of `release`.

    Parameters
    ----------
    texts : sequence of (name, text)
        Parameters as a person typed them.
    given : mapping, optional
        Parameters as values, from an earlier run.

    Raises
    ------
    NotApproved, ParameterRefused, Refused
        A gate says no.
    IntegrityBroken
        Something is not what was approved.
    ResourceMissing
        There is too little disk.
    """
    record = registry.release(release)
    registry.register.check_policy(workspace.settings)
    check_state(record)
    bound = manifest.load(manifest.release_folder(workspace, record.name), record.digest)
    check_approvals(registry.register, record, bound)
    check_card(workspace, registry.register, bound)
    check_recalls(registry, record)
    values = parameters.resolve(bound.parameters, given or {}, texts)
    admission.check_inputs(workspace, registry.register, bound.inputs)
    admission.check_inputs(workspace, registry.register, _validation_inputs(bound), validation=True)
    check_disk(workspace)
    found = check_environment(workspace, bound)
    return Allowed(record, bound, values, found)


def check_identity(register: Register, person: str, proof: bytes | None) -> None:
    """Refuse who is nobody here, or does not prove to be who they say where that is asked for.

    Raises
    ------
    SignatureRefused
        The passphrase is wrong, or there is none.
    """
    if proof is not None:
        identify(register, person, proof)
        return
    register.person(person)
    if register.workspace.settings.run.identified:
        raise SignatureRefused(
            f"{person} did not prove to be {person}",
            why="governed.toml asks those who run releases for it ([run] identified = true)",
            next="give a passphrase, on the terminal or with --passphrase-file FILE",
        )


def check_state(record: ReleaseRecord) -> None:
    """Refuse a release that was rejected, revoked or retired."""
    if record.state in ("rejected", "revoked", "retired"):
        last = record.history[-1]
        raise Refused(
            f"{record.name} was {record.state}: it can't be run or deployed",
            why=f"by {last.person} on {last.at:%Y-%m-%d %H:%M} UTC: {last.reason}",
            next="promote a new version",
        )


def check_approvals(register: Register, record: ReleaseRecord, bound: ReleaseManifest) -> None:
    """Refuse a release without enough approvals that count for exactly its digest."""
    check_promotion(record, bound)
    if bound.policy != register.policy:
        raise NotApproved(
            f"{record.name} was promoted under another policy",
            why=f"it is bound to {bound.policy[:16]}…, in force is {register.policy[:16]}…",
            next="promote a new version, so that reviewers approve it under the policy in force",
        )
    check_signatures(register, record)


def check_promotion(record: ReleaseRecord, bound: ReleaseManifest) -> None:
    """Refuse a manifest that says otherwise of the release than what its author signed with it."""
    stated: dict[str, Any] = {
        "release": bound.release,
        "person": bound.author,
        "notebook": bound.research_notebook.path,
        "session_id": bound.session_id,
        "risk_class": bound.risk_class,
    }
    if record.promotion.inputs:  # earlier promotions don't say it
        stated["inputs"] = bound.read()
    wrong = [name for name, value in stated.items() if value != getattr(record.promotion, name)]
    if wrong:
        raise IntegrityBroken(
            f"the manifest of {record.name} is not that of its promotion",
            why=f"other than its author signed are {', '.join(wrong)}",
            next="promote a new version with 'governed promote'",
        )


def check_signatures(
    register: Register, record: ReleaseRecord, run: RunRecord | None = None
) -> str:
    """Refuse what too few people approved: a release for a run, or one `run` for deployment.

    Returns
    -------
    str
        The digest that they signed.
    """
    purpose: Purpose = "deployment" if run else "run"
    digest, run_id = (run.evidence()[0], run.run_id) if run else (record.digest, "")
    register.risk_class(record.promotion.risk_class)
    rule = register.rule(purpose, record.name)
    given = register.approvals_for(record.name, digest, purpose, run_id)
    counting = [approval for approval in given if approval.counts]
    if missing := unmet(rule, counting):
        refused = [f"{item.person}: {item.reason}" for item in given if not item.counts]
        subject = f"{run_id} is not approved for deployment"
        raise NotApproved(
            f"{subject if run else f'{record.name} is not approved for a run'}: "
            f"{len(counting)} of {rule.required} approvals",
            why="; ".join(dict.fromkeys(refused)) or "nobody else has approved this digest",
            next=f"{missing}: 'governed approve {record.name} --for {purpose}"
            f"{f' --run {run_id}' if run else ''} --as PERSON'",
        )
    return digest


def check_deployable(registry: Registry, release: ReleaseRecord, run: RunRecord) -> str:
    """The gate before a bundle: succeeded, validated, approved; returns the evidence's digest.

    Raises
    ------
    NotApproved
        Evidence or an approval is missing, for deployment or for the run itself.
    Refused
        The release was turned down, or the run is an audit's.
    """
    if run.started.kind != "release" or run.started.digest != release.digest:
        raise Refused(
            f"{run.run_id} can't be released",
            why=f"it is a {run.started.kind} run of the digest {run.started.digest[:16]}…",
            next=f"take a run of {release.name}; 'governed release show {release.name}' lists them",
        )
    check_state(release)
    check_recalls(registry, release)
    registry.register.check_policy()
    check_signatures(registry.register, release)
    found = check_signatures(registry.register, release, run)
    check_separation(registry.register, release, run)
    return found


def check_card(workspace: Workspace, register: Register, bound: ReleaseManifest) -> Card:
    """Refuse a release without a complete use-case card, or without the suites that it asks for.

    Raises
    ------
    NotApproved
        A field or a suite is missing; each is named.
    """
    card = manifest.card_of(manifest.release_folder(workspace, bound.release), bound)
    risk = register.risk_class(bound.risk_class)
    missing = [item.field for item in intake.missing(card)]
    missing += intake.unbound(risk, [suite.path for suite in bound.suites])
    if missing:
        raise NotApproved(
            f"{bound.release} does not say all that a release needs",
            why=f"missing are {', '.join(missing)}",
            next="promote a new version with 'governed promote', which asks for each",
        )
    return card


def check_separation(
    register: Register, release: ReleaseRecord, run: RunRecord, *, validator: str = ""
) -> None:
    """Where the risk class asks for it: training, validation and approval by different people.

    Parameters
    ----------
    validator : str
        Who is about to validate; else who did and who approved are held against each other.
    """
    risk = release.promotion.risk_class
    if not register.risk_class(risk).separate_people:
        return
    validated = {validator} if validator else {found.person for found in run.evaluations}
    why = f"governed.toml asks for different people where the risk is {risk}"
    if run.started.person in validated:
        raise NotApproved(
            f"{run.started.person} can't validate {run.run_id}, having run it",
            why=why,
            next=f"somebody else validates: 'governed validate {run.run_id} --as PERSON'",
        )
    if validator:
        return
    digest, _ = run.evidence()
    given = register.approvals_for(release.name, digest, "deployment", run.run_id)
    apart = [item for item in given if item.counts and not takes_part(run, item.person)]
    if missing := unmet(register.rule("deployment", release.name), apart):
        raise NotApproved(
            f"{run.run_id} is not approved for deployment by people who took no part in it",
            why=why,
            next=f"{missing}: 'governed approve {release.name} --for deployment --as PERSON'",
        )


def takes_part(run: RunRecord, person: str) -> bool:
    """Whether somebody started the run or a validation of it that counts."""
    return person in {run.started.person, *(found.person for found in run.evaluations)}


def check_requirements(register: Register, bound: ReleaseManifest, run: RunRecord) -> None:
    """Refuse a run that lacks evidence: a suite of its release, or what its risk class asks for.

    Raises
    ------
    NotApproved
        Everything that is missing is named.
    """
    risk = register.risk_class(bound.risk_class)
    passing = {
        found.suite_sha256: found for found in run.evaluations if run.passes(found, run.moment)
    }
    missing = [
        f"the suite {suite.path} ('governed validate {run.run_id} --suite {suite.path}')"
        for suite in bound.suites
        if suite.sha256 not in passing
    ]
    accepted = {item.said.case_id for item in run.risks()}
    layers = {
        case.layer
        for found in passing.values()
        for case in found.cases
        if case.blocking and (case.outcome == "passed" or case.case_id in accepted)
    }
    missing += [f"a passed case of the layer {name}" for name in risk.layers if name not in layers]
    verdicts = {item.verdict for item in run.comparisons}
    if risk.rerun and not verdicts & {"IDENTICAL", "EQUIVALENT"}:
        missing.append(f"an audit's re-run ('governed audit rerun {run.run_id}')")
    if missing:
        raise NotApproved(
            f"{run.run_id} lacks evidence that {bound.release} needs",
            why=f"its risk class is {bound.risk_class}; missing are {'; '.join(missing)}",
            next="add what is missing; an approval signs the evidence as it is then",
        )


def check_disk(workspace: Workspace) -> None:
    """Refuse to start where the run would likely fill the disk."""
    free = shutil.disk_usage(workspace.root).free // (1 << 20)
    wanted = workspace.settings.run.free_disk_megabytes
    if free < wanted:
        raise ResourceMissing(
            f"only {free} MB of disk are free",
            why=f"governed.toml asks for {wanted} MB (run.free_disk_megabytes)",
            next="free some disk space",
        )


def check_environment(workspace: Workspace, bound: ReleaseManifest) -> EnvironmentLock:
    """Hold the environment, down to its files, against the one that was approved."""
    found, differences = environment.inspect()
    if found.digest() != bound.environment:
        path = manifest.release_folder(workspace, bound.release) / "environment.json"
        approved = msgspec.json.decode(read_regular(path), type=EnvironmentLock)
        differences = [*environment.compare(approved, found), *differences]
    if differences:
        shown = "; ".join(str(difference) for difference in differences[:5])
        more = f"; and {len(differences) - 5} more" if len(differences) > 5 else ""
        raise IntegrityBroken(
            f"the environment is not the one {bound.release} was approved with",
            why=shown + more,
            next="install the approved environment again, or promote a new version with this one",
        )
    return found


def _validation_inputs(bound: ReleaseManifest) -> list[Input]:
    return [item for suite in bound.suites for item in suite.inputs]
