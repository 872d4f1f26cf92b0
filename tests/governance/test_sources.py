"""Data is brought from where it lies, with where that was, and never with a credential."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from governed_kernel import data
from governed_kernel.cli import governed
from governed_kernel.errors import GovernedError, ResourceMissing, UsageError
from governed_kernel.governance import sources
from governed_kernel.governance.frames import read_arrow, read_datasets, read_pandas, read_polars
from governed_kernel.governance.register import Register
from governed_kernel.workspace import Workspace
from tests.benchmarks.corpus.services import PASSWORD, postgresql

SAID = [
    "--class",
    "health",
    "--owner",
    "Clinic",
    "--legal-basis",
    "consent",
    "--purpose",
    "explore",
    "--as",
    "sam",
]


def register(workspace: Workspace, *arguments: str) -> Result:
    command = ["--workspace", str(workspace.root), "data", "register", *arguments, *SAID]
    return CliRunner().invoke(governed, command, standalone_mode=False)


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(tmp_path)))
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "clinic.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table visits (patient text, size real, note text)")
        rows = [(f"p{n}", n / 2, None) for n in range(25_000)]
        connection.executemany("insert into visits values (?, ?, ?)", rows)
    connection.close()
    return path


def test_results_of_queries_are_versions_with_statement_parameters_and_digest(
    workspace: Workspace, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "select patient, size, note from visits where size >= :least order by patient"
    done = register(
        workspace, "big", f"sqlite://{database}", "--query", query, "--parameter", "least=2.5"
    )
    assert done.exception is None, done.exception
    version = Register.read(workspace).version("big")
    assert version.source == f"sqlite://{database}"
    assert version.query == {"statement": query, "parameters": {"least": 2.5}}
    monkeypatch.chdir(workspace.root)
    frame = data.load("big")
    assert (len(frame), list(frame.columns)) == (24_995, ["patient", "size", "note"])
    assert frame["size"].min() == 2.5
    again = register(
        workspace, "big", f"sqlite://{database}", "--query", query, "--parameter", "least=2.5"
    )
    assert again.exception is None
    assert [one.version for one in Register.read(workspace).datasets["big"]] == ["1"]


def test_duckdb_answers_and_is_neither_written_nor_led_to_other_files(tmp_path: Path) -> None:
    path = tmp_path / "clinic.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table visits as select range as n, n % 7 as day from range(99)")
    target = tmp_path / "result.parquet"
    rows = sources.run_query(f"duckdb://{path}", "from visits where day = $day", {"day": 3}, target)
    assert rows == len(read_pandas(target)) == 14
    with pytest.raises(UsageError, match=r"a parameter is written \$NAME"):
        sources.run_query(f"duckdb://{path}", "from visits where day = :day", {"day": 3}, target)
    for statement in ("drop table visits", "select 1; select 2", "select * from '/etc/passwd'"):
        with pytest.raises(GovernedError):
            sources.run_query(f"duckdb://{path}", statement, {}, target)


@pytest.mark.parametrize(
    "source",
    [
        "postgresql://ada:secret@db/clinic",
        "postgresql://db/clinic?password=secret",
        "s3://KEY:SECRET@bucket/file.csv",
        "https://host/file.csv?token=abcdef",
    ],
)
def test_a_credential_in_an_address_is_refused_and_said_nowhere(
    workspace: Workspace, source: str
) -> None:
    done = register(workspace, "stolen", source, "--query", "select 1")
    assert isinstance(done.exception, UsageError)
    assert "secret" not in str(done.exception).lower()
    assert "abcdef" not in str(done.exception)
    assert "secret" not in workspace.ledger.read_text().lower().replace("secretar", "")


def test_files_and_folders_of_object_stores_and_servers_are_brought(
    workspace: Workspace, tmp_path: Path, server: str
) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n3,4\n")
    done = register(workspace, "served", f"{server}/table.csv")
    assert done.exception is None, done.exception
    version = Register.read(workspace).version("served")
    assert (version.source, version.rows) == (f"{server}/table.csv", 2)
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for number in range(3):
        memory.pipe(f"/bucket/data/part-{number}.csv", f"a,b\n{number},1\n".encode())
    assert register(workspace, "stored", "memory://bucket/data").exception is None
    stored = Register.read(workspace).version("stored")
    assert [file.path for file in stored.files] == [f"part-{n}.csv" for n in range(3)]
    for source in (f"{server}/nothing.csv", "memory://bucket/none"):
        assert isinstance(register(workspace, "none", source).exception, ResourceMissing)
    unknown = register(workspace, "none", "gopher://a/b").exception
    assert isinstance(unknown, UsageError | ResourceMissing)


def test_what_takes_a_library_that_is_not_installed_is_a_missing_resource(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = pytest.importorskip("fsspec.registry")
    asked = {"class": "library_of_nobody.System", "err": "Install library_of_nobody"}
    monkeypatch.setitem(registry.known_implementations, "nowhere", asked)
    refused = register(workspace, "none", "nowhere://bucket/x.csv").exception
    assert isinstance(refused, ResourceMissing), refused
    assert "Install library_of_nobody" in refused.why
    assert "install what fsspec needs" in refused.next


def test_folders_of_tables_are_one_table_in_every_form(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.csv").write_text(f"a,b\n{number},1\n")
    assert list(read_pandas(folder)["a"]) == [0, 1, 2]
    assert read_arrow(folder).num_rows == 3
    assert read_polars(folder)["a"].to_list() == [0, 1, 2]
    (folder / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match="can't be read as a table"):
        read_pandas(folder)


def test_a_folder_whose_files_differ_in_their_columns_has_all_of_them_in_every_form(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text("n,ward\n1,x\n")
    (tmp_path / "b.csv").write_text("n,age\n2.5,40\n")
    expected = {"n": [1.0, 2.5], "ward": ["x", None], "age": [None, 40]}
    assert read_arrow(tmp_path).to_pydict() == expected
    assert read_polars(tmp_path).to_dict(as_series=False) == expected
    frame = read_pandas(tmp_path)
    assert frame.astype(object).where(frame.notna(), None).to_dict("list") == expected


def test_every_ending_that_is_said_to_be_known_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("n\tward\n1\tx\n")
    (tmp_path / "a.ndjson").write_text('{"n": 1, "ward": "x"}\n')
    for file in (tmp_path / "a.tsv", tmp_path / "a.ndjson"):
        assert read_pandas(file).to_dict("list") == {"n": [1], "ward": ["x"]}
        assert read_polars(file).to_dict(as_series=False) == {"n": [1], "ward": ["x"]}
        assert read_arrow(file).to_pydict() == {"n": [1], "ward": ["x"]}


def test_folders_of_hugging_face_datasets_are_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    whole = datasets.Dataset.from_dict({"a": list(range(10)), "text": ["x"] * 10})
    whole.save_to_disk(str(tmp_path / "one"))
    assert read_datasets(tmp_path / "one")["a"][:] == list(range(10))
    assert list(read_pandas(tmp_path / "one")["a"]) == list(range(10))
    assert read_arrow(tmp_path / "one").num_rows == 10
    datasets.DatasetDict({"train": whole}).save_to_disk(str(tmp_path / "parts"))
    assert read_datasets(tmp_path / "parts")["train"].num_rows == 10
    with pytest.raises(UsageError, match="several parts: train"):
        read_pandas(tmp_path / "parts")
    # What their own loader would follow: a Dataset that says it is several, a part elsewhere.
    information = tmp_path / "one" / "dataset_info.json"
    for folder in ("one", "parts"):
        told = tmp_path / folder / "dataset_dict.json"
        before = told.read_bytes() if told.exists() else None
        told.write_text('{"splits": ["../one"]}')
        (kept := tmp_path / "kept.json").write_bytes(information.read_bytes())
        information.unlink()
        with pytest.raises(UsageError, match="leaves no such folder"):
            read_datasets(tmp_path / folder)
        kept.rename(information)
        told.unlink() if before is None else told.write_bytes(before)
    assert read_datasets(tmp_path / "one").num_rows == 10
    state = (tmp_path / "one" / "state.json").read_text()
    for name in ("../parts/train/data-00000-of-00001.arrow", str(tmp_path / "parts"), "gone.arrow"):
        (tmp_path / "one" / "state.json").write_text(
            state.replace("data-00000-of-00001.arrow", name)
        )
        with pytest.raises(UsageError, match="no file of this folder"):
            read_pandas(tmp_path / "one")
    (tmp_path / "one" / "state.json").write_text('{"step": 7}')
    with pytest.raises(UsageError, match=r"\.arrow, \.json"):
        read_pandas(tmp_path / "one")


def test_a_query_is_asked_of_postgresql_by_what_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("id,name,age,ward\n1,Ann,30,a\n")
    with postgresql(people) as server:
        if server is None:
            pytest.skip("no PostgreSQL on this machine")
        address = f"postgresql://127.0.0.1:{server.port}/corpus"
        monkeypatch.setenv("PGUSER", "ada")
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        target = tmp_path / "result.parquet"
        statement = "select n, n * 2 as twice from generate_series(1, $1::int) as n"
        assert sources.run_query(address, statement, {"most": 12_000}, target) == 12_000
        assert read_pandas(target)["twice"].max() == 24_000
        for wrong in (
            "create table t (n int)", "select 1; drop table t", "select * into t from people",
            "with gone as (delete from people returning id) select * from gone",
        ):  # fmt: skip
            with pytest.raises(UsageError, match="only a single query"):
                sources.run_query(address, wrong, {}, target)
        hidden = "select set_config('transaction_read_only', 'off', false)"
        with pytest.raises(UsageError, match=r"a parameter is written \$1, \$2"):
            sources.run_query(address, "select :most", {"most": 1}, target)
        with pytest.raises(UsageError, match="read-write mode must be set before any query"):
            sources.run_query(address, hidden, {}, target)
        monkeypatch.setenv("PGPASSWORD", "not it")
        with pytest.raises(GovernedError) as refused:
            sources.run_query(address, "select 1", {}, target)
        assert "not it" not in str(refused.value)
        assert "PGPASSWORD" in refused.value.next


def test_a_code_that_resembles_a_number_is_asked_for_as_it_is_written(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table places (code text, size real)")
        connection.executemany("insert into places values (?, 1.5)", [("00123",), ("123",)])
    connection.close()
    asked = ["--query", "select code from places where code = :code", "--parameter"]
    done = register(workspace, "place", f"sqlite://{path}", *asked, "code=00123")
    assert done.exception is None, done.exception
    version = Register.read(workspace).version("place")
    assert (version.rows, version.query["parameters"]) == (1, {"code": "00123"})
    said = {
        "-12": -12, "0": 0, "1.50": 1.5, "1e-3": 0.001, "": "", "1_000": "1_000", " 5": " 5",
        "nan": "nan", "inf": "inf", "١٢": "١٢", "-": "-", "007.5": "007.5",
        "2026-01-01": "2026-01-01",
    }  # fmt: skip
    assert {text: sources.typed(text) for text in said} == said
    twice = register(
        workspace, "place", f"sqlite://{path}", *asked, "code=1", "--parameter", "code=2"
    )
    assert "'code' is given twice" in str(twice.exception)


def test_a_result_that_nobody_could_read_again_is_refused_in_words(tmp_path: Path) -> None:
    path, target = tmp_path / "clinic.duckdb", tmp_path / "result.parquet"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table stays as select 1 as n, interval 2 day as long")
    with pytest.raises(UsageError, match="two columns called n") as refused:
        sources.run_query(f"duckdb://{path}", "select n, long::text as l, n from stays", {}, target)
    assert "as NAME" in refused.value.next
    with pytest.raises(UsageError, match="can't be kept") as refused:
        sources.run_query(f"duckdb://{path}", "select * from stays", {}, target)
    assert "cast such columns" in refused.value.next
    with sqlite3.connect(tmp_path / "clinic.sqlite") as other:
        other.execute("create table stays (n integer)")
    other.close()
    with pytest.raises(UsageError, match="too large"):
        sources.run_query(
            f"sqlite://{tmp_path}/clinic.sqlite", "select n from stays where n < :n",
            {"n": 10**30}, target,
        )  # fmt: skip
    with pytest.raises(UsageError, match="is a database") as refused:
        sources.fetch(f"sqlite://{tmp_path}/clinic.sqlite", tmp_path)
    assert "--query" in refused.value.next
