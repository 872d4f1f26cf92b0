"""A workspace in which everything is kept that a workspace can keep, made by the loop itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from governed_kernel.lineage.heads import head_file
from governed_kernel.release import run_states
from tests.attack.kinds import Kept, kept_files
from tests.kernel.running import RunningKernel, home_of, wait_until
from tests.loop.place import Place
from tests.loop.stages import Stages

__all__ = ["FullWorkspace", "full_workspace"]

CELLS = (
    "import pandas as pd\nfrom pathlib import Path",
    "frame = pd.read_csv('berries.csv')",
    "red = frame[frame['redness'] > 0.5].groupby('taste').agg({'firmness': 'mean'})",
    "red.to_csv('research/red.csv')",
    "1 / 0",
)


@dataclass
class FullWorkspace:
    """A workspace to be attacked.

    Attributes
    ----------
    place : Place
        The workspace and its people.
    earlier : list of Path
        The same workspace at earlier moments, as somebody may have copied it.
    cut_off : str
        A session whose recorder was killed.
    unspoken : str
        Another, of which nobody says how far it went.
    live : str
        A session that goes on.
    """

    place: Place
    folder: Path
    earlier: list[Path] = field(default_factory=list)
    cut_off: str = ""
    unspoken: str = ""
    live: str = ""

    @property
    def root(self) -> Path:
        """The workspace's folder."""
        return self.place.root

    def files(self) -> list[Kept]:
        """What it keeps, with sessions told apart by how they ended."""
        return [self._told_apart(kept) for kept in kept_files(self.root)]

    def _told_apart(self, kept: Kept) -> Kept:
        names = {self.cut_off: "cut off", self.unspoken: "cut off, no word", self.live: "live"}
        how = names.get(kept.path.name.partition(".")[0], "")
        return Kept(kept.kind.replace(", sealed", "") + f", {how}", kept.path, kept.name) if (
            how and kept.path.parent.name == "journals"
        ) else kept  # fmt: skip

    def is_live(self, kept: Kept) -> bool:
        """Whether a recorder holds the file open."""
        return kept.path.parent.name == "journals" and kept.path.name.startswith(self.live)

    def keep_copy(self) -> None:
        """Remember how everything is now."""
        copy = self.folder / f"earlier-{len(self.earlier)}"
        subprocess.run(["cp", "-a", self.root, copy], check=True)
        self.earlier.append(copy)

    def older(self, kept: Kept) -> list[bytes]:
        """Other contents that the file had before, oldest first."""
        now = kept.path.read_bytes()
        found: list[bytes] = []
        for copy in self.earlier:
            path = copy / kept.name
            if path.is_file() and (content := path.read_bytes()) not in (now, *found):
                found.append(content)
        return found


@contextlib.contextmanager
def full_workspace(stages: Stages, folder: Path) -> Iterator[FullWorkspace]:
    """Walk on from the released stage until there is one of everything."""
    made = FullWorkspace(stages.released.copy(folder / "full"), folder)
    made.earlier = [
        place.root
        for place in (stages.candidate, stages.approved, stages.executed, stages.validated)
    ]
    made.keep_copy()
    place = made.place
    assert place.here("approve sour --for run {ada}").code == 3  # a refusal, on record
    place.done_here(f"audit checkpoint {folder / 'checkpoint.json'}")
    made.keep_copy()
    failed = place.governed("run sour -p behaviour raise --as otto")
    assert failed.code == 5, failed.err
    _kill_a_run(made)
    _tear_the_ledger(made)
    place.done_here("store erase --subject firmness --reason 'they asked' {dora}")
    made.cut_off = _cut_off(place)
    made.unspoken = _cut_off(place)
    head_file(place.workspace.journals / f"{made.unspoken}.jsonl").unlink()
    with _live(place) as kernel:
        made.live = kernel.journal.stem
        kernel.run(CELLS[0])
        made.keep_copy()
        for cell in CELLS[1:]:
            kernel.run(cell)
        place.done_here("lineage sessions")
        yield made


def _kill_a_run(made: FullWorkspace) -> None:
    """A run whose worker is killed is found dead by whoever looks next."""
    place = made.place
    before = set(place.workspace.runs.glob("run-*"))
    with place.start("run sour -p behaviour hang --as otto") as command:
        wait_until(lambda: set(place.workspace.runs.glob("run-*")) - before)
        (folder,) = set(place.workspace.runs.glob("run-*")) - before
        wait_until(lambda: run_states.state_of(place.workspace, folder.name).progress.cell > 3)
        made.keep_copy()
        os.kill(run_states.state_of(place.workspace, folder.name).pid, signal.SIGKILL)
        command.communicate()
    journal = _journal_of(place, folder.name)
    wait_until(lambda: not head_file(journal).exists())  # its recorder has sealed it


def _journal_of(place: Place, run_id: str) -> Path:
    from governed_kernel.lineage.sessions import session_of_run

    return place.workspace.journals / f"{session_of_run(place.workspace, run_id)}.jsonl"


def _tear_the_ledger(made: FullWorkspace) -> None:
    """What a power cut leaves of a record, kept aside by whoever writes the next."""
    with made.place.workspace.ledger.open("ab") as file:
        file.write(b"0123456789abcdef" * 3)
    assert made.place.here("approve sour --for run {ada}").code == 3


def _cut_off(place: Place) -> str:
    """A session whose recorder is killed while its kernel is idle."""
    with _live(place) as kernel:
        for cell in CELLS:
            kernel.run(cell)
        os.kill(kernel.recorder, signal.SIGKILL)
        kernel.await_end()
        return kernel.journal.stem


@contextlib.contextmanager
def _live(place: Place) -> Iterator[RunningKernel]:
    home = home_of(place.workspace)
    if not home.exists():
        shutil.copytree(place.home, home)
    kernel = RunningKernel(place.workspace)
    try:
        yield kernel
    finally:
        kernel.close(now=True)
