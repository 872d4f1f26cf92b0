"""``governed release`` and ``governed validate``: states, evidence, bundles."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.release import bundle, intake
from governed_kernel.release.intake import Card, ModelCard, UseCase
from governed_kernel.workspace import Workspace
from tests.cli.commands import Command, Done
from tests.loop.place import ended
from tests.loop.refusal import alter, explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


def test_the_whole_path_of_a_release_is_shown(stages: Stages) -> None:
    place = stages.released
    facts = place.release()
    assert [step["state"] for step in facts["history"]] == [
        *("candidate", "approved", "executed", "validated", "released")
    ]
    assert [(item["person"], item["for"], item["counts"]) for item in facts["approvals"]] == [
        ("rui", "run", True),
        ("kim", "run", True),
        ("mara", "deployment", True),
    ]
    run, validation = facts["runs"]
    assert (run["kind"], run["state"], run["validated"]) == ("release", "succeeded", True)
    assert run["bundle"].startswith("sour@1-")
    assert validation["kind"] == "validation"
    assert facts["refusals"] == []
    given = place.events("Approval")
    for approval in given:
        assert approval.evidence, "an approval lists what its signer was shown"
    shown = {file.path: file.sha256 for file in given[0].evidence}
    assert shown["manifest.json"] == facts["digest"]
    assert {"diff.html", "card.toml", "environment.json", "research/sour.ipynb"} <= set(shown)
    drawn = place.done_here("release show sour").out
    for words in ("sour@1  released", "kim: for a run, by Rui, Kim", "preprod", run["run"]):
        assert words in drawn


def test_releases_are_listed(stages: Stages) -> None:
    (row,) = stages.released.done_here("release list --json").facts
    assert (row["release"], row["state"], row["author"]) == ("sour@1", "released", "dora")


def test_an_unknown_release_is_wrong_use(stages: Stages) -> None:
    explains(stages.released.here("release show bitter"), 2, "there is no release bitter")


def test_a_card_s_unknown_risk_class_is_told_to_programs_as_well(
    governed: Command, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace.root)
    card = intake.card_path(workspace, "triage")
    card.parent.mkdir(exist_ok=True)

    def answer(risk: str) -> Done:
        said = Card(UseCase("said", "said", "said", risk), ModelCard(*["said"] * 5))
        card.write_bytes(intake.encode(said))
        return governed("release", "card", "triage", "--json")

    enormous = answer("enormous")
    assert (enormous.code, enormous.facts["missing"]) == (1, [])
    assert enormous.facts["unknown_risk_class"] == "enormous"
    high = answer("high")
    assert (high.code, high.facts["unknown_risk_class"]) == (0, "")


# --- validation ----------------------------------------------------------------------------------


def test_only_the_validation_run_read_the_holdout(stages: Stages) -> None:
    place = stages.validated
    with place.inside():
        from governed_kernel.release.projection import refresh

        with refresh(place.workspace).read() as store:
            rows = store.execute(
                "select distinct s.mode, s.notebook from accesses a join sessions s using "
                "(session_id) where a.dataset = 'berries-holdout' and a.kind = 'dataset'"
            ).fetchall()
    assert [mode for mode, _ in rows] == ["release"]
    (validated,) = place.events("ValidationRecorded")
    assert validated.passed
    cases = {case.case_id: case.outcome for case in validated.cases}
    assert set(cases) == {"records", "recall-sour", "deep-red", "moved-tensors", "base-model"}
    assert set(cases.values()) == {"passed"}


def test_weights_altered_after_the_run_are_not_validated(stages: Stages, tmp_path: Path) -> None:
    place = stages.executed.copy(tmp_path)
    weights = place.workspace.runs / stages.run_id / "output/adapter/adapter_model.safetensors"
    alter(weights)
    done = place.here(f"validate {stages.run_id} --as otto")
    explains(done, 4, "adapter_model.safetensors is not what the run left")
    (refusal,) = place.release()["refusals"]
    assert (refusal["kind"], refusal["person"]) == ("validation", "otto")


def test_what_people_no_longer_approve_reads_no_holdout(stages: Stages, tmp_path: Path) -> None:
    place = stages.executed.copy(tmp_path)
    place.done_here("people revoke-key rui --reason 'laptop stolen' {ada}")
    done = place.here(f"validate {stages.run_id} --as otto")
    explains(done, 3, "1 of 2", "the key of rui was revoked")


# --- bundles -------------------------------------------------------------------------------------


def test_a_bundle_holds_everything_and_verifies(stages: Stages) -> None:
    (folder,) = stages.released.workspace.bundles.iterdir()
    made = bundle.verify(folder)
    names = {file.path for file in made.files}
    assert {
        *("README.md", "data_card.md", "bom.cdx.json", "artifacts/notebook.ipynb"),
        *("artifacts/adapter/adapter_model.safetensors", "evaluation/evidence/berries.json"),
        *("release/manifest.json", "release/research/sour.ipynb", "release/environment.json"),
        *("approvals/01-promotion-dora.dsse.json", "approvals/02-run-rui.dsse.json"),
        *("approvals/03-run-kim.dsse.json", "approvals/04-deployment-mara.dsse.json"),
        "SHA256SUMS",
    } <= names
    beside = {path.name for path in folder.iterdir() if path.is_file()} - names
    assert beside == {"manifest.json", "model.sig", "signature.dsse.json"}
    assert made.seeds == {"seed": 7}
    assert made.run_id == stages.run_id
    assert all(path.stat().st_mode & 0o222 == 0 for path in [folder, *folder.rglob("*")])


def test_without_an_approval_for_deployment_there_is_no_bundle(
    stages: Stages, tmp_path: Path
) -> None:
    place = stages.executed.copy(tmp_path)
    done = place.here(f"release build {stages.run_id} --as otto")
    explains(done, 3, "it was never validated", "governed validate")
    assert not list(place.workspace.bundles.glob("*"))


@pytest.mark.parametrize(
    "file",
    [
        "output/adapter/adapter_model.safetensors",
        "output/notebook.ipynb",
        "output/adapter/change_surface.json",
    ],
)
def test_what_was_altered_after_the_run_is_not_bundled(
    stages: Stages, tmp_path: Path, file: str
) -> None:
    place = stages.validated.copy(tmp_path)
    alter(place.workspace.runs / stages.run_id / file)
    done = place.here(f"release build {stages.run_id} --as otto")
    explains(done, 4, f"{file} is not what was sealed", "recorded was")
    attempt = [event for event in place.events("Decided") if event.outcome == "denied"][-1]
    assert (attempt.person, attempt.action, attempt.outcome) == ("otto", "release build", "denied")
    assert not list(place.workspace.bundles.glob("*"))
    assert place.half_made() == []
    assert place.release()["state"] == "validated"


def test_what_lies_beside_a_release_is_not_bundled(stages: Stages, tmp_path: Path) -> None:
    place = stages.validated.copy(tmp_path)
    (place.root / "release" / "sour@1" / "research" / "numpy.py").write_text("planted = True\n")
    made = place.done_here(f"release build {stages.run_id} --as otto --json").facts
    assert not list(Path(made["folder"]).rglob("numpy.py"))


def test_two_builds_at_once_give_one_bundle(stages: Stages, tmp_path: Path) -> None:
    place = stages.validated.copy(tmp_path)
    words = f"release build {stages.run_id} --as otto --json"
    both = [ended(process) for process in [place.start(words) for _ in range(2)]]
    assert 0 in [done.code for done in both]
    for done in both:
        if done.code:
            explains(done, 3, "has a bundle already", "governed release show sour@1")
    again = place.done_here(words).facts
    (folder,) = place.workspace.bundles.glob("*")
    assert folder.name == again["bundle"]
    assert len(place.events("Bundle")) == 1
    assert place.half_made() == []
    assert place.here("audit verify").code == 0


def test_what_a_killed_build_left_is_replaced(stages: Stages, tmp_path: Path) -> None:
    place = stages.validated.copy(tmp_path)
    left = place.workspace.bundles / ".making-left"
    left.mkdir(parents=True)
    made = place.done_here(f"release build {stages.run_id} --as otto --json").facts
    assert bundle.verify(Path(made["folder"])).run_id == stages.run_id
    assert place.here("audit verify").code == 0
