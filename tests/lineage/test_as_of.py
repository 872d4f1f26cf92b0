"""Which deployments were live at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from governed_kernel.lineage.as_of import deployments_at
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def deployment(environment: str, bundle: str, start: int, end: int | None) -> dict[str, Any]:
    return {
        "environment": environment,
        "slot": "main",
        "release": "sour@1",
        "bundle": bundle,
        "live_from": NOON + timedelta(hours=start),
        "live_to": None if end is None else NOON + timedelta(hours=end),
    }


@pytest.fixture
def store(workspace: Workspace) -> Store:
    rows = [
        deployment("production", "one", -5, -2),
        deployment("production", "two", -2, None),
        deployment("preprod", "three", -3, 1),
    ]
    store = Store(workspace)
    store.ingest()
    store.replace_ledger_tables(Head(1, 1, b"1" * 32), {"deployments": rows})
    return store


def bundles(store: Store, hours: float, environment: str | None = None) -> list[str]:
    with store.read() as connection:
        found = deployments_at(connection, NOON + timedelta(hours=hours), environment)
    return [row["bundle"] for row in found]


def test_it_is_live_from_its_beginning_and_no_longer_at_its_end(store: Store) -> None:
    assert bundles(store, -6) == []
    assert bundles(store, -5) == ["one"]
    assert bundles(store, -2.5) == ["three", "one"]
    assert bundles(store, -2) == ["three", "two"]
    assert bundles(store, 1) == ["two"]
    assert bundles(store, 10_000) == ["two"]


def test_an_environment_can_be_asked_for(store: Store) -> None:
    assert bundles(store, 0, "production") == ["two"]
    assert bundles(store, 0, "nowhere") == []


def test_a_moment_may_be_in_any_zone(store: Store) -> None:
    east = (NOON - timedelta(hours=2)).astimezone(timezone(timedelta(hours=9)))
    with store.read() as connection:
        there = deployments_at(connection, east)
        assert there == deployments_at(connection, (NOON - timedelta(hours=2)).replace(tzinfo=None))
    assert [row["bundle"] for row in there] == ["three", "two"]
