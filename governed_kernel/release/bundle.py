"""Bundles: the signed, immutable output of a run, complete before anyone can see it.

A bundle is one folder. ``manifest.json`` lists every other file with its SHA-256 and says what
run made them; ``signature.dsse.json`` is the service's signature over the manifest's digest. It
verifies without this workspace: `verify` needs the folder alone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from governed_kernel.canonical import canonical_json, digest_bytes, digest_file
from governed_kernel.errors import IntegrityBroken, Refused, ResourceMissing
from governed_kernel.files import sync_folder
from governed_kernel.governance import envelopes
from governed_kernel.governance.keys import parse_public_key
from governed_kernel.governance.names import SERVICE, SERVICE_NAME
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import record_refusal, seal
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import Approval, Bundle, Predicate, Promotion
from governed_kernel.lineage.events import FileDigest
from governed_kernel.release import cards, gate, manifest, runs
from governed_kernel.release.manifest import ReleaseManifest
from governed_kernel.release.registry import Registry, ReleaseRecord, RunRecord
from governed_kernel.workspace import Workspace

__all__ = ["BundleManifest", "build", "manifest_of", "verify"]

_UNLISTED = ("manifest.json", "signature.dsse.json")


class BundleManifest(msgspec.Struct, frozen=True):
    """``manifest.json`` of a bundle."""

    release: str
    release_digest: str
    run_id: str
    parameters: dict[str, Any]
    seeds: dict[str, Any]
    """The parameters that seed random numbers."""
    threads: int
    environment: str
    fingerprint: dict[str, Any]
    git_commit: str
    executed_by: str
    started_at: str
    ended_at: str
    evidence: str
    """The digest that approvals for deployment signed."""
    service_key: str
    files: list[FileDigest]
    schema: int = 1


def build(workspace: Workspace, run_id: str, person: str) -> Bundle:
    """Make and seal the bundle of a run; the same run gives the same bundle once.

    Raises
    ------
    NotApproved, Refused
        A gate says no.
    IntegrityBroken
        What the run made is not what was recorded when it ended.
    """
    registry = Registry.read(workspace)
    run = registry.run(run_id)
    if run.bundle is not None:
        return run.bundle
    release = registry.release(run.started.release)
    try:
        return _build(workspace, registry, release, run, person)
    except (Refused, IntegrityBroken) as error:
        record_refusal(workspace, person, "release build", release.name, error)
        raise


def _build(
    workspace: Workspace, registry: Registry, release: ReleaseRecord, run: RunRecord, person: str
) -> Bundle:
    evidence = gate.check_deployable(registry, release, run)
    source = manifest.release_folder(workspace, release.name)
    bound = manifest.load(source, release.digest)
    try:
        workspace.bundles.mkdir(exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=workspace.bundles, prefix=".making-"))
    except OSError as error:
        raise _unwritable(workspace.bundles, error) from error
    try:
        _fill(workspace, staging, registry, release, run, bound, source)
        made = _manifest(staging, release, run, bound, evidence, registry.register)
        return _seal(workspace, staging, made, release, run, person)
    except OSError as error:
        raise _unwritable(workspace.bundles, error) from error
    finally:
        _remove(staging)


def manifest_of(folder: Path) -> tuple[BundleManifest, str]:
    """The manifest of a bundle and its digest, as they lie there."""
    try:
        encoded = (folder / "manifest.json").read_bytes()
        return msgspec.json.decode(encoded, type=BundleManifest), digest_bytes(encoded)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise _altered(folder / "manifest.json", str(error)) from error


def verify(folder: Path, service_key: str = "") -> BundleManifest:
    """Hold every byte of a bundle against its signed manifest.

    Parameters
    ----------
    service_key : str
        PEM of the key that must have signed; by default the one that the bundle names, which
        proves that the bundle is whole, not who made it.

    Raises
    ------
    IntegrityBroken
        A file is altered, missing or added, or the signature does not verify; it is named.
    """
    made, digest = manifest_of(folder)
    predicate = _signed(folder / "signature.dsse.json", service_key or made.service_key)
    if not isinstance(predicate, Bundle) or predicate.digest != digest:
        raise _altered(folder / "manifest.json", f"its SHA-256 is {digest}, another was signed")
    listed = {file.path: file for file in made.files}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or (name not in listed and name not in _UNLISTED):
            raise _altered(path, "it is not in the manifest")
        if name in listed:
            found = digest_file(path)
            if found != listed.pop(name).sha256:
                raise _altered(path, f"its SHA-256 is {found}")
    if listed:
        raise _altered(folder / min(listed), "it is missing")
    _check_signatures(folder, made)
    return made


def _signed(path: Path, service_key: str) -> Predicate:
    """What the service signed, from the one form in which it is written."""
    try:
        data = path.read_bytes()
        envelope = msgspec.json.decode(data)
        if canonical_json(envelope) != data:
            raise _altered(path, "it is not written as it was sealed")
        return envelopes.verify(envelope, parse_public_key(service_key))[1]
    except (OSError, ValueError, TypeError, msgspec.MsgspecError) as error:
        raise _altered(path, str(error)) from error
    except IntegrityBroken as error:
        raise _altered(path, f"{error.what}: {error.why}") from error


def _fill(
    workspace: Workspace,
    staging: Path,
    registry: Registry,
    release: ReleaseRecord,
    run: RunRecord,
    bound: ReleaseManifest,
    source: Path,
) -> None:
    """Copy everything, hashing what the ledger knows as it is copied."""
    assert run.ended is not None
    assert run.validated is not None
    _copy_release(source, staging / "release", bound)
    output = runs.run_folder(workspace, run.run_id) / "output"
    for artifact in run.ended.artifacts:
        _copy(output / artifact.name, staging / "artifacts" / artifact.name, artifact.sha256)
    checked = runs.run_folder(workspace, run.validated.validation_run) / "output"
    for file in run.validated.evidence:
        _copy(checked / file.path, staging / "evaluation" / file.path, file.sha256)
    written = {
        "bom.json": canonical_json(cards.bill_of_materials(registry.register, bound)),
        "README.md": cards.model_card(registry, release, run, bound).encode(),
        "data_card.md": cards.data_card(registry.register, bound).encode(),
    }
    signed = list(_signatures(registry, release, run))
    written["people.json"] = canonical_json(_keys(registry.register, [item for _, item in signed]))
    for number, (name, envelope) in enumerate(signed):
        written[f"approvals/{number + 1:02}-{name}.dsse.json"] = canonical_json(envelope)
    for name, data in written.items():
        path = staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _copy_release(source: Path, target: Path, bound: ReleaseManifest) -> None:
    """The files of a release, none that lies beside them, held against its digest."""
    files = ["manifest.json", *(file.path for file in manifest.bound_files(bound))]
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    manifest.load(target, bound.digest())


def _signatures(
    registry: Registry, release: ReleaseRecord, run: RunRecord
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The promotion and every approval that counts, as they were signed."""
    for entry in registry.register.entries:
        if entry.valid and entry.predicate == release.promotion:
            yield f"promotion-{release.author}", entry.envelope
    register = registry.register
    for given in register.approvals_for(release.name, release.digest, "run"):
        if given.counts:
            yield f"run-{given.person}", given.envelope
    digest, _ = run.evidence()
    for given in register.approvals_for(release.name, digest, "deployment", run.run_id):
        if given.counts:
            yield f"deployment-{given.person}", given.envelope


def _keys(register: Register, envelopes_: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Key id → who it belongs to and the public key, for everybody whose signature lies here."""
    used = {envelope["signatures"][0]["keyid"] for envelope in envelopes_}
    return {
        key.key_id: {
            "person": person.name,
            "printed_name": person.printed_name,
            "public_key": key.public_key,
        }
        for person in register.people.values()
        for key in person.keys
        if key.key_id in used
    }


def _check_signatures(folder: Path, made: BundleManifest) -> None:
    """Hold every signature in ``approvals/`` against the keys in ``people.json``."""
    if "people.json" not in {file.path for file in made.files}:
        raise _altered(folder / "people.json", "the bundle has no keys to check signatures with")
    people = msgspec.json.decode((folder / "people.json").read_bytes())
    bound = {made.release_digest, made.evidence}
    for path in sorted((folder / "approvals").iterdir()):
        envelope = msgspec.json.decode(path.read_bytes())
        _, stated, key_id = envelopes.peek(envelope)
        if key_id not in people:
            raise _altered(path, f"people.json does not know its key {key_id}")
        envelopes.verify(envelope, parse_public_key(people[key_id]["public_key"]))
        if not isinstance(stated, Promotion | Approval) or stated.digest not in bound:
            raise _altered(path, "it signs something else than this release and run")
        if stated.release != made.release or stated.person != people[key_id]["person"]:
            raise _altered(path, f"it is {stated.person}'s signature under {stated.release}")


def _manifest(
    staging: Path,
    release: ReleaseRecord,
    run: RunRecord,
    bound: ReleaseManifest,
    evidence: str,
    register: Register,
) -> BundleManifest:
    assert run.ended is not None
    parameters = run.started.parameters
    return BundleManifest(
        release=release.name,
        release_digest=release.digest,
        run_id=run.run_id,
        parameters=parameters,
        seeds={name: value for name, value in parameters.items() if "seed" in name},
        threads=bound.threads,
        environment=run.started.environment,
        fingerprint=run.ended.fingerprint,
        git_commit=bound.git_commit,
        executed_by=run.started.person,
        started_at=run.started.occurred_at.isoformat(),
        ended_at=run.ended.occurred_at.isoformat(),
        evidence=evidence,
        service_key=register.service_key,
        files=[
            FileDigest(path.relative_to(staging).as_posix(), digest_file(path), path.stat().st_size)
            for path in _files(staging)
        ],
    )


def _seal(
    workspace: Workspace,
    staging: Path,
    made: BundleManifest,
    release: ReleaseRecord,
    run: RunRecord,
    person: str,
) -> Bundle:
    encoded = canonical_json(made)
    said = Bundle(
        person=SERVICE,
        printed_name=SERVICE_NAME,
        meaning="sealed",
        release=release.name,
        run_id=run.run_id,
        digest=digest_bytes(encoded),
        requested_by=person,
    )

    def statement(register: Register) -> Bundle:
        current = Registry(register)
        if current.run(run.run_id).bundle is not None:
            raise Refused(
                f"{run.run_id} has a bundle already",
                why="another process made it a moment ago",
                next=f"'governed release show {release.name}' names it",
            )
        gate.check_deployable(current, current.release(release.name), current.run(run.run_id))
        return said

    def place(entry: Entry) -> None:
        (staging / "manifest.json").write_bytes(encoded)
        (staging / "signature.dsse.json").write_bytes(canonical_json(entry.envelope))
        target = workspace.bundles / said.name
        _remove(target)  # left by a process killed before it was registered
        _make_read_only(staging)
        staging.rename(target)
        sync_folder(workspace.bundles)

    seal(workspace, statement, place)
    return said


def _copy(source: Path, target: Path, sha256: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError as error:
        raise _altered(source, "it is missing") from error
    found = digest_file(target)
    if found != sha256:
        raise _altered(source, f"its SHA-256 is {found}, recorded was {sha256}")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _make_read_only(folder: Path) -> None:
    for root, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(root, name)
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
            path.chmod(0o444)
        Path(root).chmod(0o555)


def _remove(folder: Path) -> None:
    if not folder.is_dir():
        return
    _each_folder(folder, lambda path: path.chmod(0o755))
    shutil.rmtree(folder)


def _each_folder(folder: Path, change: Callable[[Path], None]) -> None:
    for root, _, _ in os.walk(folder):
        change(Path(root))


def _altered(path: Path, why: str) -> IntegrityBroken:
    return IntegrityBroken(
        f"{path} is not what was sealed",
        why=why,
        next="restore the bundle from a copy; a bundle is never mended",
    )


def _unwritable(folder: Path, error: OSError) -> ResourceMissing:
    return ResourceMissing(
        f"the bundle could not be written to {folder}",
        why=error.strerror or str(error),
        next="free disk space or mend the permissions, then run the same command again",
    )
