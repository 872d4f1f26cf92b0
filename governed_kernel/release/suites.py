"""The validation suites that a release is bound to, with everything their runs may read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from governed_kernel.errors import GovernedError
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import FileDigest
from governed_kernel.release.evidence import as_input
from governed_kernel.release.findings import Finding
from governed_kernel.release.manifest import Suite
from governed_kernel.validation.suite import SUITE_FILE, read_suite, suite_digest, suite_files
from governed_kernel.workspace import Workspace

__all__ = ["bind", "tolerance"]


def bind(
    workspace: Workspace, register: Register, named: Sequence[str]
) -> tuple[list[Suite], list[Finding]]:
    """The suites that a notebook names, else all of the workspace, with their inputs locked."""
    folder = workspace.root / "suites"
    paths = list(named) or [
        workspace.relative(path.parent) for path in sorted(folder.glob(f"*/{SUITE_FILE}"))
    ]
    bound: list[Suite] = []
    findings: list[Finding] = []
    for path in paths:
        try:
            bound.append(_bind(workspace, register, path))
        except GovernedError as error:
            findings.append(_blocking("suite-unusable", error.what, error.why, error.next))
    if not paths:
        findings.append(
            _blocking(
                "no-suite",
                "no validation suite covers this notebook",
                "a run without a suite could never be validated, so never be released",
                "write suites/NAME/suite.toml, and run it with validation.run('suites/NAME', …)",
            )
        )
    return bound, findings


def tolerance(root: Path, suites: Sequence[Suite]) -> dict[str, float]:
    """What a re-run may differ by and still be EQUIVALENT: the strictest that a suite allows.

    `root` is the workspace, or a release's folder, which mirrors it.
    """
    allowed = [read_suite(root / suite.path).tolerance for suite in suites]
    return {
        "weights": min(item.weights for item in allowed),
        "probabilities": min(item.probabilities for item in allowed),
    }


def _bind(workspace: Workspace, register: Register, path: str) -> Suite:
    folder = workspace.inside(path)
    relative = Path(workspace.relative(folder))
    suite = read_suite(folder)
    return Suite(
        path=relative.as_posix(),
        sha256=suite_digest(folder),
        files=[
            FileDigest((relative / file.path).as_posix(), file.sha256, file.bytes)
            for file in suite_files(folder)
        ],
        inputs=[as_input(register.version(name)) for name in suite.inputs],
    )


def _blocking(code: str, what: str, why: str, next: str) -> Finding:
    return Finding(code=code, severity="blocking", what=what, why=why, next=next)
