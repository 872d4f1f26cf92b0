"""What a GPU's driver needs of a confined process, and no more than that."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.recorder import confinement, landlock
from tests.recorder.confined import ConfinedPrograms

pytestmark = pytest.mark.skipif(landlock.version() < 6, reason="this system has no Landlock ABI 6")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> ConfinedPrograms:
    return ConfinedPrograms(tmp_path_factory.mktemp("confined") / "workspace")


NAMES = """
import ctypes, os, threading
libc = ctypes.CDLL(None)
over = threading.Event()
thread = threading.Thread(target=over.wait)
thread.start()
libc.pthread_setname_np.argtypes = [ctypes.c_ulong, ctypes.c_char_p]
print(libc.pthread_setname_np(thread.ident, b"cuda-events"))
print(open(f"/proc/self/task/{thread.native_id}/comm").read().strip())
"""


def test_a_process_names_its_own_threads(programs: ConfinedPrograms) -> None:
    found = programs.run(
        f"{NAMES}\n"
        "if os.fork() == 0:\n"
        "    open(f'/proc/{os.getpid()}/comm', 'w').write('the-child')\n"
        "    print(open('/proc/self/comm').read().strip(), flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "over.set()"
    )
    assert found.stdout.splitlines() == ["0", "cuda-events", "the-child"], found.stderr


def test_nothing_else_below_proc_can_be_written(programs: ConfinedPrograms) -> None:
    found = programs.run(
        "import os\n"
        "parent = os.getppid()\n"
        "for path in ('/proc/self/oom_score_adj', '/proc/self/mem', f'/proc/{parent}/comm',\n"
        "             f'/proc/{parent}/task/{parent}/comm', '/proc/sys/kernel/core_pattern',\n"
        "             '/proc/1/comm'):\n"
        "    try:\n"
        "        open(path, 'r+')\n"
        "        print('opened', path)\n"
        "    except PermissionError:\n"
        "        print('denied')\n"
    )
    assert found.stdout.splitlines() == ["denied"] * 6, found.stderr


def test_who_asks_for_a_daemon_that_is_not_there_hears_so(programs: ConfinedPrograms) -> None:
    found = programs.run(
        "import socket\n"
        "for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):\n"
        "    with socket.socket(socket.AF_UNIX, kind) as asking:\n"
        "        print(asking.connect_ex('/tmp/nvidia-mps/nothing/control'))"
    )
    assert found.stdout.split() == ["2", "2"], found.stderr  # ENOENT


def test_every_device_of_a_gpu_is_in_reach(tmp_path: Path) -> None:
    of_gpus = {"nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-caps", "dxg"}
    for name in {*of_gpus, "sda", "mem", "kmsg", "fuse", "shm"}:
        (tmp_path / name).touch()
    assert {path.name for path in confinement.devices(tmp_path) if path.exists()} == of_gpus
