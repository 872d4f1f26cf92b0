"""From a research notebook to a release candidate: checks, fixes, preview, signature."""

from __future__ import annotations

from typing import Any

import msgspec

from governed_kernel.errors import UsageError
from governed_kernel.release import checks
from governed_kernel.release.findings import is_blocked
from governed_kernel.release.promotion import Examination, examine, promote
from governed_kernel.workspace import Workspace
from governed_server.routes.asked import Place, Signed
from governed_server.routing import post
from governed_server.service import Service

__all__ = ["Candidate", "check", "create"]


class Candidate(Signed, kw_only=True):
    """A notebook to be promoted."""

    name: str = ""
    risk_class: str = "unrated"


@post("checks")
def check(service: Service, asked: Place) -> dict[str, Any]:
    """Start to examine a notebook; the job's result is the checklist."""
    workspace, path = service.workspace(asked.path), service.path(asked.path)

    def work(progress: Any) -> dict[str, Any]:
        progress("Reading the notebook, its session and the environment")
        return _told(workspace, examine(workspace, path))

    return service.jobs.start("check", work)


@post("candidates")
def create(service: Service, asked: Candidate) -> dict[str, Any]:
    """Start to make a release candidate, signed by its author."""
    workspace, path = service.workspace(asked.path), service.path(asked.path)

    def work(progress: Any) -> dict[str, Any]:
        progress("Examining the notebook once more, then signing")
        made = promote(
            workspace,
            path,
            asked.person,
            asked.secret,
            name=asked.name,
            risk_class=asked.risk_class,
        )
        return {
            "release": made.release,
            "digest": made.digest,
            "notebook": service.browser_path(made.notebook),
            "warnings": [finding.what for finding in made.warnings],
        }

    return service.jobs.start("promote", work)


def _told(workspace: Workspace, found: Examination) -> dict[str, Any]:
    try:
        parameters = checks.parameters_of(found.document)
    except UsageError:  # its findings say what is wrong with the cell
        parameters = []
    return {
        "notebook": workspace.relative(found.path),
        "session_id": found.session.session_id,
        "inputs": [item.name for item in found.session.inputs],
        "suites": [suite.path for suite in found.suites],
        "environment": found.environment.digest(),
        "promotable": not is_blocked(found.findings),
        "parameters": [{**msgspec.to_builtins(item), "bounds": item.bounds} for item in parameters],
        "findings": msgspec.to_builtins(found.findings),
    }
