"""Sessions as OpenLineage's run events, in the order of the journal: so they only ever grow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
from openlineage.client import event_v2 as model
from openlineage.client import facet_v2 as facets
from openlineage.client.generated.base import JobFacet, RunFacet

from governed_kernel.lineage.numbering import of_session
from governed_kernel.lineage.openlineage.facets import (
    PRODUCER,
    Catalog,
    job_type,
    output,
    processing_engine,
)
from governed_kernel.lineage.openlineage.naming import Name, job_namespace, run_id
from governed_kernel.lineage.openlineage.recorded import Cell, Origin, Place, Session

__all__ = ["session_events", "sessions"]

_STATES = {
    "ok": model.RunState.COMPLETE,
    "error": model.RunState.FAIL,
    "abort": model.RunState.ABORT,
    "died": model.RunState.ABORT,
}
Places = dict[Name, Place]


def sessions(
    connection: duckdb.DuckDBPyConnection, since: datetime | None = None
) -> list[tuple[int, str]]:
    """Number and id of the sessions, or of those that started at a moment or later, in order."""
    start = since.astimezone(UTC).replace(tzinfo=None) if since else None
    return connection.execute(
        f"""SELECT session_no, j.session_id FROM base.session_started
        JOIN base.journals j USING (session_no)
        JOIN base.neighbours n ON n.home AND n.workspace_no = {of_session("session_no")}
        WHERE ?::TIMESTAMP IS NULL OR occurred_at >= ?::TIMESTAMP
        ORDER BY occurred_at, j.session_id""",
        [start, start],
    ).fetchall()


def session_events(
    connection: duckdb.DuckDBPyConnection, workspace_id: str, number: int
) -> Iterator[model.RunEvent]:
    """The events of one session: its beginning, its cells' beginnings and ends, its end.

    Sources of cells are not told: they are texts that can be erased here, and could not be there.
    """
    session = Session(connection, workspace_id, number)
    catalog = Catalog(
        session.rows(
            """SELECT v.*, d.owner FROM dataset_versions v JOIN datasets d USING (dataset)"""
        )
    )
    yield from _Told(session, catalog).events()


class _Told:
    """One session, told event by event."""

    def __init__(self, session: Session, catalog: Catalog) -> None:
        self._session = session
        self._catalog = catalog
        self._namespace = job_namespace(session.workspace_id)
        self._job = _job_name(session.facts)

    def events(self) -> Iterator[model.RunEvent]:
        facts = self._session.facts
        told = [(facts["record"], self._session_event(model.RunState.START, facts["started_at"]))]
        for cell in self._session.cells():
            told.append((cell.record, self._cell_event(cell, model.RunState.START)))
            if cell.ended_at is not None:
                told.append((cell.end_record, self._cell_event(cell, _STATES[cell.status])))
        if facts["ended_at"] is not None:
            last = self._session_event(_end_of(facts), facts["ended_at"])
            told.append((facts["end_record"], last))
        for _, event in sorted(told, key=lambda pair: pair[0]):
            yield event

    def _session_event(self, state: model.RunState, at: datetime) -> model.RunEvent:
        job_facets: dict[str, JobFacet] = job_type("NOTEBOOK")
        facts = self._session.facts
        if facts["author"]:
            kind = facets.ownership_job
            owner = kind.Owner(name=facts["author"], type="AUTHOR")
            job_facets["ownership"] = kind.OwnershipJobFacet([owner])
            text = f"{facts['release']}, release digest {facts['digest']}"
            job_facets["documentation"] = facets.documentation_job.DocumentationJobFacet(text)
        job = model.Job(self._namespace, self._job, job_facets)
        run = model.Run(self._run(), processing_engine(facts))
        reads: Places = {}
        writes: Places = {}
        origins: list[Origin] = []
        if state is not model.RunState.START:
            reads = _together(self._session.reads.values())
            writes = _together(self._session.writes.values())
            origins = [origin for found in self._session.origins.values() for origin in found]
        return self._event(state, at, run, job, reads, writes, origins)

    def _cell_event(self, cell: Cell, state: model.RunState) -> model.RunEvent:
        name = cell.cell_id or f"execution-{cell.execution}"
        job = model.Job(self._namespace, f"{self._job}.{name}", job_type("CELL"))
        parent = facets.parent_run
        whole = self._namespace, self._job
        run_facets: dict[str, RunFacet] = {
            "parent": parent.ParentRunFacet(
                run=parent.Run(self._run()),
                job=parent.Job(*whole),
                root=parent.Root(parent.RootRun(self._run()), parent.RootJob(*whole)),
            )
        }
        if cell.error_name and state is not model.RunState.START:
            failed = facets.error_message_run.ErrorMessageRunFacet(cell.error_name, "PYTHON")
            run_facets["errorMessage"] = failed
        run = model.Run(self._run(cell.record), run_facets)
        if state is model.RunState.START or cell.ended_at is None:
            return self._event(state, cell.started_at, run, job, {}, {}, [])
        key = (cell.execution, cell.cell_id)
        origins = self._session.origins.get(key, [])
        reads = dict(self._session.reads.get(key, {}))
        # What a cell writes goes back to what earlier cells read: memory is no dataset there.
        everything = _together(self._session.reads.values())
        for origin in origins:
            if origin.source in everything:
                reads.setdefault(origin.source, everything[origin.source])
        writes = self._session.writes.get(key, {})
        return self._event(state, cell.ended_at, run, job, reads, writes, origins)

    def _event(
        self,
        state: model.RunState,
        at: datetime,
        run: model.Run,
        job: model.Job,
        reads: Places,
        writes: Places,
        origins: list[Origin],
    ) -> model.RunEvent:
        inputs = [
            model.InputDataset(*place.name, facets=self._catalog.facets(place))
            for place in reads.values()
        ]
        outputs = [output(place, self._catalog, origins) for place in writes.values()]
        event = model.RunEvent(
            eventTime=at.isoformat(timespec="microseconds") + "Z",
            eventType=state,
            run=run,
            job=job,
            inputs=inputs,
            outputs=outputs,
            producer=PRODUCER,
        )
        _sign(event)
        return event

    def _run(self, record: int | None = None) -> str:
        return run_id(self._session.workspace_id, self._session.facts["session_id"], record)


def _sign(event: model.RunEvent) -> None:
    """Name the producer of each facet; the client's own default would be the client."""
    holders: list[Any] = [event.run, event.job, *(event.inputs or []), *(event.outputs or [])]
    for holder in holders:
        for said in (holder.facets, getattr(holder, "outputFacets", None)):
            for facet in (said or {}).values():
                facet._producer = PRODUCER


def _job_name(facts: dict[str, Any]) -> str:
    """A notebook is the job; of a release its name is, since every version has its own notebook."""
    if facts["release"]:
        return f"{facts['run_kind']}/{facts['release'].partition('@')[0]}"
    return str(facts["notebook"] or facts["session_id"])


def _end_of(facts: dict[str, Any]) -> model.RunState:
    if facts["run_state"] == "failed":
        return model.RunState.FAIL
    return model.RunState.COMPLETE if facts["exit_status"] == 0 else model.RunState.ABORT


def _together(parts: Any) -> Places:
    """The places of several cells as those of the whole session."""
    found: Places = {}
    for places in parts:
        for name, place in places.items():
            if name not in found:
                found[name] = Place(name, dataset=place.dataset, deleted=True)
            found[name].add(place)
    return found
