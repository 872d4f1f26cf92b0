"""How sessions end: well, by force, or because somebody works against the record."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import psutil  # it has no types
import pytest

from governed_kernel.lineage.events import (
    CellEnded,
    CellStarted,
    ObserverLost,
    SessionEnded,
    SessionSealed,
)
from governed_kernel.lineage.forms import content_size, journal_files
from governed_kernel.lineage.journal import SESSION_DECODER, read_records
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.kernel.running import RunningKernel, events_of, wait_until


def _seals(workspace: Workspace) -> list[SessionSealed]:
    return [event for event in Ledger(workspace).events() if isinstance(event, SessionSealed)]


def _is_sealed(workspace: Workspace, journal: Path) -> bool:
    """Whether the ledger holds exactly this journal, to the last byte."""
    head = list(read_records(journal, SESSION_DECODER))[-1].head
    assert head.size == content_size(journal)
    (seal,) = [seal for seal in _seals(workspace) if seal.session_id == journal.stem]
    return (seal.records, seal.bytes, seal.head) == (head.records, head.size, head.hash.hex())


def test_a_session_that_ends_well_is_sealed(own_kernel: RunningKernel) -> None:
    own_kernel.run("1 + 1")
    own_kernel.close()
    (ended,) = events_of(own_kernel.journal, SessionEnded)
    assert (ended.exit_status, ended.reason) == (0, "")
    assert _is_sealed(own_kernel.workspace, own_kernel.journal)


def test_a_restart_begins_a_session_of_its_own(own_kernel: RunningKernel) -> None:
    own_kernel.run("x = 1")
    first = own_kernel.journal
    before = set(journal_files(own_kernel.workspace.journals))
    own_kernel.manager.restart_kernel(now=True)
    own_kernel.client.wait_for_ready(timeout=60)
    assert _is_sealed(own_kernel.workspace, first)
    assert events_of(first, SessionEnded)[0].reason == "killed by its client; killed by SIGKILL"
    own_kernel.journal = own_kernel._new_journal(before)
    assert own_kernel.run("x").error_name == "NameError"
    assert own_kernel.events(CellEnded)[0].execution == 1


def test_a_killed_kernel_leaves_a_sealed_journal(own_kernel: RunningKernel) -> None:
    own_kernel.run("before = 1")
    own_kernel.send("import os; open('half.txt', 'w').close(); os.kill(os.getpid(), 9)")
    assert own_kernel.await_end() == -signal.SIGKILL
    (ended,) = events_of(own_kernel.journal, SessionEnded)
    assert (ended.exit_status, ended.reason) == (-9, "killed by SIGKILL")
    assert events_of(own_kernel.journal, CellEnded)[-1].status == "died"
    assert _is_sealed(own_kernel.workspace, own_kernel.journal)


def test_a_kernel_that_exits_by_itself_gives_its_status(own_kernel: RunningKernel) -> None:
    own_kernel.send("import os; os._exit(7)")
    assert own_kernel.await_end() == 7
    assert events_of(own_kernel.journal, SessionEnded)[0].exit_status == 7


def test_a_killed_recorder_takes_its_kernel_along(own_kernel: RunningKernel) -> None:
    own_kernel.run("before = 1")
    kernel = psutil.Process(own_kernel.kernel)
    os.kill(own_kernel.recorder, signal.SIGKILL)
    kernel.wait(timeout=30)
    own_kernel.await_end()
    assert events_of(own_kernel.journal, CellEnded)[-1].status == "ok"
    assert not events_of(own_kernel.journal, SessionEnded)
    assert not _seals(own_kernel.workspace)


def test_processes_that_a_cell_leaves_behind_end_with_the_kernel(own_kernel: RunningKernel) -> None:
    reply = own_kernel.run(
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '1000'], start_new_session=True); child.pid"
    )
    child = psutil.Process(int(reply.text))
    own_kernel.send("import os; os.kill(os.getpid(), 9)")
    own_kernel.await_end()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    (ended,) = events_of(own_kernel.journal, SessionEnded)
    assert "1 processes outlived the kernel and were ended" in ended.reason


def test_a_cell_that_closes_the_link_is_the_last(own_kernel: RunningKernel) -> None:
    reply = own_kernel.run(_CLOSE_LINK)
    assert reply.error_name == "RecorderLost"
    assert own_kernel.run("1 + 1").error_name == "RecorderLost"
    wait_until(lambda: own_kernel.events(ObserverLost))
    assert own_kernel.events(ObserverLost)[0].observer == "link"
    assert len(own_kernel.events(CellStarted)) == 1


_CLOSE_LINK = """
import os, socket
for name in os.listdir("/proc/self/fd"):
    try:
        found = socket.socket(fileno=int(name))
    except OSError:
        continue
    if found.type == socket.SOCK_SEQPACKET:
        found.close()
    else:
        found.detach()
"""


@pytest.mark.parametrize(
    "packet",
    [
        b"rubbish",
        b"\x00" * 40,
        b"\x01" * 200,
    ],
    ids=["short", "zeros", "ones"],
)
def test_a_cell_that_forges_messages_is_the_last(own_kernel: RunningKernel, packet: bytes) -> None:
    reply = own_kernel.run(
        "from governed_kernel.capture.emitter import current\n"
        f"current()._wire._connection.send({packet!r})"
    )
    assert reply.error_name == "RecorderLost"
    assert own_kernel.run("1 + 1").error_name == "RecorderLost"
    lost = own_kernel.events(ObserverLost)[0]
    assert (lost.observer, lost.error_name) == ("link", "LinkTampered")


def test_a_cell_that_forges_the_end_of_a_cell_is_the_last(own_kernel: RunningKernel) -> None:
    reply = own_kernel.run(
        "from governed_kernel.capture.emitter import current\n"
        "from governed_kernel.lineage.events import CellEnded\n"
        "current()._wire.send(CellEnded(execution=99, cell_id='', status='ok'))"
    )
    assert reply.error_name == "RecorderLost"
    assert "ended without running" in own_kernel.run("1").error


def test_a_cell_that_writes_to_the_journal_is_the_last(own_kernel: RunningKernel) -> None:
    journal = own_kernel.journal
    reply = own_kernel.run(f"import subprocess; subprocess.run('echo >> {journal}', shell=True)")
    assert reply.error_name == "RecorderLost"
    assert own_kernel.run("1 + 1").error_name == "RecorderLost"
    own_kernel.close()
    assert not _seals(own_kernel.workspace)


def test_on_a_full_disk_cells_fail_until_there_is_room(own_kernel: RunningKernel) -> None:
    own_kernel.run("1 + 1")
    limit = (own_kernel.journal.stat().st_size, resource.RLIM_INFINITY)
    resource.prlimit(own_kernel.recorder, resource.RLIMIT_FSIZE, limit)
    reply = own_kernel.run("happened = True")
    assert reply.error_name == "ResourceMissing"
    assert "can't be written" in reply.error
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(own_kernel.recorder, resource.RLIMIT_FSIZE, unlimited)
    assert own_kernel.run("happened").error_name == "NameError"
    assert own_kernel.run("1 + 1").text == "2"
    own_kernel.close()
    assert _is_sealed(own_kernel.workspace, own_kernel.journal)


def test_a_kernel_without_a_recorder_does_not_start() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "governed_kernel.kernel"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 6
    assert "this kernel has no recorder" in found.stderr
    assert "governed-research" in found.stderr


def test_a_notebook_outside_every_workspace_is_recorded_for_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governed_kernel.kernel import places

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("GOVERNED_WORKSPACE", "GOVERNED_NOTEBOOK", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    workspace = places.default_workspace()
    assert workspace == places.default_workspace()
    (tmp_path / "elsewhere").mkdir()
    running = RunningKernel(workspace, folder=tmp_path / "elsewhere")
    try:
        running.run("1 + 1")
        running.close()
        assert events_of(running.journal, SessionEnded)
        assert not workspace.ledger.exists()
    finally:
        running.close(now=True)


REGULATE = {
    "when it is killed for memory": "open(f'/proc/{OTHER}/oom_score_adj', 'w').write('777')",
    "the priority of its session": "libc.open(b'/proc/%d/autogroup' % OTHER, 1) >= 0 or fail()",
    "its limits": "resource.prlimit(OTHER, resource.RLIMIT_NOFILE, (3, 3))",
    "its priority": "os.setpriority(os.PRIO_PROCESS, OTHER, 19)",
    "the priority of a user's": "os.setpriority(os.PRIO_USER, os.getuid(), 19)",
    "the class of its priority": "os.sched_setscheduler(OTHER, 3, os.sched_param(0))",
    "its processors": "os.sched_setaffinity(OTHER, {0})",
    "what it waits for at disks": "libc.syscall(251, 1, OTHER, 3 << 13) == 0 or fail()",
    "how it is scheduled": "libc.syscall(314, OTHER, ctypes.byref(attributes), 0) == 0 or fail()",
}
BEGIN_TO_REGULATE = """
import ctypes, os, resource, struct, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
attributes = ctypes.create_string_buffer(struct.pack('IIQiIQQQ', 48, 0, 0, 5, 0, 0, 0, 0))
def fail():
    raise OSError(ctypes.get_errno(), 'refused')
"""


def test_a_cell_cannot_starve_its_recorder_of_files_or_processors(
    own_kernel: RunningKernel,
) -> None:
    assert own_kernel.run(BEGIN_TO_REGULATE).status == "ok"
    recorder = psutil.Process(own_kernel.recorder)
    before = (recorder.rlimit(psutil.RLIMIT_NOFILE), recorder.nice(), recorder.cpu_affinity())
    for other in (own_kernel.recorder, os.getpid()):
        for what, way in REGULATE.items():
            reply = own_kernel.run(f"OTHER = {other}\n{way}")
            assert reply.error_name == "PermissionError", what
    assert (
        recorder.rlimit(psutil.RLIMIT_NOFILE),
        recorder.nice(),
        recorder.cpu_affinity(),
    ) == before
    asked = own_kernel.run(f"resource.prlimit({own_kernel.recorder}, resource.RLIMIT_NOFILE)")
    assert asked.result["text/plain"] == str(before[0])


def test_a_cell_regulates_itself_its_threads_and_its_children(own_kernel: RunningKernel) -> None:
    assert own_kernel.run(BEGIN_TO_REGULATE).status == "ok"
    begin = """
child = subprocess.Popen(['sleep', '60'])
over = threading.Event()
thread = threading.Thread(target=over.wait); thread.start()"""
    assert own_kernel.run(begin).status == "ok"
    for other in ("os.getpid()", "0", "thread.native_id", "child.pid"):
        for what, way in REGULATE.items():
            if what in ("its limits", "the priority of a user's") or (
                other == "0" and "/proc" in way
            ):
                continue
            reply = own_kernel.run(f"OTHER = {other}\n{way}")
            assert reply.status == "ok", (other, what, reply.error)
    limit = "resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (9, 9))"
    assert own_kernel.run(limit).status == "ok"
    assert own_kernel.run("over.set(); thread.join(); child.kill(); child.wait()").status == "ok"
