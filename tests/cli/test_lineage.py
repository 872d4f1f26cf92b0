"""``governed lineage`` through the public command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from governed_kernel.cli import main
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import CLEAN, MODEL, RAW, Session, prepare, train, workspace_at


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = workspace_at(tmp_path_factory.mktemp("cli"))
    workspace.ledger.unlink()  # journals alone: what the ledger adds is the projection's to test
    prepare(workspace)
    train(workspace)
    return workspace


class Governed:
    """Runs the command; keeps its exit code and what it printed."""

    def __init__(self, workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
        self._workspace = workspace
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--workspace", str(self._workspace.root), "lineage", *arguments])
        printed = self._capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, printed.out, printed.err

    def json(self, *arguments: str) -> Any:
        code, out, err = self(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def governed(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Governed:
    return Governed(workspace, capsys)


@pytest.mark.parametrize(
    "question", [f"trace {CLEAN}", f"impact {RAW}", "sessions", f"readers {RAW}"]
)
def test_a_question_waits_for_no_library_that_it_does_not_need(
    workspace: Workspace, question: str
) -> None:
    asked = ["--workspace", str(workspace.root), "lineage", *question.split()]
    program = f"""
import atexit, os, sys
from governed_kernel.cli import main
atexit.register(lambda: "pandas" in sys.modules and os._exit(99))
main({asked!r})
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_interrupt_in_the_middle_of_a_query_is_one(
    governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_one_thread(_: Store, sql: str) -> list[tuple[int]]:
        # Of several the one that hears of signals may have nothing to do.
        with duckdb.connect(config={"threads": 1}) as connection:
            return connection.execute(sql).fetchall()

    monkeypatch.setattr(Store, "query", in_one_thread)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1)
        code, out, err = governed("sql", "select sum(n % 7) from range(100_000_000_000) as t(n)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "governed: interrupted"


def test_sql_answers_from_the_views(governed: Governed) -> None:
    rows = governed.json("sql", "select cell_id, uri from accesses where operation = 'write'")
    assert rows == [{"cell_id": "cell-3", "uri": CLEAN}, {"cell_id": "cell-3", "uri": MODEL}]
    code, out, _ = governed("sql", "select count(*) as many from cells")
    assert code == 0
    assert "many" in out


def test_moments_are_iso_in_json(governed: Governed) -> None:
    [row] = governed.json("sql", "select started_at from sessions where session_id = 's1'")
    assert row["started_at"].startswith("2026-11-21")


def test_reading_brings_the_store_up_to_date_first(
    workspace: Workspace, governed: Governed
) -> None:
    before = len(governed.json("sessions"))
    Session(workspace, f"later-{before}", start=9).end()
    assert len(governed.json("sessions")) == before + 1


@pytest.mark.parametrize(
    "query", ["selct 1", "from nowhere", "delete from base.access", "from read_csv('/etc/passwd')"]
)
def test_a_wrong_or_writing_query_is_one_clear_error(governed: Governed, query: str) -> None:
    code, out, err = governed("sql", query)
    assert (code, out) == (1, "")
    assert err.startswith("governed: the query failed\nwhy:  ")
    assert "Traceback" not in err


def test_trace_prints_a_tree_or_json(governed: Governed) -> None:
    code, out, _ = governed("trace", MODEL, "--columns")
    assert code == 0
    assert RAW in out
    assert "AGGREGATION" in out
    document = governed.json("trace", MODEL, "--depth", "1")
    assert document["cut"]
    assert document["direction"] == "upstream"


def test_impact_goes_downstream(governed: Governed) -> None:
    document = governed.json("impact", RAW)
    assert MODEL in [node["node"] for node in document["nodes"]]


def test_an_unknown_target_is_wrong_use(governed: Governed) -> None:
    code, _, err = governed("trace", "nothing")
    assert code == 2
    assert "next: " in err


def test_sessions_are_listed_with_what_is_unexplained(governed: Governed) -> None:
    listed = {row["session_id"]: row for row in governed.json("sessions")}
    assert (listed["s1"]["cells"], listed["s1"]["unexplained"]) == (3, 1)


def test_completeness_is_a_figure_a_session(governed: Governed) -> None:
    facts = governed.json("completeness", "s1")
    assert (facts["witnessed"], facts["explained"], facts["unexplained"]) == (9, 8, 1)
    assert facts["accesses"] == []
    code, _, err = governed("completeness", "nobody")
    assert code == 2
    assert "no session 'nobody'" in err


@pytest.mark.parametrize("question", [("trace", MODEL), ("impact", RAW), ("diff", "s1", "s2")])
def test_an_answer_is_drawn_into_a_file(
    governed: Governed, question: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "picture.svg"
    code, out, err = governed(*question, "--svg", str(path))
    assert (code, out, err) == (0, "", f"governed: drew {path}\n")
    assert path.read_text().startswith("<svg ")
    code, out, _ = governed(*question, "--svg", str(path), "--json")
    assert (code, out[0]) == (0, "{")


def test_readers_are_a_table_or_json(governed: Governed) -> None:
    (row,) = governed.json("readers", CLEAN, "--column", "size", "--from", "2026-11-21")
    assert (row["session_id"], row["execution"]) == ("s2", 1)
    assert governed.json("readers", CLEAN, "--to", "2026-11-20") == []
    code, out, _ = governed("readers", CLEAN)
    assert code == 0
    assert "one, radius, size" in out
    code, _, err = governed("readers", CLEAN, "--from", "yesterday")
    assert code == 2
    assert "is no date" in err


def test_two_sessions_are_compared_as_a_tree_or_json(governed: Governed) -> None:
    assert governed.json("diff", "s1", "s1")["same"]
    document = governed.json("diff", "s1", "s2")
    assert f"read {RAW}" in [row["what"] for row in document["accesses"]]
    code, out, _ = governed("diff", "s1", "s2")
    assert code == 0
    assert "column origins of what was written" in out
    assert governed("diff", "s1", "nobody")[0] == 2


def test_a_broken_journal_does_not_keep_the_rest_from_being_read(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = workspace_at(tmp_path_factory.mktemp("broken"))
    workspace.ledger.unlink()
    prepare(workspace)
    train(workspace)
    path = workspace.journals / "s1.jsonl"
    path.write_bytes(path.read_bytes().replace(b"cell-2", b"Cell-2", 1))
    governed = Governed(workspace, capsys)
    assert {row["session_id"] for row in governed.json("sessions")} == {"s1", "s2"}
    _, _, err = governed("sessions")
    assert "warning: " in err
    assert "s1.jsonl: record " in err
