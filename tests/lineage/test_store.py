"""The store: everything in the journals once, whatever happens to the process that ingests."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from governed_kernel.errors import CheckFailed, ResourceMissing
from governed_kernel.lineage import schema
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.lakes import only_a_file
from tests.lineage.sessions import CLEAN, MODEL, Session, one, prepare


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "copy (select 1) to 'x.csv'",
        "attach 'x.db'",
        "insert into base.payloads values (1, 'x', 'x')",
        "drop view sessions",
        "set enable_external_access = true",
        "load httpfs",
        "selct 1",
        "select nothing from sessions",
    ],
)
def test_who_reads_can_only_read(told: Store, sql: str) -> None:
    with pytest.raises(CheckFailed) as refused:
        told.query(sql)
    assert refused.value.why


def test_who_reads_keeps_no_other_thread_from_looking_for_news(told: Store) -> None:
    """One process has one database of a file: all its readers have to open it alike."""
    with told.read(), ThreadPoolExecutor() as others:
        assert not others.submit(Store(told.workspace, patience=1).ingest).result().journals


def test_two_processes_read_at_once(told: Store) -> None:
    script = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True); print('read')"
    with told.read():
        done = subprocess.run(
            [sys.executable, "-c", script, str(told.path)], capture_output=True, check=False
        )
    assert done.stdout == b"read\n"


@only_a_file
def test_who_waits_too_long_is_told_who_holds_the_store(workspace: Workspace) -> None:
    store = Store(workspace, patience=0.05)
    store.ingest()
    prepare(workspace)
    with store.read(), pytest.raises(ResourceMissing, match="in use"):
        store.ingest()
    assert store.ingest().events == 18


def test_ingestion_waits_for_a_reader_in_the_same_process(workspace: Workspace) -> None:
    store = Store(workspace)
    store.ingest()
    prepare(workspace)
    reading, done = threading.Event(), threading.Event()

    def read() -> None:
        with store.read():
            reading.set()
            done.wait(0.2)

    reader = threading.Thread(target=read)
    reader.start()
    reading.wait()
    assert store.ingest().events == 18
    reader.join()


@only_a_file
def test_a_store_that_may_not_be_written_is_a_clear_error(workspace: Workspace) -> None:
    store = Store(workspace)
    store.path = workspace.root / "governed.toml" / "lineage.duckdb"
    with pytest.raises(ResourceMissing):
        store.ingest()


INGEST = """
    import sys
    from pathlib import Path
    from governed_kernel.lineage.store import Store
    from governed_kernel.workspace import Workspace
    store = Store(Workspace(Path(sys.argv[1])))
    print("ready", flush=True)
    store.ingest()
    print("done", flush=True)
"""


def _long_session(workspace: Workspace, name: str, cells: int, start: int) -> int:
    """A session of many cells; gives its number of records."""
    session = Session(workspace, name, start=start)
    for number in range(cells):
        session.cell(f"x = {number}")
        frame = session.read_file(f"file:///data/{number % 7}.csv", ["a", "b"], f"{number:064x}")
        session.write_file(frame, ["a"], f"file:///data/{number % 5}.out", f"{number:064x}")
    session.end()
    return session.writer.head.records


@only_a_file
@pytest.mark.slow
def test_an_ingestion_killed_at_any_moment_loses_and_doubles_nothing(workspace: Workspace) -> None:
    """A few moments; ``tests.attack.kill_points`` kills it at its changes of files."""
    moments = random.Random(7)
    command = [sys.executable, "-c", textwrap.dedent(INGEST), str(workspace.root)]
    store, records, killed = Store(workspace), 0, 0
    for turn in range(8):
        records += _long_session(workspace, f"s{turn:02}", 15, turn)
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(moments.uniform(0, 0.12))
        os.kill(process.pid, signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL and process.stdout.read() == b""
        process.stdout.close()
        if (
            turn % 3 == 0 and workspace.store.exists()
        ):  # a reader is next, and finds a whole number of ingestions
            with duckdb.connect(workspace.store, read_only=True) as database:
                if schema.is_current(database):
                    database.execute("select count(*) from accesses").fetchall()
    assert killed, "the moments were badly chosen"
    store.ingest()
    assert one(store, "select sum(records) from base.journals") == records
    assert one(store, "select count(*) from cells") == 8 * 15
    assert one(store, "select count(*) from accesses") == 8 * 15 * 2
    assert not list(workspace.state.glob("ingest-*")), "what a killed process left is cleared away"
    after = store.fingerprint()
    store.rebuild()
    assert store.fingerprint() == after


def test_processes_that_ingest_at_once_bring_everything_in_once(workspace: Workspace) -> None:
    _long_session(workspace, "s1", 10, 0)
    _long_session(workspace, "s2", 10, 1)
    command = [sys.executable, "-c", textwrap.dedent(INGEST), str(workspace.root)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert one(Store(workspace), "select count(*) from accesses") == 40


def test_reading_needs_no_more_than_what_was_told(told: Store) -> None:
    uris = {row["output_uri"] for row in told.query("from column_origins")}
    assert uris == {CLEAN, MODEL}


@only_a_file
def test_a_disk_that_takes_no_more_is_said_to_be_full_not_the_store_broken(
    workspace: Workspace,
) -> None:
    prepare(workspace)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(ResourceMissing, match="nothing recorded is lost"):
            Store(workspace).ingest()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert Store(workspace).ingest().problems == []
