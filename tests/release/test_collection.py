"""What nothing names any more is removed; what a release or a valid version names never is."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.governance.objects import ObjectStore
from tests.loop.place import Place
from tests.loop.refusal import explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow

ASKED = "--purpose explore --purpose train --purpose evaluate --purpose validate"


@pytest.fixture
def place(stages: Stages, tmp_path: Path) -> Place:
    """With a release, and a dataset of two files that no release names."""
    place = stages.candidate.copy(tmp_path)
    folder = place.root / "nuts"
    folder.mkdir()
    (folder / "one.csv").write_text("a\n1\n")
    (folder / "two.csv").write_text("a\n2\n")
    place.done_here(
        f"data register nuts nuts --owner Kitchen --legal-basis 'picked by us' --class public "
        f"--as dora {ASKED}"
    )
    return place


def withdraw(place: Place, name: str, *, why: str = "--reason 'a recall'") -> Any:
    return place.here(f"data withdraw {name} {why} {{dora}}")


def contents(place: Place) -> tuple[int, int]:
    workspace = place.workspace
    return len(list(workspace.objects.glob("??/*"))), len(list(workspace.snapshots.glob("[!.]*")))


def collected(place: Place, *more: str) -> Any:
    return place.done_here("store collect {dora} --json", *more).facts


def test_nothing_is_collected_that_anything_names(place: Place) -> None:
    before = contents(place)
    explains(place.here("store collect {dora}"), 2, "nothing to collect")
    assert collected(place, "--dry-run")["objects"] == 0
    assert contents(place) == before


def test_a_withdrawn_version_is_read_by_nobody_and_then_collected(place: Place) -> None:
    objects, snapshots = contents(place)
    assert withdraw(place, "nuts@1").code == 0
    (row,) = place.done_here(
        "lineage sql \"select state from dataset_versions where dataset = 'nuts'\" --json"
    ).facts
    assert row["state"] == "withdrawn"
    assert place.here("audit verify").code == 0
    plan = collected(place, "--dry-run")
    assert (plan["collected"], plan["versions"], plan["objects"]) == (False, ["nuts@1"], 2)
    assert contents(place) == (objects, snapshots)
    done = collected(place)
    assert done["versions"] == ["nuts@1"]
    assert contents(place) == (objects - 2, snapshots - 1)
    assert place.here("audit verify").code == 0
    (said,) = place.events("Collection")
    assert (said.person, said.versions, len(said.objects)) == ("dora", ["nuts@1"], 2)


def test_whoever_withdraws_is_told_what_is_withdrawn_with_it_and_what_is_not(place: Place) -> None:
    place.done_here(
        f"data register hazel nuts --owner Kitchen --legal-basis 'picked by us' --class public "
        f"--as dora {ASKED}"
    )
    facts = place.done_here("data withdraw nuts@1 --reason 'a recall' {dora} --json").facts
    assert (facts["also_withdrawn"], facts["not_withdrawn"]) == (["hazel@1"], [])
    assert collected(place)["versions"] == ["nuts@1", "hazel@1"]
    facts = place.done_here("data withdraw berries@1 --reason 'a recall' {dora} --json").facts
    parts = {f"berries-{part}@1" for part in ("train", "validation", "holdout")}
    assert set(facts["not_withdrawn"]) == parts


def test_what_a_release_names_stays_whatever_becomes_of_it(place: Place) -> None:
    withdraw(place, "berries-train@1")
    withdraw(place, "berries-holdout@1")  # its suite reads that
    place.done_here("reject sour --reason 'not yet' {rui}")
    explains(place.here("store collect {dora}"), 2, "nothing to collect")
    kept = collected(place, "--dry-run")["kept for releases"]
    assert kept == {"berries-train@1": ["sour@1"], "berries-holdout@1": ["sour@1"]}


def test_content_that_a_larger_version_holds_stays_as_long_as_that_stands(place: Place) -> None:
    (place.root / "nuts" / "three.csv").write_text("a\n3\n")
    place.done_here(
        f"data register pecans nuts --owner Kitchen --legal-basis 'picked by us' --class public "
        f"--as dora {ASKED}"
    )
    withdraw(place, "nuts@1")
    assert collected(place)["objects"] == 0
    withdraw(place, "pecans@1")
    assert collected(place)["objects"] == 3


def test_a_release_that_nobody_can_read_stops_everything(place: Place) -> None:
    withdraw(place, "nuts@1")
    manifest = place.root / "release" / "sour@1" / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{}")
    before = contents(place)
    explains(place.here("store collect {dora}"), 4, "is not what was promoted")
    assert contents(place) == before


def test_what_a_failed_registration_left_goes_after_a_day(place: Place) -> None:
    left = ObjectStore(place.workspace)
    file = left.add_bytes(b"half-way", "x")
    explains(place.here("store collect {dora}"), 2, "nothing to collect")
    yesterday = time.time() - 90_000
    os.utime(left.path(file.sha256), (yesterday, yesterday))
    done = collected(place)
    assert (done["objects"], done["versions"], done["bytes"]) == (1, [], 8)
    assert not left.path(file.sha256).exists()


def test_a_collection_that_was_killed_is_finished_by_the_next(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdraw(place, "nuts@1")
    objects, snapshots = contents(place)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "remove_snapshot", die)
        assert place.here("store collect {dora}").code == 130
    assert place.here("audit verify").code == 0
    assert collected(place)["versions"] == ["nuts@1"]
    assert contents(place) == (objects - 2, snapshots - 1)


def test_only_stewards_and_administrators_withdraw_and_collect(place: Place) -> None:
    explains(place.here("data withdraw nuts@1 --reason x {rui}"), 3, "data-steward")
    explains(withdraw(place, "nuts"), 2, "NAME@VERSION")
    explains(withdraw(place, "nuts@1", why=""), 2, "a reason")
    explains(withdraw(place, "nuts@9"), 2, "no version '9'")
    assert withdraw(place, "nuts@1").code == 0
    explains(withdraw(place, "nuts@1"), 2, "withdrawn already")
    explains(place.here("store collect {rui}"), 3, "data-steward")
    explains(place.here("store collect"), 2, "nobody signs")


def test_a_backup_of_a_collected_version_is_restored(place: Place, tmp_path: Path) -> None:
    withdraw(place, "nuts@1")
    collected(place)
    place.done_here(f"store backup {tmp_path / 'x.tar'}")
    place.done_here(f"store restore {tmp_path / 'x.tar'} {tmp_path / 'again'}")
