"""`governed audit rerun`: a run executed again from its sealed release, and held against itself.

The repetition is a new process in an empty folder. It sees the bundle's copy of the release and
the content-addressed inputs; confinement keeps the original's outputs out of its reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from governed_kernel.audit.repeated import Apart, artifacts_apart
from governed_kernel.errors import CheckFailed, IntegrityBroken, UsageError
from governed_kernel.files import read_regular
from governed_kernel.governance import signing
from governed_kernel.lineage.events import Artifact, RerunCompared, RunEnded
from governed_kernel.release import (
    bundle,
    environment,
    execution,
    manifest,
    run_states,
    runs,
)
from governed_kernel.release.environment import EnvironmentLock
from governed_kernel.release.manifest import ReleaseManifest
from governed_kernel.release.registry import Registry, RunRecord
from governed_kernel.release.run_states import RunState
from governed_kernel.training import compare_weights, weights_digest
from governed_kernel.validation.evidence import Evidence, read_evidence
from governed_kernel.workspace import Workspace

__all__ = ["Verdict", "rerun", "source_of"]

Watch = Callable[[RunState], None]
Outcome = Literal["IDENTICAL", "EQUIVALENT", "DIFFERENT"]
_WEIGHTS = ".safetensors"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a repetition showed.

    Attributes
    ----------
    verdict : {'IDENTICAL', 'EQUIVALENT', 'DIFFERENT'}
        IDENTICAL: the same bytes in every artifact that is compared, and the executed notebook says
        the same. EQUIVALENT: other bytes, within the tolerance that was approved (see `repeated`),
        and the same outcomes of every gate.
    weights_sha256, original_weights_sha256 : str
        Digest over every tensor's name, type, shape and bytes.
    differences : list of str
        Each artifact, tensor or case that differs, with by how much.
    surroundings : list of str
        Differences of environment, platform and parameters, which explain and do not decide.
    """

    run_id: str
    rerun_id: str
    verdict: Outcome
    weights_sha256: str
    original_weights_sha256: str
    differences: list[str]
    surroundings: list[str]
    compared: list[str]
    seconds: float
    log: str


def rerun(
    workspace: Workspace,
    run_id: str,
    person: str,
    overrides: Sequence[tuple[str, str]] = (),
    watch: Watch = lambda _: None,
    *,
    proof: bytes | None = None,
) -> Verdict:
    """Execute a run again and compare.

    Parameters
    ----------
    overrides : sequence of (name, text)
        Parameters changed on purpose, to see what they change.
    watch : callable
        Is given each new state of the repetition.
    proof : bytes, optional
        The person's passphrase, where ``governed.toml`` asks for it (``[run] identified``).

    Raises
    ------
    RunFailed
        The repetition did not come to its end.
    CheckFailed
        The original never did, so there is nothing to hold it against.
    """
    registry = Registry.read(workspace)
    original, first = _ended(registry, run_id)
    source = _whole_source(workspace, registry, original, person)
    here, altered = environment.inspect()
    digest = environment.digest_of(here, altered)
    state = execution.start_rerun(workspace, run_id, person, source, digest, overrides, proof=proof)
    state = runs.follow_to_end(workspace, state.run_id, watch)
    repeated = Registry.read(workspace).run(state.run_id)
    ended = repeated.ended
    assert ended is not None
    # What is compared are files, and they must be the ones on record.
    for run in (original, repeated):
        execution.check_artifacts(workspace, run)
    bound = manifest.load(source, original.started.digest)
    verdict = _compare(workspace, original, state, ended, bound, source, person, watch, proof)
    surroundings = [
        *_environments(source, here),
        *(f"environment: {item}" for item in altered),
        *_platforms(first, ended),
        *(f"parameter {name} was set to {text} on purpose" for name, text in overrides),
    ]
    verdict = msgspec.structs.replace(verdict, surroundings=surroundings)
    _record(workspace, verdict, person)
    return verdict


def _whole_source(
    workspace: Workspace, registry: Registry, original: RunRecord, person: str
) -> Path:
    """Where the release lies that is executed again, with what the run left verified first."""
    try:
        execution.check_artifacts(workspace, original)  # before minutes are spent on it
        return source_of(workspace, registry, original)
    except IntegrityBroken as error:
        signing.record_refusal(workspace, person, "audit rerun", original.run_id, error)
        raise


def _ended(registry: Registry, run_id: str) -> tuple[RunRecord, RunEnded]:
    """A release run that succeeded, and its end; nothing else can be held against a repetition."""
    original = registry.run(run_id)
    if original.ended is None or original.ended.state != "succeeded":
        raise CheckFailed(
            f"{run_id} has nothing to compare with",
            why=f"it is a run that has {original.state}",
            next="re-run one that succeeded; 'governed release show RELEASE' lists them",
        )
    if original.started.kind != "release":
        raise UsageError(
            f"{run_id} is no run of a release",
            why=f"it is a {original.started.kind} run",
            next=f"re-run {original.started.subject_run}",
        )
    return original, original.ended


def _record(workspace: Workspace, verdict: Verdict, person: str) -> None:
    signing.record(
        workspace,
        RerunCompared(
            run_id=verdict.run_id,
            rerun_id=verdict.rerun_id,
            verdict=verdict.verdict,
            weights_sha256=verdict.weights_sha256,
            differences=verdict.differences,
            person=person,
            surroundings=verdict.surroundings,
        ),
    )


def source_of(workspace: Workspace, registry: Registry, run: RunRecord) -> Path:
    """The sealed copy of the release in the run's bundle; before there is one, the release."""
    if run.bundle is not None:
        folder = bundle.folder_of(workspace, run.bundle)
        bundle.verify(folder, registry.register.service_key_of(run.bundle.name))
        return folder / "release"
    return manifest.release_folder(workspace, run.started.release)


def _compare(
    workspace: Workspace,
    original: RunRecord,
    state: RunState,
    ended: RunEnded,
    bound: ReleaseManifest,
    source: Path,
    person: str,
    watch: Watch,
    proof: bytes | None,
) -> Verdict:
    assert original.ended is not None
    before = run_states.run_folder(workspace, original.run_id) / "output"
    after = run_states.run_folder(workspace, state.run_id) / "output"
    weights = _weights_of(original.ended.artifacts)
    tensors = [
        (f"{name}: {item.name}: {item.reason}", item.max_abs)
        for name in weights
        if (after / name).is_file()
        for item in compare_weights(before / name, after / name)
    ]
    apart = list(
        artifacts_apart(
            before,
            after,
            original.ended.artifacts,
            ended.artifacts,
            limit=bound.tolerance.get("probabilities", 0.0),
            moved=bool(tensors),
        )
    )
    steps = [step for _, step in tensors]
    verdict, gates = _judge(apart, steps, bound), list[str]()
    if verdict == "EQUIVALENT" and not all(item.said for item in apart):
        gates = _validated_apart(workspace, original, state, bound, source, person, watch, proof)
        verdict = "DIFFERENT" if gates else "EQUIVALENT"
    told = [
        what + (f", at most {step:.3g}" if step < float("inf") else "") for what, step in tensors
    ]
    return Verdict(
        run_id=original.run_id,
        rerun_id=state.run_id,
        verdict=verdict,
        weights_sha256=_weights_digest(after, weights),
        original_weights_sha256=_weights_digest(before, weights),
        differences=[*(item.what for item in apart), *gates, *told],
        surroundings=[],
        compared=[artifact.name for artifact in original.ended.artifacts],
        seconds=round(ended.seconds, 1),
        log=str(run_states.run_folder(workspace, state.run_id) / "log.txt"),
    )


def _judge(apart: Sequence[Apart], steps: Sequence[float], bound: ReleaseManifest) -> Outcome:
    """What the differences alone allow; whether the gates say the same is still to be seen.

    Parameters
    ----------
    steps : sequence of float
        By how much each tensor that moved has moved at most.
    """
    if not apart and not steps:
        return "IDENTICAL"
    is_close = all(step <= bound.tolerance.get("weights", 0.0) for step in steps)
    return "EQUIVALENT" if is_close and all(item.tolerable for item in apart) else "DIFFERENT"


def _weights_of(artifacts: Sequence[Artifact]) -> list[str]:
    return [artifact.name for artifact in artifacts if artifact.name.endswith(_WEIGHTS)]


def _weights_digest(folder: Path, names: Sequence[str]) -> str:
    present = [name for name in names if (folder / name).is_file()]
    return weights_digest(folder / present[0]).sha256 if len(present) == 1 else ""


def _validated_apart(
    workspace: Workspace,
    original: RunRecord,
    state: RunState,
    bound: ReleaseManifest,
    source: Path,
    person: str,
    watch: Watch,
    proof: bytes | None,
) -> list[str]:
    """Validate the repetition too; what its evidence says otherwise than the original's."""
    first = original.validated
    if first is None:
        return ["the original was never validated, so no gate can be compared"]
    started = execution.start_validation(
        workspace, state.run_id, person, first.suite, source, proof=proof
    )
    runs.follow_to_end(workspace, started.run_id, watch)
    registry = Registry.read(workspace)
    for run_id in (first.validation_run, started.run_id):
        execution.check_artifacts(workspace, registry.run(run_id))
    one = _evidence(workspace, first.validation_run, first.suite)
    two = _evidence(workspace, started.run_id, first.suite)
    outcomes = {case.id: case.outcome for case in one.cases}
    apart = [
        f"case {case.id}: {outcomes.get(case.id, 'absent')} became {case.outcome}"
        for case in two.cases
        if outcomes.get(case.id) != case.outcome
    ]
    limit = bound.tolerance.get("probabilities", 0.0)
    rows = zip(one.probabilities, two.probabilities, strict=True)
    largest = max((abs(a - b) for x, y in rows for a, b in zip(x, y, strict=True)), default=0.0)
    if largest > limit:
        apart.append(f"probabilities differ by up to {largest:.3g}, approved is {limit:.3g}")
    return apart


def _evidence(workspace: Workspace, run_id: str, suite: str) -> Evidence:
    output = run_states.run_folder(workspace, run_id) / "output"
    return read_evidence(output / "evidence" / f"{suite}.json")


def _environments(source: Path, here: EnvironmentLock) -> list[str]:
    approved = msgspec.json.decode(read_regular(source / "environment.json"), type=EnvironmentLock)
    return [f"environment: {item}" for item in environment.compare(approved, here)]


def _platforms(one: RunEnded, two: RunEnded) -> list[str]:
    """Top-level parts of the fingerprint that differ."""
    return [
        f"platform: {name} differs"
        for name in sorted(one.fingerprint.keys() | two.fingerprint.keys())
        if name != "sha256" and one.fingerprint.get(name) != two.fingerprint.get(name)
    ]
