"""What lies in the folder of a run: its plan, its state, its papers, for whoever asks.

The folder is complete before the run's worker starts; the worker alone changes it afterwards, each
time by an atomic replacement of ``state.json``.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from governed_kernel.canonical import digest_file
from governed_kernel.errors import IntegrityBroken, UnknownName
from governed_kernel.files import below, read_regular, write_atomically
from governed_kernel.lineage.events import Artifact, FileDigest, now
from governed_kernel.locks import AN_HOUR, exclusive_lock
from governed_kernel.release.manifest import Input
from governed_kernel.workspace import Workspace, new_identifier

__all__ = [
    "COMMANDS",
    "ENDING",
    "STATE",
    "Kind",
    "Plan",
    "Progress",
    "RunState",
    "Subject",
    "is_alive",
    "new_run",
    "papers",
    "plan_of",
    "process_start",
    "run_folder",
    "state_of",
    "update_state",
]

S = TypeVar("S")
Kind = Literal["release", "rerun", "validation"]
COMMANDS: dict[Kind, str] = {"release": "run", "validation": "validate", "rerun": "audit rerun"}
"""Kind of a run → the command that asks for it, which decisions are told by."""
STATE = "state.json"
ENDING = ".state.ending"
"""Where the last state waits while the run's end goes on record, before it becomes `STATE`."""


class Subject(msgspec.Struct, frozen=True):
    """What a validation run examines."""

    run_id: str
    adapter: str
    suite: str


class Plan(msgspec.Struct, frozen=True):
    """What a worker is to do; written once, before it starts."""

    run_id: str
    kind: Kind
    release: str
    digest: str
    person: str
    source: str
    """Folder that mirrors the workspace: notebook, code and suites as they were approved."""
    notebook: str
    """Path of the notebook below `source`."""
    parameters: dict[str, Any]
    inputs: list[Input]
    environment: str
    """Digest of the environment that the gate found."""
    threads: int
    timeout_seconds: float
    subject: Subject | None = None
    repeats: str = ""
    """The run that a re-run repeats."""


class Progress(msgspec.Struct, frozen=True):
    """Where the notebook stands."""

    cell: int = 0
    cells: int = 0
    heading: str = ""
    """The last heading above the running cell."""


class RunState(msgspec.Struct, frozen=True):
    """The content of ``state.json``."""

    run_id: str
    kind: Kind
    release: str
    state: Literal["starting", "running", "succeeded", "failed", "interrupted"]
    person: str
    started_at: datetime
    pid: int = 0
    pid_started: int = 0
    """Clock ticks after boot at which the worker started: a pid alone can be another process."""
    progress: Progress = Progress()
    ended_at: datetime | None = None
    error: dict[str, Any] = {}
    artifacts: list[Artifact] = []
    session_id: str = ""
    device: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("succeeded", "failed", "interrupted")

    @property
    def seconds(self) -> float:
        """How long it has run, or ran."""
        return ((self.ended_at or now()) - self.started_at).total_seconds()


def run_folder(workspace: Workspace, run_id: str) -> Path:
    """The folder of one run.

    Raises
    ------
    UnknownName
        There is none of that name (nor can a name lead elsewhere).
    """
    folder = workspace.runs / run_id
    if "/" in run_id or run_id.startswith(".") or not (folder / "plan.json").is_file():
        raise UnknownName(
            f"there is no run {run_id}",
            why=f"{workspace.runs} has no such run",
            next="'governed release show RELEASE' lists the runs of a release",
        )
    return folder


def plan_of(workspace: Workspace, run_id: str) -> Plan:
    """What the run was to do."""
    return _read(run_folder(workspace, run_id) / "plan.json", Plan)


def state_of(workspace: Workspace, run_id: str) -> RunState:
    """How the run stands."""
    return _read(run_folder(workspace, run_id) / STATE, RunState)


def _read(path: Path, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(read_regular(path), type=kind)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise IntegrityBroken(
            f"{path} can't be read",
            why=str(error),
            next="restore it from a backup, or remove that folder: the ledger keeps what was done",
        ) from error


def update_state(
    workspace: Workspace, run_id: str, *, patience: float = AN_HOUR, **changes: Any
) -> RunState:
    """Change fields of ``state.json``, unless the run is over.

    Raises
    ------
    LockHeld
        Somebody else holds it for longer than `patience` seconds.
    """
    folder = run_folder(workspace, run_id)
    with exclusive_lock(folder / "state.lock", patience):
        state = state_of(workspace, run_id)
        if not state.is_over:
            state = msgspec.structs.replace(state, **changes)
            write_atomically(folder / STATE, msgspec.json.encode(state))
        return state


def papers(folder: Path, *, with_output: bool = False) -> list[FileDigest]:
    """What lies in a run's folder beside its output, as it is now.

    Parameters
    ----------
    with_output : bool
        What a run that failed left half-made as well: no artifact, and still what it did.

    Notes
    -----
    The log may go on after that; its first ``bytes`` bytes are what the digest stands for.
    """
    names = ("log.txt", "plan.json", "ticket.json", "notebook.ipynb")
    found = sorted(below(folder / "work"))
    if with_output:
        found += sorted(below(folder / "output"))
    return [
        FileDigest(path.relative_to(folder).as_posix(), digest_file(path, size), size)
        for path in [*(folder / name for name in names), *found]
        if path.is_file() and not path.is_symlink() and (size := path.stat().st_size) >= 0
    ]


def is_alive(state: RunState) -> bool:
    """Whether the worker that this state names still runs."""
    return state.pid > 0 and process_start(state.pid) == state.pid_started


def process_start(pid: int) -> int:
    """Start time of a live process in clock ticks after boot (proc(5)); 0 when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def new_run(kind: Kind) -> str:
    """A name for a run that sorts by time."""
    return new_identifier(f"{kind}-" if kind != "release" else "run-")
