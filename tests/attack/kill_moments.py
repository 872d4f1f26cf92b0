"""Kernels, recorders and workers of runs, killed at moments drawn at random.

What they do can't be repeated call by call, as `kill_points` does with commands; a moment hits the
kernel, its recorder and the system between them wherever they are.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

from governed_kernel.audit.verification import verify_workspace
from governed_kernel.lineage.events import Access, CellEnded, SessionSealed
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from governed_kernel.release import run_states
from tests.attack.tally import Tally
from tests.kernel.running import SECONDS, RunningKernel, every_event, home_of, wait_until
from tests.loop.place import Place, ended
from tests.loop.refusal import processes_of
from tests.loop.stages import Stages

__all__ = ["MOMENTS", "Moments"]

_CELL = "open('berries.csv').read(); open('research/note-{0}.txt', 'w').write('{0}')"
_CELLS = 60
_MOST_DELAY = 0.6
_RUN_DELAY = 9.0


@dataclass
class Moments:
    """Sessions and runs in one workspace, each killed, each looked at, none taken back.

    Parameters
    ----------
    place : Place
        A workspace with an approved release.
    tally : Tally
        Where it is counted.
    draw : random.Random
    """

    place: Place
    tally: Tally
    draw: random.Random

    @classmethod
    def make(cls, stages: Stages, folder: Path, tally: Tally, draw: random.Random) -> Moments:
        """In a copy of the workspace of an approved release."""
        place = stages.approved.copy(folder)
        shutil.copytree(place.home, home_of(place.workspace))
        return cls(place, tally, draw)

    def kill(self, kind: str, name: str) -> None:
        """Start what `name` says, kill it, look at what is left."""
        before = Ledger(self.place.workspace).events()
        self.tally.killed[kind, name] += 1
        try:
            where = MOMENTS[kind, name](self)
            assert Ledger(self.place.workspace).events()[: len(before)] == before
            self._check_store()
        except Exception as error:  # every kind of failure is the finding here
            wrong = f"{name}: {type(error).__name__}: {error}"
            self.tally.wrong.append(wrong)
            sys.stderr.write(f"\n{wrong[:600]}\n")
        else:
            self.tally.after[where] += 1

    # --- kernels -------------------------------------------------------------------------

    def session(self, *victims: str) -> str:
        """Send a kernel many cells, and kill it amid them."""
        kernel = RunningKernel(self.place.workspace)
        try:
            requests = [kernel.send(_CELL.format(number)) for number in range(_CELLS)]
            time.sleep(self.draw.random() * _MOST_DELAY)
            for process in [getattr(kernel, victim) for victim in victims]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            acknowledged = _replies(kernel, requests)
            kernel.await_end()
        finally:
            kernel.close(now=True)
        left = self._check_session(kernel.journal, acknowledged)
        assert left == "done" or "recorder" in victims, "a recorder that lives seals its session"
        return left

    def _check_session(self, journal: Path, acknowledged: list[int]) -> str:
        """Every cell that was replied to is there, once, with what it did."""
        events: list[Any] = every_event(journal)
        done = [e.execution for e in events if isinstance(e, CellEnded) and e.status == "ok"]
        assert len(set(done)) == len(done), "a cell is there twice"
        assert set(acknowledged) <= set(done), f"{acknowledged} were acknowledged, {done} there"
        for number in acknowledged:
            did = [e for e in events if isinstance(e, Access) and e.execution == number]
            seen = {(e.operation, e.uri.rpartition("/")[2].partition("-")[0]) for e in did}
            assert {("read", "berries.csv"), ("write", "note")} <= seen, f"{number}: {seen}"
        sealed = any(
            isinstance(event, SessionSealed) and event.session_id == journal.stem
            for event in Ledger(self.place.workspace).events()
        )
        outcome = self._outcome(journal.stem)
        assert outcome == ("ok" if sealed else "unsealed"), (outcome, sealed)
        return "done" if sealed else "unsealed"

    def _outcome(self, session: str) -> str:
        with self.place.inside():
            checks = verify_workspace(self.place.workspace).checks
        assert not (broken := [check for check in checks if check.outcome == "broken"]), broken
        (found,) = {check.outcome for check in checks if check.subject == session}
        return found

    # --- runs ----------------------------------------------------------------------------

    def run(self, victim: Callable[[int], int]) -> str:
        """Start a run of the release, and kill one of its processes."""
        place, before = self.place, set(self.place.workspace.runs.glob("run-*"))
        process = place.start("run sour --as otto")
        wait_until(lambda: set(place.workspace.runs.glob("run-*")) - before)
        (folder,) = set(place.workspace.runs.glob("run-*")) - before
        wait_until(lambda: run_states.state_of(place.workspace, folder.name).pid)
        state = run_states.state_of(place.workspace, folder.name)
        time.sleep(self.draw.random() * _RUN_DELAY)
        with contextlib.suppress(ProcessLookupError, IndexError, FileNotFoundError):
            os.kill(victim(state.pid), signal.SIGKILL)
        code = ended(process).code
        wait_until(lambda: not processes_of(folder.name))
        (listed,) = [r for r in place.release()["runs"] if r["run"] == folder.name]
        assert listed["state"] in ("succeeded", "failed", "interrupted"), listed
        assert (code == 0) == (listed["state"] == "succeeded"), (code, listed)
        known = [event.run_id for event in place.events("RunEnded")]
        assert known.count(folder.name) == 1, known
        with place.inside():
            checks = verify_workspace(place.workspace).checks
        assert not (broken := [check for check in checks if check.outcome == "broken"]), broken
        return "done" if code == 0 else "before"

    def _check_store(self) -> None:
        """The next reader finds everything, once: as if the store were made anew."""
        self.place.done_here("lineage sql 'select count(*) from sessions'")
        store = Store(self.place.workspace)
        found = store.fingerprint()
        self.place.done_here("store rebuild")
        assert store.fingerprint() == found, "the store is not what the journals say"


def _replies(kernel: RunningKernel, requests: list[str]) -> list[int]:
    """Numbers of the cells whose reply came."""
    found, deadline = [], time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            message = kernel.client.get_shell_msg(timeout=0.3)
        except Empty:
            if kernel.manager.provisioner.process.poll() is not None:  # type: ignore[union-attr]
                break
            continue
        content = message["content"]
        if message["parent_header"].get("msg_id") in requests and content["status"] == "ok":
            found.append(content["execution_count"])
    return found


def _child(process: int, generation: int) -> int:
    """A descendant by first children."""
    for _ in range(generation):
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        process = int(children[0])
    return process


MOMENTS: dict[tuple[str, str], Callable[[Moments], str]] = {
    ("kernel", "its process"): lambda moments: moments.session("kernel"),
    ("kernel", "its recorder"): lambda moments: moments.session("recorder"),
    ("kernel", "both"): lambda moments: moments.session("recorder", "kernel"),
    ("run", "its worker"): lambda moments: moments.run(lambda pid: pid),
    ("run", "its recorder"): lambda moments: moments.run(lambda pid: _child(pid, 1)),
    ("run", "its kernel"): lambda moments: moments.run(lambda pid: _child(pid, 2)),
}
"""Kind and name of what is killed → what kills it, and says how it ended."""
