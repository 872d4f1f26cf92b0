"""Who read what: by dataset, by resource, by column, between two moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from governed_kernel.errors import UnknownName
from governed_kernel.lineage.dates import moment
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.readers import readers
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import CLEAN, RAW, Session, prepare, train

MORNING = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def store(workspace: Workspace) -> Store:
    """Dataset ``people`` and its part, read by a cell each, one of them in a run."""
    prepare(workspace)
    train(workspace)
    folder = f"file://{workspace.snapshots}"
    first = Session(workspace, "s3", start=2, person="dora")
    first.cell("data.load('people')")
    uri = f"{folder}/{'1' * 64}/people.csv"
    first.access("read", uri, dataset="people", version="1", decision="allowed", purpose="train")
    first.read_file(uri, ["age", "name"], "1" * 64)
    first.cell("open('people.csv').read()")
    first.access("read", uri, "1" * 64)
    first.cell("data.load('people', purpose='deploy')")
    first.access("read", uri, dataset="people", version="1", decision="denied", purpose="deploy")
    first.end()
    second = Session(workspace, "s4", start=3, run_id="run-1")
    second.cell("data.load('people-train')")
    second.read_file(f"{folder}/{'2' * 64}/people-train.csv", ["age"], "2" * 64)
    second.end()
    store = Store(workspace)
    store.ingest()
    register(store)
    return store


def register(store: Store) -> None:
    """What the ledger would say."""
    at = MORNING.replace(tzinfo=None)
    version = {"version": "1", "data_class": "personal", "registered_at": at}
    store.replace_ledger_tables(
        Head(1, 1, b"1" * 32),
        {
            "datasets": [{"dataset": "people"}, {"dataset": "people-train"}],
            "dataset_versions": [
                {"dataset": "people", "sha256": "1" * 64, **version},
                {"dataset": "people-train", "sha256": "2" * 64, **version},
            ],
            "dataset_files": [
                {"dataset": "people", "version": "1", "path": "people.csv", "sha256": "1" * 64}
            ],
            "dataset_parents": [
                {
                    "dataset": "people-train",
                    "version": "1",
                    "parent_dataset": "people",
                    "parent_version": "1",
                    "part": "train",
                }
            ],
            "runs": [{"run_id": "run-1", "release": "triage@1", "kind": "release"}],
            "releases": [{"release": "triage@1"}],
            "approvals": [
                {
                    "release": "triage@1",
                    "purpose": "run",
                    "person": person,
                    "role": "reviewer",
                    "counts": counts,
                    "signed_at": at,
                }
                for person, counts in (("rui", True), ("kim", True), ("mallory", False))
            ],
        },
    )


def test_a_dataset_is_read_by_name_or_by_content(store: Store) -> None:
    rows = readers(store.workspace, "people", store=store)
    assert [(row["execution"], row["decision"]) for row in rows] == [
        (1, "allowed"),
        (2, None),
        (3, "denied"),
    ]
    first = rows[0]
    assert (first["notebook"], first["user_name"]) == ("research/triage.ipynb", "ada")
    assert first["person"] == "dora", "who said to work in that account"
    assert (first["dataset"], first["version"], first["purpose"]) == ("people", "1", "train")
    assert first["columns"] == ["age", "name"]
    assert rows[1]["dataset"] == "people"  # a plain open, known by its content


def test_the_parts_of_a_dataset_are_asked_for(store: Store) -> None:
    rows = readers(store.workspace, "people@1", parts=True, store=store)
    assert {row["dataset"] for row in rows} == {"people", "people-train"}
    (run,) = [row for row in rows if row["run_id"]]
    assert (run["release"], run["approved_by"]) == (
        "triage@1",
        ["kim (reviewer)", "rui (reviewer)"],
    )


def test_a_column_is_read_by_those_who_named_it_or_said_nothing(store: Store) -> None:
    rows = readers(store.workspace, "people", "name", parts=True, store=store)
    assert [(row["session_id"], row["columns"]) for row in rows] == [
        ("s3", ["age", "name"]),
        ("s3", None),
        ("s3", None),
    ]
    assert [row["columns"] for row in readers(store.workspace, RAW, "sex", store=store)] == [
        ["id", "radius", "sex", "texture"]
    ]
    assert readers(store.workspace, RAW, "nonsense", store=store) == []


def test_a_resource_is_read_by_its_uri_or_below_it(store: Store) -> None:
    assert [row["session_id"] for row in readers(store.workspace, CLEAN, store=store)] == ["s2"]
    rows = readers(store.workspace, "file:///data", store=store)
    assert [row["uri"] for row in rows] == [RAW, CLEAN]


def test_readings_are_told_between_two_moments(store: Store) -> None:
    def sessions(since: datetime | None, until: datetime | None) -> list[str]:
        rows = readers(store.workspace, "file:///data", "", since, until, store=store)
        return [row["session_id"] for row in rows]

    hour = MORNING + timedelta(hours=1)
    assert sessions(None, hour) == ["s1"]
    assert sessions(hour, None) == ["s2"]
    assert sessions(MORNING - timedelta(days=1), MORNING) == []
    (row,) = readers(store.workspace, CLEAN, store=store)
    exact = row["occurred_at"].replace(tzinfo=UTC)
    assert sessions(exact, exact) == ["s2"]


def test_nobody_reads_what_nobody_knows(store: Store) -> None:
    with pytest.raises(UnknownName):
        readers(store.workspace, "nothing", store=store)


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("2026-11-21", False, datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21", True, datetime(2026, 11, 21, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2026-11-21T08:30", True, datetime(2026, 11, 21, 8, 30, tzinfo=UTC)),
        ("2026-11-21 08:30:00+02:00", False, datetime(2026, 11, 21, 6, 30, tzinfo=UTC)),
    ],
)
def test_a_date_is_a_moment_in_utc(text: str, end: bool, expected: datetime) -> None:
    assert moment(text, end_of_day=end) == expected
