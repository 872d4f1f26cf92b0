"""Audit: verify everything, repeat a run, ask how things stood, what came of data, and report."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec

from governed_kernel.audit.as_of import as_of
from governed_kernel.audit.rerun import rerun
from governed_kernel.audit.verification import verify_workspace
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import identify
from governed_kernel.lineage.dates import moment
from governed_kernel.release import lists
from governed_kernel.release.recall import downstream
from governed_kernel.release.run_states import RunState
from governed_server.routes.asked import Listed, Place, Release, Signed
from governed_server.routing import Work, get, job
from governed_server.service import Service

__all__ = ["Moment", "Origin", "Repetition", "Verification"]


class Verification(Place, kw_only=True):
    """How thorough a verification is to be."""

    incremental: bool = False


class Repetition(Signed, kw_only=True):
    """A run that is to be executed again."""

    run: str


class Moment(Place, kw_only=True):
    """A day (its end) or a moment, UTC."""

    date: str
    environment: str = ""


class Origin(Place, kw_only=True):
    """``NAME@VERSION`` of a dataset or base model."""

    name: str


@job("audit/verify")
def verify(work: Work, asked: Verification) -> dict[str, Any]:
    """Recompute everything from bytes up; each part is a step of the job."""
    report = verify_workspace(work.workspace, work.progress, incremental=asked.incremental)
    return {
        "whole": report.is_whole,
        "counts": report.counts(),
        "checks": [
            msgspec.to_builtins(check)
            for check in sorted(report.checks, key=lambda check: check.outcome != "broken")
            if check.outcome not in ("ok", "unread")
        ],
    }


@get("audit/verdicts")
def compared(service: Service, asked: Listed) -> lists.Page:
    """Some of the re-runs that were held against their originals, the newest first."""
    return lists.listed_verdicts(
        service.registry(service.workspace(asked.path)),
        search=asked.search,
        limit=asked.limit,
        offset=asked.offset,
    )


@job("audit/rerun", "Verifying what the run was made of")
def repeat(work: Work, asked: Repetition) -> dict[str, Any]:
    """Execute a run again and compare; the repetition is a process of its own."""
    identify(Register.read(work.workspace), asked.person, asked.secret)
    told = [""]

    def watch(state: RunState) -> None:
        at = state.progress
        said = f"{state.run_id}: cell {at.cell} of {at.cells}" if at.cells else state.run_id
        if said != told[-1]:
            told.append(said)
            work.progress(said)

    found = rerun(work.workspace, asked.run, asked.person, watch=watch, proof=asked.secret)
    return {**msgspec.to_builtins(found), "run": found.run_id, "rerun": found.rerun_id}


@get("audit/as-of")
def stood(service: Service, asked: Moment) -> dict[str, Any]:
    """What was approved, live and running at a moment."""
    workspace = service.workspace(asked.path)
    return asdict(as_of(workspace, moment(asked.date, end_of_day=True), asked.environment))


@get("audit/impact")
def impact(service: Service, asked: Origin) -> dict[str, Any]:
    """Everything that was made from a version; nothing is changed."""
    return asdict(downstream(service.workspace(asked.path), asked.name))


@job("audit/report", "Verifying the release and its bundle")
def report(work: Work, asked: Release) -> dict[str, Any]:
    """Write the report on a release; the result holds its pages."""
    from governed_kernel.audit.dossier import Dossier
    from governed_kernel.audit.pages import pages

    found = Dossier.read(work.workspace, asked.release)
    return {"release": found.release.name, "open": found.concerns(), "pages": pages(found)}
