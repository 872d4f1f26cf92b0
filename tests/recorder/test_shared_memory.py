"""What a release run leaves in memory that other processes share: nothing that outlives it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.recorder import landlock, shared_memory
from tests.recorder.confined import ConfinedPrograms, forbid_namespaces

pytestmark = pytest.mark.skipif(landlock.version() < 6, reason="this system has no Landlock ABI 6")

SHARED = Path(shared_memory.FOLDER)
needs_namespaces = pytest.mark.skipif(
    bool(shared_memory.obstacle()), reason=shared_memory.obstacle() or "it can"
)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> ConfinedPrograms:
    return ConfinedPrograms(tmp_path_factory.mktemp("confined") / "workspace")


@pytest.fixture
def planted() -> Iterator[Path]:
    """A file that somebody left in the machine's shared memory."""
    path = SHARED / f"planted-{secrets.token_hex(4)}.csv"
    path.write_text("rows")
    yield path
    path.unlink()


@needs_namespaces
def test_a_run_finds_nothing_that_another_left(programs: ConfinedPrograms) -> None:
    left = f"{SHARED}/left-{secrets.token_hex(4)}.csv"
    first = programs.run(f"open({left!r}, 'w').write('rows'); print(open({left!r}).read())")
    assert first.stdout == "rows\n", first.stderr
    assert not Path(left).exists()
    second = programs.run(f"import os; print(os.listdir({str(SHARED)!r}))")
    assert second.stdout == "[]\n", second.stderr


@needs_namespaces
def test_a_run_does_not_see_what_the_machine_shares(
    programs: ConfinedPrograms, planted: Path
) -> None:
    found = programs.run(
        "import os\n"
        f"print(os.path.exists({str(planted)!r}))\n"
        f"for process in (1, os.getppid(), {os.getpid()}):\n"
        "    try:\n"
        f"        print(open(f'/proc/{{process}}/root{planted}').read())\n"
        "    except OSError as error:\n"
        "        print(error.strerror)\n"
    )
    assert found.stdout.splitlines() == ["False", *["Permission denied"] * 3], found.stderr


PROCESSES = """
import multiprocessing
from multiprocessing import shared_memory

def work(lock, queue, name):
    memory = shared_memory.SharedMemory(name)
    with lock:
        queue.put(bytes(memory.buf[:3]))
    memory.close()

if __name__ == "__main__":
    for method in ("fork", "forkserver"):
        context = multiprocessing.get_context(method)
        memory = shared_memory.SharedMemory(create=True, size=16)
        memory.buf[:3] = b"abc"
        lock, queue = context.Lock(), context.Queue()
        child = context.Process(target=work, args=(lock, queue, memory.name))
        child.start()
        print(queue.get(timeout=60))
        child.join()
        numbers = context.Array("i", 3)
        memory.close()
        memory.unlink()
"""


@needs_namespaces
def test_processes_share_locks_queues_and_memory(programs: ConfinedPrograms) -> None:
    found = programs.run(
        f"open('m.py', 'w').write({PROCESSES!r})\n"
        "import subprocess, sys; subprocess.run([sys.executable, 'm.py'])"
    )
    assert found.stdout == "b'abc'\n" * 2, found.stderr
    assert not [access.uri for access in programs.accesses() if str(SHARED) in access.uri]


@needs_namespaces
def test_a_link_in_it_hides_nothing(programs: ConfinedPrograms) -> None:
    found = programs.run(
        "import os\n"
        f"os.symlink({str(programs.input)!r}, '{SHARED}/link')\n"
        f"os.symlink('/proc/self/fd', '{SHARED}/descriptors')\n"
        f"print(open('{SHARED}/link').read())\n"
    )
    assert found.stdout == "input\n", found.stderr
    read = [access.uri for access in programs.accesses() if access.operation == "read"]
    assert read == [programs.input.as_uri()]


CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for number, *arguments in CALLS:
    result = libc.syscall(number, *arguments)
    print(result, os.strerror(ctypes.get_errno()))
"""


def test_there_is_no_other_memory_that_outlives_a_run(programs: ConfinedPrograms) -> None:
    calls = [
        *((29, 1, 4096, 0o1666), (64, 1, 1, 0o1666), (68, 1, 0o1666)),  # shmget, semget, msgget
        (240, b"name", 0o102, 0o666, 0),  # mq_open
        (248, b"user", b"name", b"rows", 4, -4),  # add_key, to the user's keyring
        (250, 0, -4, 1),  # keyctl
    ]
    found = programs.run(CALLS.replace("CALLS", repr(calls)))
    assert found.stdout.splitlines() == ["-1 Function not implemented"] * len(calls)


def test_where_it_cannot_be_private_a_run_goes_without(
    programs: ConfinedPrograms, planted: Path
) -> None:
    found = programs.run(
        "import multiprocessing\n"
        f"for act in (lambda: open({str(planted)!r}), lambda: open('{SHARED}/left', 'w'),\n"
        "            multiprocessing.Lock):\n"
        "    try:\n"
        "        print(act())\n"
        "    except OSError as error:\n"
        "        print(error.strerror)\n",
        forbid_namespaces,
    )
    assert found.stdout.splitlines() == ["Permission denied"] * 3
    assert "this run has no shared memory" in found.stderr
    assert "namespace: Operation not permitted" in found.stderr
    assert not (SHARED / "left").exists()


@needs_namespaces
def test_files_keep_their_owner_and_others_can_be_read(programs: ConfinedPrograms) -> None:
    found = programs.run(
        "import os\n"
        "open('made', 'w').close()\n"
        "print(os.stat('made').st_uid == os.getuid(), len(open('/etc/hosts').read()) > 0)\n"
        "print(*[line.split()[1] for line in open('/proc/self/status') if 'CapEff' in line])"
    )
    same, powers = found.stdout.splitlines()
    assert same == "True True", found.stderr
    made = max(programs.workspace.root.glob("own-*"), key=lambda path: int(path.name[4:])) / "made"
    assert made.stat().st_uid == programs.workspace.root.stat().st_uid
    assert int(powers, 16) & ~0b110 == 0


def test_a_trial_changes_nothing_here() -> None:
    code = (
        "import os\nfrom governed_kernel.recorder import shared_memory\n"
        "before = os.readlink('/proc/self/ns/mnt'), os.readlink('/proc/self/ns/user')\n"
        "shared_memory.obstacle()\n"
        "print(before == (os.readlink('/proc/self/ns/mnt'), os.readlink('/proc/self/ns/user')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "True\n"
