"""How sessions stand: sealed or not, and whether the clock went on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from governed_kernel.audit.sessions import check_sessions
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import CellEnded, CellStarted, SessionStarted
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.session_states import sessions
from governed_kernel.lineage.store import Store
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.workspace import Workspace
from tests.kernel.running import home_of, make_workspace
from tests.lineage.sessions import Session


@pytest.fixture
def governed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = make_workspace(tmp_path / "workspace")
    monkeypatch.setenv("GOVERNED_HOME", str(home_of(workspace)))
    return workspace


def record(workspace: Workspace, session: str, *hours: int) -> SessionRecord:
    """A session whose cells begin at these hours by its clock."""
    made = SessionRecord(workspace, session, durable=False)
    started = SessionStarted(
        session_id=session, mode="research", notebook="n", user_name="u", host="h", pid=1
    )
    made.add(started)
    for number, hour in enumerate(hours):
        at = started.occurred_at + timedelta(hours=hour)
        which = {"execution": number, "cell_id": str(number)}
        made.add(CellStarted(source=made.payload("x"), occurred_at=at, **which))  # type: ignore[arg-type]
        made.add(CellEnded(status="ok", occurred_at=at + timedelta(minutes=1), **which))  # type: ignore[arg-type]
    assert made.flush() is None
    return made


def test_where_a_clock_steps_back_order_is_kept_times_are_marked_and_all_verifies(
    governed: Workspace,
) -> None:
    assert record(governed, "s1", 0, 5, 2, 3, 1).seal() == ""
    assert record(governed, "s2", 0, 1, 2).seal() == ""
    store = Store(governed)
    store.ingest()
    rows = {row["session_id"]: row["clock_back"] for row in sessions(governed, store).sessions}
    assert rows == {"s1": 2, "s2": 0}
    cells = store.query("SELECT execution, started_at FROM cells WHERE session_id = 's1'")
    assert {row["execution"] for row in cells} == {0, 1, 2, 3, 4}
    order = "SELECT execution FROM base.cell_started JOIN base.journals USING (session_no) "
    order += "WHERE session_id = 's1' ORDER BY record"
    assert [row["execution"] for row in store.query(order)] == [0, 1, 2, 3, 4]
    register = Register.read(governed)
    outcomes = {check.subject: check.outcome for check in check_sessions(governed, register)}
    assert outcomes == {"s1": "ok", "s2": "ok"}
    before = store.fingerprint()
    store.rebuild()
    assert store.fingerprint() == before


def test_a_session_of_a_run_says_which_run_of_which_release_it_is(governed: Workspace) -> None:
    Session(governed, "s1").end()
    Session(governed, "s2", run_id="run-1", notebook="").end()
    Session(governed, "s3", run_id="run-2", notebook="").end()
    store = Store(governed)
    store.ingest()
    run = {"run_id": "run-1", "release": "triage@1", "kind": "release"}
    store.replace_ledger_tables(Head(1, 1, b"1" * 32), {"runs": [run]})
    said = {row["session_id"]: row for row in sessions(governed, store).sessions}
    assert [(row["run_id"], row["release"]) for row in said.values()] == [
        ("run-2", None),  # the ledger knows no such run
        ("run-1", "triage@1"),
        (None, None),
    ]
    for text, found in {"RUN-": ["s3", "s2"], "triage@": ["s2"], "triage.ipynb": ["s1"]}.items():
        page = sessions(governed, store, search=text)
        assert [row["session_id"] for row in page.sessions] == found
        assert page.total == len(found)


def test_each_session_says_how_it_ended(governed: Workspace) -> None:
    assert record(governed, "s1", 0).seal() == ""
    running = record(governed, "s2", 0)
    cut = record(governed, "s3", 0)
    cut._head.close(sealed=False)  # as a kill leaves it
    gone = record(governed, "s4", 0)
    store = Store(governed)
    store.ingest()
    gone.path.unlink()
    found = {row["session_id"]: row["state"] for row in sessions(governed, store).sessions}
    assert found == {"s1": "sealed", "s2": "running", "s3": "cut off", "s4": "journal gone"}
    assert running.seal() == ""
