"""What the store knows of one session, as OpenLineage asks it: by cell, by dataset, by column."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import duckdb

from governed_kernel.lineage.events import openlineage_word
from governed_kernel.lineage.openlineage.naming import Name, of_dataset, of_uri, snapshot_of

__all__ = ["Cell", "Origin", "Place", "Session"]

_DATA = ("file", "sql", "http", "model", "dataset")
Status = Literal["ok", "error", "abort", "died", ""]


@dataclass
class Place:
    """A dataset as one cell, or one session, read or wrote it."""

    name: Name
    uris: dict[str, None] = field(default_factory=dict)
    dataset: str = ""
    versions: set[str] = field(default_factory=set)
    digests: set[str] = field(default_factory=set)
    columns: dict[str, None] = field(default_factory=dict)
    bytes: int | None = None
    rows: int | None = None
    deleted: bool = False

    def add(self, other: Place) -> None:
        """Take what is known of the same dataset from elsewhere."""
        self.uris |= other.uris
        self.versions |= other.versions
        self.digests |= other.digests
        self.columns |= other.columns
        self.bytes = self.bytes if other.bytes is None else other.bytes
        self.rows = self.rows if other.rows is None else other.rows
        self.deleted = self.deleted and other.deleted


@dataclass(frozen=True)
class Origin:
    """A written column, or all of them (``*``), and a column of what it goes back to."""

    output: Name
    output_column: str
    source: Name
    source_column: str
    relation: str
    evidence: str


@dataclass
class Cell:
    """One execution of a cell."""

    record: int
    execution: int
    cell_id: str
    started_at: datetime
    ended_at: datetime | None = None
    end_record: int = 0
    status: Status = ""
    error_name: str = ""


class Session:
    """One session: its facts, its cells, and what each of them read and wrote.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        An up-to-date store.
    number : int
        The session's number in it.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, workspace_id: str, number: int
    ) -> None:
        self._connection = connection
        self.workspace_id = workspace_id
        self.number = number
        self.facts = self._facts()
        self._snapshots: dict[str, str] = {}
        self.reads: defaultdict[tuple[int, str], dict[Name, Place]] = defaultdict(dict)
        self.writes: defaultdict[tuple[int, str], dict[Name, Place]] = defaultdict(dict)
        self.origins: defaultdict[tuple[int, str], list[Origin]] = defaultdict(list)
        self._operations: defaultdict[tuple[int, str, Name], list[str]] = defaultdict(list)
        self._take_accesses()
        self._take_columns("reads", self.reads)
        self._take_columns("writes", self.writes)
        self._take_origins()
        self._forget_temporary()

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """The rows of a query as objects."""
        found = self._connection.execute(sql, list(parameters))
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def cells(self) -> list[Cell]:
        """The executions of cells in the order of their beginning."""
        found: list[Cell] = []
        running: dict[tuple[int, str], Cell] = {}
        for row in self.rows(
            """SELECT record, execution, cell_id, occurred_at, '' AS status, '' AS error_name
            FROM base.cell_started WHERE session_no = ?
            UNION ALL SELECT record, execution, cell_id, occurred_at, status, error_name
            FROM base.cell_ended WHERE session_no = ? ORDER BY record""",
            *(self.number, self.number),
        ):
            key = row["execution"], row["cell_id"]
            if not row["status"]:
                running[key] = Cell(row["record"], *key, row["occurred_at"])
                found.append(running[key])
            elif key in running:
                cell = running.pop(key)
                cell.ended_at, cell.end_record = row["occurred_at"], row["record"]
                cell.status, cell.error_name = row["status"], row["error_name"]
        return found

    def name(self, uri: str) -> tuple[Name, str]:
        """The name of what lies at a URI, and its dataset when the catalog has it."""
        dataset = self._snapshots.get(snapshot_of(uri), "")
        return (of_dataset(self.workspace_id, dataset) if dataset else of_uri(uri)), dataset

    def _facts(self) -> dict[str, Any]:
        (facts,) = self.rows(
            """SELECT j.session_id, s.record, s.notebook, s.mode, s.user_name, s.python, s.run_id,
                s.occurred_at AS started_at, e.record AS end_record, e.occurred_at AS ended_at,
                e.exit_status, r.release, r.kind AS run_kind, r.state AS run_state, l.author,
                l.digest
            FROM base.session_started s JOIN base.journals j USING (session_no)
            LEFT JOIN base.session_ended e USING (session_no)
            LEFT JOIN runs r ON r.run_id = s.run_id AND s.run_id <> ''
            LEFT JOIN releases l ON l.release = r.release
            WHERE session_no = ?""",
            self.number,
        )
        return facts

    def _take_accesses(self) -> None:
        rows = self.rows(
            """SELECT execution, cell_id, operation, uri, dataset, version, sha256, bytes
            FROM accesses WHERE session_id = ? AND kind IN (SELECT unnest(?::VARCHAR[]))
                AND operation IN ('read', 'write', 'delete') AND decision IS DISTINCT FROM 'denied'
            ORDER BY occurred_at, uri""",
            self.facts["session_id"],
            list(_DATA),
        )
        for row in rows:
            if row["dataset"] and snapshot_of(row["uri"]):
                self._snapshots[snapshot_of(row["uri"])] = row["dataset"]
        for row in rows:
            name, dataset = self.name(row["uri"])
            place = Place(name, {row["uri"]: None}, dataset, deleted=row["operation"] == "delete")
            place.versions |= {row["version"]} - {None} if dataset else set()
            place.digests |= {row["sha256"]} - {None}
            place.bytes = None if dataset else row["bytes"]
            if row["operation"] != "read":
                self._operations[row["execution"], row["cell_id"], name].append(row["operation"])
            table = self.reads if row["operation"] == "read" else self.writes
            self._put(table[row["execution"], row["cell_id"]], place)

    def _forget_temporary(self) -> None:
        """Leave out what a cell wrote and removed again, or gave another name: it is no output."""
        for (execution, cell_id, name), done in self._operations.items():
            if done[0] == "write" and done[-1] == "delete":
                self.writes[execution, cell_id].pop(name, None)

    def _put(self, places: dict[Name, Place], place: Place) -> None:
        known = places.setdefault(place.name, place)
        if known is not place:
            known.add(place)

    def _take_columns(
        self, table: str, places: defaultdict[tuple[int, str], dict[Name, Place]]
    ) -> None:
        """Columns and rows, of what was accessed and of what only transformations name."""
        for row in self.rows(
            f"""SELECT t.execution, t.cell_id, e.uri, x.columns, nullif(t.rows_out, -1) AS rows_out
            FROM base.{table} x JOIN base.named_resources e USING (entity_no)
            JOIN base.transformation t USING (transformation_no)
            WHERE x.session_no = ? ORDER BY x.transformation_no""",
            self.number,
        ):
            name, dataset = self.name(row["uri"])
            place = Place(name, {row["uri"]: None}, dataset, columns=dict.fromkeys(row["columns"]))
            place.rows = row["rows_out"] if table == "writes" else None
            self._put(places[row["execution"], row["cell_id"]], place)

    def _take_origins(self) -> None:
        for row in self.rows(
            """SELECT DISTINCT t.execution, t.cell_id, w.uri AS output, o.output_column,
                r.uri AS source, o.input_column, o.relation, o.evidence
            FROM base.origins o
            JOIN base.transformation t ON t.transformation_no = o.write_no
            JOIN base.named_resources w ON w.entity_no = o.output_no
            JOIN base.named_resources r ON r.entity_no = o.input_no
            WHERE t.session_no = ? ORDER BY ALL""",
            self.number,
        ):
            self.origins[row["execution"], row["cell_id"]].append(
                Origin(
                    self.name(row["output"])[0],
                    row["output_column"],
                    self.name(row["source"])[0],
                    row["input_column"],
                    openlineage_word(row["relation"]),
                    row["evidence"],
                )
            )
