"""How things stood at a moment, by the ledger as it stood then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.audit.as_of import as_of
from governed_kernel.lineage.attestations import Deployment, Promotion
from governed_kernel.lineage.events import Decided, RunEnded, RunStarted
from governed_kernel.lineage.ledger import Ledger
from tests.loop.place import Place
from tests.loop.refusal import alter, explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture
def released(stages: Stages, tmp_path: Path) -> Place:
    return stages.released.copy(tmp_path)


def moment_of(place: Place, kind: type) -> datetime:
    """When the ledger took its first record of a kind."""
    said = zip(place.record(), Ledger(place.workspace).events(), strict=True)
    return next(event.occurred_at for inner, event in said if isinstance(inner, kind))


def at(place: Place, when: datetime, *more: str) -> Any:
    command = f"audit as-of {when.isoformat()} --json"
    return place.done_here(command, *more).facts


def test_what_is_live_is_told_with_all_that_it_rests_on(released: Place) -> None:
    found = at(released, datetime.now(UTC))
    (live,) = found["live"]
    (bundle,) = released.workspace.bundles.iterdir()
    assert (live["environment"], live["bundle"], live["person"]) == ("preprod", bundle.name, "otto")
    assert live["bundle"].endswith(live["bundle_digest"][:12])
    told = {(item["purpose"], item["person"]): item["counts"] for item in live["approvals"]}
    assert told == {("run", "rui"): True, ("run", "kim"): True, ("deployment", "mara"): True}
    assert live["validation"]["passed"]
    assert set(live["validation"]["cases"]) == {"passed"}
    assert {item["name"] for item in live["inputs"]} >= {"berries-train@1", "palate@1"}
    assert all(len(item["sha256"]) == 64 for item in [*live["inputs"], *live["artifacts"]])
    (approved,) = found["approved"]
    assert (approved["release"], approved["state"]) == ("sour@1", "released")
    assert found["running"] == []
    assert found["ledger"]["records"] == len(Ledger(released.workspace).events())


def test_nothing_is_known_before_it_happened(released: Place) -> None:
    just_before = timedelta(microseconds=1)
    promoted = at(released, moment_of(released, Promotion))
    assert (promoted["approved"], promoted["live"], promoted["running"]) == ([], [], [])
    started = at(released, moment_of(released, RunStarted))
    (run,) = started["running"]
    assert (run["kind"], run["release"], run["person"]) == ("release", "sour@1", "otto")
    assert [item["state"] for item in started["approved"]] == ["approved"]
    ended = moment_of(released, RunEnded)
    assert len(at(released, ended - just_before)["running"]) == 1
    deployed = moment_of(released, Deployment)
    assert at(released, deployed - just_before)["live"] == []
    assert len(at(released, deployed)["live"]) == 1


def test_another_environment_is_left_out(released: Place) -> None:
    now = datetime.now(UTC)
    assert at(released, now, "--env", "production")["live"] == []
    assert len(at(released, now, "--env", "preprod")["live"]) == 1


def test_what_was_revoked_later_stood_then(released: Place) -> None:
    before = datetime.now(UTC)
    released.done_here("revoke sour --reason 'a recall' {rui}")
    then, now = at(released, before), at(released, datetime.now(UTC))
    assert [item["state"] for item in then["approved"]] == ["released"]
    assert now["approved"] == []
    assert [item["state"] for item in now["live"]] == ["revoked"]


def test_a_key_revoked_later_counted_then(released: Place) -> None:
    before = datetime.now(UTC)
    released.done_here("people revoke-key rui --reason lost {ada}")

    def counted(when: datetime) -> dict[str, bool]:
        (live,) = at(released, when)["live"]
        return {item["person"]: item["counts"] for item in live["approvals"]}

    assert counted(before)["rui"]
    assert not counted(datetime.now(UTC))["rui"]


def test_the_place_in_the_ledger_decides_when_a_clock_steps_back(released: Place) -> None:
    deployed = moment_of(released, Deployment)
    earlier = deployed - timedelta(seconds=1)
    assert at(released, earlier)["live"] == []
    Ledger(released.workspace).append(
        Decided(person="x", action="y", resource="z", outcome="denied", occurred_at=earlier)
    )
    found = as_of_inside(released, earlier)
    assert len(found.live) == 1
    events = Ledger(released.workspace).events()
    late = [number for number, event in enumerate(events) if event.occurred_at > earlier]
    assert found.ledger["bear_a_later_time"] == late
    assert "a clock stepped back" in released.done_here(f"audit as-of {earlier.isoformat()}").out


def as_of_inside(place: Place, when: datetime) -> Any:
    with place.inside():
        return as_of(place.workspace, when)


def test_other_rules_now_leave_open_what_counted(released: Place) -> None:
    before = datetime.now(UTC)
    settings = released.root / "governed.toml"
    settings.write_text(settings.read_text() + "\n[classes.new]\n")
    released.done_here("policy adopt {ada}")
    found = at(released, before)
    assert not found["policy"]["is_in_force_now"]
    (live,) = found["live"]
    assert {item["counts"] for item in live["approvals"]} == {None}
    assert "in force then" in live["approvals"][0]["reason"]


def test_an_altered_ledger_answers_nothing(released: Place) -> None:
    alter(released.workspace.ledger)
    explains(released.here("audit as-of 2100-01-01"), 4, "ledger")


def test_a_workspace_that_was_not_there_yet_is_unknown(released: Place) -> None:
    explains(released.here("audit as-of 2001-01-01"), 2, "did not exist")
    explains(released.here("audit as-of tomorrow"), 2, "is no date")


def test_people_see_a_tree(released: Place) -> None:
    shown = released.done_here("audit as-of 2100-01-01").out
    for text in ("live", "approval for deployment by Mara counted", "input berries-train@1"):
        assert text in shown


def test_a_release_that_read_what_nobody_registered_says_so(released: Place) -> None:
    assert released.done_here("lineage unregistered sour --json").facts == []
    assert released.done_here("data retention --json").facts == []
