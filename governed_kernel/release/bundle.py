"""Bundles: the signed, immutable output of a run, complete before anyone can see it.

A bundle is one folder. ``manifest.json`` lists every file with its SHA-256 and says what run made
them; ``model.sig`` signs all of that for the tools of others (OMS); ``signature.dsse.json`` is the
service's signature over the digests of both. So no byte is left that a signature does not cover.
It verifies without this workspace: `verify` needs the folder alone, and ``docs/verifying.md``
shows how to do without this product.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from governed_kernel.canonical import canonical_json, digest_bytes, digest_file
from governed_kernel.errors import IntegrityBroken, Refused, ResourceMissing
from governed_kernel.files import read_regular, sync_folder
from governed_kernel.governance import envelopes, keys
from governed_kernel.governance.names import SERVICE, SERVICE_NAME
from governed_kernel.governance.public_keys import parse_public_key
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import record_refusal, seal
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import (
    Approval,
    Bundle,
    Predicate,
    Promotion,
    RiskAcceptance,
)
from governed_kernel.lineage.events import FileDigest
from governed_kernel.locks import AN_HOUR, exclusive_lock
from governed_kernel.release import gate, manifest, model_signature, packing, run_states
from governed_kernel.release.account import Account
from governed_kernel.release.manifest import ReleaseManifest
from governed_kernel.release.papers import papers
from governed_kernel.release.registry import Registry, ReleaseRecord, RunRecord
from governed_kernel.workspace import Workspace

__all__ = [
    "BundleManifest",
    "build",
    "complete_folder",
    "folder_of",
    "manifest_of",
    "pack",
    "verify",
]

_MANIFEST, _SEAL, _SUMS = "manifest.json", "signature.dsse.json", "SHA256SUMS"
_LARGEST = 64 << 20
"""Bytes of its manifest, and of its seal."""
_UNLISTED = (_MANIFEST, model_signature.SIGNATURE, _SEAL)


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
    named = run_id
    try:
        with exclusive_lock(workspace.state / "sealing.lock", AN_HOUR):
            registry = Registry.read(workspace)
            run = registry.run(run_id)
            release = registry.release(run.started.release)
            named = release.name
            made = run.bundle or _build(workspace, registry, release, run, person)
            folder_of(workspace, made)
            return made
    except (Refused, IntegrityBroken) as error:
        record_refusal(workspace, person, "release build", named, error)
        raise


def _build(
    workspace: Workspace, registry: Registry, release: ReleaseRecord, run: RunRecord, person: str
) -> Bundle:
    evidence = gate.check_deployable(registry, release, run)
    model_signature.check_installed()
    source = manifest.release_folder(workspace, release.name)
    bound = manifest.load(source, release.digest)
    gate.check_card(workspace, registry.register, bound)
    gate.check_requirements(registry.register, bound, run)
    try:
        workspace.bundles.mkdir(exist_ok=True)
        for left in workspace.bundles.glob(".making-*"):  # by a process that was killed
            packing.remove(left)
        staging = Path(tempfile.mkdtemp(dir=workspace.bundles, prefix=".making-"))
    except OSError as error:
        raise _unwritable(workspace.bundles, error) from error
    try:
        content = staging / "content"
        content.mkdir()
        files = _fill(workspace, content, registry, run, bound, source)
        made = _manifest(content, files, release, run, bound, evidence, registry.register)
        return _seal(workspace, content, made, registry.register, run, person)
    except OSError as error:
        raise _unwritable(workspace.bundles, error) from error
    finally:
        packing.remove(staging)


def folder_of(workspace: Workspace, made: Bundle) -> Path:
    """Where a sealed bundle lies; a sealing that a crash cut short is brought to its end.

    It is complete under another name before the ledger speaks of it, and gets its own afterwards:
    so nothing lies in ``bundles/`` that is not on record.
    """
    folder, complete = workspace.bundles / made.name, complete_folder(workspace, made)
    if complete.is_dir() and not folder.exists():
        try:
            complete.rename(folder)
            sync_folder(workspace.bundles)
        except FileNotFoundError:
            pass  # another process did it
        except OSError as error:
            raise _unwritable(workspace.bundles, error) from error
    return folder


def complete_folder(workspace: Workspace, made: Bundle) -> Path:
    """Where a bundle lies that is complete, until the ledger speaks of it."""
    return workspace.bundles / f".sealed-{made.name}"


def manifest_of(folder: Path) -> tuple[BundleManifest, str]:
    """The manifest of a bundle and its digest, as they lie there."""
    try:
        encoded = read_regular(folder / _MANIFEST, _LARGEST)
        return msgspec.json.decode(encoded, type=BundleManifest), digest_bytes(encoded)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise packing.altered(folder / _MANIFEST, str(error)) from error


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
    predicate = _signed(folder / _SEAL, service_key or made.service_key)
    if not isinstance(predicate, Bundle) or predicate.digest != digest:
        raise packing.altered(folder / _MANIFEST, f"its SHA-256 is {digest}, another was signed")
    listed = {file.path: file.sha256 for file in made.files}
    sizes = {file.path: file.bytes for file in made.files}
    if predicate.model_signature:  # bundles of earlier versions have none
        listed[model_signature.SIGNATURE] = predicate.model_signature
    for path in packing.files_of(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or name not in {*listed, _MANIFEST, _SEAL}:
            raise packing.altered(path, "it is not in the manifest")
        if not path.is_file():
            raise packing.altered(path, "it is no file")
        size = path.stat().st_size
        if size != sizes.get(name, min(size, _LARGEST)):  # before holes of terabytes are hashed
            was = sizes.get(name, _LARGEST)
            raise packing.altered(path, f"it has {size:,} bytes, {was:,} were sealed at most")
        if name in listed:
            found = digest_file(path)
            if found != listed.pop(name):
                raise packing.altered(path, f"its SHA-256 is {found}")
    if listed:
        raise packing.altered(folder / min(listed), "it is missing")
    _check_signatures(folder, made)
    return made


def pack(workspace: Workspace, made: Bundle, target: Path) -> str:
    """Write a sealed bundle as one tar; returns its SHA-256.

    Raises
    ------
    IntegrityBroken
        The bundle is not what was sealed.
    UsageError
        `target` exists.
    """
    folder = workspace.bundles / made.name
    verify(folder, Register.read(workspace).service_key_of(made.name))
    return packing.write_tar(folder, target)


def _signed(path: Path, service_key: str) -> Predicate:
    """What the service signed, from the one form in which it is written."""
    try:
        data = read_regular(path, _LARGEST)
        envelope = msgspec.json.decode(data)
        if canonical_json(envelope) != data:
            raise packing.altered(path, "it is not written as it was sealed")
        return envelopes.verify(envelope, parse_public_key(service_key))[1]
    except (OSError, ValueError, TypeError, msgspec.MsgspecError) as error:
        raise packing.altered(path, str(error)) from error
    except IntegrityBroken as error:
        raise packing.altered(path, f"{error.what}: {error.why}") from error


def _fill(
    workspace: Workspace,
    staging: Path,
    registry: Registry,
    run: RunRecord,
    bound: ReleaseManifest,
    source: Path,
) -> list[FileDigest]:
    """Copy everything, hashing what the ledger knows as it is copied; returns what lies there."""
    assert run.ended is not None
    _copy_release(source, staging / "release", bound)
    output = run_states.run_folder(workspace, run.run_id) / "output"
    for artifact in run.ended.artifacts:
        packing.copy(output / artifact.name, staging / "artifacts" / artifact.name, artifact.sha256)
    for found in run.evaluations:
        checked = run_states.run_folder(workspace, found.validation_run) / "output"
        for file in found.evidence:
            packing.copy(checked / file.path, staging / "evaluation" / file.path, file.sha256)
    account = Account.read(workspace, registry, run, bound)
    files = list(_listed(staging))
    for name, data in papers(account, files, (*_UNLISTED, _SUMS)).items():
        path = staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        files.append(FileDigest(name, digest_bytes(data), len(data)))
    return sorted(files, key=lambda file: file.path)


def _copy_release(source: Path, target: Path, bound: ReleaseManifest) -> None:
    """The files of a release, none that lies beside them, held against its digest."""
    files = ["manifest.json", *(file.path for file in manifest.bound_files(bound))]
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    manifest.load(target, bound.digest())


def _check_signatures(folder: Path, made: BundleManifest) -> None:
    """Hold signatures of people against the keys in ``people.json``, the service's against its."""
    service = parse_public_key(made.service_key)
    for path in sorted((folder / "attestations").glob("*.dsse.json")):
        envelopes.verify_statement(msgspec.json.decode(read_regular(path)), service)
    if "people.json" not in {file.path for file in made.files}:
        raise packing.altered(
            folder / "people.json", "the bundle has no keys to check signatures with"
        )
    people = msgspec.json.decode(read_regular(folder / "people.json"))
    bound = {made.release_digest, made.evidence}
    kinds = {"approvals": Promotion | Approval, "risk_acceptances": RiskAcceptance}
    for path in sorted(path for name in kinds for path in (folder / name).glob("*")):
        envelope = msgspec.json.decode(read_regular(path))
        _, stated, key_id = envelopes.peek(envelope)
        if key_id not in people:
            raise packing.altered(path, f"people.json does not know its key {key_id}")
        envelopes.verify(envelope, parse_public_key(people[key_id]["public_key"]))
        if not isinstance(stated, kinds[path.parent.name]) or stated.digest not in bound:
            raise packing.altered(path, "it signs something else than this release and run")
        if stated.release != made.release or stated.person != people[key_id]["person"]:
            raise packing.altered(path, f"it is {stated.person}'s signature under {stated.release}")


def _manifest(
    staging: Path,
    files: list[FileDigest],
    release: ReleaseRecord,
    run: RunRecord,
    bound: ReleaseManifest,
    evidence: str,
    register: Register,
) -> BundleManifest:
    assert run.ended is not None
    parameters = run.started.parameters
    sums = packing.checksums(files).encode()
    (staging / _SUMS).write_bytes(sums)
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
        files=[*files, FileDigest(_SUMS, digest_bytes(sums), len(sums))],
    )


def _listed(folder: Path) -> Iterator[FileDigest]:
    for path in packing.files_of(folder):
        name = path.relative_to(folder).as_posix()
        yield FileDigest(name, digest_file(path), path.stat().st_size)


def _seal(
    workspace: Workspace,
    content: Path,
    made: BundleManifest,
    register: Register,
    run: RunRecord,
    person: str,
) -> Bundle:
    """Sign `content` and put it in place; what is slow is done before the ledger is held still."""
    encoded = canonical_json(made)
    said = Bundle(
        person=SERVICE,
        printed_name=SERVICE_NAME,
        meaning="sealed",
        release=made.release,
        run_id=run.run_id,
        digest=digest_bytes(encoded),
        requested_by=person,
    )
    folder = content.rename(content.with_name(said.name))  # by which the signature calls it
    (folder / _MANIFEST).write_bytes(encoded)
    model_signature.sign(folder, _service_key(register), unsigned=(_SEAL,))
    signed = digest_file(folder / model_signature.SIGNATURE)
    said = msgspec.structs.replace(said, model_signature=signed)

    def statement(register: Register) -> Bundle:
        current = Registry(register)
        if current.run(run.run_id).bundle is not None:
            raise Refused(
                f"{run.run_id} has a bundle already",
                why="another process made it a moment ago",
                next=f"'governed release show {made.release}' names it",
            )
        if said.name in {known.bundle.name for known in current.runs.values() if known.bundle}:
            raise Refused(
                f"there is a bundle {said.name} already",
                why="a bundle is written once, and never another under its name",
                next="execute the release again: another run has another name",
            )
        gate.check_deployable(current, current.release(made.release), current.run(run.run_id))
        if current.register.service_key != made.service_key:
            raise Refused(
                "the service's key was replaced a moment ago",
                why="the bundle names the one before it",
                next="run the same command again",
            )
        return said

    def place(entry: Entry) -> None:
        (folder / _SEAL).write_bytes(canonical_json(entry.envelope))
        target = complete_folder(workspace, said)
        packing.remove(target)  # left by a process killed before it was registered
        packing.make_read_only(folder)
        folder.rename(target)
        target.chmod(0o555)
        sync_folder(workspace.bundles)

    seal(workspace, statement, place)
    return said


def _service_key(register: Register) -> Path:
    """The file of the service's key, which is there and readable."""
    return keys.service_key_file(register.workspace_id, register.service_key)


def _unwritable(folder: Path, error: OSError) -> ResourceMissing:
    return ResourceMissing(
        f"the bundle could not be written to {folder}",
        why=error.strerror or str(error),
        next="free disk space or mend the permissions, then run the same command again",
    )
