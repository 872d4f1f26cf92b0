"""``governed run``: it fails closed, each refusal explained and on record."""

from __future__ import annotations

import py_compile
from pathlib import Path

import pytest

from governed_kernel.errors import IntegrityBroken, SignatureRefused
from governed_kernel.release import run_states, worker
from governed_kernel.release.execution import start_release
from tests.loop.place import Place
from tests.loop.refusal import alter, explains, no_run, nothing_was_made
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture
def approved(stages: Stages, tmp_path: Path) -> Place:
    return stages.approved.copy(tmp_path)


# --- approvals -----------------------------------------------------------------------------------


def test_what_nobody_approved_does_not_run(stages: Stages, tmp_path: Path) -> None:
    place = stages.candidate.copy(tmp_path)
    done = place.here("run sour --as otto")
    no_run(place, done, 3, "not approved for a run: 0 of 2", "nobody else has approved")


def test_one_approval_of_two_is_not_enough(stages: Stages, tmp_path: Path) -> None:
    place = stages.candidate.copy(tmp_path)
    place.done_here("approve sour --for run --meaning reviewed {rui}")
    done = place.here("run sour --as otto")
    no_run(place, done, 3, "1 of 2", "1 more with one of the roles reviewer, domain-expert")


def test_the_author_can_not_approve(stages: Stages, tmp_path: Path) -> None:
    place = stages.candidate.copy(tmp_path)
    place.done_here("approve sour --for run --meaning reviewed {rui}")
    own = place.here("approve sour --for run --meaning reviewed {dora}")
    explains(own, 3, "dora is the author")
    attempt = [event for event in place.events("Decided") if event.outcome == "denied"][-1]
    assert (attempt.person, attempt.action, attempt.outcome) == ("dora", "approve", "denied")
    no_run(place, place.here("run sour --as otto"), 3, "1 of 2")


def test_a_stranger_can_not_approve(stages: Stages, tmp_path: Path) -> None:
    place = stages.candidate.copy(tmp_path)
    done = place.here("approve sour --for run --meaning reviewed {mallory}")
    explains(done, 3, "mallory")
    attempt = [event for event in place.events("Decided") if event.outcome == "denied"][-1]
    assert (attempt.person, attempt.outcome) == ("mallory", "denied")
    no_run(place, place.here("run sour --as otto"), 3, "0 of 2")


def test_an_approval_stops_counting_with_its_key(approved: Place) -> None:
    approved.done_here("people revoke-key rui --reason 'laptop stolen' {ada}")
    done = approved.here("run sour --as otto")
    no_run(approved, done, 3, "1 of 2", "the key of rui was revoked")


@pytest.mark.parametrize("verb", ["reject", "revoke"])
def test_a_release_that_was_turned_down_does_not_run(approved: Place, verb: str) -> None:
    approved.done_here(f"{verb} sour --reason 'the berries were counted twice' {{rui}}")
    done = approved.here("run sour --as otto")
    no_run(approved, done, 3, "by rui", "the berries were counted twice")


def test_edited_rules_stop_everything_until_they_are_adopted(approved: Place) -> None:
    settings = approved.root / "governed.toml"
    alter(settings, lambda text: text.replace(b"required = 2", b"required = 1"))
    done = approved.here("run sour --as otto")
    no_run(approved, done, 3, "not those that an administrator adopted", "governed policy adopt")


def test_adopted_rules_ask_for_new_approvals(approved: Place) -> None:
    settings = approved.root / "governed.toml"
    alter(settings, lambda text: text.replace(b"required = 2", b"required = 1"))
    approved.done_here("policy adopt {ada}")
    no_run(approved, approved.here("run sour --as otto"), 3, "promoted under another policy")


def test_who_is_not_on_record_runs_nothing(approved: Place) -> None:
    explains(approved.here("run sour --as nobody"), 2, "nobody")
    assert approved.release()["runs"] == []
    nothing_was_made(approved)


@pytest.mark.parametrize("content", [b"", b"{}", None], ids=["empty", "another", "gone"])
def test_a_run_whose_state_is_lost_stops_no_other(
    stages: Stages, tmp_path: Path, content: bytes | None
) -> None:
    place = stages.executed.copy(tmp_path)
    state = place.workspace.runs / stages.run_id / "state.json"
    state.unlink()
    if content is not None:
        state.write_bytes(content)
    place.done_here("release list")
    (run,) = place.release()["runs"]
    assert run["state"] == "succeeded"  # as the ledger says


def test_what_a_killed_start_left_goes_with_the_next_run(approved: Place) -> None:
    left = approved.workspace.runs / ".rerun-20261122T101112-0a0b0c0d"
    (left / "work").mkdir(parents=True)
    (left / "work" / "notebook.ipynb").write_text("{")
    mine = approved.workspace.runs / ".kept by somebody"
    mine.mkdir()
    approved.done("run sour --as otto")
    assert approved.half_made() == [str(mine)]


def test_a_release_that_does_not_exist_is_named_with_those_that_do(approved: Place) -> None:
    explains(approved.here("run bitter --as otto"), 2, "no release bitter", "sour@1")


# --- bytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    [
        "release/sour@1/research/sour.ipynb",
        "release/sour@1/manifest.json",
        "release/sour@1/research/ripeness.py",
        "release/sour@1/suites/berries/predictor.py",
        "release/sour@1/suites/berries/suite.toml",
        "release/sour@1/environment.json",
    ],
)
def test_one_changed_byte_of_the_release_stops_it(approved: Place, file: str) -> None:
    alter(approved.root / file)
    done = approved.here("run sour --as otto")
    no_run(approved, done, 4, f"{file} is not what was promoted")


@pytest.mark.parametrize("name", ["berries-train", "palate", "berries-holdout"])
def test_one_changed_byte_of_an_input_stops_it(approved: Place, name: str) -> None:
    snapshot = Path(approved.done_here(f"data show {name} --json").facts["snapshot"])
    alter(snapshot if snapshot.is_file() else max(snapshot.iterdir()))
    no_run(
        approved,
        approved.here("run sour --as otto"),
        4,
        "is not what was registered",
        str(snapshot),
    )


def test_one_changed_byte_of_the_ledger_stops_it(approved: Place) -> None:
    before = approved.workspace.ledger.read_bytes()
    alter(approved.workspace.ledger)
    explains(approved.here("run sour --as otto"), 4, "ledger.jsonl")
    assert len(approved.workspace.ledger.read_bytes()) == len(before)  # nothing is added to it
    nothing_was_made(approved)


def test_an_altered_environment_stops_it(stages: Stages, tmp_path: Path) -> None:
    environment = stages.environment.clone(tmp_path / "environment")
    place = stages.approved.copy(tmp_path, environment)
    again = [place.copy(tmp_path / name) for name in ("another", "third")]
    compiled = place.copy(tmp_path / "compiled")

    environment.alter("sitecustomize.py", b"import os\n")
    done = place.governed("run sour --as otto")
    no_run(place, done, 4, "not the one sour@1 was approved with", "site-packages/sitecustomize")
    (environment.site / "sitecustomize.py").unlink()

    (tmp_path / "planted.py").write_text("import os\n")
    py_compile.compile(str(tmp_path / "planted.py"), str(tmp_path / "planted.pyc"))
    code = (tmp_path / "planted.pyc").read_bytes()
    for name in ("sitecustomize.pyc", "libz.so.1"):  # imported, or loaded, without a source
        environment.alter(name, code)
        done = compiled.governed("run sour --as otto")
        explains(done, 4, "not the one sour@1 was approved with", f"site-packages/{name}")
        (environment.site / name).unlink()

    whole = (environment.site / "tenacity" / "wait.py").read_bytes()
    environment.alter("tenacity/wait.py", whole + b"#")
    no_run(again[0], again[0].governed("run sour --as otto"), 4, "tenacity: ", "wait.py")
    environment.alter("tenacity/wait.py", whole)

    environment.add_distribution("sugar", b"SWEET = True\n")
    no_run(again[1], again[1].governed("run sour --as otto"), 4, "sugar: expected not installed")


def test_what_changes_between_gate_and_worker_is_found(stages: Stages, tmp_path: Path) -> None:
    place = stages.executed.copy(tmp_path)
    staged = place.workspace.runs / stages.run_id / "work"
    plan = run_states.plan_of(place.workspace, stages.run_id)
    with place.inside():
        worker.check_again(place.workspace, plan)
        for file in ("research/sour.ipynb", "research/ripeness.py", "manifest.json"):
            whole = (staged / file).read_bytes()
            alter(staged / file)
            with pytest.raises(IntegrityBroken, match="is not what was promoted"):
                worker.check_again(place.workspace, plan)
            alter(staged / file, lambda _, whole=whole: whole)  # type: ignore[misc]
        (staged / "research" / "numpy.py").write_text("planted = True\n")
        with pytest.raises(IntegrityBroken, match="no part of the release"):
            worker.check_again(place.workspace, plan)


def test_what_lies_beside_a_release_never_reaches_a_run(approved: Place) -> None:
    """A module beside a notebook would take precedence over the library of its name."""
    planted = approved.root / "release" / "sour@1" / "research" / "safetensors.py"
    planted.write_text("raise SystemExit('planted')\n")
    facts = approved.done("run sour --as otto --json").facts
    assert facts["state"] == "succeeded"
    assert not list(Path(facts["folder"]).rglob("safetensors.py"))


# --- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("steps", "401", "outside the approved range"),
        ("steps", "99", "100..400"),
        ("steps", "many", "does not read as int"),
        ("steps", "1e2", "does not read as int"),
        ("learning_rate", "nan", "does not read as float"),
        ("behaviour", "best", "not among the approved values"),
        ("sugar", "1", "no parameter of that name"),
        ("__import__('os').system('true') or steps", "200", "no parameter of that name"),
    ],
)
def test_a_parameter_outside_its_schema_is_refused(
    approved: Place, name: str, value: str, said: str
) -> None:
    done = approved.here("run sour --as otto -p", name, value)
    no_run(approved, done, 3, "is refused", said)


# --- who runs it ---------------------------------------------------------------------------------


def test_where_it_is_asked_for_who_runs_proves_who_they_are(approved: Place) -> None:
    settings = approved.root / "governed.toml"
    settings.write_text(settings.read_text().replace("[run]\n", "[run]\nidentified = true\n", 1))
    approved.done_here("policy adopt {ada}")
    claimed = approved.here("run sour --as otto --passphrase-file nothing")
    explains(claimed, 2, "the passphrase file nothing can't be read")
    explains(approved.here("run sour --as otto"), 2, "no passphrase was given")
    with approved.inside():
        with pytest.raises(SignatureRefused, match="did not prove"):
            start_release(approved.workspace, "sour", "otto")
        with pytest.raises(SignatureRefused, match="did not open"):
            start_release(approved.workspace, "sour", "otto", proof=b"a guess")
    # with the right one it is the next gate that asks: the release is bound to the rules of before
    explains(approved.here("run sour {otto}"), 3, "promoted under another policy")
    refusals = approved.release()["refusals"]
    assert [item["person"] for item in refusals] == ["otto"] * 3
    assert not list(approved.workspace.runs.glob("*"))
