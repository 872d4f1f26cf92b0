"""What a governed kernel puts on record of its cells, seen from a client."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from governed_kernel.lineage.events import (
    Access,
    CellEnded,
    CellStarted,
    Completeness,
    Digested,
    JournalOpened,
    SessionStarted,
    Witnessed,
)
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.recorder import environment
from governed_kernel.workspace import Workspace
from tests.kernel.running import RunningKernel, every_event, wait_until

FOPEN = """
import ctypes
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.fopen.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
libc.fclose.argtypes = [ctypes.c_void_p]
def native(path, mode="r"):
    file = libc.fopen(path.encode(), mode.encode())
    if file:
        libc.fclose(file)
"""


def _uris(accesses: list[Access], operation: str, evidence: str = "") -> list[str]:
    return [
        access.uri
        for access in accesses
        if access.operation == operation and evidence in ("", access.evidence)
    ]


def test_a_journal_begins_with_what_it_is(kernel: RunningKernel) -> None:
    opened, started = every_event(kernel.journal)[:2]
    assert isinstance(opened, JournalOpened)
    assert opened.workspace_id == Ledger(kernel.workspace).workspace_id
    assert opened.journal == kernel.journal.stem
    assert isinstance(started, SessionStarted)
    assert started.session_id == kernel.journal.stem
    assert started.mode == "research"
    assert started.witness == "full"
    assert started.pid == kernel.kernel
    assert started.environment_rules == environment.digest()


def test_byte_code_that_python_writes_for_a_library_is_environment(
    workspace: Workspace, tmp_path: Path
) -> None:
    """It is written under another name and renamed; some installers leave that to the first run."""
    library = Path(sysconfig.get_path("purelib")) / f"module_{os.getpid()}.py"
    variables = {name: os.environ[name] for name in os.environ if name != "PYTHONDONTWRITEBYTECODE"}
    library.write_text("found = 7\n")
    running = RunningKernel(workspace, environment=variables)
    try:
        reply = running.run(
            f"import {library.stem} as module\nprint(module.found, module.__cached__)"
        )
        found, compiled = reply.text.split()
        assert (found, Path(compiled).exists()) == ("7", True)
        assert [event.uri for event in running.of_last(Access)] == []
    finally:
        running.close(now=True)
        library.unlink()
        for left in library.parent.glob(f"__pycache__/{library.stem}.*"):
            left.unlink()


def test_nothing_is_unexplained_before_the_first_cell(kernel: RunningKernel) -> None:
    kernel.run("1 + 1")
    before = [access for access in kernel.events(Access) if access.execution == 0]
    # Python tries out its folder for temporary files, once
    assert [(access.operation, access.evidence) for access in before] == [
        ("write", "observed"),
        ("delete", "observed"),
    ]
    assert {Path(access.uri.removeprefix("file://")).parent for access in before} == {
        Path(tempfile.gettempdir()).resolve()
    }


def test_a_cell_is_on_record_with_its_id_and_source(kernel: RunningKernel) -> None:
    assert kernel.run("20 + 22", "cell-a").text == "42"
    (started,) = kernel.of_last(CellStarted)
    (ended,) = kernel.of_last(CellEnded)
    assert (started.cell_id, ended.cell_id) == ("cell-a", "cell-a")
    assert kernel.texts()[started.source] == "20 + 22"
    assert ended.status == "ok"


def test_the_execution_number_is_the_prompts(kernel: RunningKernel) -> None:
    kernel.run("None")
    first = kernel.last()
    kernel.run("None")
    assert kernel.last() == first + 1


def test_silent_requests_are_recorded_outside_the_history(kernel: RunningKernel) -> None:
    kernel.run("x = 1", silent=True, store_history=False)
    (started,) = kernel.of_last(CellStarted)
    assert started.silent
    assert started.execution < 0


def test_an_error_is_recorded_by_name_and_its_text_apart(kernel: RunningKernel) -> None:
    assert kernel.run("1 / 0").error_name == "ZeroDivisionError"
    (ended,) = kernel.of_last(CellEnded)
    assert (ended.status, ended.error_name) == ("error", "ZeroDivisionError")
    assert "division by zero" in kernel.texts()[ended.error]


def test_a_syntax_error_is_recorded(kernel: RunningKernel) -> None:
    assert kernel.run("def").status == "error"
    assert kernel.of_last(CellEnded)[0].error_name == "SyntaxError"


def test_a_read_and_a_write_are_credited_and_hashed(kernel: RunningKernel) -> None:
    root = kernel.workspace.root
    kernel.run("open('made.txt', 'w').write('content'); open('made.txt').read()", "cell-b")
    uri = (root / "made.txt").as_uri()
    accesses = kernel.of_last(Access)
    assert uri in _uris(accesses, "write", "observed")
    assert uri in _uris(accesses, "read", "observed")
    assert not _uris(accesses, "read", "unexplained")
    numbers = {access.access_id for access in accesses if access.uri == uri}
    digest = hashlib.sha256(b"content").hexdigest()

    def hashed() -> set[int]:
        found = [event for event in kernel.events(Digested) if event.sha256 == digest]
        return {number for event in found for number in event.access_ids}

    wait_until(lambda: numbers <= hashed())


def test_what_observers_read_of_the_users_own_code_is_explained(kernel: RunningKernel) -> None:
    """A function's text is looked at to know what a value in it is: no data, and no riddle."""
    own = kernel.workspace.root / "choosing.py"
    own.write_text("def chosen(rows, value):\n    return rows[rows == value]\n")
    kernel.run("import sys; sys.path.insert(0, '.')\nimport choosing, pandas as pd")
    kernel.run("towns = pd.Series(['Oslo', 'Rome'])\nfirst = towns.max()")
    for value in ("first", "'Oslo'"):
        assert kernel.run(f"choosing.chosen(towns, {value})").status == "ok"
        assert not _uris(kernel.of_last(Access), "read", "unexplained")


def test_a_native_read_is_witnessed_and_unexplained(kernel: RunningKernel) -> None:
    path = kernel.workspace.root / "native.bin"
    path.write_bytes(b"x")
    kernel.run(FOPEN)
    kernel.run(f"native({str(path)!r})")
    assert _uris(kernel.of_last(Access), "read", "unexplained") == [path.as_uri()]
    assert kernel.of_last(Access)[0].via == "witness:openat"


def test_a_native_read_through_a_relative_path_and_a_link_is_the_same_file(
    kernel: RunningKernel,
) -> None:
    path = kernel.workspace.root / "linked.bin"
    path.write_bytes(b"x")
    kernel.run(f"{FOPEN}\nimport os\nos.path.lexists('link') or os.symlink('linked.bin', 'link')")
    kernel.run("native('link')")
    assert _uris(kernel.of_last(Access), "read", "unexplained") == [path.as_uri()]


def test_one_name_in_two_folders_or_cells_is_two_reads_however_often(
    kernel: RunningKernel,
) -> None:
    folders = [kernel.workspace.root / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / "same.bin").write_bytes(b"x")
    one, two = ((folder / "same.bin").as_uri() for folder in folders)
    kernel.run(f"{FOPEN}\nhere = os.getcwd()")
    kernel.run(
        "for folder in ('one', 'two', '.', 'one', 'two'):\n"
        "    libc.chdir(os.path.join(here, folder).encode())\n"
        "    [native('same.bin') for _ in range(20)]\n"
        "libc.chdir(here.encode())"
    )
    assert _uris(kernel.of_last(Access), "read", "unexplained") == [one, two]
    for code in ("native('one/same.bin')", "[native('one/same.bin') for _ in range(20)]"):
        kernel.run(code)
        assert _uris(kernel.of_last(Access), "read", "unexplained") == [one]


def test_a_read_through_an_open_descriptor_is_followed(kernel: RunningKernel) -> None:
    path = kernel.workspace.root / "descriptor.bin"
    path.write_bytes(b"x")
    kernel.run(f"{FOPEN}\nimport os\nfd = os.open({str(path)!r}, os.O_PATH)")
    kernel.run("native(f'/proc/self/fd/{fd}')")
    assert _uris(kernel.of_last(Access), "read", "unexplained") == [path.as_uri()]


def test_a_link_from_the_environment_to_data_hides_nothing(kernel: RunningKernel) -> None:
    path = kernel.workspace.root / "behind.txt"
    path.write_bytes(b"x")
    code = f"""{FOPEN}
import os, tempfile
place = tempfile.mkdtemp(dir="/dev/shm")
os.symlink({str(path)!r}, place + "/link")
native(place + "/link")
os.unlink(place + "/link"); os.rmdir(place)
"""
    kernel.run(code)
    assert path.as_uri() in _uris(kernel.of_last(Access), "read")


def test_what_a_library_writes_under_another_name_counts_by_its_final_name(
    kernel: RunningKernel,
) -> None:
    kernel.run(f"{FOPEN}\nnative('draft', 'w'); libc.rename(b'draft', b'final')")
    written = _uris(kernel.of_last(Access), "write", "unexplained")
    assert written == [(kernel.workspace.root / "final").as_uri()]


def test_a_native_removal_is_recorded(kernel: RunningKernel) -> None:
    path = kernel.workspace.root / "removed.txt"
    path.write_bytes(b"x")
    kernel.run(f"{FOPEN}\nlibc.unlink({str(path).encode()!r})")
    assert _uris(kernel.of_last(Access), "delete") == [path.as_uri()]


def test_a_program_and_what_it_reads_belong_to_the_cell(kernel: RunningKernel) -> None:
    path = kernel.workspace.root / "read-by-cat.txt"
    path.write_bytes(b"x")
    kernel.run(f"import subprocess; subprocess.run(['cat', {str(path)!r}], capture_output=True)")
    accesses = kernel.of_last(Access)
    assert _uris(accesses, "read", "unexplained") == [path.as_uri()]
    assert "cat" in " ".join(_uris(accesses, "execute"))


def test_a_shell_line_runs_and_is_witnessed(kernel: RunningKernel) -> None:
    (kernel.workspace.root / "shell.txt").write_text("words")
    reply = kernel.run("!cat shell.txt > shell.copy\n!cat shell.copy")
    assert (reply.status, reply.text.strip()) == ("ok", "words")
    seen = {(access.operation, access.uri.rpartition("/")[2]) for access in kernel.of_last(Access)}
    assert {("execute", "cat"), ("read", "shell.txt"), ("write", "shell.copy")} <= seen


def test_a_child_that_let_go_of_its_files_is_no_lost_recorder(kernel: RunningKernel) -> None:
    reply = kernel.run(
        """
import os, socket
pid = os.fork()
if pid == 0:
    status = 1
    try:
        os.closerange(3, 64)
        mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        copies = [os.dup(mine.fileno()) for _ in range(50)]
        open("let-go.txt", "w").write("x")
        other.setblocking(False)
        try:
            other.recv(10)  # what was meant for the recorder must not come here
        except BlockingIOError:
            status = 0
    finally:
        os._exit(status)
print(os.waitpid(pid, 0)[1])
"""
    )
    assert reply.text.strip() == "0"
    assert any(access.uri.endswith("/let-go.txt") for access in kernel.of_last(Access))


def test_a_spawned_and_a_forked_process_are_witnessed(kernel: RunningKernel) -> None:
    module = kernel.workspace.root / "readers.py"
    module.write_text("def read(path):\n    return open(path).read()\n")
    for method in ("spawn", "fork"):
        path = kernel.workspace.root / f"{method}.txt"
        path.write_text("x")
        reply = kernel.run(
            "import multiprocessing, readers, warnings\n"
            "warnings.simplefilter('ignore')\n"
            f"context = multiprocessing.get_context({method!r})\n"
            f"child = context.Process(target=readers.read, args=({str(path)!r},))\n"
            "child.start(); child.join(); child.exitcode"
        )
        assert reply.text == "0", reply
        assert path.as_uri() in _uris(kernel.of_last(Access), "read")


def test_garbage_is_collected_as_ever(kernel: RunningKernel) -> None:
    asked = "import gc; print(gc.isenabled(), gc.get_threshold())"
    plain = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert kernel.run(asked).text == plain.stdout


def test_the_processor_runs_a_kernel_as_any_other_program(kernel: RunningKernel) -> None:
    """Linux before 5.16 slows down what has a filter, unless that says that it is no sandbox."""

    def speculation(process: int) -> list[str]:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return [line for line in lines if line.startswith("Speculation")]

    assert speculation(kernel.kernel) == speculation(kernel.recorder)


def test_a_thread_belongs_to_the_cell_that_started_it(kernel: RunningKernel) -> None:
    path = kernel.workspace.root / "by-thread.txt"
    path.write_text("x")
    kernel.run(
        "import threading\n"
        "go = threading.Event()\n"
        f"def late(): go.wait(); open({str(path)!r}).close()\n"
        "thread = threading.Thread(target=late); thread.start()"
    )
    first = kernel.last()
    kernel.run("go.set(); thread.join()")
    (access,) = [found for found in kernel.events(Access) if found.uri == path.as_uri()]
    assert (access.execution, access.evidence) == (first, "observed")


def test_native_code_in_a_thread_of_an_earlier_cell_is_no_cell_s_for_certain(
    kernel: RunningKernel,
) -> None:
    for name in ("older.bin", "newer.bin"):
        (kernel.workspace.root / name).write_text("x")
    kernel.run(
        "import ctypes, threading\n"
        "wake = threading.Event(); libc = ctypes.CDLL(None)\n"
        "def natively(name): libc.close(libc.open(name, 0))\n"
        "def late(): wake.wait(); natively(b'older.bin')\n"
        "older = threading.Thread(target=late); older.start()"
    )
    kernel.run(
        "newer = threading.Thread(target=natively, args=(b'newer.bin',)); newer.start()\n"
        "wake.set(); older.join(); newer.join()"
    )
    found = {Path(access.uri).name: access.evidence for access in kernel.of_last(Access)}
    assert found == {"older.bin": "ambiguous", "newer.bin": "unexplained"}


def test_libraries_are_environment_and_data_beside_them_is_not(kernel: RunningKernel) -> None:
    kernel.run("import importlib.util, pathlib, sqlite3, xml.dom.minidom, jinja2")
    assert not kernel.of_last(Access)
    kernel.run(
        "origin = importlib.util.find_spec('sklearn').origin\n"
        "folder = pathlib.Path(origin).parent / 'datasets' / 'data'\n"
        "open(folder / 'breast_cancer.csv').readline()"
    )
    assert [uri for uri in _uris(kernel.of_last(Access), "read") if "breast_cancer.csv" in uri]


def test_a_connection_is_recorded(kernel: RunningKernel) -> None:
    code = """
import ctypes, socket, struct
server = socket.create_server(("127.0.0.1", 0))
"""
    kernel.run(code)
    port = kernel.run("server.getsockname()[1]").text
    kernel.run(
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import socket; "
        f'socket.create_connection(("127.0.0.1", {port}))\'])\nserver.close()'
    )
    # the kernel's own port is no connection to the outside; a child's to it is not recorded either
    assert not _uris(kernel.of_last(Access), "connect")
    kernel.run(
        "outside = socket.socket(); outside.settimeout(1)\n"
        "libc = ctypes.CDLL(None)\n"
        "address = struct.pack('=H', 2) + struct.pack('!H', 9) + bytes([127, 0, 0, 1]) + bytes(8)\n"
        "libc.connect(outside.fileno(), address, 16); outside.close()"
    )
    assert _uris(kernel.of_last(Access), "connect", "unexplained") == ["tcp://127.0.0.1:9"]


def test_each_cell_ends_with_how_complete_the_record_is(kernel: RunningKernel) -> None:
    before = kernel.events(Completeness)[-1]
    path = kernel.workspace.root / "counted.txt"
    path.write_bytes(b"x")
    kernel.run(FOPEN)
    kernel.run(f"native({str(path)!r}); open({str(path)!r}).close()")
    kernel.run(f"native({str(path)!r})")
    after = kernel.events(Completeness)[-1]
    assert after.witness == "full"
    assert (after.witnessed, after.explained, after.unexplained) == (
        before.witnessed + 2,
        before.explained + 1,
        before.unexplained + 1,
    )
    assert after.environment >= before.environment


def test_attempts_are_witnessed_and_are_no_accesses(kernel: RunningKernel) -> None:
    kernel.run(FOPEN)
    kernel.run("native('nothing-here')")
    (seen,) = kernel.of_last(Witnessed)
    assert seen.path.endswith("/nothing-here")
    assert not seen.exists
    assert not seen.success
    assert (seen.pid, seen.tid) == (kernel.kernel, kernel.kernel)
    assert not kernel.of_last(Access)


def test_a_thread_and_a_child_are_witnessed_by_their_numbers(kernel: RunningKernel) -> None:
    (kernel.workspace.root / "numbers.txt").write_text("x")
    kernel.run(
        "import threading\nnumbers = []\n"
        "def read(): numbers.append(threading.get_native_id()); open('numbers.txt').close()\n"
        "thread = threading.Thread(target=read); thread.start(); thread.join()"
    )
    (seen,) = [one for one in kernel.of_last(Witnessed) if one.path.endswith("/numbers.txt")]
    assert seen.success
    assert kernel.run("print(numbers[0])").text.strip() == str(seen.tid)
    assert (seen.pid, seen.pid == seen.tid) == (kernel.kernel, False)
    kernel.run("import subprocess; subprocess.run(['cat', 'numbers.txt'], check=True)")
    (seen,) = [one for one in kernel.of_last(Witnessed) if one.path.endswith("/numbers.txt")]
    assert seen.pid == seen.tid != kernel.kernel


def test_a_cell_that_undoes_an_observer_hides_nothing_from_the_witness(
    own_kernel: RunningKernel,
) -> None:
    """Its column lineage is gone, and that the file was read is still on record."""
    table = own_kernel.workspace.root / "table.parquet"
    own_kernel.run(
        "import pandas as pd, types\npd.DataFrame({'a': [1]}).to_parquet('table.parquet')\n"
        "for name in ('read_parquet',):\n"
        "    function = getattr(pd, name)\n"
        "    path = function.__code__.co_filename\n"
        "    plain = [c for c in compile(open(path).read(), path, 'exec').co_consts\n"
        "             if isinstance(c, types.CodeType) and c.co_name == name]\n"
        "    function.__code__ = plain[-1]"
    )
    reply = own_kernel.run("import pyarrow.parquet as pq, ctypes\npd.read_parquet('table.parquet')")
    assert reply.status == "ok", reply.error
    reads = [one for one in own_kernel.of_last(Access) if one.operation == "read"]
    assert table.as_uri() in {one.uri for one in reads}


def test_many_events_from_threads_and_forks_all_arrive(kernel: RunningKernel) -> None:
    code = """
import os, threading
def reads(name):
    for number in range(100):
        open(f"{name}-{number}.tmp", "w").close()
        os.unlink(f"{name}-{number}.tmp")
threads = [threading.Thread(target=reads, args=(f"t{i}",)) for i in range(4)]
for thread in threads: thread.start()
children = []
for i in range(2):
    pid = os.fork()
    if pid == 0:
        reads(f"c{i}")
        os._exit(0)
    children.append(pid)
for thread in threads: thread.join()
[os.waitpid(pid, 0)[1] for pid in children]
"""
    reply = kernel.run(f"import warnings; warnings.simplefilter('ignore')\n{code}")
    assert reply.text == "[0, 0]"
    accesses = [access for access in kernel.of_last(Access) if access.uri.endswith(".tmp")]
    assert len(_uris(accesses, "write", "observed")) == 600
    assert len(_uris(accesses, "delete", "observed")) == 600


def test_a_source_longer_than_a_packet_arrives_whole(kernel: RunningKernel) -> None:
    source = f"text = {'x' * 300_000!r}\nlen(text)"
    assert kernel.run(source).text == "300000"
    assert kernel.texts()[kernel.of_last(CellStarted)[0].source] == source


def test_an_interrupt_ends_the_cell_and_nothing_else(kernel: RunningKernel) -> None:
    request = kernel.send("import time\nprint('begun', flush=True)\ntime.sleep(60)")
    wait_until(lambda: kernel.events(CellStarted)[-1].execution > kernel.last())
    time.sleep(0.2)  # an interrupt before IPython runs the code would be swallowed by it
    kernel.manager.interrupt_kernel()
    assert kernel.wait(request).error_name == "KeyboardInterrupt"
    assert kernel.of_last(CellEnded)[0].status == "abort"
    assert kernel.run("1 + 1").text == "2"


def test_a_cell_can_ask_how_its_recorder_is(kernel: RunningKernel) -> None:
    text = kernel.run("%governed status").text
    assert kernel.journal.stem in text
    assert "recording" in text


def test_a_cell_can_neither_kill_nor_read_its_recorder(kernel: RunningKernel) -> None:
    assert kernel.run("import os, signal; os.kill(os.getppid(), 9)").error_name == "PermissionError"
    reply = kernel.run("open(f'/proc/{os.getppid()}/mem', 'rb').read(1)")
    assert reply.error_name == "PermissionError"


def test_io_uring_and_opens_without_a_path_do_not_exist(kernel: RunningKernel) -> None:
    reply = kernel.run(
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "parameters = ctypes.create_string_buffer(120)\n"
        "ring = libc.syscall(425, 1, parameters), os.strerror(ctypes.get_errno())\n"
        "handle = libc.syscall(304, -100, parameters, 0), os.strerror(ctypes.get_errno())\n"
        "ring, handle"
    )
    assert reply.text == "((-1, 'Function not implemented'), (-1, 'Operation not permitted'))"


def test_code_that_looks_at_its_environment_finds_an_ipython_kernel(kernel: RunningKernel) -> None:
    info = kernel.client.kernel_info(reply=True, timeout=30)["content"]
    assert info["implementation"] == "governed_kernel"
    assert info["language_info"]["name"] == "python"
    assert info["banner"].startswith("Governed Notebooks")
    assert kernel.run("type(get_ipython()).__name__").text == "'ZMQInteractiveShell'"
    assert kernel.run("import os; 'GOVERNED_RECORDER_FD' in os.environ").text == "False"


def test_a_first_cell_that_touches_nothing_has_no_accesses(own_kernel: RunningKernel) -> None:
    own_kernel.run("y = 1")
    assert own_kernel.of_last(Access) == []
    assert own_kernel.of_last(Witnessed) == []
