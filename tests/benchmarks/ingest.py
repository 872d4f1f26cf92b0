"""Speed of journal → store and of a trace; ``python -m tests.benchmarks.ingest [EVENTS] [EDGES]``.

Each figure stands beside a bare measure taken in the same run on the same machine: encoding and
chaining the same events, and SHA-256 over the same bytes.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from governed_kernel.lineage import graph
from governed_kernel.lineage.events import (
    Access,
    CellEnded,
    CellStarted,
    Digested,
    JournalOpened,
    SessionStarted,
    Witnessed,
    now,
)
from governed_kernel.lineage.journal import JournalWriter, chain, read_block
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import Session, workspace_at


def session_events(count: int) -> list[msgspec.Struct]:
    """A session as they are: per cell a start, accesses, system calls, a digest and an end."""
    moment = now()
    started = SessionStarted(
        session_id="s", mode="research", notebook="n", user_name="u", host="h", pid=1
    )
    events: list[msgspec.Struct] = [started]
    cell = 0
    while len(events) < count:
        cell += 1
        at: dict[str, Any] = {"execution": cell, "occurred_at": moment}
        name = f"cell-{cell}"
        events.append(CellStarted(cell_id=name, source=f"{cell:064x}", **at))
        for number in range(8):
            path = f"/data/part-{number}-{cell % 997}.parquet"
            events.append(
                Access(
                    access_id=cell * 8 + number,
                    cell_id=name,
                    operation="read",
                    kind="file",
                    uri=f"file://{path}",
                    via="pandas.read_parquet",
                    **at,
                )
            )
            events.append(Witnessed(cell_id=name, pid=1, syscall="openat", path=path, **at))
        ids = [cell * 8 + number for number in range(8)]
        events.append(Digested(access_ids=ids, uri="file:///d", sha256="0" * 64, bytes=1))
        events.append(CellEnded(cell_id=name, status="ok", **at))
    return events[:count]


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """The fastest of `times`."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def processor(work: Callable[[], object]) -> float:
    """Processor seconds of all threads: what a machine busy with other things does not change."""
    start = time.process_time()
    work()
    return time.process_time() - start


def line(name: str, value: str, beside: str = "") -> None:
    sys.stdout.write(f"{name:<44}{value:>16}  {beside}\n")
    sys.stdout.flush()


def measure_ingestion(folder: Path, count: int) -> None:
    """Events a second, beside encoding and chaining the same events."""
    workspace = workspace_at(folder)
    events = session_events(count)
    encode = msgspec.json.Encoder().encode

    def bare() -> None:
        head = bytes(32)
        for event in events:
            head = chain(head, encode(event))

    encoding = seconds(bare, 3)
    writer = JournalWriter(workspace.journals / "s.jsonl")
    writer.append(JournalOpened(workspace_id="w-1", journal="s"))
    for start in range(0, count, 1000):
        writer.append(*events[start : start + 1000])
    writer.close()
    data = writer.path.read_bytes()
    hashing = seconds(lambda: hashlib.sha256(data).digest(), 3)
    verifying = seconds(lambda: read_block(writer.path), 2)
    store = Store(workspace)
    ingesting = seconds(store.rebuild, 2)
    line("encode and chain (bare)", f"{count / encoding:,.0f}/s")
    line("verify", f"{count / verifying:,.0f}/s", f"{hashing / verifying:.0%} of SHA-256's speed")
    line(
        "journal → DuckDB, verified",
        f"{count / ingesting:,.0f}/s",
        f"{encoding / ingesting:.2f} of bare encoding; bar 300,000/s on an idle core",
    )
    share = processor(bare) / processor(store.rebuild)
    line("the same in processor time", f"{share:.2f}", "of bare encoding")
    line("nothing new", f"{seconds(store.ingest, 5) * 1e3:.1f} ms")
    line("disk", f"{store.path.stat().st_size / count:.0f} bytes/event", "bar 100")


def measure_trace(folder: Path, edges: int) -> None:
    """A trace of 50 steps of 20 edges in a store of many more."""
    workspace = workspace_at(folder)
    session = Session(workspace, "s1")
    session.cell("x")
    columns = [f"c{number}" for number in range(20)]
    frame = session.read_file("file:///data/source.parquet", columns)
    for _ in range(49):
        step = [(column, frame, column, "TRANSFORMATION") for column in columns]
        frame = session.transform("add", {frame: columns}, session.memory(), columns, step)  # type: ignore[arg-type]
    session.write_file(frame, columns, "file:///out.parquet")
    session.end()
    store = Store(workspace)
    ingesting = seconds(store.ingest)
    line("a session of 51 steps, 1,020 edges: ingest", f"{ingesting * 1e3:.0f} ms")
    before = trace_times(store)
    grow(workspace, edges)
    after = trace_times(store)
    line("trace, alone in the store (median)", f"{before:.1f} ms", "open and close included")
    line(
        f"trace, {edges:,} edges stored (median)",
        f"{after:.1f} ms",
        f"{after / before:.2f} of the time alone; bar 100 ms",
    )


def grow(workspace: Workspace, edges: int) -> None:
    """Put the graph of many other sessions behind the one that is traced."""
    with duckdb.connect(workspace.store) as database:
        database.execute(
            """CREATE TEMP TABLE n AS SELECT max(entity_no) AS e,
            (SELECT max(transformation_no) FROM base.transformation) AS t FROM base.objects"""
        )
        many = f"range({edges // 20}) r(i), n"
        database.execute(
            f"""INSERT INTO base.transformation
                (transformation_no, session_no, record, operation, library, transformation_id)
            SELECT t + i + 1, 2, i, 'add', 'pandas', 's2/t' || i FROM {many} ORDER BY i"""
        )
        database.execute(
            f"INSERT INTO base.objects SELECT e + i + 1, 2, 'memory://s2/' || i, 'frame', '', [] "
            f"FROM {many} ORDER BY i"
        )
        database.execute(
            f"INSERT INTO base.makes SELECT t + i + 1, e + i + 1 FROM {many} ORDER BY i"
        )
        database.execute(
            f"INSERT INTO base.uses SELECT t + i + 1, e + i FROM {many} WHERE i > 0 ORDER BY i"
        )
        database.execute(
            f"""INSERT INTO base.column_edges
            SELECT t + i + 1, e + i + 1, 'c' || c, e + i, 'c' || c, 'TRANSFORMATION', 'observed'
            FROM {many}, range(20) q(c) WHERE i > 0 ORDER BY i, c"""
        )


def trace_times(store: Store) -> float:
    """Milliseconds of a warm trace."""
    times = [
        seconds(lambda: graph.trace(store.workspace, "file:///out.parquet", columns=True))
        for _ in range(7)
    ]
    return statistics.median(times[1:]) * 1e3


def main() -> None:
    """Run both and print the table."""
    count, edges = [
        int(text) for text in [*sys.argv[1:], *("300000", "1000000")[len(sys.argv) - 1 :]]
    ]
    with tempfile.TemporaryDirectory() as folder:
        measure_ingestion(Path(folder) / "ingestion", count)
        measure_trace(Path(folder) / "trace", edges)


if __name__ == "__main__":
    main()
