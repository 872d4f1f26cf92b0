"""What the ledger says, as rows of the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from governed_kernel.errors import IntegrityBroken
from governed_kernel.lineage import ledger_tables, opening, schema
from governed_kernel.lineage.events import DatasetRegistered, FileDigest
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.ledger_tables import LedgerTables
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import one, prepare


class Told:
    """What a ledger says that goes on by one record, and one run, each time it is asked."""

    def __init__(self) -> None:
        self.known: list[str] = []
        """From which record on it was asked, each time."""

    def __call__(self, known: str) -> LedgerTables:
        self.known.append(known)
        number = len(self.known)
        everything = {} if known else {"datasets": [{"dataset": "d"}]}
        rows = {**everything, "runs": [{"run_id": f"r{number}"}]}
        return LedgerTables(Head(number, number, bytes([number]) * 32), rows, known)


def test_tables_of_the_ledger_are_rewritten_only_when_it_moved(workspace: Workspace) -> None:
    store = Store(workspace)
    assert store.ledger_head() is None
    head, rows = Head(1, 10, b"\1" * 32), [{"dataset": "d", "owner": "ada"}]
    assert store.replace_ledger_tables(head, {"datasets": rows})
    assert not store.replace_ledger_tables(head, {"datasets": []})
    assert store.query("from datasets") == [
        {"dataset": "d", "owner": "ada", "source": None, "state": None}
    ]
    assert store.replace_ledger_tables(Head(2, 20, b"\2" * 32), {})
    assert store.query("from datasets") == []
    store.rebuild()
    assert store.ledger_head() is None


def test_a_table_that_says_the_same_is_not_written_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(workspace)
    written: list[str] = []
    really = ledger_tables._load

    def load(connection: Any, name: str, *rest: Any) -> None:
        written.append(name)
        really(connection, name, *rest)

    monkeypatch.setattr(ledger_tables, "_load", load)
    said: dict[str, list[dict[str, Any]]]
    said = {"datasets": [{"dataset": "d"}], "runs": [{"run_id": "r"}], "artifacts": [{"bytes": 1}]}
    changed = {**said, "runs": [{"run_id": "s"}], "artifacts": []}
    for number, rows in enumerate((said, changed, said), 1):
        store.replace_ledger_tables(Head(number, number, bytes([number]) * 32), rows)
        assert [one(store, "select run_id from runs")] == [row["run_id"] for row in rows["runs"]]
        assert store.query("select bytes from artifacts") == rows["artifacts"]
        assert one(store, "select dataset from datasets") == "d"
    if not workspace.keeps_lake:  # where a note of each table would be a file more
        assert written == ["datasets", "runs", "artifacts", "runs", "runs", "artifacts"]
    store.rebuild(LedgerTables(Head(4, 4, b"\4" * 32), said))  # another file knows nothing
    assert one(store, "select dataset from datasets") == "d"


def test_nothing_comes_in_where_what_the_ledger_says_can_t_be_told(workspace: Workspace) -> None:
    """It is computed in a thread, while the store is made: what is wrong there ends all of it."""

    def untold(_: str) -> Any:
        raise IntegrityBroken("a signature does not verify", why="", next="")

    store = Store(workspace)
    for _ in range(2):  # where there is no store, and where there is one
        with pytest.raises(IntegrityBroken, match="a signature"):
            store.ingest(untold)
        assert store.ledger_head() is None
        store.ingest()


def test_what_is_told_from_a_record_on_goes_on_from_that_record_alone(
    workspace: Workspace,
) -> None:
    store = Store(workspace)
    telling = Told()
    store.ingest(telling)
    store.ingest(telling)
    if workspace.keeps_lake:  # where every table is replaced
        assert telling.known == ["", ""]
    else:
        assert telling.known == ["", "01" * 32]
    assert one(store, "select dataset from datasets") == "d"
    assert one(store, "select run_id from runs") == "r2"
    with pytest.raises(ValueError, match="go on from"):
        store.ingest(lambda _: LedgerTables(Head(3, 3, b"\3" * 32), {}, "03" * 32))
    assert one(store, "select run_id from runs") == "r2"
    assert store.ledger_head() == "02" * 32


def test_what_the_ledger_alone_says_comes_in_by_one_opening(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(workspace)
    telling = Told()
    assert not store.go_on("", telling)
    assert not store.exists() or workspace.keeps_lake
    store.ingest(telling)
    opened: list[bool] = []
    really = opening.connect

    def connect(*given: Any, read_only: bool, **named: Any) -> Any:
        opened.append(read_only)
        return really(*given, read_only=read_only, **named)

    monkeypatch.setattr("governed_kernel.lineage.store.connect", connect)
    done = store.go_on("01" * 32, telling)
    if workspace.keeps_lake:  # where all that is new comes in by the one way
        assert (done, telling.known) == (False, [""])
        return
    assert (done, telling.known, opened) == (True, ["", "01" * 32], [False])
    assert one(store, "select run_id from runs") == "r2"
    assert store.ledger_head() == "02" * 32


@pytest.mark.parametrize("new", ["a journal", "another record", "another schema", "no store"])
def test_what_more_is_new_than_what_the_ledger_says_is_left_to_an_ingestion(
    workspace: Workspace, new: str
) -> None:
    store = Store(workspace)
    store.ingest(lambda _: LedgerTables(Head(1, 1, b"\1" * 32), {"runs": [{"run_id": "r1"}]}))
    known = "01" * 32
    if new == "a journal":
        prepare(workspace)
    elif new == "another record":
        known = "03" * 32
    elif workspace.keeps_lake:
        pytest.skip("a lake is made by nobody but who ingests")
    elif new == "another schema":
        with duckdb.connect(store.path) as connection:
            connection.execute("UPDATE base.meta SET value = '0' WHERE key = 'schema'")
    else:
        store.forget()

    def telling(known: str) -> LedgerTables:
        return LedgerTables(Head(2, 2, b"\2" * 32), {"runs": [{"run_id": "r2"}]}, known)

    assert not store.go_on(known, telling)
    if new in ("a journal", "another record"):
        assert store.ledger_head() == "01" * 32
        assert one(store, "select run_id from runs") == "r1"
    store.ingest(telling)
    assert one(store, "select run_id from runs") == "r2"
    assert one(store, "select count(*) from sessions") == (new == "a journal")


def test_every_type_of_a_ledger_row_comes_back(workspace: Workspace) -> None:
    store = Store(workspace)
    moment = datetime(2026, 11, 21, 3, 4, 5, 678901, tzinfo=UTC)
    rows: dict[str, list[dict[str, Any]]] = {
        "runs": [
            {"run_id": "r", "parameters": {"epochs": 3, "note": "ä'"}, "started_at": moment},
            {"run_id": "", "parameters": '{"epochs": 3, "note": "ä\'"}', "started_at": moment},
        ],
        "approvals": [{"counts": True}, {"counts": None}],
        "validations": [{"value": 0.5, "threshold": 1}],
        "decisions": [{"policies": ["a", "b"]}],
        "artifacts": [{"bytes": 2**40}],
    }
    assert store.replace_ledger_tables(Head(1, 1, b"\1" * 32), rows)
    assert one(store, "select distinct parameters->>'note' from runs") == "ä'"
    assert one(store, "select distinct started_at from runs") == moment.replace(tzinfo=None)
    assert [row["run_id"] for row in store.query("from runs")] == ["r", None]
    assert [row["counts"] for row in store.query("from approvals")] == [True, None]
    assert one(store, "select value + threshold from validations") == 1.5
    assert one(store, "select policies from decisions") == ["a", "b"]
    assert one(store, "select bytes from artifacts") == 2**40


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("nothing", {}),
        ("datasets", {"colour": "red"}),
        ("datasets", {"owner": 7}),
        ("approvals", {"counts": 1}),
        ("artifacts", {"bytes": True}),
        ("decisions", {"policies": [1]}),
        ("decisions", {"policies": {"a", "b"}}),
        ("runs", {"parameters": {"a", "b"}}),
        ("runs", {"parameters": datetime(2026, 11, 21, tzinfo=UTC)}),
        ("runs", {"started_at": "2026-11-21"}),
    ],
)
def test_a_row_of_another_shape_is_a_type_error(
    workspace: Workspace, table: str, row: dict[str, Any]
) -> None:
    store = Store(workspace)
    with pytest.raises(TypeError, match=table):
        store.replace_ledger_tables(Head(1, 1, b"\1" * 32), {table: [row]})
    assert store.ledger_head() is None


def test_the_ledger_s_own_structs_fit_the_dataset_tables() -> None:
    registered = {*DatasetRegistered.__struct_fields__, "registered_at", "registered_by"}
    assert set(schema.LEDGER_TABLES["dataset_versions"]) <= registered
    assert {"path", "sha256"} <= set(FileDigest.__struct_fields__)
