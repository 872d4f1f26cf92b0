"""Checkpoints: what an auditor keeps finds out whoever rewrites the ledger, with all its keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.lineage.events import Attested, Decided
from governed_kernel.lineage.journal import JournalWriter
from governed_kernel.lineage.ledger import Ledger
from tests.loop.place import Place
from tests.loop.refusal import alter, explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture
def place(stages: Stages, tmp_path: Path) -> Place:
    return stages.approved.copy(tmp_path)


@pytest.fixture
def kept(place: Place, tmp_path: Path) -> Path:
    """A checkpoint that left the machine; a refusal is on record before it."""
    place.here("approve sour --for run {ada}")
    place.done_here(f"audit checkpoint {tmp_path / 'kept.json'}")
    return tmp_path / "kept.json"


def rewrite(place: Place, change: Callable[[list[Any]], list[Any]]) -> None:
    """What somebody does who can write the ledger: change it, and chain it anew."""
    ledger = place.workspace.ledger
    events = change(Ledger(place.workspace).events())
    ledger.unlink()
    writer = JournalWriter(ledger)
    writer.append(*events)
    writer.sync()
    writer.close()


def by_somebody_new(place: Place) -> None:
    """From now on the commands are given by somebody who never saw this workspace."""
    (place.home / "known_workspaces.json").unlink()


def without_checkpoints(events: list[Any]) -> list[Any]:
    def is_one(event: Any) -> bool:
        payload = event.envelope["payload"] if isinstance(event, Attested) else ""
        return b"attestation:1:checkpoint" in msgspec.json.decode(f'"{payload}"', type=bytes)

    return [event for event in events if not is_one(event)]


def test_a_checkpoint_says_where_the_ledger_stood(place: Place, kept: Path) -> None:
    envelope = json.loads(kept.read_text())
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    done = place.done_here(f"audit verify --since {kept} --json")
    kinds = {check["kind"]: check["outcome"] for check in done.facts["checks"]}
    assert (kinds["since"], kinds["checkpoint"]) == ("ok", "ok")
    (row,) = place.done_here("lineage sql 'select size, root from checkpoints' --json").facts
    assert row["size"] == len(Ledger(place.workspace).events()) - 1


def test_what_comes_later_is_no_matter(place: Place, kept: Path) -> None:
    place.here("approve sour --for run {ada}")
    place.done_here(f"audit checkpoint {kept.with_name('later.json')}")
    for file in (kept, kept.with_name("later.json")):
        place.done_here(f"audit verify --since {file}")


def test_a_record_changed_and_all_chained_anew_is_found(place: Place, kept: Path) -> None:
    def soften(events: list[Any]) -> list[Any]:
        changed = [
            msgspec.structs.replace(event, reason="nothing to see")
            if isinstance(event, Decided)
            else event
            for event in without_checkpoints(events)
        ]
        assert changed != events
        return changed

    rewrite(place, soften)
    by_somebody_new(place)
    assert place.here("audit verify").code == 0  # from inside nothing can be seen of it
    explains(place.here(f"audit verify --since {kept}"), 4, "the ledger was rewritten")


def test_a_ledger_cut_short_is_found(place: Place, kept: Path) -> None:
    rewrite(place, lambda events: without_checkpoints(events)[:-1])
    by_somebody_new(place)
    explains(place.here(f"audit verify --since {kept}"), 4, "the ledger was cut short")


def test_a_checkpoint_inside_the_ledger_tells_as_well(place: Place, kept: Path) -> None:
    rewrite(place, lambda events: [event for event in events if not isinstance(event, Decided)])
    by_somebody_new(place)
    explains(place.here("audit verify"), 4, "have another root")


@pytest.mark.parametrize("change", ["cut", "rewritten"])
def test_who_saw_more_of_a_ledger_finds_out_without_any_checkpoint(
    place: Place, kept: Path, change: str
) -> None:
    """Every signature and every verification remembers how far the ledger went."""
    if change == "cut":
        rewrite(place, lambda events: events[:-1])
    else:
        rewrite(place, lambda events: [*events[:-2], events[-1], events[-2]])
    done = place.here("audit verify")
    explains(done, 4, "the one that was seen before")
    assert "BROKEN: ledger" in done.out
    assert kept.exists()
    explains(place.here("approve sour --for run {rui}"), 4, "the one that was seen before")
    taken = place.here("audit verify --accept-older")  # an older backup, restored on purpose
    assert taken.code == (0 if change == "cut" else 4)
    assert "gave up records" in taken.out


def test_an_altered_checkpoint_proves_nothing(place: Place, kept: Path) -> None:
    alter(kept)
    assert place.here(f"audit verify --since {kept}").code == 4


def test_a_checkpoint_of_another_workspace_proves_nothing(
    stages: Stages, place: Place, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.json"
    other = stages.approved.copy(tmp_path / "other")
    envelope = next(
        event.envelope for event in Ledger(other.workspace).events() if isinstance(event, Attested)
    )
    foreign.write_bytes(msgspec.json.encode(envelope))
    assert place.here(f"audit verify --since {foreign}").code == 4
