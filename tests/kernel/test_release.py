"""The kernel of a release run: started by a run alone, confined to its ticket."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.errors import Refused
from governed_kernel.lineage.events import Access, RunEnded, RunStarted, SessionStarted, Witnessed
from governed_kernel.recorder.shared_memory import obstacle
from governed_kernel.workspace import Workspace
from tests.kernel.running import RunningKernel, make_workspace, record_there

RUN = "run-20260101T000000-00000001"


class PreparedRun:
    """A run as its worker prepares it; this process is the worker."""

    def __init__(self, workspace: Workspace, run_id: str = RUN) -> None:
        self.workspace = workspace
        self.run_id = run_id
        self.folder = workspace.runs / run_id
        self.ticket = self.folder / "ticket.json"
        for name in ("output", "tmp", "work"):
            (self.folder / name).mkdir(parents=True)
        self.data = workspace.root / "snapshot.csv"
        self.data.write_text("a,b\n1,2\n")
        self.write()

    def write(self, **changes: Any) -> None:
        ticket = {
            "run_id": self.run_id,
            "release": "triage@1",
            "kind": "release",
            "nonce": secrets.token_hex(16),
            "notebook": "notebook.ipynb",
            "read": [str(self.folder / "work"), str(self.data)],
            "write": [str(self.folder / "output"), str(self.folder / "tmp")],
            "inputs": {
                "triage-data@1": {
                    "dataset": "triage-data",
                    "version": "1",
                    "kind": "data",
                    "path": str(self.data),
                    "sha256": "0" * 64,
                    "data_class": "health",
                    "purposes": ["train"],
                }
            },
            "output": str(self.folder / "output"),
            "threads": 1,
            "pid": os.getpid(),
            **changes,
        }
        self.ticket.write_bytes(msgspec.json.encode(ticket))

    def start(self) -> None:
        event = RunStarted(
            run_id=self.run_id,
            release="triage@1",
            digest="0" * 64,
            kind="release",
            person="ada",
            parameters={},
            environment="0" * 64,
        )
        record_there(self.workspace, event)

    @property
    def environment(self) -> dict[str, str]:
        temporary = str(self.folder / "tmp")
        return {
            "PATH": os.environ["PATH"],
            "HOME": temporary,
            "TMPDIR": temporary,
            "IPYTHONDIR": f"{temporary}/ipython",
            "LANG": "C.UTF-8",
            "GOVERNED_RUN": self.run_id,
            "GOVERNED_TICKET": str(self.ticket),
        }

    def kernel(self, **changes: str) -> RunningKernel:
        environment = {**self.environment, **changes}
        folder = self.folder / "work"
        return RunningKernel(self.workspace, "governed-release", environment, folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> PreparedRun:
    prepared = PreparedRun(make_workspace(tmp_path_factory.mktemp("release") / "workspace"))
    prepared.start()
    return prepared


@pytest.fixture(scope="module")
def kernel(run: PreparedRun) -> Iterator[RunningKernel]:
    running = run.kernel()
    yield running
    running.close()


@pytest.fixture
def fresh(tmp_path: Path) -> PreparedRun:
    return PreparedRun(make_workspace(tmp_path / "workspace"))


def test_the_session_names_its_run(kernel: RunningKernel) -> None:
    (started,) = kernel.events(SessionStarted)
    assert (started.mode, started.run_id, started.witness) == ("release", RUN, "full")


def test_what_the_ticket_names_can_be_read_and_written(
    kernel: RunningKernel, run: PreparedRun
) -> None:
    target = run.folder / "output" / "a"
    code = f"text = open({str(run.data)!r}).read(); open({str(target)!r}, 'w').write(text)"
    assert kernel.run(code).status == "ok"
    (read,) = [access for access in kernel.of_last(Access) if access.uri == run.data.as_uri()]
    assert (read.dataset, read.version, read.data_class) == ("triage-data", "1", "health")
    assert read.decision == "allowed"
    assert target.read_text() == "a,b\n1,2\n"


def test_a_file_outside_the_ticket_is_refused_by_policy_and_says_why(
    kernel: RunningKernel, run: PreparedRun
) -> None:
    secret = run.workspace.root / "secret.csv"
    secret.write_text("x")
    reply = kernel.run(f"open({str(secret)!r})")
    assert reply.error_name == "PolicyDenied"
    assert "ticket does not name" in reply.error
    (access,) = [found for found in kernel.of_last(Access) if found.uri == secret.as_uri()]
    assert access.decision == "denied"


NATIVE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    return "done" if result >= 0 else os.strerror(ctypes.get_errno())
"""


_TEXTS = ("common-licenses", "doc", "dict", "man", "info")
"""What lies beside programs, and is none."""


def test_native_code_is_held_by_the_system(kernel: RunningKernel, run: PreparedRun) -> None:
    secret = run.workspace.root / "hidden.csv"
    secret.write_text("x")
    kernel.run(NATIVE)
    assert kernel.run(f"attempt('open', {str(secret).encode()!r}, 0)").text == "'Permission denied'"
    assert kernel.run(f"attempt('unlink', {str(run.data).encode()!r})").text != "'done'"
    beside = next(path for path in Path("/usr/share").glob("*/*") if path.parent.name in _TEXTS)
    assert kernel.run(f"attempt('open', {str(beside).encode()!r}, 0)").text == "'Permission denied'"

    assert kernel.run(f"attempt('open', {str(run.data).encode()!r}, 1)").text != "'done'"
    assert [seen for seen in kernel.events(Witnessed) if seen.path == str(secret)]


def test_a_run_takes_locks_of_its_own_and_none_of_the_workspace_s(
    kernel: RunningKernel, run: PreparedRun
) -> None:
    """Libraries lock their caches, which lie in the run's folder for temporary files."""
    code = "import os; from filelock import FileLock\n"
    code += "with FileLock(os.environ['TMPDIR'] + '/hub/x.lock'): print('held')"
    (run.folder / "tmp" / "hub").mkdir()
    assert kernel.run(code).text == "held\n"
    left = run.folder / "output" / "uv.lock"
    code = f"with open({str(left)!r}, 'w') as file: file.write('x')\n"
    assert kernel.run(f"{code}os.replace({str(left)!r}, {str(left)!r} + '.lock')").status == "ok"
    assert left.with_name("uv.lock.lock").read_text() == "x"

    beside = run.workspace.runs / "run-other" / "tmp"
    beside.mkdir(parents=True)
    for lock in (run.workspace.state / "ledger.lock", run.folder / "state.lock", beside / "a.lock"):
        lock.touch()
        kernel.run(NATIVE)
        for flags in (0, 2):
            reply = kernel.run(f"attempt('open', {str(lock).encode()!r}, {flags})")
            assert reply.text == "'Permission denied'", lock


def test_programs_are_held_as_well(kernel: RunningKernel, run: PreparedRun) -> None:
    secret = run.workspace.root / "for-cat.csv"
    secret.write_text("x")
    code = "import subprocess; subprocess.run(['cat', {!r}], capture_output=True).returncode"
    assert kernel.run(code.format(str(secret))).text == "1"
    assert kernel.run(code.format(str(run.data))).text == "0"


def test_there_is_no_network(kernel: RunningKernel) -> None:
    kernel.run(NATIVE)
    assert kernel.run("attempt('socket', 2, 1, 0)").text == "'Permission denied'"
    assert kernel.run("attempt('socket', 10, 2, 0)").text == "'Permission denied'"
    reply = kernel.run("import socket; socket.create_connection(('127.0.0.1', 9))")
    assert reply.status == "error"
    reply = kernel.run("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')")
    assert reply.status == "error"


def test_sockets_of_daemons_are_out_of_reach_and_ones_own_are_not(
    kernel: RunningKernel, run: PreparedRun
) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(f"{folder}/daemon")
        daemon.listen()
        kernel.run(NATIVE)
        kernel.run(f"address = b'\\x01\\x00' + {folder.encode()!r} + b'/daemon\\x00'")
        reply = kernel.run("attempt('connect', libc.socket(1, 1, 0), address, len(address))")
        assert reply.text == "'Permission denied'"
    reply = kernel.run(
        f"import os, socket; os.chdir({str(run.folder / 'tmp')!r})\n"
        "server = socket.socket(socket.AF_UNIX); server.bind('own'); server.listen()\n"
        "client = socket.socket(socket.AF_UNIX); client.connect('own'); 'connected'"
    )
    assert reply.text == "'connected'"


def test_what_a_forked_child_prints_reaches_the_client(kernel: RunningKernel) -> None:
    reply = kernel.run(
        "import os, sys, warnings\nwarnings.simplefilter('ignore')\n"
        "child = os.fork()\n"
        "if not child:\n    print('from the child'); sys.stdout.flush(); os._exit(0)\n"
        "_ = os.waitpid(child, 0)"
    )
    assert reply.text == "from the child\n"


def test_the_journal_and_the_ledger_are_out_of_reach(
    kernel: RunningKernel, run: PreparedRun
) -> None:
    kernel.run(NATIVE)
    for path in (kernel.journal, run.workspace.ledger, run.ticket):
        code = f"attempt('open', {str(path).encode()!r}, 1)"
        assert kernel.run(code).text == "'Permission denied'"


def test_a_cell_can_compute_with_libraries(kernel: RunningKernel) -> None:
    code = "import numpy, pandas, sklearn.linear_model; float(numpy.ones(3).sum())"
    assert kernel.run(code).text == "3.0"


@pytest.mark.skipif(bool(obstacle()), reason="no private shared memory here")
def test_a_cell_can_load_data_by_several_processes(kernel: RunningKernel) -> None:
    reply = kernel.run(
        "import warnings; warnings.simplefilter('ignore')\n"
        "import torch\nfrom torch.utils.data import DataLoader, TensorDataset\n"
        "rows = TensorDataset(torch.arange(64.0).reshape(32, 2))\n"
        "loader = DataLoader(rows, batch_size=4, num_workers=2)\n"
        "float(sum(batch.sum() for (batch,) in loader))"
    )
    assert reply.text == "2016.0", reply
    assert not [access.uri for access in kernel.of_last(Access) if access.evidence != "observed"]


def test_a_cell_cannot_open_a_secret_to_others(kernel: RunningKernel, run: PreparedRun) -> None:
    secret = run.workspace.root / "secret.pem"
    secret.touch(mode=0o600)
    code = f"import os; os.chmod({str(secret)!r}, 0o666); os.utime({str(secret)!r}, (1, 1))"
    assert kernel.run(code).status == "ok"  # as a library that copies a file with its mode expects
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.stat().st_mtime > 1


def test_no_datagram_reaches_a_daemon(kernel: RunningKernel) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon,
    ):
        daemon.bind(f"{folder}/log")
        daemon.setblocking(False)
        code = "import socket\none, two = socket.socketpair(type=socket.SOCK_DGRAM)\n"
        code += f"one.sendmsg([b'row 1'], [], 0, {daemon.getsockname()!r})"
        assert kernel.run(code).error_name == "PermissionError"
        with pytest.raises(BlockingIOError):
            daemon.recv(10)


def test_root_keeps_no_power_but_over_files(kernel: RunningKernel) -> None:
    read = "[line.split() for line in open('/proc/self/status') if line.startswith('Cap')]"
    held = {name: int(bits, 16) for name, bits in eval(kernel.run(read).text)}
    over_files = 1 << 1 | 1 << 2
    assert held["CapPrm:"] & ~over_files == held["CapEff:"] & ~over_files == 0


def test_no_configuration_adds_code_to_it(fresh: PreparedRun) -> None:
    profile = fresh.folder / "tmp" / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text("c.IPKernelApp.exec_lines = ['planted = 1']")
    (profile / "startup").mkdir()
    (profile / "startup" / "first.py").write_text("planted = 1")
    fresh.start()
    running = fresh.kernel()
    try:
        assert running.run("planted").error_name == "NameError"
    finally:
        running.close()


def test_someone_cannot_start_it_by_hand(fresh: PreparedRun) -> None:
    with pytest.raises(Refused, match="it was started by hand, not by a run"):
        fresh.kernel(GOVERNED_RUN="", GOVERNED_TICKET="")


def test_a_run_that_the_ledger_does_not_know_is_refused(fresh: PreparedRun) -> None:
    with pytest.raises(Refused, match="the ledger knows no running"):
        fresh.kernel()


def test_a_run_that_is_over_is_refused(fresh: PreparedRun) -> None:
    fresh.start()
    record_there(fresh.workspace, RunEnded(run_id=RUN, state="succeeded"))
    with pytest.raises(Refused, match="the ledger knows no running"):
        fresh.kernel()


def test_a_ticket_elsewhere_is_refused(fresh: PreparedRun, tmp_path: Path) -> None:
    fresh.start()
    copy = tmp_path / "ticket.json"
    copy.write_bytes(fresh.ticket.read_bytes())
    with pytest.raises(Refused, match="is not the ticket of"):
        fresh.kernel(GOVERNED_TICKET=str(copy))


def test_a_ticket_of_another_process_is_refused(fresh: PreparedRun) -> None:
    fresh.start()
    fresh.write(pid=2**22 - 1)
    with pytest.raises(Refused, match="did not start it"):
        fresh.kernel()


def test_a_ticket_that_is_none_is_refused(fresh: PreparedRun) -> None:
    fresh.start()
    fresh.ticket.write_text("{}")
    with pytest.raises(Refused, match="no valid ticket"):
        fresh.kernel()
