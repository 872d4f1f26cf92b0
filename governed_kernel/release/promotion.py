"""Promotion: a research notebook becomes a release, if nothing stands in its way."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from governed_kernel.canonical import canonical_json, digest_bytes
from governed_kernel.errors import CheckFailed, ResourceMissing, UsageError
from governed_kernel.files import exclusive_lock, sync_folder
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.lineage.attestations import Promotion
from governed_kernel.lineage.events import FileDigest
from governed_kernel.release import checks, difference, environment, notebook, suites
from governed_kernel.release.environment import Difference, EnvironmentLock
from governed_kernel.release.evidence import SessionEvidence, check_session
from governed_kernel.release.findings import Finding, is_blocked
from governed_kernel.release.manifest import ReleaseManifest, Suite, check_name, release_folder
from governed_kernel.release.modules import local_modules
from governed_kernel.release.projection import refresh
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace

__all__ = ["Examination", "Promoted", "examine", "promote"]


@dataclass(frozen=True)
class Examination:
    """All that promotion needs to know about one notebook."""

    path: Path
    document: notebook.Notebook
    session: SessionEvidence
    suites: list[Suite]
    environment: EnvironmentLock
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


def examine(workspace: Workspace, path: Path) -> Examination:
    """Everything that stands in the way of promoting the notebook at `path`."""
    full = workspace.inside(path)
    relative = workspace.relative(full)
    document = notebook.read(full)
    store = refresh(workspace)
    register = Register.read(workspace)
    session = check_session(workspace, store, register, relative, document)
    bound, missing = suites.bind(workspace, register, checks.suites_named(document))
    lock, altered = environment.inspect()
    findings = [
        *checks.check_text(document),
        *session.findings,
        *missing,
        *_check_inputs(register, session),
        *_check_environment(lock, altered),
    ]
    order = {"blocking": 0, "warning": 1, "note": 2}
    findings.sort(key=lambda finding: order[finding.severity])
    return Examination(full, document, session, bound, lock, findings)


def promote(
    workspace: Workspace,
    path: Path,
    person: str,
    passphrase: bytes,
    *,
    name: str = "",
    risk_class: str = "unrated",
) -> Promoted:
    """Make a release candidate of the notebook at `path`, signed by its author.

    Raises
    ------
    CheckFailed
        Blocking findings; each is named.
    """
    found = examine(workspace, path)
    if is_blocked(found.findings):
        blocking = [item for item in found.findings if item.severity == "blocking"]
        raise CheckFailed(
            f"{workspace.relative(found.path)} has {len(blocking)} findings that block promotion",
            why="; ".join(item.what for item in blocking),
            next=f"'governed check {workspace.relative(found.path)}' says what to do about each",
        )
    stem = check_name(name or found.path.stem.replace("_", "-").lower())
    with exclusive_lock(workspace.state / "promotion.lock"):
        registry = Registry.read(workspace)
        registry.register.check_policy()
        release = registry.next_version(stem)
        manifest = _manifest(workspace, registry, release, person, found, risk_class)
        folder = _write(workspace, manifest, found, _previous(workspace, registry, stem))
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
        diff=folder / "diff.html",
        warnings=[item for item in found.findings if item.severity != "note"],
    )


def _statement(manifest: ReleaseManifest, who: Person) -> Promotion:
    return Promotion(
        person=manifest.author,
        printed_name=who.printed_name,
        release=manifest.release,
        digest=manifest.digest(),
        notebook=manifest.research_notebook.path,
        session_id=manifest.session_id,
        risk_class=manifest.risk_class,
    )


def _manifest(
    workspace: Workspace,
    registry: Registry,
    release: str,
    author: str,
    found: Examination,
    risk_class: str,
) -> ReleaseManifest:
    relative = workspace.relative(found.path)
    source = found.path.read_bytes()
    released = notebook.encode(notebook.release_copy(found.document))
    modules = local_modules(workspace, found.path.parent, found.document)
    return ReleaseManifest(
        release=release,
        author=author,
        notebook=FileDigest(relative, digest_bytes(released), len(released)),
        research_notebook=FileDigest(relative, digest_bytes(source), len(source)),
        session_id=found.session.session_id,
        parameters=checks.parameters_of(found.document),
        inputs=found.session.inputs,
        environment=found.environment.digest(),
        code=[_digest(workspace, path) for path in modules],
        suites=found.suites,
        tolerance=suites.tolerance(workspace, found.suites),
        policy=registry.register.policy,
        threads=workspace.settings.run.threads,
        risk_class=risk_class,
        git_commit=git_commit(workspace),
    )


def _digest(workspace: Workspace, path: Path) -> FileDigest:
    data = path.read_bytes()
    return FileDigest(workspace.relative(path), digest_bytes(data), len(data))


def _write(
    workspace: Workspace,
    manifest: ReleaseManifest,
    found: Examination,
    previous: tuple[str, notebook.Notebook] | None,
) -> Path:
    """The release's folder: it mirrors the workspace, and is complete before it has its name."""
    folder = release_folder(workspace, manifest.release)
    released = notebook.release_copy(found.document)
    files: dict[str, bytes] = {manifest.notebook.path: notebook.encode(released)}
    for file in [*manifest.code, *(file for suite in manifest.suites for file in suite.files)]:
        files[file.path] = workspace.inside(file.path).read_bytes()
    comparisons = [("From research to release", found.document, released)]
    if previous is not None:
        comparisons.append((f"From {previous[0]} to {manifest.release}", previous[1], released))
    files["manifest.json"] = manifest.encoded()
    files["environment.json"] = canonical_json(found.environment)
    files["diff.html"] = difference.render(manifest.release, _facts(manifest), comparisons).encode()
    for file in [manifest.notebook, *manifest.code]:
        if digest_bytes(files[file.path]) != file.sha256:
            raise UsageError(
                f"{file.path} changed while it was promoted",
                why="its content is not what was examined a moment ago",
                next="save everything, then promote again",
            )
    _place(workspace, folder, files)
    return folder


def _place(workspace: Workspace, folder: Path, files: dict[str, bytes]) -> None:
    try:
        workspace.releases.mkdir(exist_ok=True)
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


def _facts(manifest: ReleaseManifest) -> dict[str, str]:
    return {
        "Digest": manifest.digest(),
        "Author": manifest.author,
        "Notebook": manifest.research_notebook.path,
        "Parameters": "; ".join(
            f"{item.name}: {item.type} = {item.default} ({item.bounds})"
            for item in manifest.parameters
        ),
        "Inputs": ", ".join(f"{item.name} ({item.data_class})" for item in manifest.inputs),
        "Environment": manifest.environment,
        "Code": ", ".join(file.path for file in manifest.code) or "none",
        "Suites": ", ".join(suite.path for suite in manifest.suites),
    }


def _previous(
    workspace: Workspace, registry: Registry, stem: str
) -> tuple[str, notebook.Notebook] | None:
    """The newest earlier version and its notebook, to show reviewers what changed since."""
    versions = [name for name in registry.releases if name.partition("@")[0] == stem]
    for name in reversed(versions):
        folder = release_folder(workspace, name)
        path = folder / registry.releases[name].promotion.notebook
        if path.is_file():
            return name, notebook.read(path)
    return None


def _check_inputs(register: Register, session: SessionEvidence) -> list[Finding]:
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
    for item in session.inputs:
        version = register.version(item.name)
        if version.state == "withdrawn":
            found.append(
                Finding(
                    code="withdrawn-input",
                    severity="blocking",
                    what=f"{item.name} was withdrawn",
                    why="its owner no longer allows its use",
                    next="use another version",
                )
            )
    return found


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
