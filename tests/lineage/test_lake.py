"""The store in a lake that workspaces share: what machines write at once is all there, once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import duckdb
import pytest

from governed_kernel.configuration import parse
from governed_kernel.errors import CheckFailed, ConfigurationError, MissingExtra, ResourceMissing
from governed_kernel.lineage import schema
from governed_kernel.lineage.contents import Contents, contents_of
from governed_kernel.lineage.graph import impact, trace
from governed_kernel.lineage.imports import identity_of
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.lake import Lake
from governed_kernel.lineage.store import Store
from governed_kernel.lineage.workspaces import number_of
from governed_kernel.workspace import Workspace
from tests.lineage.lakes import PASSWORD
from tests.lineage.sessions import CLEAN, RAW, Session, prepare, train, workspace_at

WRITER = """
    import sys
    from pathlib import Path
    from governed_kernel.lineage.store import Store
    from governed_kernel.workspace import Workspace
    from tests.lineage.sessions import Session

    workspace, host, name, cells = Workspace(Path(sys.argv[1])), *sys.argv[2:4], int(sys.argv[4])
    sys.stdout.write("ready" + chr(10))
    sys.stdout.flush()
    session = Session(workspace, name, host=host)
    for number in range(cells):
        session.cell(f"x = {number}")
        frame = session.read_file(f"file:///data/{number % 3}.csv", ["a", "b"], f"{number:064x}")
        made = f"file:///data/{name}-{number}.out"
        session.write_file(frame, ["a"], made, f"{number + 1000:064x}")
        if number % 4 == 3:
            Store(workspace).ingest()
    session.end()
    Store(workspace).ingest()
"""
ROOT = Path(__file__).parents[2]


def lake_of(workspace: Workspace) -> Lake:
    store = Store(workspace)
    assert isinstance(store, Lake)
    return store


def said(workspace: Workspace) -> Contents:
    """What the lake says of one workspace."""
    with lake_of(workspace).copying() as connection:
        number = number_of(connection, identity_of(workspace))
        assert number is not None
        return contents_of(connection, "lake", number)


def said_by_a_file(workspace: Workspace, path: Path) -> Contents:
    """What a file made of the same journals says."""
    store = Store(workspace, path=path)
    store.ingest()
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS file (READ_ONLY)")
        return contents_of(connection, "file", 0)


def writer(workspace: Workspace, host: str, name: str, cells: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", textwrap.dedent(WRITER)]
    command += [str(workspace.root), host, name, str(cells)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def out_of_order(store: Store) -> int:
    """Transformations of a session whose numbers are not in the order of its records."""
    with store.read() as connection:
        found = connection.execute(
            """SELECT count(*) FROM (SELECT transformation_no < lag(transformation_no) OVER (
                PARTITION BY session_no ORDER BY record) AS late FROM base.transformation)
            WHERE late"""
        ).fetchone()
    return int(found[0]) if found else -1


@pytest.mark.slow
def test_four_writers_on_two_hosts_lose_and_double_nothing(lake: str, tmp_path: Path) -> None:
    """One of them is killed while it brings its records in, and another goes on for it."""
    here, there = workspace_at(tmp_path / "a"), workspace_at(tmp_path / "b", "w-2")
    writers = [
        writer(place, host, name, 6)
        for place, host in ((here, "lab-a"), (there, "lab-b"))
        for name in (f"{host}-1", f"{host}-2")
    ]
    victim = writers[1]
    assert victim.stdout is not None
    assert victim.stdout.readline() == b"ready\n"
    _wait_for(here.state / "lineage.lock")
    os.kill(victim.pid, signal.SIGKILL)
    assert [process.wait(300) for process in writers] == [0, -signal.SIGKILL, 0, 0]
    for process in writers:
        assert process.stdout is not None
        process.stdout.close()
    for place in (here, there):
        lake_of(place).ingest()
        assert said(place) == said_by_a_file(place, tmp_path / f"{place.root.name}.duckdb")
    store = lake_of(there)
    assert not out_of_order(store)
    # Who was killed may not have had a whole record yet; what is on record is there, once.
    kept = {
        path.name.partition(".")[0]
        for path in here.journals.glob("[!.]*.jsonl*")
        if ".payloads." not in path.name and (path.suffix != ".jsonl" or b"\n" in path.read_bytes())
    }
    rows = store.query("select workspace, host, count(*) as many from sessions group by all")
    assert sorted(tuple(row.values()) for row in rows) == [
        ("w-1", "lab-a", len(kept)),
        ("w-2", "lab-b", 2),
    ]


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.full
def test_writers_killed_at_any_moment_leave_what_a_file_would_have(
    lake: str, tmp_path: Path
) -> None:
    moments = random.Random(11)
    places = [workspace_at(tmp_path / "a"), workspace_at(tmp_path / "b", "w-2")]
    killed = 0
    for turn in range(6):
        writers = [
            writer(place, f"lab-{number}", f"{number}-{turn}-{which}", 8)
            for number, place in enumerate(places)
            for which in range(2)
        ]
        for process in writers:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        time.sleep(moments.uniform(0.5, 3))
        for process in writers[:: turn % 2 + 1]:
            killed += process.poll() is None
            process.kill()
        for process in writers:
            process.communicate(timeout=300)
    assert killed >= 6, "the moments were badly chosen"
    for place in places:
        lake_of(place).ingest()
        assert said(place) == said_by_a_file(place, tmp_path / f"{place.root.name}.duckdb")
    assert not out_of_order(lake_of(places[0]))
    lake_of(places[0]).tidy()
    assert said(places[1]) == said_by_a_file(places[1], tmp_path / "again.duckdb")


def registered(store: Store, dataset: str, sha256: str) -> None:
    """A catalog with one dataset of one file, and a release."""
    version = {"dataset": dataset, "version": "1", "sha256": sha256, "data_class": "health"}
    file = {"dataset": dataset, "version": "1", "path": "p.csv", "sha256": sha256}
    store.replace_ledger_tables(
        Head(1, 1, sha256[:1].encode() * 32),
        {"datasets": [{"dataset": dataset}], "dataset_versions": [version],
         "dataset_files": [file], "releases": [{"release": "triage@1", "state": "released"}]},
    )  # fmt: skip


def test_lineage_goes_on_from_one_workspace_into_another(lake: str, tmp_path: Path) -> None:
    """B registered, under another name and path, a file that A made; both lie in one lake."""
    here, there = workspace_at(tmp_path / "a"), workspace_at(tmp_path / "b", "w-2")
    prepare(here)  # patients.csv → clean.parquet (b…b) on the host lab
    copy = "file:///srv/renamed.parquet"
    session = Session(there, "t1", host="other", start=1, notebook="gone.ipynb")
    session.cell("frame = pd.read_parquet('renamed.parquet')")
    frame = session.read_file(copy, ["radius"], "b" * 64)
    session.write_file(frame, ["radius"], RAW, "d" * 64)  # the same path as A's source
    frame = session.read_file(RAW, ["radius"], "d" * 64)
    session.write_file(frame, ["radius"], copy, "e" * 64)  # and a cycle
    session.end()
    for place in (there, here):  # whoever comes last finds the link
        lake_of(place).ingest()
    registered(lake_of(here), "patients", "a" * 64)
    registered(lake_of(there), "patients", "b" * 64)

    up = trace(there, RAW, columns=True)
    assert {node.name for node in up.nodes.values() if node.kind == "resource"} == {
        RAW, copy, CLEAN.replace("///", "//lab/"), RAW.replace("///", "//lab/"),
    }  # fmt: skip
    assert {(row["input_uri"], row["input_column"]) for row in up.columns or []} >= {
        ("file://lab/data/patients.csv", "radius")
    }
    down = impact(here, "patients")
    assert "file://other/data/patients.csv" in down.nodes
    assert "dataset:patients@1" in down.nodes
    assert "session:t1" not in down.nodes, "it read it by a transformation"
    assert {link.how for link in down.links} >= {"seen as", "content"}
    names = {row["dataset"] for row in lake_of(there).query("select dataset from datasets")}
    assert names == {"patients", "w-1/patients"}
    assert impact(there, "w-1/patients").nodes.keys() >= {RAW, copy}
    states = lake_of(here).query("select release from releases order by release")
    assert [row["release"] for row in states] == ["triage@1", "w-2/triage@1"]


@pytest.mark.full
def test_a_rebuild_and_an_erasure_touch_nothing_of_another_workspace(
    lake: str, tmp_path: Path
) -> None:
    here, there = workspace_at(tmp_path / "a"), workspace_at(tmp_path / "b", "w-2")
    prepare(here)
    train(there)
    lake_of(here).ingest()
    lake_of(there).ingest()
    before = said(there), said(here)
    lake_of(here).rebuild()
    assert (said(there), said(here)) == before
    path = here.journals / "s1.payloads.jsonl"
    path.unlink()
    lake_of(here).forget()
    lake_of(here).ingest()
    rows = lake_of(here).query("select session_id, source from cells where source is not null")
    assert {row["session_id"] for row in rows} == {"s2"}
    texts = [file for file in (tmp_path / "lake").rglob("*.parquet") if "payloads" in str(file)]
    for file in texts:
        with duckdb.connect() as connection:
            sql = f"select count(*) from '{file}' where text like '%patients.csv%'"
            assert connection.execute(sql).fetchall() == [(0,)]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "from '/etc/passwd'",
        "copy (select 1) to 'x.csv'",
        "select * from postgres_query('__ducklake_metadata_lake', 'select 1')",
        "select * from __ducklake_metadata_lake.ducklake_metadata",
        "select (select count(*) from query('from sessions'))",
        "insert into base.payloads values (1, 'x', 'x')",
        "set variable home = 2",
        "select 1; select 2",
        "selct 1",
    ],
)
def test_who_reads_a_lake_can_only_read_its_views(sql: str) -> None:
    from governed_kernel.lineage.reading import admit

    with pytest.raises(CheckFailed) as refused:
        admit(sql)
    assert refused.value.why


def test_a_lake_that_can_t_be_reached_or_read_is_told_clearly(
    lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = workspace_at(tmp_path / "a")
    prepare(workspace)
    store = lake_of(workspace)
    store.ingest()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION - 1)
        patch.setattr("governed_kernel.lineage.lake._mark", lambda: "0:earlier")
        with pytest.raises(ResourceMissing, match="another schema") as newer:
            store.query("from sessions")
    assert "install the version" in newer.value.next
    with monkeypatch.context() as patch:
        patch.setenv("PGPASSWORD", "not-" + PASSWORD)
        with pytest.raises(ResourceMissing) as unknown:
            store.query("from sessions")
    assert PASSWORD not in str(unknown.value)
    assert "PGPASSWORD" in unknown.value.next
    gone = lake.replace("port=", "port=1 application_name=")
    (workspace.root / "governed.toml").write_text(f'{gone}\n[workspace]\nname = "test"\n')
    with pytest.raises(ResourceMissing, match="can't be opened") as down:
        Store(Workspace(workspace.root)).query("from sessions")
    assert down.value.exit_code == 6
    assert "start PostgreSQL" in down.value.next
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda _: None)
        with pytest.raises(MissingExtra, match="ducklake") as missing:
            store.query("from sessions")
    assert "scale" in missing.value.next


@pytest.mark.parametrize(
    ("store", "data", "found"),
    [
        ("ducklake:postgres:host=db password=hunter2", "/lake", "holds a password"),
        ("ducklake:postgres:postgresql://ada:hunter2@db/lineage", "/lake", "holds a password"),
        ("ducklake:postgres:postgresql://db/lineage?password=hunter2", "/lake", "a password"),
        ("ducklake:mysql:hunter2", "/lake", "'ducklake:mysql' is not known"),
        ("postgres", "/lake", "'postgres' is not known"),
        ("ducklake:postgres:service=lineage", "lake", "a lake needs a folder"),
        ("ducklake:postgres:service=lineage", "", "a lake needs a folder"),
    ],
)
def test_settings_of_a_lake_that_can_t_be_are_refused(store: str, data: str, found: str) -> None:
    text = f'store = "{store}"\n[workspace]\nname = "x"\n[lake]\ndata = "{data}"\n'
    with pytest.raises(ConfigurationError) as refused:
        parse(text, Path("governed.toml"))
    assert found in refused.value.why
    assert "hunter2" not in str(refused.value)
    assert refused.value.next
