"""What people are shown before they sign, and that it is what they sign."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.canonical import digest_bytes
from governed_kernel.governance import model_descriptions
from governed_kernel.governance.objects import ObjectStore
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import record
from governed_kernel.lineage.events import FileDigest, ValidationRecorded
from governed_kernel.lineage.forms import forms
from governed_kernel.release import admission
from governed_kernel.release.evidence import as_input
from governed_kernel.release.registry import Registry
from governed_kernel.validation.evidence import Evidence
from tests.loop import crafted
from tests.loop.place import Place
from tests.loop.refusal import alter, explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow

FOR_RUN = "approve sour@1 --for run --meaning reviewed"
FOR_DEPLOYMENT = "approve sour --for deployment --meaning approved"


@pytest.fixture
def candidate(stages: Stages, tmp_path: Path) -> Place:
    return stages.candidate.copy(tmp_path)


@pytest.fixture(scope="module")
def examined(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run with its validation, which nobody approved for deployment yet."""
    place = stages.executed.copy(tmp_path_factory.mktemp("examined"))
    place.done(f"validate {stages.run_id} --as otto")
    return place


def refused(place: Place, command: str, code: int, *said: str) -> None:
    """Refused with these words, on record, and nothing was signed."""
    before = len(place.events("Approval"))
    done = place.here(command)
    explains(done, code, *said)
    assert "signs:" not in done.err  # a person does not read on as if all were well
    assert len(place.events("Approval")) == before
    attempt = place.events("Decided")[-1]
    assert (attempt.action, attempt.outcome) == ("approve", "denied")


# --- what is shown -------------------------------------------------------------------------------


def test_two_people_approve_a_run_and_are_shown_what_they_sign(candidate: Place) -> None:
    first = candidate.done_here(f"{FOR_RUN} {{rui}} --json")
    assert (first.facts["approvals"], first.facts["required"]) == (1, 2)
    for shown in (
        "Rui signs: reviewed, that it may be run",
        *("sour@1 (candidate), by dora", candidate.release()["digest"]),
        *("from research/sour.ipynb, as promoted", "(sealed) ran these 5 cells"),
        *("learning_rate: float = 2.0 (0.01..5): step size", "steps: int = 300 (100..400)"),
        "berries-train@1  approved  public; for explore, train, evaluate, validate; 36 rows",
        "palate@1  approved  base model, licence BSD-3-Clause",
        "reads berries-holdout@1  locked",
        *("numpy ", "research/ripeness.py  added", "suites/berries", "weights 0.001", "in force"),
        "kernel governed-research → governed-release; cells: 8 unchanged",
        "release/sour@1/diff.html",
    ):
        assert shown in first.err, shown
    second = candidate.done_here("approve sour --meaning approved {kim}")
    assert "sour@1 was approved for run" in second.out
    assert candidate.release()["state"] == "approved"


@pytest.mark.parametrize(("until", "passed"), [("2020-01-01", True), ("2999-01-01", False)])
def test_data_that_had_to_be_gone_is_shown_as_such(
    candidate: Place, monkeypatch: pytest.MonkeyPatch, until: str, passed: bool
) -> None:
    known = admission.catalogued
    kept = {"retention_until": until}
    monkeypatch.setattr(
        admission, "catalogued", lambda *given: msgspec.structs.replace(known(*given), **kept)
    )
    done = candidate.done_here(f"{FOR_RUN} {{rui}} --json")
    told = [*done.facts["reviewed"]["inputs"], *done.facts["reviewed"]["suites"][0]["inputs"]]
    assert [item["retention_over"] for item in told] == [passed] * len(told)
    assert done.err.count(f"; until {until}") == len(told) > 1
    assert done.err.count(f"; until {until}, which has passed") == passed * len(told)


def test_a_base_model_that_brings_code_is_shown_whenever_it_was_registered(
    candidate: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version of this program may know of more that a loader follows."""
    monkeypatch.setattr(model_descriptions, "_CODE", ("kind",))
    done = candidate.done_here(f"{FOR_RUN} {{rui}}")
    assert "warning: of the base model palate@1: config.json: kind names code" in done.err


def test_machines_are_told_the_same_facts(candidate: Place) -> None:
    told = candidate.done_here(f"{FOR_RUN} {{rui}} --json").facts["reviewed"]
    holdout = told["suites"][0]["inputs"][0]
    assert (holdout["name"], holdout["state"]) == ("berries-holdout@1", "locked")
    assert told["session"]["sealed"]
    assert told["session"]["witness"] == "full"
    assert told["notebook"]["origin_now"] == "as promoted"
    assert told["environment"]["sha256"] == digest_bytes(
        (candidate.root / "release" / "sour@1" / "environment.json").read_bytes()
    )
    assert told["policy"]["in_force"]


def test_a_passphrase_is_neither_shown_nor_kept(candidate: Place) -> None:
    done = candidate.done_here(f"{FOR_RUN} {{rui}} --json")
    secret = crafted.secret(candidate, "rui").decode()
    assert secret not in done.out + done.err
    assert secret not in candidate.workspace.ledger.read_text()


def test_a_research_notebook_that_went_on_is_told(candidate: Place) -> None:
    alter(candidate.root / "research" / "sour.ipynb")
    done = candidate.done_here(f"{FOR_RUN} {{rui}}")
    assert "from research/sour.ipynb, changed since" in done.err


def test_a_later_version_is_shown_by_what_it_changes(candidate: Place) -> None:
    crafted.craft(
        candidate,
        {"research/ripeness.py": lambda data: data.replace(b'== "sour"', b'!= "\x1b[2Jsweet"')},
    )
    done = candidate.done_here("approve sour@2 {rui}")
    assert "research/ripeness.py  changed" in done.err
    assert "From sour@1 to sour@2: cells: 8 unchanged; files: 1 changed, 2 unchanged" in done.err
    assert '-    return (tastes == "sour").to_numpy(dtype="float64")' in done.err
    assert r'+    return (tastes != "\x1b[2Jsweet").to_numpy(dtype="float64")' in done.err
    assert "\x1b" not in done.err


def test_an_approval_for_deployment_shows_and_binds_the_run_and_its_evidence(
    examined: Place, tmp_path: Path
) -> None:
    place = examined.copy(tmp_path)
    (run,) = [run for run in place.release()["runs"] if run["kind"] == "release"]
    done = place.done_here(f"{FOR_DEPLOYMENT} {{mara}} --json")
    assert done.facts["run"] == run["run"]
    for shown in (
        f"Mara signs: approved, that {run['run']} may be deployed",
        *("behaviour good", "seed 7", "adapter/adapter_model.safetensors (208 bytes)"),
        *("berries passed, 12 records of berries-holdout@1", "sour: 0 as sweet, 7 as sour"),
        "passed  functional  recall-sour  1, at least 0.7",
    ):
        assert shown in done.err, shown
    with place.inside():
        digest, evidence = Registry.read(place.workspace).run(run["run"]).evidence()
        register = Register.read(place.workspace)
        (given,) = register.approvals_for("sour@1", digest, "deployment", run["run"])
    assert given.counts
    assert list(given.evidence) == evidence
    assert "evaluation/evidence/berries.json" in {file.path for file in evidence}


def test_what_failed_is_shown_first(examined: Place, tmp_path: Path) -> None:
    """A case that does not block may fail, and the person who signs must not miss it."""
    place = examined.copy(tmp_path)
    validate_otherwise(place, {"id": "zest", "layer": "scenario", "blocking": False})
    shown = place.done_here(f"{FOR_DEPLOYMENT} {{mara}}").err
    cases = shown[shown.index("  cases ") :]
    assert cases.split()[1:4] == ["failed", "scenario", "zest"]
    assert "(not blocking)" in cases.splitlines()[0]
    assert cases.index("failed") < cases.index("passed")


def validate_otherwise(place: Place, case: dict[str, Any], said: Any = None) -> None:
    """A later validation with one more case, which failed; the service signs `said` of it."""
    before = place.record()
    (old,) = [event for event in before if isinstance(event, ValidationRecorded)]
    path = place.workspace.runs / old.validation_run / "output" / "evidence" / "berries.json"
    evidence = msgspec.json.decode(path.read_bytes())
    failed = {"outcome": "failed", "value": 0.1, "comparison": "at least", "threshold": 0.5}
    evidence["cases"].append({**failed, **case})
    encoded = msgspec.json.encode(evidence)
    alter(path, lambda _: encoded)
    cases = [case.result for case in msgspec.convert(evidence, Evidence).cases]
    event = msgspec.structs.replace(
        old,
        cases=cases if said is None else said,
        evidence=[FileDigest("evidence/berries.json", digest_bytes(encoded), len(encoded))],
    )
    with place.inside():
        record(place.workspace, event)


# --- who signs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("person", "why"), [("dora", "author"), ("otto", "it takes the role")])
def test_who_does_not_count_is_refused(candidate: Place, person: str, why: str) -> None:
    explains(candidate.here(f"{FOR_RUN} {{{person}}}"), 3, why)
    assert candidate.events("Approval") == []


def test_who_does_not_count_is_told_so_before_anything_is_verified_or_asked_for(
    candidate: Place,
) -> None:
    """Data may be read for minutes, and a passphrase is not asked of whose signature is in vain."""
    alter(candidate.root / "release" / "sour@1" / "manifest.json")
    for person, why in (("dora", "the author of the release"), ("otto", "it takes the role")):
        done = candidate.here(f"{FOR_RUN} --as {person}")
        explains(done, 3, "would not count", why)
        assert "signs:" not in done.err
    explains(candidate.here(f"{FOR_RUN} --as mallory"), 3, "nobody here is called 'mallory'")
    candidate.done_here("people revoke-key rui --reason 'laptop stolen' {ada}")
    explains(candidate.here(f"{FOR_RUN} --as rui"), 3, "the key of rui was revoked")
    candidate.done_here("reject sour --reason 'no holdout' {kim}")
    explains(candidate.here(f"{FOR_RUN} --as kim"), 3, "can't be approved any more")


def test_a_run_is_named_for_deployment_alone(candidate: Place) -> None:
    explains(candidate.here(f"{FOR_RUN} --run run-1 {{rui}}"), 2, "one for a run does not")


def test_without_a_validated_run_there_is_nothing_to_deploy(candidate: Place) -> None:
    for more in ("", "--run run-9"):
        refused(candidate, f"{FOR_DEPLOYMENT} {more} {{mara}}", 3, "has no such run to deploy")


@pytest.mark.parametrize("verb", ["reject", "revoke"])
def test_a_release_is_turned_down_with_a_reason(candidate: Place, verb: str) -> None:
    alter(candidate.root / "release" / "sour@1" / "manifest.json")  # whatever became of it
    assert candidate.here(f"{verb} sour {{rui}}").code == 2
    done = candidate.done_here(f"{verb} sour --reason 'no holdout' {{rui}}")
    said = {"reject": "rejected", "revoke": "revoked"}[verb]
    assert f"Rui signs: {said}" in done.err
    assert f"sour@1 was {said}" in done.out
    assert candidate.release()["state"] == said
    assert candidate.release()["history"][-1]["reason"] == "no holdout"


def test_a_rejected_release_is_not_approved_any_more(candidate: Place) -> None:
    candidate.done_here("reject sour --reason 'no holdout' {kim}")
    explains(candidate.here(f"{FOR_RUN} {{rui}}"), 3, "can't be approved any more", "no holdout")


def test_an_unknown_release_is_wrong_use(candidate: Place) -> None:
    explains(candidate.here("approve nothing@1 {rui}"), 2, "there is no release nothing@1")


# --- what is not what was promoted or recorded ---------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("manifest.json", "diff.html", "origin.ipynb", "environment.json"),
        *("research/sour.ipynb", "research/ripeness.py", "suites/berries/predictor.py"),
    ],
)
def test_nobody_signs_for_a_release_with_an_altered_file(candidate: Place, name: str) -> None:
    alter(candidate.root / "release" / "sour@1" / name)
    refused(candidate, f"{FOR_RUN} {{rui}}", 4, name, "is not what was promoted")


@pytest.mark.parametrize("name", ["berries-train", "berries-holdout", "palate"])
def test_nobody_signs_for_data_or_a_base_model_that_is_altered_or_gone(
    candidate: Place, name: str
) -> None:
    with candidate.inside():
        version = Register.read(candidate.workspace).version(name)
    file = max(version.files, key=lambda file: file.bytes)
    kept = ObjectStore(candidate.workspace).path(file.sha256)
    alter(kept)
    refused(candidate, f"{FOR_RUN} {{rui}}", 4, file.path, "is not what was registered")
    kept.unlink()
    refused(candidate, f"{FOR_RUN} {{rui}}", 4, file.path, "is missing")


def test_nobody_signs_for_a_release_with_a_file_more(candidate: Place) -> None:
    folder = candidate.root / "release" / "sour@1" / "research"
    kept = folder / ".ipynb_checkpoints" / "sour-checkpoint.ipynb"  # Jupyter's own is passed over
    kept.parent.mkdir()
    shutil.copy(folder / "sour.ipynb", kept)
    other, below = kept.with_name("numpy-checkpoint.ipynb"), kept.parent / "deep"
    below.mkdir()
    for extra in (folder / "numpy.py", other, below / kept.name):
        extra.write_text("print('not that numpy')")
        refused(candidate, f"{FOR_RUN} {{rui}}", 4, extra.name, "it is no part of the release")
        extra.unlink()
    kept.unlink()
    kept.symlink_to(folder / "sour.ipynb")
    refused(candidate, f"{FOR_RUN} {{rui}}", 4, kept.name, "it is no part of the release")


def test_nobody_signs_for_a_release_whose_session_was_altered(candidate: Place) -> None:
    (sealed,) = candidate.events("SessionSealed")
    (form,) = forms(candidate.workspace.journals / f"{sealed.session_id}.jsonl")
    alter(form)
    # what a flipped bit hits, a record or the compression around it, is chance
    refused(candidate, f"{FOR_RUN} {{rui}}", 4, f"{sealed.session_id}.jsonl")


def test_nobody_signs_for_a_run_whose_output_or_evidence_was_altered(
    examined: Place, stages: Stages, tmp_path: Path
) -> None:
    runs = examined.workspace.runs
    (validation,) = [path for path in runs.glob("validation-*") if path.is_dir()]
    output = runs / stages.run_id / "output"
    for number, path in enumerate(
        [
            output / "adapter" / "adapter_model.safetensors",
            output / "notebook.ipynb",
            validation / "output" / "evidence" / "berries.json",
            examined.root / "release" / "sour@1" / "diff.html",
        ]
    ):
        place = examined.copy(tmp_path / str(number))
        alter(place.root / path.relative_to(examined.root))
        refused(place, f"{FOR_DEPLOYMENT} {{mara}}", 4, path.name)


def test_evidence_must_tell_the_cases_that_are_on_record(examined: Place, tmp_path: Path) -> None:
    place = examined.copy(tmp_path)
    validate_otherwise(place, {"id": "zest", "layer": "scenario", "blocking": False}, said=[])
    refused(place, f"{FOR_DEPLOYMENT} {{mara}}", 4, "tells other cases than the ledger")


# --- an author with a program of their own -------------------------------------------------------

NOTEBOOK = "research/sour.ipynb"


def otherwise(data: bytes) -> bytes:
    return data.replace(b"range(steps)", b"range(0)")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({NOTEBOOK: crafted.tagged}, "is released as another notebook"),
        ({NOTEBOOK: otherwise}, "is released as another notebook"),
        (
            {NOTEBOOK: crafted.tagged, "origin.ipynb": crafted.tagged},
            "is released as another notebook",
        ),
        ({NOTEBOOK: otherwise, "origin.ipynb": otherwise}, "it is not what ran as [4]"),
        ({"diff.html": lambda _: b"nothing changed"}, "they make another page"),
    ],
    ids=["a skipped cell", "another cell", "skipped in both", "never run", "a page that lies"],
)
def test_what_promotion_would_not_make_is_not_signed(
    candidate: Place, files: dict[str, crafted.Change], said: str
) -> None:
    crafted.craft(candidate, files)
    refused(candidate, "approve sour@2 {rui}", 4, said, "governed promote")


@pytest.mark.parametrize(
    ("stated", "code", "said"),
    [
        ({"parameters": []}, 4, "states other parameters"),
        ({"session_id": "20260101T000000-00000000"}, 2, "there is no session"),
        ({"tolerance": {"weights": 9.0, "probabilities": 0.001}}, 4, "'weights': 9.0}, its suites"),
        ({"author": "rui"}, 4, "other than its author signed are person"),
    ],
    ids=["parameters", "session", "tolerance", "author"],
)
def test_what_a_manifest_states_is_held_against_what_is_known(
    candidate: Place, stated: dict[str, Any], code: int, said: str
) -> None:
    crafted.craft(candidate, **stated)
    refused(candidate, "approve sour@2 {rui}", code, said)


def test_no_input_is_added_that_research_never_read(candidate: Place) -> None:
    with candidate.inside():
        register = Register.read(candidate.workspace)
    names = ("berries-train@1", "berries-validation@1", "palate@1")
    crafted.craft(candidate, inputs=[as_input(register.version(name)) for name in names])
    refused(candidate, "approve sour@2 {rui}", 4, "never read berries-validation@1")


def test_an_input_is_shown_as_the_catalog_knows_it(candidate: Place) -> None:
    with candidate.inside():
        version = Register.read(candidate.workspace).version("palate@1")
    claim = msgspec.structs.replace(as_input(version), data_class="licensed")
    crafted.craft(candidate, inputs=[claim])
    refused(candidate, "approve sour@2 {rui}", 4, "another data_class of palate@1")


def test_a_promotion_must_be_of_the_manifest_that_was_signed(candidate: Place) -> None:
    crafted.craft(candidate, signed={"risk_class": "high"})
    refused(candidate, "approve sour@2 {rui}", 4, "other than its author signed are risk_class")


@pytest.mark.parametrize(
    "files",
    [{NOTEBOOK: crafted.tagged}, {NOTEBOOK: crafted.tagged, "origin.ipynb": crafted.tagged}],
    ids=["a skipped cell", "skipped in both"],
)
def test_what_promotion_would_not_make_does_not_run_whoever_signed_it(
    candidate: Place, files: dict[str, crafted.Change]
) -> None:
    crafted.craft(candidate, files)
    crafted.approve_unseen(candidate)
    done = candidate.here("run sour@2 --as otto")
    explains(done, 4, "is not what promotion makes of its research notebook")
    assert not list(candidate.workspace.runs.glob("*"))
    (refusal,) = candidate.events("RunRefused")
    assert refusal.error == "IntegrityBroken"
