"""Putting a bundle live: in one slot at a time, by an operator's signature."""

from __future__ import annotations

from dataclasses import dataclass

from governed_kernel.errors import (
    GovernedError,
    IntegrityBroken,
    NotApproved,
    Refused,
    UsageError,
)
from governed_kernel.governance.adopted import as_adopted
from governed_kernel.governance.names import check_name
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest, record_refusal
from governed_kernel.lineage.attestations import Bundle, Deployment
from governed_kernel.release import bundle, gate, runs
from governed_kernel.release.registry import Registry, ReleaseRecord, RunRecord
from governed_kernel.workspace import Workspace

__all__ = ["Deployed", "deploy", "latest_run", "roll_back"]


@dataclass(frozen=True)
class Deployed:
    """A bundle that went live."""

    environment: str
    slot: str
    release: str
    bundle: str
    sha256: str
    replaced: str
    """The bundle that was live there before: the same where nothing changed, empty if none."""


def deploy(
    workspace: Workspace,
    release: str,
    environment: str,
    person: str,
    passphrase: bytes,
    *,
    run_id: str = "",
    slot: str = "default",
    reason: str = "",
    meaning: str = "deployed",
) -> Deployed:
    """Put the bundle of a release live; it is made first where it does not exist yet.

    Asked for again it changes nothing and signs nothing.

    Parameters
    ----------
    meaning : str
        Of the signature, as it stands in the record.

    Raises
    ------
    NotApproved
        No run of it is validated and approved for deployment.
    IntegrityBroken
        The bundle is not what was sealed.
    UsageError
        There is no such environment, or `slot` is no name.
    """
    known = workspace.settings.deployment.environments
    if environment not in known:
        raise UsageError(
            f"there is no environment {environment!r}",
            why=f"governed.toml names {', '.join(known)}",
            next="choose one of them with --env",
        )
    if slot != "default":
        _check_slot(workspace, environment, slot)
    try:
        registry, run, made = _sealed(workspace, release, person, run_id)
    except (Refused, IntegrityBroken) as error:
        record_refusal(workspace, person, "deploy", release, error, environment)
        raise
    record = registry.release(release)

    def make(register: Register, who: Person) -> Deployment:
        current = Registry(register)
        if _live(current, environment, slot) == made.name:
            raise Refused(
                f"{made.name} is live in {environment}, slot {slot}, already",
                why="somebody else has put it there in this moment",
                next="nothing is left to do",
            )
        gate.check_deployable(current, current.release(record.name), current.run(run.run_id))
        return Deployment(
            person=who.name,
            printed_name=who.printed_name,
            meaning=meaning,
            environment=environment,
            slot=slot,
            release=record.name,
            bundle=made.name,
            sha256=made.digest,
            reason=reason,
        )

    before = _live(registry, environment, slot)
    if before == made.name:  # asked for once more, perhaps because the first answer got lost
        return Deployed(environment, slot, record.name, made.name, made.digest, before)
    attest(
        workspace,
        person,
        passphrase,
        make,
        action="deploy",
        resource=record.name,
        purpose=environment,
    )
    return Deployed(environment, slot, record.name, made.name, made.digest, before)


def roll_back(
    workspace: Workspace,
    environment: str,
    person: str,
    passphrase: bytes,
    *,
    slot: str = "default",
    reason: str = "",
) -> Deployed:
    """Put live again what was live before, in one signed step: the newest that may still be.

    A release that was revoked since, or whose bundle is not whole any more, is passed over. Where
    rules lie there that nobody adopted, those decide that were (`as_adopted`).

    Raises
    ------
    Refused
        Nothing else was ever live there, or nothing of it may be.
    """
    workspace = as_adopted(workspace, person, "rollback", environment)
    registry = Registry.read(workspace)
    live, earlier = _history(registry, environment, slot)
    passed: list[str] = []
    for deployment in earlier:
        run = _run_of(workspace, registry, deployment, passed)
        if run:
            return deploy(
                workspace,
                deployment.release,
                environment,
                person,
                passphrase,
                run_id=run,
                slot=slot,
                reason=reason or f"rolled back from {live}",
                meaning="rolled back",
            )
    error = Refused(
        f"there is nothing to roll back to in {environment}, slot {slot}",
        why="; ".join(passed) or f"{live or 'nothing'} is all that ever was live there",
        next="deploy a release that is approved: 'governed deploy RELEASE --env "
        f"{environment} --slot {slot}'",
    )
    record_refusal(workspace, person, "rollback", live, error, environment)
    raise error


def _check_slot(workspace: Workspace, environment: str, slot: str) -> None:
    """Refuse a new slot by what is no name: it stands in the record and in lists for ever."""
    taken = (record.deployment for record in Registry.read(workspace).deployments)
    if (environment, slot) not in {(known.environment, known.slot) for known in taken}:
        check_name(slot, "slot")


def _history(registry: Registry, environment: str, slot: str) -> tuple[str, list[Deployment]]:
    """The bundle that is live in a slot, and what was live before: newest first, each once."""
    there = [
        record
        for record in registry.deployments
        if (record.deployment.environment, record.deployment.slot) == (environment, slot)
    ]
    live = next((item.deployment.bundle for item in there if item.live_to is None), "")
    earlier: dict[str, Deployment] = {}
    for record in reversed(there):
        if record.deployment.bundle != live:
            earlier.setdefault(record.deployment.bundle, record.deployment)
    return live, list(earlier.values())


def _run_of(
    workspace: Workspace, registry: Registry, deployment: Deployment, passed: list[str]
) -> str:
    """The run behind a bundle that may go live again; else why not is added to `passed`."""
    try:
        key = registry.register.service_key_of(deployment.bundle)
        sealed = bundle.verify(workspace.bundles / deployment.bundle, key)
        record = registry.release(deployment.release)
        gate.check_deployable(registry, record, registry.run(sealed.run_id))
    except GovernedError as error:
        passed.append(f"{deployment.bundle}: {error.what}")
        return ""
    return sealed.run_id


def _sealed(
    workspace: Workspace, release: str, person: str, run_id: str
) -> tuple[Registry, RunRecord, Bundle]:
    """The run to deploy and its bundle, after every gate but the signature."""
    runs.reap_all(workspace)
    registry = Registry.read(workspace)
    record = registry.release(release)
    run = registry.run(run_id) if run_id else latest_run(record)
    registry.register.check_role(Deployment, registry.register.person(person))
    gate.check_deployable(registry, record, run)
    made = bundle.build(workspace, run.run_id, person)
    key = Register.read(workspace).service_key_of(made.name)
    sealed = bundle.verify(bundle.folder_of(workspace, made), key)
    assert sealed.run_id == run.run_id
    return registry, run, made


def latest_run(release: ReleaseRecord) -> RunRecord:
    """The newest run of a release that passed validation."""
    for run in reversed(release.runs):
        if run.started.kind == "release" and run.has_passed:
            return run
    for run in reversed(release.runs):
        if run.started.kind == "release" and run.validations:
            run.evidence()  # which says why it counts for nothing, or not any more
    done = [run.run_id for run in release.runs if _could_be_validated(run)]
    raise NotApproved(
        f"{release.name} has no validated run",
        why=f"its state is {release.state}, with {len(release.runs)} runs on record",
        next=f"'governed validate {done[-1]}'"
        if done
        else f"'governed run {release.name}', then 'governed validate RUN'",
    )


def _could_be_validated(run: RunRecord) -> bool:
    return run.started.kind == "release" and run.state == "succeeded"


def _live(registry: Registry, environment: str, slot: str) -> str:
    for old in registry.deployments:
        place = (old.deployment.environment, old.deployment.slot)
        if old.live_to is None and place == (environment, slot):
            return old.deployment.bundle
    return ""
