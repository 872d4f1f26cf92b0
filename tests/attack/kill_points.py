"""Kill -9 at every point: what was acknowledged stays, nothing blocks, nothing is doubled.

``python -m tests.attack.kill_points [--points N] [--seed S]`` kills every kind of process that
writes: at each of its changes of files, before the system call and after half of its bytes, and
kernels, recorders and workers at moments drawn at random. It ends with 1 when something was lost.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from governed_kernel.audit.report import Check
from governed_kernel.audit.verification import verify_workspace
from governed_kernel.lineage.journal import SESSION_DECODER, read_records
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from tests.attack.kill_moments import MOMENTS, Moments
from tests.attack.scenarios import SCENARIOS, Scenario, keep, prepared, restore
from tests.attack.stopping import WHOLE
from tests.attack.tally import Tally
from tests.loop.environment import PythonEnvironment
from tests.loop.place import Place
from tests.loop.stages import Stages

__all__ = ["Killing", "main"]

_THRICE = ("record, seal, compress", "ingest", "migrate")
"""Kinds of processes that write without a person who would do it again: killed more often."""
STOPPING = Path(__file__).with_name("stopping.py")


class Stopper:
    """The process that runs commands up to a chosen change of a file (`stopping`)."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._output = folder / "output"
        self._process = subprocess.Popen(
            [python, STOPPING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, place: Place, what: dict[str, Any], at: int, *, half: bool) -> dict[str, Any]:
        """Run `what` in `place`; ``at`` 0 lets it end."""
        request = {
            **what,
            "environment": {"GOVERNED_HOME": str(place.home)},
            "folder": str(place.root),
            "roots": [str(place.root), str(place.home)],
            "output": str(self._output),
            "at": at,
            "half": half,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Killing:
    """One scenario: typed once to its end, then killed at each chosen point."""

    def __init__(
        self, stages: Stages, scenario: Scenario, stopper: Stopper, folder: Path, tally: Tally
    ) -> None:
        self.scenario = scenario
        self.stopper = stopper
        self.tally = tally
        self.place = prepared(stages, scenario, folder)
        self.known = {check.subject for check in self._verify()}
        self._kept = keep(self.place, folder / "kept")
        self.before = Ledger(self.place.workspace).events()
        self.turn = 0
        done = self._run(0, half=False)
        assert done["code"] == 0, done["output"]
        assert self._added() == scenario.adds, self._added()
        self.points = points_of(done["calls"])
        tally.points[scenario.kind, scenario.name] = len(self.points)
        self.restore()

    def restore(self) -> None:
        """Everything as it was."""
        restore(self.place, self._kept)

    def _run(self, at: int, *, half: bool) -> dict[str, Any]:
        place, scenario = self.place, self.scenario
        if scenario.code:
            session = f"20260101T000000-{self.turn:08x}"
            code = scenario.code.replace("{root!r}", repr(str(place.root)))
            code = code.replace("{session!r}", repr(session)).replace("{{", "{").replace("}}", "}")
            what: dict[str, Any] = {"code": code}
        else:
            words = place.words(scenario.command.format(home=place.home))
            what = {"argv": ["--workspace", str(place.root), *words]}
        return self.stopper.run(place, what, at, half=half)

    def _verify(self) -> list[Check]:
        with self.place.inside():
            report = verify_workspace(self.place.workspace)
        return [check for check in report.checks if check.outcome != "ok"]

    def _added(self) -> tuple[str, ...]:
        """What the ledger has more than before; all that was there is still there."""
        events = Ledger(self.place.workspace).events()
        assert events[: len(self.before)] == self.before, "an acknowledged record is gone"
        names = [type(said).__name__ for said in self.place.record()[len(self.before) :]]
        return tuple(name for name in names if name not in ("Decided", "RunRefused"))

    def kill(self, at: int, *, half: bool) -> None:
        """Kill it at its change number `at`; look at what is left, and do it again."""
        self.turn += 1
        found = self._run(at, half=half)
        key = self.scenario.kind, self.scenario.name
        if found["code"] != -9:
            return  # it had fewer changes this time: it ended
        self.tally.killed[key] += 1
        self.tally.half[key] += half
        try:
            self._after(found)
        except Exception as error:  # every kind of failure is the finding here
            where = f"{self.scenario.name}, change {at}{' half' if half else ''}"
            wrong = f"{where}: {found['where']}: {type(error).__name__}: {error}"
            self.tally.wrong.append(wrong)
            sys.stderr.write(f"\n{wrong[:600]}\n")
        self.restore()

    def _after(self, found: dict[str, Any]) -> None:
        added = self._added()
        adds = self.scenario.adds
        in_order = added == adds[: len(added)]
        whole = self.scenario.name == "deploy" or added in ((), adds)  # a bundle is an entry alone
        assert in_order, f"the ledger got {added}"
        assert whole, f"the ledger got {added}"
        self.tally.after["done" if added == adds and adds else "before"] += 1
        checks = self._verify()
        broken = [check for check in checks if check.outcome == "broken"]
        assert not broken, broken
        if self.scenario.code:
            self._check_session(found["output"], checks, sealed=bool(added))
            return
        done = self._run(0, half=False)
        codes = self.scenario.already if added == adds else (0,)
        assert done["code"] in codes, f"again: {done['code']}: {done['output']}"
        twice = self.scenario.repeats and added == adds
        assert self._added() == (adds * 2 if twice else adds), f"then: {self._added()}"
        left = [check for check in self._verify() if check.outcome == "broken"]
        assert not left, left
        self._check_store()

    def _check_session(self, output: str, checks: list[Check], *, sealed: bool) -> None:
        """Every acknowledged record is there; a session without its seal is never good."""
        session = f"20260101T000000-{self.turn:08x}"
        path = self.place.workspace.journals / f"{session}.jsonl"
        said = [int(line.split()[1]) for line in output.splitlines() if line.startswith("ack")]
        there = sum(1 for _ in read_records(path, SESSION_DECODER)) if said or sealed else 0
        assert there >= max(said, default=0), f"{said[-1]} were acknowledged, {there} are there"
        assert sealed or "sealed" not in output
        shown = [check for check in checks if check.subject == session]
        if shown:
            assert shown[0].outcome == "unsealed", shown
            self.tally.after["unsealed"] += 1
        assert sealed or shown or not there, "a session without a seal was called good"
        self._check_store()
        there_still = sum(1 for _ in read_records(path, SESSION_DECODER)) if there else 0
        assert there_still == there
        left = [check for check in self._verify() if check.outcome == "broken"]
        assert not left, left

    def _check_store(self) -> None:
        """The next reader finds everything, once: as if the store were made anew."""
        self.place.done_here("lineage sql 'select count(*) from sessions'")
        if self.scenario.kind == "CLI" and self.scenario.name != "store erase":
            return
        store = Store(self.place.workspace)
        found = store.fingerprint()
        self.place.done_here("store rebuild")
        assert store.fingerprint() == found, "the store is not what the journals say"
        left = list(self.place.workspace.state.glob("ingest-*"))
        assert not left, left


@contextmanager
def stopper_in(stages: Stages, folder: Path) -> Iterator[Stopper]:
    """A `Stopper` with the environment in which releases are made."""
    stopper = Stopper(stages.environment.python, folder)
    try:
        yield stopper
    finally:
        stopper.close()


def points_of(calls: list[str]) -> list[tuple[int, bool]]:
    """Every point at which to kill: before each change, and half-way through each write."""
    before = [(number, False) for number in range(1, len(calls) + 1)]
    torn = [number for number, call in enumerate(calls, 1) if "write" in call]
    half = [(number, True) for number in torn if not calls[number - 1].endswith(WHOLE)]
    return sorted(before + half)


def chosen_points(
    points: list[tuple[int, bool]], wanted: int, draw: random.Random
) -> list[tuple[int, bool]]:
    """All of them, or as many as wanted."""
    return points if wanted >= len(points) else sorted(draw.sample(points, wanted))


class _Round:
    """What was chosen, one kill after the other.

    Parameters
    ----------
    share : tuple of int
        Which part of everything, of how many parts.
    """

    def __init__(self, base: Path, chosen: argparse.Namespace, share: tuple[int, int]) -> None:
        self.tally = Tally()
        self._base = base
        self._points = chosen.points
        self._draw = random.Random(chosen.seed)
        self._started = time.monotonic()
        self._stages = Stages(base / "loop", PythonEnvironment.make(base / "environment"))
        number, count = share
        found = [*MOMENTS, *((scenario.kind, scenario.name) for scenario in SCENARIOS)]
        asked = [each for each in found if chosen.only in ": ".join(each)]
        self._mine = set(asked[number::count])

    def go(self) -> None:
        """Moments first, then every command at its changes of files."""
        moments = None
        for kind, name in [key for key in MOMENTS if key in self._mine]:
            if moments is None:
                folder = self._base / "moments"
                moments = Moments.make(self._stages, folder, self.tally, self._draw)
            for _ in range(self._points if kind == "kernel" else self._points // 2):
                moments.kill(kind, name)
                self._tell(name)
        with stopper_in(self._stages, self._base) as stopper:
            for number, scenario in enumerate(SCENARIOS):
                if (scenario.kind, scenario.name) in self._mine:
                    self._kill(scenario, stopper, self._base / str(number))

    def _kill(self, scenario: Scenario, stopper: Stopper, folder: Path) -> None:
        killing = Killing(self._stages, scenario, stopper, folder, self.tally)
        wanted = self._points * (3 if scenario.kind in _THRICE else 1)
        for at, half in chosen_points(killing.points, wanted, self._draw):
            killing.kill(at, half=half)
            self._tell(scenario.name)

    def _tell(self, name: str) -> None:
        seconds = time.monotonic() - self._started
        killed, wrong = self.tally.killed.total(), len(self.tally.wrong)
        sys.stderr.write(f"{name}: {killed} killed, {wrong} wrong, {seconds:.0f} s\n")
        sys.stderr.flush()


def _go(chosen: argparse.Namespace, share: tuple[int, int], out: Connection) -> None:
    """One share of it, in a process of its own; tells what came of it, also when interrupted."""
    ended, tally = False, Tally()
    with tempfile.TemporaryDirectory(prefix="kill-") as name, suppress(KeyboardInterrupt):
        killing = _Round(Path(name), chosen, share)
        tally = killing.tally
        killing.go()
        ended = True
    out.send((tally, ended))


def main(arguments: list[str] | None = None) -> int:
    """Kill everything, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack.kill_points")
    parser.add_argument(
        "--points",
        type=int,
        default=15,
        help="how many for each command; more for what writes by itself",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="what has this in 'KIND: NAME'")
    parser.add_argument("--jobs", type=int, default=1, help="in how many processes at once")
    chosen = parser.parse_args(arguments)
    context = multiprocessing.get_context("spawn")
    pipes = []
    for number in range(chosen.jobs):
        here, there = context.Pipe(duplex=False)
        context.Process(target=_go, args=(chosen, (number, chosen.jobs), there)).start()
        there.close()
        pipes.append(here)
    tally, whole = Tally(), True
    for pipe in pipes:
        while True:
            with suppress(KeyboardInterrupt):  # each process gets it as well, and tells then
                found, ended = pipe.recv()
                break
        tally.add(found)
        whole = whole and ended
    how = "to the end" if whole else "interrupted"
    sys.stdout.write(f"seed {chosen.seed}, {how}\n{tally.table()}\n")
    for wrong in tally.wrong:
        sys.stdout.write(f"WRONG {wrong}\n")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
