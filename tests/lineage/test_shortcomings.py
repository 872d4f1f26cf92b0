"""Inputs that nobody registered, and data kept longer than it may be."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.shortcomings import past_retention, unregistered_inputs
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import Session


@pytest.fixture
def store(workspace: Workspace) -> Store:
    research = Session(workspace, "s1")
    research.cell("x")
    research.access("read", "file:///data/own.csv", "a" * 64)
    research.access("read", "file:///data/known.csv", "1" * 64)
    research.end()
    run = Session(workspace, "s2", start=1, run_id="run-1")
    run.cell("x")
    run.access("read", "https://example.org/table", kind="http")
    run.access("read", "file:///data/code.py", "c" * 64)
    run.access("write", "file:///out/model/weights")
    run.access("read", "file:///out/model/weights")
    run.access("read", "file:///out/model", kind="model")
    run.access("read", "file:///data/denied.csv", decision="denied")
    run.access("read", "file:///data/known.csv", dataset="known", version="1")
    run.end()
    other = Session(workspace, "s3", start=2)
    other.cell("x")
    other.access("read", "file:///data/of-others.csv")
    other.end()
    store = Store(workspace)
    store.ingest()
    at = datetime(2026, 1, 1)
    version = {"version": "1", "registered_at": at}
    store.replace_ledger_tables(
        Head(1, 1, b"1" * 32),
        {
            "datasets": [{"dataset": name, "owner": "Ada"} for name in ("known", "kept", "free")],
            "dataset_versions": [
                {"dataset": name, "sha256": digit * 64, "retention_until": until, **version}
                for name, digit, until in (
                    ("known", "1", "2026-11-20"),
                    ("kept", "2", "2027-01-01"),
                    ("free", "3", None),
                    ("unclear", "4", "someday"),
                )
            ],
            "dataset_files": [
                {"dataset": "known", "version": "1", "path": "known.csv", "sha256": "1" * 64}
            ],
            "runs": [{"run_id": "run-1", "release": "triage@1", "kind": "release"}],
            "releases": [{"release": "triage@1"}],
        },
    )
    return store


def test_what_no_version_contains_is_named_with_who_read_it(store: Store) -> None:
    rows = unregistered_inputs(store, "triage@1", ["s1"], {"c" * 64})
    assert [(row["uri"], row["sessions"]) for row in rows] == [
        ("file:///data/own.csv", ["s1"]),
        ("https://example.org/table", ["s2"]),
    ]
    assert [row["uri"] for row in unregistered_inputs(store, "triage@1")] == [
        *("file:///data/code.py", "https://example.org/table")
    ]


def test_what_had_to_be_gone_is_named_with_who_read_it_since(store: Store) -> None:
    unclear, row = past_retention(store, date(2026, 11, 30))
    assert (unclear["dataset"], unclear["days_over"]) == ("unclear", None)  # nobody can read it
    assert (row["dataset"], row["days_over"], row["owner"]) == ("known", 10, "Ada")
    assert row["sessions_since"] == 2  # one by name, one by content
    rows = past_retention(store, date(2026, 11, 20), everything=True)
    found = [(row["dataset"], row["days_over"]) for row in rows]
    assert found == [("unclear", None), ("known", 0), ("kept", -42)]
    assert [row["dataset"] for row in past_retention(store, date(2026, 11, 20))] == ["unclear"]
