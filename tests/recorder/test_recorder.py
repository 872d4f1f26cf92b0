"""The recorder with plain programs for kernels: how it starts, ends, and what it writes."""

from __future__ import annotations

import importlib.metadata
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import governed_kernel
from governed_kernel.errors import UsageError
from governed_kernel.lineage.events import Access, SessionEnded, SessionStarted, Witnessed
from governed_kernel.recorder.order import Order, parse
from governed_kernel.workspace import Workspace
from tests.kernel.running import events_of


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "governed.toml").write_text('[workspace]\nname = "tests"\n')
    return Workspace.open(tmp_path)


def _order(workspace: Workspace, *command: str, session: str = "s") -> Order:
    return Order(str(workspace.root), session, "research", "n.ipynb", "", "", "", command)


def _run(
    workspace: Workspace, *command: str, session: str = "s"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _order(workspace, *command, session=session).command_line(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=workspace.root,
    )


def test_an_order_survives_its_command_line(workspace: Workspace) -> None:
    order = _order(workspace, "python", "-c", "print('--mode')", "--session", "other")
    line = order.command_line()
    assert parse(line[line.index("governed_kernel.recorder") + 1 :]) == order


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "--workspace w --session s --mode research",
        "--workspace w --session s --mode research --",
        "--workspace w --session s --mode wild -- x",
        "--workspace w --session s --mode release -- x",
        "--workspace w --session s --mode research --ticket t -- x",
        "--strange 1 -- x",
    ],
)
def test_a_wrong_order_is_refused(arguments: str) -> None:
    with pytest.raises(UsageError, match="started in a wrong way"):
        parse(arguments.split())


def test_the_program_runs_as_it_would_without_a_recorder(workspace: Workspace) -> None:
    code = (
        "import os, sys\nprint(os.getsid(0) == os.getpid())\n"
        "print('e', file=sys.stderr)\nsys.exit(3)"
    )
    found = _run(workspace, sys.executable, "-c", code)
    assert (found.stdout, found.stderr, found.returncode) == ("True\n", "e\n", 3)
    (ended,) = events_of(workspace.journals / "s.jsonl", SessionEnded)
    assert ended.exit_status == 3


def test_a_signal_that_ends_the_program_ends_the_recorder(workspace: Workspace) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert _run(workspace, sys.executable, "-c", code).returncode == -signal.SIGTERM
    (ended,) = events_of(workspace.journals / "s.jsonl", SessionEnded)
    assert ended.reason == "killed by SIGTERM"


def test_a_program_that_does_not_exist_is_reported(workspace: Workspace) -> None:
    found = _run(workspace, "/nowhere/program")
    assert found.returncode == 127
    assert "FileNotFoundError" in found.stderr


def test_signals_are_passed_on(workspace: Workspace) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\ntime.sleep(60)"
    )
    command = _order(workspace, sys.executable, "-c", code).command_line()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 5


def test_what_a_program_opens_is_witnessed(workspace: Workspace) -> None:
    data = workspace.root / "data.csv"
    data.write_text("a\n")
    found = _run(workspace, "cat", "data.csv")
    assert found.stdout == "a\n"
    journal = workspace.journals / "s.jsonl"
    (started,) = events_of(journal, SessionStarted)
    assert (started.notebook, started.witness) == ("n.ipynb", "full")
    assert str(data) in [seen.path for seen in events_of(journal, Witnessed)]
    (access,) = [access for access in events_of(journal, Access) if access.operation == "read"]
    assert (access.uri, access.evidence) == (data.as_uri(), "unexplained")


def test_a_session_says_which_libraries_its_interpreter_has(workspace: Workspace) -> None:
    assert _run(workspace, sys.executable, "-c", "pass").returncode == 0
    (started,) = events_of(workspace.journals / "s.jsonl", SessionStarted)
    assert started.versions["msgspec"] == importlib.metadata.version("msgspec")
    assert started.versions["governed-notebooks"] == governed_kernel.__version__


@pytest.mark.parametrize("name", ["rows.csv", "rows", "rows.json"])
def test_data_among_libraries_is_witnessed_while_the_recorder_itself_starts(
    workspace: Workspace, name: str
) -> None:
    folder = Path(sysconfig.get_path("purelib")) / f"planted_{secrets.token_hex(4)}"
    folder.mkdir()
    try:
        (folder / name).write_text("a,b\n1,2\n")
        # It is over long before the recorder has all it needs.
        assert _run(workspace, "/bin/cat", str(folder / name)).stdout == "a,b\n1,2\n"
    finally:
        shutil.rmtree(folder)
    seen = [event.path for event in events_of(workspace.journals / "s.jsonl", Witnessed)]
    assert str(folder / name) in seen


def test_what_is_moved_away_is_gone_where_it_was(workspace: Workspace) -> None:
    data = workspace.root / "data.csv"
    data.write_text("a\n")
    assert _run(workspace, "mv", "data.csv", "moved.csv").returncode == 0
    accesses = events_of(workspace.journals / "s.jsonl", Access)
    changed = [
        (access.operation, access.uri) for access in accesses if access.operation != "execute"
    ]
    moved = (workspace.root / "moved.csv").as_uri()
    assert changed == [("delete", data.as_uri()), ("write", moved)]


def test_what_lies_in_memory_that_all_share_is_witnessed(workspace: Workspace) -> None:
    data = Path("/dev/shm", f"shared-{secrets.token_hex(4)}")
    code = f"import os; os.write(os.open({str(data)!r}, os.O_WRONLY | os.O_CREAT), b'rows')"
    try:
        assert _run(workspace, sys.executable, "-c", code).returncode == 0
        found = _run(workspace, "cat", str(data), session="t")
    finally:
        data.unlink()
    assert found.stdout == "rows"
    seen = [
        (access.operation, access.uri)
        for session in ("s", "t")
        for access in events_of(workspace.journals / f"{session}.jsonl", Access)
        if access.operation in ("read", "write")
    ]
    assert seen == [("write", data.as_uri()), ("read", data.as_uri())]


def test_asking_the_name_services_cache_is_no_access_to_data(workspace: Workspace) -> None:
    code = (
        "import contextlib, socket\n"
        "for path in ('/run/nscd/socket', '/run/other/socket'):\n"
        "    with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):\n"
        "        asking.connect(path)\n"
    )
    assert _run(workspace, sys.executable, "-c", code).returncode == 0
    accesses = events_of(workspace.journals / "s.jsonl", Access)
    connected = [access.uri for access in accesses if access.operation == "connect"]
    assert connected == ["unix:///run/other/socket"]


def test_a_program_without_a_parent_ends(workspace: Workspace) -> None:
    command = _order(workspace, "sleep", "60").command_line()
    starter = (
        "import os, subprocess, sys\n"
        "os.environ['JPY_PARENT_PID'] = str(os.getpid())\n"
        f"process = subprocess.Popen({command!r}, start_new_session=True)\n"
        "print(process.pid)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", starter], capture_output=True, text=True, timeout=60, check=True
    )
    descriptor = os.pidfd_open(int(found.stdout))
    assert select.select([descriptor], [], [], 30)[0], "the recorder goes on without its parent"
    os.close(descriptor)
    (ended,) = events_of(workspace.journals / "s.jsonl", SessionEnded)
    assert "the process that started the kernel is gone" in ended.reason


def test_two_sessions_never_share_a_journal(workspace: Workspace) -> None:
    assert _run(workspace, "true").returncode == 0
    second = _run(workspace, "true")
    assert second.returncode == 6
    assert "exists already" in second.stderr


def test_a_recorder_inside_a_recorder_says_that_it_is_not_the_witness(
    workspace: Workspace,
) -> None:
    inner = _order(workspace, "true", session="inner").command_line()
    assert _run(workspace, *inner).returncode == 0
    (started,) = events_of(workspace.journals / "inner.jsonl", SessionStarted)
    assert started.witness.startswith("not witnessed: another witness")
    assert events_of(workspace.journals / "s.jsonl", SessionEnded)
