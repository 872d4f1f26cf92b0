"""``governed recall``: what was made from withdrawn data waits for an answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from governed_kernel.governance.withdrawal import withdraw
from governed_kernel.lineage.attestations import Promotion
from governed_kernel.release.projection import refresh
from tests.loop import berries, crafted
from tests.loop.place import Place
from tests.loop.refusal import explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recalled(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Berry b01 was withdrawn: whoever picked it wants it back."""
    place = stages.released.copy(tmp_path_factory.mktemp("recalled"))
    place.done_here("recall open berries --record berry_id b01 --reason 'picked by mistake' {dora}")
    return place


def test_a_plan_lists_everything_downstream_and_changes_nothing(stages: Stages) -> None:
    place = stages.released
    before = len(place.record())
    facts = place.done_here("recall plan berries@1 --json").facts
    assert len(place.record()) == before
    assert set(facts["versions"]) == {
        *("berries@1", "berries-train@1", "berries-validation@1", "berries-holdout@1")
    }
    assert [row["release"] for row in facts["releases"]] == ["sour@1"]
    assert facts["releases"][0]["read"] == ["berries-holdout@1", "berries-train@1"]
    assert {row["kind"] for row in facts["runs"]} == {"release", "validation"}
    assert [row["environment"] for row in facts["deployments"]] == ["preprod"]
    assert len(facts["bundles"]) == 1


def test_a_record_is_looked_for_in_every_version(stages: Stages) -> None:
    facts = stages.released.done_here("recall plan berries --record berry_id b01 --json").facts
    assert facts["records"]["berries@1"] == 1
    assert len(facts["versions"]) == 2  # the dataset and the one part that got it
    assert facts["unread"] == []
    done = stages.released.here("recall plan berries --record berry_id nobody")
    explains(done, 2, "no version of berries holds such a record")
    done = stages.released.here("recall plan berries --record colour red")
    explains(done, 2, "no version of berries can be searched")


def test_the_record_itself_is_nowhere_in_the_ledger(recalled: Place) -> None:
    (said,) = recalled.events("Recall")
    assert said.records == 2
    assert not re.search(r"\bb01\b", recalled.workspace.ledger.read_text())


def test_a_release_made_from_it_waits_for_an_answer(recalled: Place, tmp_path: Path) -> None:
    place = recalled.copy(tmp_path)
    (finding,) = place.release()["recalls"]
    assert (finding["state"], finding["reason"]) == ("open", "picked by mistake")
    drawn = place.done_here("release show sour").out
    assert "+00:00" not in drawn
    assert "['" not in drawn
    assert "recalls" in drawn
    assert finding["recall"] in drawn
    explains(place.here("deploy sour --env production {otto}"), 3, "was recalled", "recall answer")
    explains(place.here("run sour --as otto"), 3, "was recalled", "unanswered")
    called = finding["recall"]
    answer = f"recall answer {called} sour@1 --decision continue --reason 'b01 is sweet'"
    explains(place.here(f"{answer} {{dora}}"), 3, "nobody judges their own work")
    explains(place.here(f"{answer} {{otto}}"), 3, "role")
    explains(place.here(f"{answer.replace(called, 'recall-x')} {{mara}}"), 2, "no recall recall-x")
    place.done_here(f"{answer} {{mara}}")
    explains(place.here(f"{answer} {{mara}}"), 2, "was answered")
    place.done_here("deploy sour --env production {otto}")
    assert place.done_here("recall list --json").facts == []
    with place.inside(), refresh(place.workspace).read() as store:
        (row,) = store.execute(
            "select release, state, opened_by, answered_by, answer from recalls"
        ).fetchall()
    assert row == ("sour@1", "continued", "dora", "mara", "b01 is sweet")


def test_what_is_to_stop_is_never_deployed_again(recalled: Place, tmp_path: Path) -> None:
    place = recalled.copy(tmp_path)
    (finding,) = place.release()["recalls"]
    place.done_here(
        f"recall answer {finding['recall']} sour --decision stop --reason 'not ours' {{mara}}"
    )
    done = place.here("deploy sour --env production {otto}")
    explains(done, 3, "Mara answered to stop: not ours")


def test_withdrawing_a_version_opens_the_finding_too(stages: Stages, tmp_path: Path) -> None:
    place = stages.released.copy(tmp_path)
    facts = place.done_here("data withdraw berries@1 --reason 'not ours' {dora} --json").facts
    assert facts["releases"] == ["sour@1"]
    explains(place.here("deploy sour --env production {otto}"), 3, "was recalled", "not ours")


def test_what_reads_a_folder_that_holds_a_withdrawn_file_has_the_finding(
    stages: Stages, tmp_path: Path
) -> None:
    """The weights of the base model, registered alone, are those in its folder."""
    place = stages.released.copy(tmp_path)
    place.done_here(
        "data register weights palate/model.safetensors --class public --owner Kitchen "
        "--legal-basis CC0 --purpose train --as dora"
    )
    plan = place.done_here("recall plan weights@1 --json").facts
    assert set(plan["versions"]) == {"weights@1", "palate@1"}
    assert [row["release"] for row in plan["releases"]] == ["sour@1"]
    said = place.done_here("data withdraw weights@1 --reason 'not ours' {dora} --json").facts
    assert said["also_withdrawn"] == ["palate@1"]
    assert said["releases"] == ["sour@1"]
    assert place.release()["recalls"]
    explains(place.here("run sour@1 {otto}"), 3, "was recalled", "not ours")


def test_an_altered_manifest_keeps_no_data_from_being_taken_back(
    stages: Stages, tmp_path: Path
) -> None:
    place = stages.released.copy(tmp_path)
    crafted.craft(place)  # whose promotion does not say what it reads
    for release in ("sour@1", "sour@2"):
        manifest = place.root / "release" / release / "manifest.json"
        manifest.chmod(0o644)
        manifest.write_bytes(manifest.read_bytes() + b" ")
    withdraw = "data withdraw berries-train@1 --reason 'consent withdrawn' {dora}"
    told = place.done_here("recall plan berries-train@1").out
    assert (
        "Could not be read, so that nobody can tell whether it has to do with it:\n  sour@2" in told
    )
    assert "A release among these is taken to read it" in told
    facts = place.done_here(f"{withdraw} --json").facts
    assert facts["releases"] == ["sour@1", "sour@2"]
    (unread,) = facts["unread"]
    assert "sour@2" in unread
    assert "is not what was promoted" in unread
    manifest = place.root / "release" / "sour@1" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-1])
    explains(place.here("deploy sour@1 --env production {otto}"), 3, "was recalled", "unanswered")
    done = place.here(withdraw)
    explains(done, 2, "is withdrawn already", "'governed recall list' shows what waits")


def test_a_withdrawal_and_its_recall_are_on_record_together_or_not_at_all(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = stages.released.copy(tmp_path)
    withdraw = "data withdraw berries@1 --reason 'not ours' {dora}"
    before = len(place.record())
    with monkeypatch.context() as patch:

        def killed(**_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("governed_kernel.release.recall.Recall", killed)
        assert place.here(withdraw).code == 130
    assert len(place.record()) == before
    place.done_here(withdraw)
    last = [type(event).__name__ for event in place.record()][-3:]
    assert last == ["Withdrawal", "Recall", "Decided"]


def test_where_a_withdrawal_stands_alone_the_next_one_opens_the_finding(
    stages: Stages, tmp_path: Path
) -> None:
    place = stages.released.copy(tmp_path)
    secret = (place.home / "passphrases" / "dora").read_bytes().strip()
    with place.inside():  # as ledgers have it that were written before both were signed at once
        withdraw(place.workspace, "berries-train@1", "dora", secret, "consent withdrawn")
    assert place.events("Recall") == []
    facts = place.done_here("data withdraw berries-train@1 --reason again {dora} --json").facts
    assert facts["releases"] == ["sour@1"]
    assert len(place.events("Withdrawal")) == 1
    (finding,) = place.release()["recalls"]
    assert (finding["state"], finding["reason"]) == ("open", "again")


def test_a_release_that_is_promoted_after_a_recall_has_the_finding_from_its_beginning(
    recalled: Place, tmp_path: Path
) -> None:
    place = recalled.copy(tmp_path)
    (first,) = (said for said in place.record() if isinstance(said, Promotion))
    assert first.inputs.keys() >= {"berries-train@1", "berries-holdout@1", "palate@1"}
    crafted.craft(place, signed={"inputs": first.inputs})  # as 'governed promote' signs it
    (finding,) = place.release("sour@2")["recalls"]
    assert (finding["state"], finding["reason"]) == ("open", "picked by mistake")
    rows = place.done_here("recall list --json").facts
    assert [row["release"] for row in rows] == ["sour@1", "sour@2"]
    crafted.approve_unseen(place, "rui")
    shown = place.here("approve sour@2 --for run --meaning reviewed {kim}")
    assert f"{finding['recall']} is open: picked by mistake" in " ".join(shown.err.split())
    explains(place.here("run sour@2 --as otto"), 3, "was recalled", "unanswered")
    answer = f"recall answer {finding['recall']} sour@2 --decision continue --reason fine {{mara}}"
    place.done_here(answer)
    states = {
        row["release"]: row["state"] for row in place.done_here("recall list --all --json").facts
    }
    assert states == {"sour@1": "open", "sour@2": "continued"}


def test_a_promotion_that_does_not_say_what_it_reads_is_held_against_its_manifest(
    recalled: Place, tmp_path: Path
) -> None:
    place = recalled.copy(tmp_path)
    crafted.craft(place)
    crafted.approve_unseen(place, "rui")
    shown = place.here("approve sour@2 --for run --meaning reviewed {kim}")
    assert "taken back, and on no finding" in " ".join(shown.err.split())
    assert place.release("sour@2")["recalls"] == []
    said = "berries-train@1, which it reads, was taken back"
    explains(place.here("run sour@2 --as otto"), 3, said, "recall open berries-train@1 --record")
    place.done_here("recall open berries --record berry_id b01 --reason again {dora}")
    (finding,) = place.release("sour@2")["recalls"]
    assert (finding["state"], finding["reason"]) == ("open", "again")


def test_a_promotion_that_says_it_reads_something_else_is_refused(
    recalled: Place, tmp_path: Path
) -> None:
    place = recalled.copy(tmp_path)
    crafted.craft(place, signed={"inputs": {"palate@1": "0" * 64}})
    crafted.approve_unseen(place)
    explains(place.here("run sour@2 --as otto"), 4, "is not that of its promotion", "inputs")


def test_what_is_made_later_from_recalled_data_is_recalled_too(
    recalled: Place, tmp_path: Path
) -> None:
    place = recalled.copy(tmp_path)
    (place.root / "less.toml").write_text(
        '[keep]\ntaste = "is predicted"\n[[criterion]]\nname = "all"\n'
        'sql = "(select count(*) from after)"\nminimum = 1\n'
    )
    place.done_here("data transform less.toml berries-train --into less --as dora")
    (made,) = (each for each in place.events("DatasetRegistered") if each.dataset == "less")
    crafted.craft(place, signed={"inputs": {"less@1": made.sha256}})
    (finding,) = place.release("sour@2")["recalls"]
    assert finding["state"] == "open"


def test_a_check_says_that_what_was_read_is_recalled(recalled: Place, tmp_path: Path) -> None:
    place = recalled.copy(tmp_path)

    def found(code: str) -> list[str]:
        facts = place.here(f"check {berries.NOTEBOOK} --json").facts
        return [one["severity"] for one in facts["findings"] if one["code"] == code]

    assert found("recalled-input") == ["warning"]
    place.done_here("data withdraw berries@1 --reason 'not ours' {dora}")
    assert sorted(found("recalled-input")) == ["blocking", "warning"]


def test_nothing_goes_live_that_reads_what_a_withdrawal_alone_took_back(
    stages: Stages, tmp_path: Path
) -> None:
    place = stages.released.copy(tmp_path)
    secret = (place.home / "passphrases" / "dora").read_bytes().strip()
    with place.inside():  # as ledgers have it that were written before both were signed at once
        withdraw(place.workspace, "berries-train@1", "dora", secret, "consent withdrawn")
    done = place.here("deploy sour --env production {otto}")
    explains(done, 3, "berries-train@1, which it reads, was taken back", "data withdraw")
