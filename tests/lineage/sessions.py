"""Real journals for tests, written as a recorder writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from governed_kernel.lineage.events import (
    Access,
    CellEnded,
    CellStarted,
    ColumnEdge,
    Completeness,
    Digested,
    Entity,
    Evidence,
    JournalOpened,
    Operation,
    Relation,
    ResourceKind,
    SessionEnded,
    SessionStarted,
    Transformation,
)
from governed_kernel.lineage.imports import identity_of
from governed_kernel.lineage.journal import JournalWriter, payload_of
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace

RAW = "file:///data/patients.csv"
CLEAN = "file:///data/clean.parquet"
MODEL = "file:///data/model"
Edge = tuple[str, str, Relation] | tuple[str, str, Relation, Evidence]


STORE = ""
"""Settings of the store that new workspaces get: those of a lake, while a test is given one."""


def workspace_at(folder: Path, identity: str = "w-1") -> Workspace:
    """A workspace with a ledger."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "governed.toml").write_text(f'{STORE}\n[workspace]\nname = "test"\n')
    workspace = Workspace(folder)
    Ledger(workspace).create(identity)
    return workspace


class Session:
    """One session's journal, event by event; time passes by a second an event."""

    def __init__(
        self,
        workspace: Workspace,
        session_id: str,
        *,
        start: int = 0,
        run_id: str = "",
        notebook: str = "research/triage.ipynb",
        versions: dict[str, str] | None = None,
        host: str = "lab",
        person: str = "",
    ) -> None:
        self.session_id = session_id
        self.path = workspace.journals / f"{session_id}.jsonl"
        self.payloads = workspace.journals / f"{session_id}.payloads.jsonl"
        self.writer = JournalWriter(self.path)
        self._now = datetime(2026, 11, 21, tzinfo=UTC) + timedelta(hours=start)
        self._execution = 0
        self._access = 0
        self._transformation = 0
        self._entity = 0
        identity = identity_of(workspace) or "w-1"
        self.writer.append(JournalOpened(workspace_id=identity, journal=session_id))
        self.writer.append(
            SessionStarted(
                session_id=session_id,
                mode="release" if run_id else "research",
                notebook=notebook,
                user_name="ada",
                person=person,
                host=host,
                pid=4711,
                run_id=run_id,
                versions=versions or {},
                occurred_at=self.tick(),
            )
        )

    @property
    def cell_id(self) -> str:
        return f"cell-{self._execution}"

    def tick(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def payload(self, text: str) -> str:
        digest, line = payload_of(text)
        with self.payloads.open("ab") as file:
            file.write(line)
        return digest

    def cell(self, source: str) -> None:
        """End the cell before, and begin the next."""
        self.end_cell()
        self._execution += 1
        self.writer.append(
            CellStarted(
                execution=self._execution,
                cell_id=self.cell_id,
                source=self.payload(source),
                occurred_at=self.tick(),
            )
        )

    def end_cell(self) -> None:
        if self._execution:
            self.writer.append(
                CellEnded(
                    execution=self._execution,
                    cell_id=self.cell_id,
                    status="ok",
                    occurred_at=self.tick(),
                )
            )

    def access(
        self,
        operation: Operation,
        uri: str,
        sha256: str = "",
        *,
        kind: ResourceKind = "file",
        digested: bool = True,
        dataset: str = "",
        version: str = "",
        decision: Literal["", "allowed", "denied"] = "",
        purpose: str = "",
    ) -> int:
        """One access; its content's digest follows as the recorder finds it."""
        self._access += 1
        self.writer.append(
            Access(
                access_id=self._access,
                execution=self._execution,
                cell_id=self.cell_id,
                operation=operation,
                kind=kind,
                uri=uri,
                via=f"pandas.{operation}",
                dataset=dataset,
                version=version,
                decision=decision,
                purpose=purpose,
                occurred_at=self.tick(),
            )
        )
        if sha256 and digested:
            self.digest(self._access, uri, sha256)
        return self._access

    def digest(self, access: int, uri: str, sha256: str, *, changed: bool = False) -> None:
        self.writer.append(
            Digested(
                access_ids=[access],
                uri=uri,
                sha256=sha256,
                bytes=100,
                changed=changed,
                occurred_at=self.tick(),
            )
        )

    def memory(self) -> str:
        self._entity += 1
        return f"memory://{self.session_id}/{self._entity}"

    def transform(
        self,
        operation: str,
        inputs: dict[str, list[str]],
        output: str,
        columns: list[str],
        edges: list[tuple[str, str, str, Relation] | tuple[str, str, str, Relation, Evidence]],
        *,
        kind: str = "frame",
    ) -> str:
        """One transformation; an edge is output column, input, input column, relation."""
        self._transformation += 1
        self.writer.append(
            Transformation(
                execution=self._execution,
                cell_id=self.cell_id,
                transformation_id=f"{self.session_id}/t{self._transformation}",
                operation=operation,
                library="pandas",
                inputs=[
                    Entity(entity=name, kind=_kind(name), columns=its)
                    for name, its in inputs.items()
                ],
                outputs=[
                    Entity(
                        entity=output,
                        kind=kind if output.startswith("memory:") else _kind(output, kind),
                        columns=columns,
                    )
                ],
                rows_in=569,
                rows_out=569,
                columns=[ColumnEdge(output, *edge) for edge in edges],
                occurred_at=self.tick(),
            )
        )
        return output

    def read_file(self, uri: str, columns: list[str], sha256: str = "") -> str:
        """``pd.read_csv``: the access and the transformation."""
        self.access("read", uri, sha256)
        edges = [(name, uri, name, "IDENTITY") for name in columns]
        return self.transform("read", {uri: columns}, self.memory(), columns, edges)  # type: ignore[arg-type]

    def write_file(
        self, frame: str, columns: list[str], uri: str, sha256: str = "", *, kind: str = "frame"
    ) -> None:
        """``frame.to_csv``: the access and the transformation."""
        self.access("write", uri, sha256)
        edges = [(name, frame, name, "IDENTITY") for name in columns]
        self.transform("write", {frame: columns}, uri, columns, edges, kind=kind)  # type: ignore[arg-type]

    def end(self) -> None:
        self.end_cell()
        self.writer.append(
            Completeness(
                witness="full", witnessed=9, explained=8, unexplained=1, occurred_at=self.tick()
            )
        )
        self.writer.append(SessionEnded(exit_status=0, occurred_at=self.tick()))
        self.writer.close()


def _kind(entity: str, kind: str = "frame") -> str:
    return kind if entity.startswith("memory:") or kind != "frame" else "file"


def prepare(workspace: Workspace) -> Session:
    """Session 1: patients.csv → clean.parquet, by a filter, a sum of columns and a constant."""
    session = Session(workspace, "s1")
    session.cell("frame = pd.read_csv('patients.csv')")
    raw = session.read_file(RAW, ["id", "radius", "texture", "sex"], "a" * 64)
    session.cell("adult = frame[frame.sex == 'f']")
    kept = session.transform(
        "__getitem__",
        {raw: ["id", "radius", "texture", "sex"]},
        session.memory(),
        ["radius", "texture"],
        [
            ("radius", raw, "radius", "IDENTITY"),
            ("texture", raw, "texture", "IDENTITY"),
            ("*", raw, "sex", "FILTER"),
        ],
    )
    session.cell("clean = kept.assign(size=kept.radius + kept.texture, one=1)")
    clean = session.transform(
        "assign",
        {kept: ["radius", "texture"]},
        session.memory(),
        ["radius", "size", "one"],
        [
            ("radius", kept, "radius", "IDENTITY"),
            ("size", kept, "radius", "TRANSFORMATION"),
            ("size", kept, "texture", "TRANSFORMATION", "inferred"),
        ],
    )
    session.write_file(clean, ["radius", "size", "one"], CLEAN, "b" * 64)
    session.end()
    return session


def train(workspace: Workspace, sha256: str = "b" * 64) -> Session:
    """Session 2: clean.parquet → a model, from the mean of a column."""
    session = Session(workspace, "s2", start=1)
    session.cell("frame = pd.read_parquet('clean.parquet')")
    frame = session.read_file(CLEAN, ["radius", "size", "one"], sha256)
    session.cell("model = fit(frame)")
    model = session.transform(
        "fit",
        {frame: ["radius", "size", "one"]},
        session.memory(),
        [],
        [
            ("*", frame, "size", "AGGREGATION"),
            ("*", frame, "one", "TRANSFORMATION", "conservative"),
        ],
        kind="model",
    )
    session.cell("model.save('model')")
    session.access("write", MODEL)
    session.transform("save", {model: []}, MODEL, [], [("*", model, "*", "IDENTITY")], kind="model")
    session.end()
    return session


def one(store: Store, sql: str) -> Any:
    """The only value of a query's only row."""
    [row] = store.query(sql)
    [value] = row.values()
    return value
