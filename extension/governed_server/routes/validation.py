"""Validation: what suites said of runs, and the risks that people accept."""

from __future__ import annotations

from typing import Any

from governed_kernel.release import acceptance, lists
from governed_kernel.release.evaluations import evaluation
from governed_server.routes.asked import Listed, Place, Signed
from governed_server.routing import get, post
from governed_server.service import Service

__all__ = ["Evaluation", "Risk", "accept", "listed", "one"]


class Evaluation(Place, kw_only=True):
    """One validation by the run that carried it out."""

    validation: str


class Risk(Signed, kw_only=True):
    """A failing case that is to pass until a day."""

    release: str
    run: str
    case: str
    until: str
    reason: str
    control: str


@get("evaluations")
def listed(service: Service, asked: Listed) -> lists.Page:
    """Some of the validations, the newest first."""
    return lists.listed_evaluations(
        service.registry(service.workspace(asked.path)),
        search=asked.search,
        limit=asked.limit,
        offset=asked.offset,
    )


@get("evaluation")
def one(service: Service, asked: Evaluation) -> dict[str, Any]:
    """One validation from its evidence, which is held against the ledger first."""
    workspace = service.workspace(asked.path)
    return evaluation(workspace, service.registry(workspace), asked.validation)


@post("evaluation/risk")
def accept(service: Service, asked: Risk) -> dict[str, Any]:
    """Let one failing case pass until a day, by a signature."""
    said = acceptance.accept(
        service.workspace(asked.path),
        asked.release,
        asked.case,
        asked.person,
        asked.secret,
        until=asked.until,
        reason=asked.reason,
        control=asked.control,
        run_id=asked.run,
    )
    return {"case": said.case_id, "until": said.expires_at}
