"""How runs end that do not succeed: by a cell, a signal, a full disk; and what is left of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from governed_kernel.release import run_states
from tests.cli.commands import Done
from tests.loop.place import Place, ended
from tests.loop.refusal import explains, no_run, nothing_was_made, processes_of, wait_until
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture
def approved(stages: Stages, tmp_path: Path) -> Place:
    return stages.approved.copy(tmp_path)


FAILURES = {
    "exit": "the kernel was ended by a cell",
    "quit": "the kernel",
    "end": "the kernel died",
    "raise": "ValueError: the berries are <b>not</b> ripe",
    "spin": "a cell did not end in time",
    "die": "the kernel died",
    "connect": "failed",
    "escape": "PolicyDenied",
    "outside": "PolicyDenied",
    "link": "the run left a symbolic link: shortcut",
    "flood": "printed on beyond 32 MiB",
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
    assert run_states.state_of(place.workspace, run["run"]).state == "failed"
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
        states = [run_states.state_of(place.workspace, run) for run in found]
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
    state = run_states.state_of(approved.workspace, run_id)
    os.kill(state.pid, signal.SIGKILL)
    wait_until(lambda: not run_states.is_alive(state))
    (listed,) = approved.done_here("release list --json").facts
    assert listed["state"] == "approved"
    interrupted(approved, run_id, "died without a word: it was killed, ran out of memory")


def test_who_watches_a_worker_die_is_told(approved: Place) -> None:
    process = approved.start("run sour --as otto -p behaviour hang")
    run_id = the_run(approved)
    os.kill(run_states.state_of(approved.workspace, run_id).pid, signal.SIGKILL)
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
    wait_until(lambda: run_states.state_of(approved.workspace, run_id).is_over)
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
    no_run(place, done, 6, "only 0 MB of disk are free", "run.free_disk_megabytes")


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
