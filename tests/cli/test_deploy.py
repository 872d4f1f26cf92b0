"""``governed deploy``: one bundle live in a slot, by an operator's signature."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.release import deployment
from tests.loop.place import Place
from tests.loop.refusal import alter, explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture
def validated(stages: Stages, tmp_path: Path) -> Place:
    return stages.validated.copy(tmp_path)


def nothing_is_live(place: Place) -> None:
    assert place.release()["deployments"] == []
    assert place.half_made() == []


def test_a_bundle_goes_live_once_however_often_it_is_asked_for(validated: Place) -> None:
    first = validated.done_here("deploy sour --env preprod --reason first {otto} --json").facts
    assert first["replaced"] == ""
    again = validated.done_here("deploy sour --env preprod --reason again {otto} --json").facts
    assert again["replaced"] == first["bundle"] == again["bundle"]
    said = validated.done_here("deploy sour --env preprod --reason again {otto}").out
    assert "is live in preprod already; nothing was changed" in said
    (live,) = validated.release()["deployments"]
    assert live["live_to"] is None
    assert validated.release()["state"] == "released"


def test_slots_and_environments_are_apart(validated: Place) -> None:
    for where in ("--env preprod", "--env preprod --slot canary", "--env production"):
        assert validated.done_here(f"deploy sour {where} {{otto}} --json").facts["replaced"] == ""
    assert [item["live_to"] for item in validated.release()["deployments"]] == [None] * 3


def test_an_environment_that_nobody_named_is_wrong_use(validated: Place) -> None:
    done = validated.here("deploy sour --env moon {otto}")
    explains(done, 2, "there is no environment 'moon'", "preprod, production")
    nothing_is_live(validated)


@pytest.mark.parametrize("slot", ["''", "'a b'", "'a\nb'", "../x", "x" * 300, "A"])
def test_a_slot_is_called_by_a_name(validated: Place, slot: str) -> None:
    done = validated.here(f"deploy sour --env preprod --slot {slot} {{otto}}")
    explains(done, 2, "can't name a slot")
    nothing_is_live(validated)
    assert not list(validated.workspace.bundles.glob("*"))


def test_a_slot_from_before_names_were_held_to_a_form_goes_on(
    validated: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(deployment, "_check_slot", lambda *_: None)
        validated.done_here("deploy sour --env preprod --slot 'EU 1' {otto}")
    done = validated.done_here("deploy sour --env preprod --slot 'EU 1' {otto} --json")
    assert done.facts["slot"] == "EU 1"
    done = validated.here("deploy sour --env production --slot 'EU 1' {otto}")
    explains(done, 2, "can't name a slot")


def test_only_an_operator_deploys(validated: Place) -> None:
    explains(validated.here("deploy sour --env preprod {rui}"), 3, "operator")
    nothing_is_live(validated)
    assert not list(validated.workspace.bundles.glob("*"))
    attempt = [event for event in validated.events("Decided") if event.outcome == "denied"][-1]
    assert (attempt.person, attempt.action, attempt.outcome) == ("rui", "deploy", "denied")


def test_a_wrong_passphrase_deploys_nothing(validated: Place, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("a guess\n")
    done = validated.here(f"deploy sour --env preprod --as otto --passphrase-file {wrong}")
    explains(done, 3, "passphrase")
    nothing_is_live(validated)


def test_without_an_approval_for_deployment_nothing_goes_live(
    stages: Stages, tmp_path: Path
) -> None:
    place = stages.validated.copy(tmp_path)
    place.done_here("people revoke-key mara --reason 'phone lost' {ada}")
    done = place.here("deploy sour --env preprod {otto}")
    explains(done, 3, "0 of 1 approvals", "the key of mara was revoked")
    attempt = [event for event in place.events("Decided") if event.outcome == "denied"][-1]
    assert (attempt.person, attempt.action, attempt.outcome) == ("otto", "deploy", "denied")
    nothing_is_live(place)
    assert not list(place.workspace.bundles.glob("*"))


def test_a_run_that_was_never_validated_does_not_go_live(stages: Stages, tmp_path: Path) -> None:
    place = stages.executed.copy(tmp_path)
    explains(place.here("deploy sour --env preprod {otto}"), 3, "has no validated run")
    (run,) = place.events("RunStarted")
    explains(place.here("deploy sour --env preprod {otto}"), 3, f"'governed validate {run.run_id}'")
    nothing_is_live(place)


def test_a_revoked_release_does_not_go_live(validated: Place) -> None:
    validated.done_here("revoke sour --reason 'a child was sick' {rui}")
    explains(validated.here("deploy sour --env preprod {otto}"), 3, "a child was sick")
    nothing_is_live(validated)


def test_who_revokes_what_is_live_is_told_where_and_how_it_is_replaced(validated: Place) -> None:
    (bundle,) = {
        validated.done_here(f"deploy sour {where} {{otto}} --json").facts["bundle"]
        for where in ("--env preprod", "--env production --slot canary")
    }
    done = validated.done_here("revoke sour --reason 'a child was sick' {rui} --json")
    assert done.facts["live"] == ["preprod/default", "production/canary"]
    for told in (
        f"warning: {bundle} is live in preprod, slot default, until something else is",
        "'governed rollback --env production --slot canary'",
    ):
        assert told in done.err


def test_an_altered_bundle_does_not_go_live(stages: Stages, tmp_path: Path) -> None:
    place = stages.released.copy(tmp_path)
    (folder,) = place.workspace.bundles.iterdir()
    alter(folder / "artifacts" / "adapter" / "adapter_model.safetensors")
    done = place.here("deploy sour --env production {otto}")
    explains(done, 4, "is not what was sealed")
    attempt = [event for event in place.events("Decided") if event.outcome == "denied"][-1]
    assert (attempt.person, attempt.action, attempt.purpose) == ("otto", "deploy", "production")
    assert [item["environment"] for item in place.release()["deployments"]] == ["preprod"]
