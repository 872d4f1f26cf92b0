"""``governed run``: it fails closed, each refusal explained and on record."""

from __future__ import annotations

import contextlib
import json
import os
import py_compile
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from governed_kernel.errors import IntegrityBroken, SignatureRefused
from governed_kernel.release import runs, worker
from governed_kernel.release.execution import start_release
from tests.cli.commands import Done
from tests.loop.place import Place, ended
from tests.loop.refusal import alter, explains, nothing_was_made, processes_of, wait_until
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture
def approved(stages: Stages, tmp_path: Path) -> Place:
    return stages.approved.copy(tmp_path)


def refused(place: Place, done: Done, code: int, *said: str) -> None:
    """Explained, on record, and nothing was started."""
    explains(done, code, *said)
    nothing_was_made(place)
    found = place.release()
    assert found["runs"] == []
    assert len(found["refusals"]) == 1
    assert found["refusals"][0]["person"] == "otto"
    what = done.err.split("governed: ", 1)[1].splitlines()[0]
    assert found["refusals"][0]["why"].startswith(what)
    assert not list(place.workspace.runs.glob("*"))


# --- approvals -----------------------------------------------------------------------------------


def test_what_nobody_approved_does_not_run(stages: Stages, tmp_path: Path) -> None:
    place = stages.candidate.copy(tmp_path)
    done = place.here("run sour --as otto")
    refused(place, done, 3, "not approved for a run: 0 of 2", "nobody else has approved")


def test_one_approval_of_two_is_not_enough(stages: Stages, tmp_path: Path) -> None:
    place = stages.candidate.copy(tmp_path)
    place.done_here("approve sour --for run --meaning reviewed {rui}")
    done = place.here("run sour --as otto")
    refused(place, done, 3, "1 of 2", "1 more with one of the roles reviewer, domain-expert")


def test_the_author_can_not_approve(stages: Stages, tmp_path: Path) -> None:
    place = stages.candidate.copy(tmp_path)
    place.done_here("approve sour --for run --meaning reviewed {rui}")
    own = place.here("approve sour --for run --meaning reviewed {dora}")
    explains(own, 3, "dora is the author")
    attempt = [event for event in place.events("Decided") if event.outcome == "denied"][-1]
    assert (attempt.person, attempt.action, attempt.outcome) == ("dora", "approve", "denied")
    refused(place, place.here("run sour --as otto"), 3, "1 of 2")


def test_a_stranger_can_not_approve(stages: Stages, tmp_path: Path) -> None:
    place = stages.candidate.copy(tmp_path)
    done = place.here("approve sour --for run --meaning reviewed {mallory}")
    explains(done, 3, "mallory")
    attempt = [event for event in place.events("Decided") if event.outcome == "denied"][-1]
    assert (attempt.person, attempt.outcome) == ("mallory", "denied")
    refused(place, place.here("run sour --as otto"), 3, "0 of 2")


def test_an_approval_stops_counting_with_its_key(approved: Place) -> None:
    approved.done_here("people revoke-key rui --reason 'laptop stolen' {ada}")
    done = approved.here("run sour --as otto")
    refused(approved, done, 3, "1 of 2", "the key of rui was revoked")


@pytest.mark.parametrize("verb", ["reject", "revoke"])
def test_a_release_that_was_turned_down_does_not_run(approved: Place, verb: str) -> None:
    approved.done_here(f"{verb} sour --reason 'the berries were counted twice' {{rui}}")
    done = approved.here("run sour --as otto")
    refused(approved, done, 3, "by rui", "the berries were counted twice")


def test_edited_rules_stop_everything_until_they_are_adopted(approved: Place) -> None:
    settings = approved.root / "governed.toml"
    alter(settings, lambda text: text.replace(b"required = 2", b"required = 1"))
    done = approved.here("run sour --as otto")
    refused(approved, done, 3, "not those that an administrator adopted", "governed policy adopt")


def test_adopted_rules_ask_for_new_approvals(approved: Place) -> None:
    settings = approved.root / "governed.toml"
    alter(settings, lambda text: text.replace(b"required = 2", b"required = 1"))
    approved.done_here("policy adopt {ada}")
    refused(approved, approved.here("run sour --as otto"), 3, "promoted under another policy")


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
    refused(approved, done, 4, f"{file} is not what was promoted")


@pytest.mark.parametrize("name", ["berries-train", "palate", "berries-holdout"])
def test_one_changed_byte_of_an_input_stops_it(approved: Place, name: str) -> None:
    snapshot = Path(approved.done_here(f"data show {name} --json").facts["snapshot"])
    alter(snapshot if snapshot.is_file() else max(snapshot.iterdir()))
    refused(
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
    refused(place, done, 4, "not the one sour@1 was approved with", "site-packages/sitecustomize")
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
    refused(again[0], again[0].governed("run sour --as otto"), 4, "tenacity: ", "wait.py")
    environment.alter("tenacity/wait.py", whole)

    environment.add_distribution("sugar", b"SWEET = True\n")
    refused(again[1], again[1].governed("run sour --as otto"), 4, "sugar: expected not installed")


def test_what_changes_between_gate_and_worker_is_found(stages: Stages, tmp_path: Path) -> None:
    place = stages.executed.copy(tmp_path)
    staged = place.workspace.runs / stages.run_id / "work"
    plan = runs.plan_of(place.workspace, stages.run_id)
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
    refused(approved, done, 3, "is refused", said)


# --- cells that go wrong -------------------------------------------------------------------------

FAILURES = {
    "exit": "the kernel was ended by a cell",
    "quit": "the kernel",
    "end": "the kernel died",
    "raise": "ValueError: the berries are <b>not</b> ripe",
    "hang": "a cell did not end in time",
    "die": "the kernel died",
    "connect": "failed",
    "escape": "PolicyDenied",
    "outside": "PolicyDenied",
    "link": "the run left a symbolic link: shortcut",
}


@pytest.fixture(scope="module")
def attempts(
    stages: Stages, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Place, dict[str, Done]]:
    """Every failure of a cell, from one approved release, three at a time."""
    place = stages.approved.copy(tmp_path_factory.mktemp("attempts"))
    with ThreadPoolExecutor(3) as pool:
        found = pool.map(lambda b: place.governed(f"run sour --as otto -p behaviour {b}"), FAILURES)
        return place, dict(zip(FAILURES, found, strict=True))


@pytest.mark.parametrize("behaviour", FAILURES)
def test_a_cell_that_goes_wrong_fails_the_run(
    attempts: tuple[Place, dict[str, Done]], behaviour: str
) -> None:
    place, done = attempts
    explains(done[behaviour], 5, FAILURES[behaviour])
    (run,) = [run for run in place.release()["runs"] if run["parameters"]["behaviour"] == behaviour]
    assert run["state"] == "failed"
    assert FAILURES[behaviour] in run["error"]
    assert runs.state_of(place.workspace, run["run"]).state == "failed"
    explains(place.here(f"validate {run['run']} --as otto"), 3, "that has failed")
    explains(place.here(f"release build {run['run']} --as otto"), 3)


def test_failed_runs_leave_nothing_but_their_record(
    attempts: tuple[Place, dict[str, Done]],
) -> None:
    place, _ = attempts
    nothing_was_made(place)
    assert place.release()["state"] == "approved"
    assert not (place.root / "research" / "escaped.txt").exists()
    for run in place.release()["runs"]:
        assert processes_of(run["run"]) == []
        log = (place.workspace.runs / run["run"] / "log.txt").read_text()
        assert f"{run['run']} failed after" in log
    report = place.here("audit verify --json")
    assert report.code == 0, report.err


# --- interruptions -------------------------------------------------------------------------------


def the_run(place: Place) -> str:
    """The only run of a place, once its cells are running."""
    found: list[str] = []

    def is_running() -> bool:
        found[:] = [path.parent.name for path in place.workspace.runs.glob("[!.]*/plan.json")]
        states = [runs.state_of(place.workspace, run) for run in found]
        return any(state.progress.heading == "What may go wrong" for state in states)

    wait_until(is_running)
    return found[0]


def test_ctrl_c_stops_the_run_and_says_so(approved: Place) -> None:
    process = approved.start("run sour --as otto -p behaviour hang")
    run_id = the_run(approved)
    process.send_signal(signal.SIGINT)
    explains(ended(process), 130, f"{run_id} was interrupted", "governed run sour@1")
    interrupted(approved, run_id)


def test_a_killed_worker_is_found_by_the_next_command(approved: Place) -> None:
    approved.done("run sour --as otto -p behaviour hang --detach")
    run_id = the_run(approved)
    state = runs.state_of(approved.workspace, run_id)
    os.kill(state.pid, signal.SIGKILL)
    wait_until(lambda: not runs.is_alive(state))
    (listed,) = approved.done_here("release list --json").facts
    assert listed["state"] == "approved"
    interrupted(approved, run_id, "died without a word: it was killed, ran out of memory")


def test_who_watches_a_worker_die_is_told(approved: Place) -> None:
    process = approved.start("run sour --as otto -p behaviour hang")
    run_id = the_run(approved)
    os.kill(runs.state_of(approved.workspace, run_id).pid, signal.SIGKILL)
    explains(ended(process), 130, f"the worker of {run_id} died without a word", "was killed")
    interrupted(approved, run_id)


def interrupted(place: Place, run_id: str, why: str = "") -> None:
    nothing_was_made(place)
    (run,) = place.release()["runs"]
    assert (run["run"], run["state"]) == (run_id, "interrupted")
    assert why in run["error"]
    (event,) = place.events("RunEnded")
    assert event.state == "interrupted"
    wait_until(lambda: processes_of(run_id) == [])
    assert place.here("audit verify").code == 0


def test_closing_the_terminal_ends_nothing(approved: Place) -> None:
    process = approved.start("run sour --as otto")
    run_id = the_run(approved)
    process.kill()
    ended(process)
    wait_until(lambda: runs.state_of(approved.workspace, run_id).is_over)
    (run,) = approved.release()["runs"]
    assert run["state"] == "succeeded"
    assert approved.release()["state"] == "executed"


def test_two_runs_at_once_both_succeed(approved: Place) -> None:
    both = [approved.start(f"run sour --as otto -p seed {seed} --json") for seed in (1, 2)]
    facts = [ended(process) for process in both]
    assert [done.code for done in facts] == [0, 0]
    assert len({done.facts["run"] for done in facts}) == 2
    assert [run["state"] for run in approved.release()["runs"]] == ["succeeded"] * 2
    assert approved.here("audit verify").code == 0


# --- disks ---------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("NOT RUN: mounting a small disk takes root and the right to mount")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill the disk of `folder` but for some bytes; returns the file that does it."""
    filler = folder / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(folder).free - leave))
    return filler


def test_too_little_disk_is_said_before_anything_starts(stages: Stages, small_disk: Path) -> None:
    place = stages.approved.copy(small_disk)
    place.done_here("release list")
    fill(small_disk, 600_000)
    done = place.here("run sour --as otto")
    refused(place, done, 6, "only 0 MB of disk are free", "run.free_disk_megabytes")


def test_an_end_that_only_the_ledger_knows_is_put_in_place(stages: Stages, tmp_path: Path) -> None:
    """A worker was killed after its end was on record, and before its state said so."""
    place = stages.executed.copy(tmp_path)
    (state,) = place.workspace.runs.glob("[!.]*/state.json")
    ended = state.read_bytes()
    state.with_name(".state.ending").write_bytes(ended)
    before = {**json.loads(ended), "state": "running", "pid": 2**22 - 1, "ended_at": None}
    state.write_text(json.dumps(before))
    place.done_here("release list")
    assert state.read_bytes() == ended
    place.done_here("audit verify")


def test_a_cell_that_fills_the_disk_fails_the_run(stages: Stages, small_disk: Path) -> None:
    place = stages.approved.copy(small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    done = place.governed("run sour --as otto -p behaviour fill")
    assert done.code in (5, 6), done.err
    explains(done, done.code, "No space left on device")
    nothing_was_made(place)
    ballast.unlink()
    place.done_here("release list")
    (run,) = place.release()["runs"]
    assert run["state"] in ("failed", "interrupted")
    assert place.here("audit verify").code == 0
    with contextlib.suppress(OSError):
        shutil.rmtree(place.root)


def test_a_file_that_may_not_grow_fails_the_run(approved: Place) -> None:
    """Where no disk can be mounted: a limit on files, for everything that the command starts."""
    if shutil.which("prlimit") is None:
        pytest.skip("NOT RUN: there is no prlimit")
    words = ["prlimit", "--fsize=4194304", "--", str(approved.environment.python)]
    words += ["-m", "governed_kernel", "--workspace", str(approved.root)]
    process = subprocess.run(
        [*words, *approved.words("run sour --as otto -p behaviour fill")],
        env=approved.variables(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    done = Done(process.returncode, process.stdout, process.stderr)
    explains(done, 5, "File too large")
    (run,) = approved.release()["runs"]
    assert run["state"] == "failed"
    nothing_was_made(approved)


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
