"""Promotion: a research notebook becomes a release, if nothing stands in its way."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from governed_kernel.canonical import canonical_json, digest_bytes
from governed_kernel.errors import CheckFailed, ResourceMissing, UsageError
from governed_kernel.files import read_regular, sync_folder
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.lineage.attestations import Promotion
from governed_kernel.lineage.events import FileDigest
from governed_kernel.locks import AN_HOUR, exclusive_lock
from governed_kernel.release import (
    changes,
    checks,
    environment,
    intake,
    learned,
    notebook,
    suites,
    taken_back,
)
from governed_kernel.release.difference import Comparison
from governed_kernel.release.environment import Difference, EnvironmentLock
from governed_kernel.release.evidence import SessionEvidence, check_session
from governed_kernel.release.findings import Finding, is_blocked
from governed_kernel.release.intake import Card
from governed_kernel.release.manifest import (
    DIFFERENCE,
    ORIGIN,
    ReleaseManifest,
    Suite,
    bound_files,
    check_name,
    release_folder,
)
from governed_kernel.release.modules import local_modules
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace

__all__ = ["Examination", "Preview", "Promoted", "examine", "preview", "promote"]


@dataclass(frozen=True)
class Examination:
    """All that promotion needs to know about one notebook."""

    path: Path
    source: FileDigest
    """The notebook's file when it was read."""
    document: notebook.Notebook
    session: SessionEvidence
    suites: list[Suite]
    environment: EnvironmentLock
    name: str
    """What its releases are called."""
    card: Card
    findings: list[Finding]


@dataclass(frozen=True)
class Promoted:
    """A release candidate that was made."""

    release: str
    digest: str
    folder: Path
    notebook: Path
    diff: Path
    warnings: list[Finding]


@dataclass(frozen=True)
class Preview:
    """What a promotion would make, before anybody signs."""

    release: str
    comparisons: list[Comparison]


def preview(workspace: Workspace, found: Examination) -> Preview:
    """What the release would be called, and how it differs from research and from before.

    Raises
    ------
    CheckFailed
        Blocking findings: there is nothing to show yet.
    """
    _refuse_blocked(workspace, found)
    registry = Registry.read(workspace)
    release = registry.next_version(found.name)
    manifest, files = _manifest(workspace, registry, release, "", found)
    earlier = changes.previous(workspace, registry, release)
    return Preview(release, changes.compare(manifest, files, earlier))


def examine(
    workspace: Workspace,
    path: Path,
    *,
    name: str = "",
    card: Path | None = None,
    fields: Sequence[tuple[str, str]] = (),
) -> Examination:
    """Everything that stands in the way of promoting the notebook at `path`.

    Parameters
    ----------
    name : str
        What its releases are called; by default as the notebook.
    card : Path, optional
        The use-case card; by default ``cards/NAME.toml``.
    fields : sequence of (TABLE.FIELD, text)
        What is said beside or instead of that.
    """
    full = workspace.inside(path)
    relative = workspace.relative(full)
    document = notebook.read(full)
    source = _digest(workspace, full)
    register = Register.read(workspace)
    session = check_session(workspace, register, relative, document)
    bound, missing = suites.bind(workspace, register, checks.suites_named(document))
    lock, altered = environment.inspect()
    stem = check_name(name or full.stem.replace("_", "-").lower())
    said, unsaid = intake.examine(workspace, stem, card, fields, [suite.path for suite in bound])
    findings = [
        *checks.check_text(document),
        *session.findings,
        *missing,
        *unsaid,
        *_check_inputs(session),
        *taken_back.findings(register, session.inputs, bound),
        *_check_learned(workspace, register, session),
        *_check_environment(lock, altered),
    ]
    order = {"blocking": 0, "warning": 1, "note": 2}
    findings.sort(key=lambda finding: order[finding.severity])
    return Examination(full, source, document, session, bound, lock, stem, said, findings)


def promote(
    workspace: Workspace,
    path: Path,
    person: str,
    passphrase: bytes,
    *,
    name: str = "",
    card: Path | None = None,
    fields: Sequence[tuple[str, str]] = (),
) -> Promoted:
    """Make a release candidate of the notebook at `path`, signed by its author.

    `name`, `card` and `fields` are as `examine` has them.

    Raises
    ------
    CheckFailed
        Blocking findings; each is named.
    """
    found = examine(workspace, path, name=name, card=card, fields=fields)
    _refuse_blocked(workspace, found)
    with exclusive_lock(workspace.state / "promotion.lock", AN_HOUR):
        registry = Registry.read(workspace)
        registry.register.check_policy()
        release = registry.next_version(found.name)
        manifest, files = _manifest(workspace, registry, release, person, found)
        folder = release_folder(workspace, release)
        _place(workspace, folder, files)
        try:
            attest(
                workspace,
                person,
                passphrase,
                lambda _, who: _statement(manifest, who),
                action="promote",
                resource=release,
            )
        except BaseException:
            _remove(folder)
            raise
    return Promoted(
        release=release,
        digest=manifest.digest(),
        folder=folder,
        notebook=folder / manifest.notebook.path,
        diff=folder / DIFFERENCE,
        warnings=[item for item in found.findings if item.severity != "note"],
    )


def _refuse_blocked(workspace: Workspace, found: Examination) -> None:
    if is_blocked(found.findings):
        blocking = [item for item in found.findings if item.severity == "blocking"]
        one = len(blocking) == 1
        count = "a finding that blocks" if one else f"{len(blocking)} findings that block"
        raise CheckFailed(
            f"{workspace.relative(found.path)} has {count} promotion",
            why="; ".join(item.what for item in blocking),
            next=f"'governed check {workspace.relative(found.path)}' says what to do about each",
        )


def _stem(found: Examination, name: str) -> str:
    return check_name(name or found.path.stem.replace("_", "-").lower())


def _statement(manifest: ReleaseManifest, who: Person) -> Promotion:
    return Promotion(
        person=manifest.author,
        printed_name=who.printed_name,
        release=manifest.release,
        digest=manifest.digest(),
        notebook=manifest.research_notebook.path,
        session_id=manifest.session_id,
        risk_class=manifest.risk_class,
        inputs=manifest.read(),
    )


def _manifest(
    workspace: Workspace,
    registry: Registry,
    release: str,
    author: str,
    found: Examination,
) -> tuple[ReleaseManifest, dict[str, bytes]]:
    """The manifest, and every file of the release's folder, which mirrors the workspace."""
    relative = workspace.relative(found.path)
    modules = local_modules(workspace, found.path.parent, found.document)
    code = [_digest(workspace, path) for path in modules]
    files = {
        relative: notebook.encode(notebook.release_copy(found.document)),
        ORIGIN: notebook.encode(notebook.source_copy(found.document)),
        "environment.json": canonical_json(found.environment),
        intake.CARD: intake.encode(found.card),
    }
    for file in [*code, *(file for suite in found.suites for file in suite.files)]:
        files[file.path] = _unchanged(workspace, file)
    _unchanged(workspace, found.source)
    draft = ReleaseManifest(
        release=release,
        author=author,
        notebook=_file(relative, files[relative]),
        research_notebook=found.source,
        origin=_file(ORIGIN, files[ORIGIN]),
        difference=_file(DIFFERENCE, b""),
        session_id=found.session.session_id,
        parameters=checks.parameters_of(found.document),
        inputs=found.session.inputs,
        environment=found.environment.digest(),
        code=code,
        suites=found.suites,
        tolerance=suites.tolerance(workspace.root, found.suites),
        policy=registry.register.policy,
        threads=workspace.settings.run.threads,
        risk_class=found.card.use_case.risk_class,
        git_commit=git_commit(workspace),
        card=_file(intake.CARD, files[intake.CARD]),
    )
    earlier = changes.previous(workspace, registry, release)
    files[DIFFERENCE] = changes.page(draft, changes.compare(draft, files, earlier))
    shown = _file(DIFFERENCE, files[DIFFERENCE])
    manifest = msgspec.structs.replace(draft, difference=shown)
    files["manifest.json"] = manifest.encoded()
    if len(files) != len({file.path for file in bound_files(manifest)}) + 1:
        raise UsageError(
            f"{relative} can't be released under that path",
            why=f"a release has its own {ORIGIN}, {DIFFERENCE}, {intake.CARD}, manifest.json and "
            "environment.json",
            next="move the notebook into a folder such as research/",
        )
    return manifest, files


def _file(path: str, data: bytes) -> FileDigest:
    return FileDigest(path, digest_bytes(data), len(data))


def _unchanged(workspace: Workspace, file: FileDigest) -> bytes:
    """The content of a file of the workspace, which is still what was examined."""
    data = read_regular(workspace.inside(file.path))
    if digest_bytes(data) != file.sha256:
        raise UsageError(
            f"{file.path} changed while it was promoted",
            why="its content is not what was examined a moment ago",
            next="save everything, then promote again",
        )
    return data


def _digest(workspace: Workspace, path: Path) -> FileDigest:
    return _file(workspace.relative(path), read_regular(path))


def _place(workspace: Workspace, folder: Path, files: dict[str, bytes]) -> None:
    try:
        workspace.releases.mkdir(exist_ok=True)
        for left in workspace.releases.glob(".promotion-*"):  # by a process that was killed
            _remove(left)
        staging = Path(tempfile.mkdtemp(dir=workspace.releases, prefix=".promotion-"))
        try:
            for name, data in files.items():
                path = staging / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                path.chmod(0o444)
            staging.chmod(0o755)
            if folder.exists():  # left by a promotion that was killed before it was signed
                _remove(folder)
            staging.rename(folder)
            sync_folder(workspace.releases)
        except BaseException:
            _remove(staging)
            raise
    except OSError as error:
        raise ResourceMissing(
            f"{folder} could not be written",
            why=error.strerror or str(error),
            next="free disk space or mend the permissions, then promote again",
        ) from error


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _check_inputs(session: SessionEvidence) -> list[Finding]:
    found = []
    kinds = [item.kind for item in session.inputs]
    if session.session_id and "model" not in kinds:
        found.append(
            Finding(
                code="no-base-model",
                severity="warning",
                what="no catalogued base model was read",
                why="the release would not say what was adapted",
                next="register it with --kind model and load it with data.model(NAME)",
            )
        )
    return found


def _check_learned(
    workspace: Workspace, register: Register, session: SessionEvidence
) -> list[Finding]:
    if not session.session_id:
        return []
    return learned.findings_of(learned.forbidden(workspace, register, session.session_id))


def _check_environment(lock: EnvironmentLock, altered: list[Difference]) -> list[Finding]:
    found = [
        Finding(
            code="environment-altered",
            severity="blocking",
            what=f"an installed file is not what was installed: {item.subject}",
            why=f"expected {item.expected}, found {item.found}",
            next="install that distribution again",
        )
        for item in altered
    ]
    found += [
        Finding(
            code="unpinned-environment",
            severity="warning",
            what=f"{item.name} is installed from a folder that can change",
            why="its code is locked by content, but another machine can't install it by version",
            next=f"install a built {item.name} instead",
        )
        for item in lock.distributions
        if item.editable
    ]
    found += [
        Finding(
            code="unpinned-environment",
            severity="blocking",
            what=f"site-packages holds {path}, which no distribution owns",
            why="nobody can install it again from a list of versions",
            next="remove it, or package it",
        )
        for path in lock.unowned
    ]
    return found


def git_commit(workspace: Workspace) -> str:
    """The commit the workspace is at, ``-dirty`` when it has changes; empty without git."""
    program = shutil.which("git")
    if program is None:
        return ""
    answer = subprocess.run(
        [program, "-C", str(workspace.root), "describe", "--always", "--dirty", "--abbrev=40"],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() if answer.returncode == 0 else ""
