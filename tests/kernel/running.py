"""A real kernel under its recorder, and its journal."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from governed_kernel.governance import keys
from governed_kernel.governance.genesis import initialise
from governed_kernel.governance.pkcs8 import Cost
from governed_kernel.governance.signing import record
from governed_kernel.lineage.events import CellEnded, RunEvent, SessionEvent
from governed_kernel.lineage.forms import journal_files
from governed_kernel.lineage.journal import SESSION_DECODER, read_payloads, read_records
from governed_kernel.workspace import Workspace

SECONDS = 60

END_CHILDREN = """
import os, pathlib, signal
for task in pathlib.Path('/proc/self/task').iterdir():
    for child in (task / 'children').read_text().split():
        os.kill(int(child), signal.SIGKILL)
        os.waitpid(int(child), 0)
"""
"""A cell that ends helpers of multiprocessing; ipykernel would wait 29 seconds for them."""

E = TypeVar("E")


def make_workspace(root: Path) -> Workspace:
    """A real workspace, whose administrator's key is cheap to open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", str(root.with_name(f"{root.name}-home")))
        patch.setattr(keys, "COST", Cost(n=2**8, r=8, p=1))
        return initialise(root, "ada", "Ada", b"a passphrase of ada's")


def home_of(workspace: Workspace) -> Path:
    """The personal folder of those who work in it."""
    return workspace.root.with_name(f"{workspace.root.name}-home")


def record_there(workspace: Workspace, *events: RunEvent) -> None:
    """Put on record what a run did, as its worker does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", str(home_of(workspace)))
        record(workspace, *events)


@dataclass
class Reply:
    """What a client saw of one cell."""

    status: str
    text: str = ""
    error_name: str = ""
    error: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)


class RunningKernel:
    """A kernel with a client that waits for it."""

    def __init__(
        self,
        workspace: Workspace,
        name: str = "governed-research",
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.workspace = workspace
        self._folder = tempfile.mkdtemp(prefix="gk-")
        self.manager = KernelManager(
            kernel_name=name,
            transport="ipc",
            connection_file=f"{self._folder}/kernel.json",
        )
        self.manager.shutdown_wait_time = 2.0 * SECONDS  # half of it before a SIGTERM
        before = set(journal_files(workspace.journals))
        variables = dict(os.environ if environment is None else environment)
        variables["GOVERNED_HOME"] = str(home_of(workspace))
        self.manager.start_kernel(cwd=str(folder or workspace.root), env=variables)
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        try:
            self.client.wait_for_ready(timeout=SECONDS)
        except RuntimeError:
            self.close()
            raise
        self.journal = self._new_journal(before)

    def _new_journal(self, before: set[Path]) -> Path:
        (journal,) = set(journal_files(self.workspace.journals)) - before
        return journal

    @property
    def recorder(self) -> int:
        """Process id of the recorder."""
        provisioner: Any = self.manager.provisioner
        return int(provisioner.pid)

    @property
    def kernel(self) -> int:
        """Process id of the kernel: the recorder's child."""
        children = Path(f"/proc/{self.recorder}/task/{self.recorder}/children").read_text()
        return int(children.split()[0])

    def run(self, code: str, cell_id: str = "", **options: Any) -> Reply:
        """Execute a cell and wait for its reply."""
        return self.wait(self.send(code, cell_id, **options))

    def send(self, code: str, cell_id: str = "", **options: Any) -> str:
        """Send a cell; returns the request's id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
            **options,
        }
        message = self.client.session.msg("execute_request", content)
        if cell_id:
            message["metadata"]["cellId"] = cell_id
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def wait(self, request: str) -> Reply:
        """The reply to a request, with everything the cell showed."""
        reply = Reply("")
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                reply.text += content["text"]
            elif message["msg_type"] == "execute_result":
                reply.result = content["data"]
                reply.text += content["data"]["text/plain"]
            elif message["msg_type"] == "error":
                reply.outputs.append(content)
            elif content.get("execution_state") == "idle":
                break
        while True:
            message = self.client.get_shell_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == request:
                break
        content = message["content"]
        reply.status = content["status"]
        reply.error_name, reply.error = content.get("ename", ""), content.get("evalue", "")
        return reply

    def events(self, *kinds: type[E]) -> list[E]:
        """The journal's verified events of the given types so far."""
        return events_of(self.journal, *kinds)

    def texts(self) -> dict[str, str]:
        """The erasable texts of the session, by digest."""
        return read_payloads(self.journal.with_suffix(".payloads.jsonl"))

    def last(self) -> int:
        """Number of the execution that ended last."""
        return self.events(CellEnded)[-1].execution

    def of_last(self, *kinds: type[E]) -> list[E]:
        """The events of the cell that ended last."""
        number = self.last()
        return [event for event in self.events(*kinds) if _execution(event) == number]

    def await_end(self) -> int:
        """Wait until the recorder has ended; returns its exit status."""
        process = self.manager.provisioner.process  # type: ignore[union-attr]
        deadline = time.monotonic() + SECONDS
        while process.poll() is None:
            assert time.monotonic() < deadline, "the recorder does not end"
            time.sleep(0.01)
        return int(process.returncode)

    def close(self, *, now: bool = False) -> None:
        """Shut down, by request or by force."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=now)
        shutil.rmtree(self._folder, ignore_errors=True)


def _execution(event: Any) -> int | None:
    return getattr(event, "execution", None)


def events_of(journal: Path, *kinds: type[E]) -> list[E]:
    """The verified events of a journal that are of the given types."""
    found: list[Any] = every_event(journal)
    return [event for event in found if isinstance(event, kinds)]


def every_event(journal: Path) -> list[SessionEvent]:
    """All verified events of a journal."""
    return [record.event for record in read_records(journal, SESSION_DECODER)]


def wait_until(holds: Any, seconds: float = SECONDS) -> None:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
