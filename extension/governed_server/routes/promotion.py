"""From a research notebook to a release candidate: checks, fixes, preview, signature."""

from __future__ import annotations

from typing import Any

import msgspec

from governed_kernel.errors import UsageError
from governed_kernel.release import checks, intake, notebook
from governed_kernel.release.difference import Comparison
from governed_kernel.release.findings import is_blocked
from governed_kernel.release.fixes import Fix, bounds_fix, fix_of
from governed_kernel.release.parameters import Bounds
from governed_kernel.release.promotion import Examination, examine, preview, promote
from governed_kernel.visible import visible
from governed_kernel.workspace import Workspace
from governed_server.routes.asked import Place, Signed
from governed_server.routing import Work, job, post
from governed_server.service import Service

__all__ = ["Bounded", "Candidate", "Examined", "bound", "check", "create", "told_comparisons"]


class Examined(Place, kw_only=True):
    """A notebook to be examined, with what is said beside or instead of its use-case card."""

    name: str = ""
    fields: dict[str, str] = msgspec.field(default_factory=dict)


class Bounded(Place, kw_only=True):
    """A notebook, and what its parameters may be, by name."""

    bounds: dict[str, Bounds]


class Candidate(Signed, kw_only=True):
    """A notebook to be promoted."""

    name: str = ""
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    """What is said beside or instead of the notebook's use-case card: TABLE.FIELD → text."""


@job("checks", "Reading the notebook, its session and the environment")
def check(work: Work, asked: Examined) -> dict[str, Any]:
    """Examine a notebook; the job's result is the checklist."""
    path, fields = work.service.path(asked.path), list(asked.fields.items())
    return _told(work.workspace, examine(work.workspace, path, name=asked.name, fields=fields))


@post("checks/bounds")
def bound(service: Service, asked: Bounded) -> Fix:
    """The change that writes bounds into the notebook; the page applies it to what is open."""
    service.workspace(asked.path)
    return bounds_fix(notebook.read(service.path(asked.path)), asked.bounds)


@job("candidates", "Examining the notebook once more, then signing")
def create(work: Work, asked: Candidate) -> dict[str, Any]:
    """Make a release candidate, signed by its author."""
    made = promote(
        work.workspace,
        work.service.path(asked.path),
        asked.person,
        asked.secret,
        name=asked.name,
        fields=list(asked.fields.items()),
    )
    return {
        "release": made.release,
        "digest": made.digest,
        "notebook": work.service.browser_path(made.notebook),
        "warnings": [finding.what for finding in made.warnings],
    }


def _told(workspace: Workspace, found: Examination) -> dict[str, Any]:
    try:
        parameters = checks.parameters_of(found.document)
    except UsageError:  # its findings say what is wrong with the cell
        parameters = []
    promotable = not is_blocked(found.findings)
    return {
        "notebook": workspace.relative(found.path),
        "session_id": found.session.session_id,
        "inputs": msgspec.to_builtins(found.session.inputs),
        "suites": [suite.path for suite in found.suites],
        "environment": found.environment.digest(),
        "release": found.name,
        "card": dict(intake.facts(found.card)),
        "asks": intake.FIELDS,
        "missing": [msgspec.to_builtins(item) for item in intake.missing(found.card)],
        "promotable": promotable,
        "parameters": [{**msgspec.to_builtins(item), "bounds": item.bounds} for item in parameters],
        "findings": [
            {
                **msgspec.to_builtins(finding),
                "fix": fix_of(workspace, found.path, found.document, finding),
            }
            for finding in found.findings
        ],
        "preview": _preview(workspace, found) if promotable else None,
    }


def _preview(workspace: Workspace, found: Examination) -> dict[str, Any]:
    shown = preview(workspace, found)
    return {"release": shown.release, "comparisons": told_comparisons(shown.comparisons)}


def told_comparisons(comparisons: list[Comparison]) -> list[dict[str, Any]]:
    """Comparisons as JSON values; every character that can't be seen is written out."""
    return [
        {
            "heading": item.heading,
            "summary": item.summary,
            "changes": [
                {
                    "name": change.name,
                    "kind": change.kind,
                    "before": visible(change.before),
                    "after": visible(change.after),
                    "note": change.note,
                    "is_code": change.is_code,
                }
                for change in item.changes
            ],
        }
        for item in comparisons
    ]
