"""``governed audit rerun``: the same bits again, or exactly what differs."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from governed_kernel.release import run_states
from governed_kernel.release.comparing import compare
from governed_kernel.release.lists import listed_verdicts
from governed_kernel.release.registry import Registry
from governed_kernel.training import weights_digest
from tests.loop.place import Place, ended
from tests.loop.refusal import alter, explains, processes_of, wait_until
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def released(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Re-runs leave the state of a release as it is, so these tests share one."""
    return stages.released.copy(tmp_path_factory.mktemp("audited"))


def test_two_repetitions_from_two_folders_are_identical(
    released: Place, stages: Stages, tmp_path: Path
) -> None:
    before = released.release()
    words = f"audit rerun {stages.run_id} --as aida --json"
    two = [released.start(words, cwd=folder) for folder in (tmp_path, released.root)]
    for done in [ended(process) for process in two]:
        assert done.code == 0, done.err
        found = done.facts
        assert found["verdict"] == "IDENTICAL"
        assert found["differences"] == []
        assert found["surroundings"] == []
        original = released.workspace.runs / stages.run_id / "output" / "adapter"
        assert found["weights_sha256"] == weights_digest(original).sha256
        log = Path(found["log"]).read_text()
        assert "{'step': 200, 'loss': " in log
    after = released.release()
    assert after["state"] == before["state"] == "released"
    (run, *_) = after["runs"]
    assert [text.split(": ")[1] for text in run["reruns"]] == ["IDENTICAL"] * 2
    assert len(released.events("RerunCompared")) == 2
    permitted = {
        (event.action, *event.policies)
        for event in released.events("Decided")
        if event.outcome == "allowed" and event.resource == before["release"]
    }
    for action in ("run", "validate", "audit rerun"):
        assert (action, "run") in {each[:2] for each in permitted}, permitted


def test_an_altered_library_is_named_though_the_bits_are_the_same(
    released: Place, stages: Stages, tmp_path: Path
) -> None:
    """Its RECORD says what the file was; a re-run is told of in what it really ran."""
    environment = stages.environment.clone(tmp_path / "environment")
    library = environment.site / "tenacity" / "wait.py"
    environment.alter("tenacity/wait.py", library.read_bytes() + b"# not what was approved\n")
    there = Place(released.root, released.home, environment)
    found = there.done(f"audit rerun {stages.run_id} --as aida --json").facts
    assert (found["verdict"], found["differences"]) == ("IDENTICAL", [])
    (altered,) = found["surroundings"]
    assert re.match(r"environment: tenacity: \S*tenacity/wait.py: expected sha256=", altered)
    with released.inside():
        registry = Registry.read(released.workspace)
    recorded = [registry.run(run).started.environment for run in (stages.run_id, found["rerun_id"])]
    assert recorded[0] != recorded[1]
    assert released.events("RerunCompared")[-1].surroundings == found["surroundings"]


def test_it_is_repeated_from_its_bundle(released: Place, stages: Stages, tmp_path: Path) -> None:
    """Not from the workspace's release folder, which may be gone by then."""
    place = released.copy(tmp_path)
    alter(place.root / "release" / "sour@1" / "research" / "sour.ipynb")
    done = place.governed(f"audit rerun {stages.run_id} --as aida")
    assert done.code == 0, done.err
    assert done.out.startswith("IDENTICAL\n")

    (bundle,) = place.workspace.bundles.iterdir()
    alter(bundle / "release" / "research" / "sour.ipynb")
    explains(place.here(f"audit rerun {stages.run_id} --as aida"), 4, "not what was sealed")


def test_another_seed_is_different_and_the_tensors_are_named(
    released: Place, stages: Stages
) -> None:
    """Also here, in the environment of these tests: it is another one, and that is said."""
    done = released.here(f"audit rerun {stages.run_id} --as aida -p seed 8")
    explains(done, 1, f"is different from {stages.run_id}")
    assert done.out.startswith("DIFFERENT\n")
    tensor = r"adapter/adapter_model.safetensors: classifier.{}: values, at most \d"
    assert re.search(tensor.format("weight"), done.out)
    assert re.search(tensor.format("bias"), done.out)
    assert "parameter seed was set to 8 on purpose" in done.out
    assert "environment: torch: expected not installed" in done.out


def test_weights_within_the_approved_tolerance_are_equivalent(
    released: Place, stages: Stages
) -> None:
    """The suite runs over the repetition as well, and every gate must say the same.

    In the release's own environment, which has no torch to compare tensors with.
    """
    done = released.governed(
        f"audit rerun {stages.run_id} --as aida -p learning_rate 2.000001 --json"
    )
    assert done.code == 0, done.err
    found = done.facts
    assert found["verdict"] == "EQUIVALENT"
    assert found["weights_sha256"] != found["original_weights_sha256"]
    assert any("classifier.weight: values, at most" in line for line in found["differences"])
    kinds = [run["kind"] for run in released.release()["runs"]]
    assert kinds[-2:] == ["rerun", "validation"]
    with released.inside():
        registry = Registry.read(released.workspace)
    newest, *_ = listed_verdicts(registry, search="equivalent aida").rows
    assert (newest["rerun"], newest["verdict"]) == (found["rerun_id"], "EQUIVALENT")
    assert newest["differences"] == found["differences"]
    assert newest["surroundings"] == found["surroundings"]
    assert "parameter learning_rate was set to 2.000001 on purpose" in newest["surroundings"]
    held = compare(registry.run(stages.run_id), registry.run(found["rerun_id"]))
    told = {(row["section"], row["name"]): (row["first"], row["second"]) for row in held["rows"]}
    assert told["parameters", "learning_rate"] == ("2", "2.000001")
    assert told["parameters", "steps"] == ("300", "300")
    assert told["metrics", "berries/recall-sour"][0].endswith("(passed)")
    first, second = told["artifacts", "adapter/adapter_model.safetensors"]
    assert first != second


def test_a_repetition_can_not_read_the_originals_output(released: Place, stages: Stages) -> None:
    day, clock, mark = re.fullmatch(r"run-(\d+)T(\d+)-(\w+)", stages.run_id).groups()  # type: ignore[union-attr]
    named = f"-p day {int(day)} -p clock {int(clock)} -p mark {int(mark, 16)}"
    done = released.governed(f"audit rerun {stages.run_id} --as aida -p behaviour peek {named}")
    output = released.workspace.runs / stages.run_id / "output"
    explains(done, 5, "PolicyDenied", f"does not name {output}")


def test_a_run_that_never_ended_well_has_nothing_to_compare_with(
    stages: Stages, tmp_path: Path
) -> None:
    place = stages.approved.copy(tmp_path)
    place.governed("run sour --as otto -p behaviour raise")
    (run,) = place.release()["runs"]
    explains(place.here(f"audit rerun {run['run']} --as aida"), 1, "a run that has failed")


def test_a_validation_is_not_what_is_repeated(released: Place, stages: Stages) -> None:
    validation = next(run for run in released.release()["runs"] if run["kind"] == "validation")
    done = released.here(f"audit rerun {validation['run']} --as aida")
    explains(done, 2, "is a validation run", f"re-run {stages.run_id}")


def test_a_repetition_keeps_to_the_approved_schema(released: Place, stages: Stages) -> None:
    done = released.here(f"audit rerun {stages.run_id} --as aida -p steps 9999")
    explains(done, 3, "outside the approved range")
    refusal = released.release()["refusals"][-1]
    assert (refusal["kind"], refusal["person"]) == ("rerun", "aida")


def test_ctrl_c_stops_the_repetition(stages: Stages, tmp_path: Path) -> None:
    place = stages.released.copy(tmp_path)
    process = place.start(f"audit rerun {stages.run_id} --as aida -p behaviour hang")
    found: list[str] = []

    def is_running() -> bool:
        found[:] = [path.name for path in place.workspace.runs.glob("rerun-*")]
        return any(
            run_states.state_of(place.workspace, run).progress.heading == "What may go wrong"
            for run in found
        )

    wait_until(is_running)
    process.send_signal(signal.SIGINT)
    explains(ended(process), 130, f"{found[0]} was interrupted")
    assert run_states.state_of(place.workspace, found[0]).state == "interrupted"
    wait_until(lambda: processes_of(found[0]) == [])


@pytest.mark.parametrize("kind", ["run", "validation"])
def test_only_files_that_are_on_record_are_compared(
    stages: Stages, tmp_path: Path, kind: str
) -> None:
    """An original that was made to look like its repetition is found out."""
    place = stages.released.copy(tmp_path)
    (run,) = place.workspace.runs.glob(f"{kind}-*")
    altered = max(path for path in (run / "output").rglob("*") if path.is_file())
    alter(altered)
    changed = "-p learning_rate 2.000001"  # so that the suite's evidence is compared as well
    done = place.governed(f"audit rerun {stages.run_id} --as aida {changed}")
    explains(done, 4, f"{altered} is not what the run left")
    assert place.events("RerunCompared") == []
