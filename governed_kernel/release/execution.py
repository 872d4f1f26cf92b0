"""Asking for a run: gates first, then a detached process. Refusals are on record too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from governed_kernel.canonical import digest_file
from governed_kernel.errors import (
    CheckFailed,
    GovernedError,
    IntegrityBroken,
    Refused,
    UsageError,
)
from governed_kernel.governance import signing
from governed_kernel.lineage.events import Decided, FileDigest, RunRefused, ValidationRecorded
from governed_kernel.release import (
    admission,
    environment,
    gate,
    manifest,
    notebook,
    parameters,
    run_states,
    runs,
)
from governed_kernel.release.manifest import Input, ReleaseManifest, Suite
from governed_kernel.release.registry import Registry, RunRecord
from governed_kernel.release.run_states import COMMANDS, Kind, Plan, RunState, Subject
from governed_kernel.validation.evidence import read_evidence
from governed_kernel.validation.gate import gate as suite_gate
from governed_kernel.validation.suite import read_suite
from governed_kernel.workspace import Workspace

__all__ = [
    "check_artifacts",
    "record_validation",
    "start_release",
    "start_rerun",
    "start_validation",
]

VALIDATION_NOTEBOOK = "validation.ipynb"


def start_release(
    workspace: Workspace,
    release: str,
    person: str,
    texts: Sequence[tuple[str, str]] = (),
    *,
    proof: bytes | None = None,
) -> RunState:
    """Start a run of an approved release.

    Parameters
    ----------
    proof : bytes, optional
        The person's passphrase, where ``governed.toml`` asks for it (``[run] identified``).

    Raises
    ------
    GovernedError
        A gate says no; the attempt is on record, and no process was started.
    """
    runs.reap_all(workspace)
    registry = Registry.read(workspace)
    try:
        gate.check_identity(registry.register, person, proof)
        allowed = gate.allow(workspace, registry, release, texts)
        bound = allowed.manifest
        policies = admission.check_policies(
            registry.register, bound.release, person, "release", bound.inputs
        )
        plan = _plan(
            workspace,
            bound,
            kind="release",
            person=person,
            source=manifest.release_folder(workspace, bound.release),
            values=allowed.parameters,
            inputs=bound.inputs,
            environment=allowed.environment.digest(),
        )
        _record_permission(workspace, plan, policies)
        return runs.start(workspace, plan, _files(bound))
    except GovernedError as error:
        _record_refusal(workspace, registry, release, "release", person, error)
        raise


def start_validation(
    workspace: Workspace,
    run_id: str,
    person: str,
    suite: str = "",
    source: Path | None = None,
    *,
    proof: bytes | None = None,
) -> RunState:
    """Start the validation of a run that succeeded, over one suite of its release.

    Parameters
    ----------
    source : Path, optional
        A faithful copy of the release, such as a bundle's; by default the workspace's.
    proof : bytes, optional
        As for `start_release`.

    Raises
    ------
    Refused
        The run did not succeed, or its artifacts are not what it left.
    """
    runs.reap_all(workspace)
    registry = Registry.read(workspace)
    run = registry.run(run_id)
    try:
        gate.check_identity(registry.register, person, proof)
        record = registry.release(run.started.release)
        if run.started.kind == "release":  # what may read the holdout was approved by people
            gate.check_state(record)
            gate.check_signatures(registry.register, record)
            gate.check_separation(registry.register, record, run, validator=person)
        source = source or manifest.release_folder(workspace, record.name)
        bound = manifest.load(source, record.digest)
        chosen = _suite_of(bound, suite)
        adapter = _checked_adapter(workspace, run)
        named = {item.name: item for item in [*bound.base_models(), *chosen.inputs]}
        inputs = sorted(named.values())
        admission.check_inputs(workspace, registry.register, inputs, validation=True)
        gate.check_disk(workspace)
        # An audit may repeat a run in another environment; it compares them, and says so.
        is_audit = run.started.kind == "rerun"
        if is_audit:
            found = environment.digest_of(*environment.inspect())
        else:
            found = gate.check_environment(workspace, bound).digest()
        policies = admission.check_policies(
            registry.register, bound.release, person, "validation", inputs
        )
        plan = _plan(
            workspace,
            bound,
            kind="validation",
            person=person,
            source=source,
            values={},
            inputs=inputs,
            environment=found,
        )
        plan = msgspec.structs.replace(
            plan,
            notebook=VALIDATION_NOTEBOOK,
            subject=Subject(run_id, str(adapter), chosen.path),
        )
        extra = {VALIDATION_NOTEBOOK: _validation_notebook(chosen.path)}
        _record_permission(workspace, plan, policies)
        return runs.start(workspace, plan, _files(bound), extra)
    except GovernedError as error:
        _record_refusal(workspace, registry, run.started.release, "validation", person, error)
        raise


def start_rerun(
    workspace: Workspace,
    run_id: str,
    person: str,
    source: Path,
    environment: str,
    overrides: Sequence[tuple[str, str]] = (),
    *,
    proof: bytes | None = None,
) -> RunState:
    """Start the repetition of a run from `source`, a faithful copy of its release.

    The environment may be another one: the audit compares and says so. Parameters are those of
    the original; `overrides` must lie in the approved schema and make it another run on purpose.
    """
    runs.reap_all(workspace)
    registry = Registry.read(workspace)
    run = registry.run(run_id)
    try:
        gate.check_identity(registry.register, person, proof)
        bound = manifest.load(source, run.started.digest)
        values = parameters.resolve(bound.parameters, run.started.parameters, overrides)
        admission.check_inputs(workspace, registry.register, bound.inputs)
        gate.check_disk(workspace)
        policies = admission.check_policies(
            registry.register, bound.release, person, "rerun", bound.inputs
        )
        plan = _plan(
            workspace,
            bound,
            kind="rerun",
            person=person,
            source=source,
            values=values,
            inputs=bound.inputs,
            environment=environment,
        )
        plan = msgspec.structs.replace(plan, repeats=run_id)
        _record_permission(workspace, plan, policies)
        return runs.start(workspace, plan, _files(bound))
    except GovernedError as error:
        _record_refusal(workspace, registry, run.started.release, "rerun", person, error)
        raise


def record_validation(workspace: Workspace, plan: Plan) -> ValidationRecorded:
    """Put a finished validation run's evidence on record, judged here and not by its kernel."""
    assert plan.subject is not None
    folder = run_states.run_folder(workspace, plan.run_id)
    suite_folder = folder / "work" / plan.subject.suite
    suite = read_suite(suite_folder)
    path = folder / "output" / "evidence" / f"{suite.name}.json"
    evidence = read_evidence(path)
    bound = manifest.load(folder / "work", plan.digest)
    chosen = _suite_of(bound, plan.subject.suite)
    if evidence.suite_sha256 != chosen.sha256 or evidence.run_id != plan.run_id:
        raise IntegrityBroken(
            f"{path} is not the evidence of this validation",
            why=f"it speaks of suite {evidence.suite_sha256[:16]}… and run {evidence.run_id}",
            next="run the validation again with 'governed validate RUN'",
        )
    cases = [case.result for case in evidence.cases]
    passed, _ = suite_gate(cases, suite.blocking)
    event = ValidationRecorded(
        run_id=plan.subject.run_id,
        validation_run=plan.run_id,
        suite=suite.name,
        suite_sha256=chosen.sha256,
        passed=passed,
        cases=cases,
        evidence=[
            FileDigest(
                path.relative_to(folder / "output").as_posix(),
                digest_file(path),
                path.stat().st_size,
            )
        ],
        person=plan.person,
        required=list(suite.blocking),
    )
    signing.record(workspace, event)
    return event


def _plan(
    workspace: Workspace,
    bound: ReleaseManifest,
    *,
    kind: Kind,
    person: str,
    source: Path,
    values: Mapping[str, Any],
    inputs: Sequence[Input],
    environment: str,
) -> Plan:
    return Plan(
        run_id=run_states.new_run(kind),
        kind=kind,
        release=bound.release,
        digest=bound.digest(),
        person=person,
        source=str(source),
        notebook=bound.notebook.path,
        parameters=dict(values),
        inputs=list(inputs),
        environment=environment,
        threads=bound.threads,
        timeout_seconds=workspace.settings.run.timeout_minutes * 60,
    )


def _files(bound: ReleaseManifest) -> list[str]:
    return ["manifest.json", *(file.path for file in manifest.bound_files(bound))]


def _suite_of(bound: ReleaseManifest, path: str) -> Suite:
    for suite in bound.suites:
        if path in ("", suite.path, Path(suite.path).name):
            return suite
    raise UsageError(
        f"{bound.release} has no suite {path}",
        why=f"it is bound to {', '.join(suite.path for suite in bound.suites)}",
        next="name one of these with --suite",
    )


def check_artifacts(workspace: Workspace, run: RunRecord) -> Path:
    """The folder of a run's output, each file held against what the run left.

    Raises
    ------
    IntegrityBroken
        A file is altered or gone; it is named.
    """
    output = run_states.run_folder(workspace, run.run_id) / "output"
    for artifact in run.ended.artifacts if run.ended else ():
        path = output / artifact.name
        if not path.is_file() or digest_file(path) != artifact.sha256:
            raise IntegrityBroken(
                f"{path} is not what the run left",
                why=f"recorded was {artifact.sha256}",
                next="run the release again; a run's output is never mended",
            )
    return output


def _checked_adapter(workspace: Workspace, run: RunRecord) -> Path:
    """The folder of the run's adapter, each file held against what the run left."""
    if run.ended is None or run.ended.state != "succeeded" or run.started.kind == "validation":
        raise Refused(
            f"{run.run_id} can't be validated",
            why=f"it is a {run.started.kind} run that has {run.state}",
            next="validate a run that succeeded; 'governed release show' lists them",
        )
    output = check_artifacts(workspace, run)
    named = (output / artifact.name for artifact in run.ended.artifacts)
    folders = {path.parent for path in named if path.name == "adapter_model.safetensors"}
    if len(folders) != 1:
        raise CheckFailed(
            f"{run.run_id} left {len(folders)} adapters",
            why="a suite examines exactly one",
            next="call release.save_adapter(model, 'adapter') once in the notebook",
        )
    return folders.pop()


def _validation_notebook(suite: str) -> bytes:
    import nbformat

    source = f"from governed_kernel import validation\n\nvalidation.run({suite!r})"
    cells = [
        nbformat.v4.new_markdown_cell(f"# Validation by {suite}", id="heading"),
        nbformat.v4.new_code_cell(source, id="validation"),
    ]
    return notebook.encode(nbformat.v4.new_notebook(cells=cells))


def _record_permission(workspace: Workspace, plan: Plan, policies: Sequence[str]) -> None:
    """Put on record by which policies a run may start, before it does."""
    decided = Decided(
        person=plan.person,
        action=COMMANDS[plan.kind],
        resource=plan.release,
        outcome="allowed",
        policies=list(policies),
    )
    signing.append(workspace, lambda _: ((decided,), None))


def _record_refusal(
    workspace: Workspace,
    registry: Registry,
    release: str,
    kind: Kind,
    person: str,
    error: GovernedError,
) -> None:
    name = release
    if release not in registry.releases:
        versions = [key for key in registry.releases if key.partition("@")[0] == release]
        name = versions[-1] if versions else release
    refused = RunRefused(
        release=name,
        kind=kind,
        person=person,
        error=type(error).__name__,
        reason=f"{error.what}: {error.why}",
        policies=list(getattr(error, "policies", ())),
    )
    signing.append(workspace, lambda _: ((refused,), None))
    error.on_record = True
