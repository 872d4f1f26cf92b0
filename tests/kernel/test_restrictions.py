"""What policy forbids is not read from a notebook, whoever reads it and by whatever name."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.governance.split import divide
from governed_kernel.governance.withdrawal import withdraw
from governed_kernel.lineage.events import Access
from governed_kernel.lineage.forms import journal_files
from tests.governance.records import BY_ROW, register, write_code, write_records
from tests.kernel.running import RunningKernel, events_of, home_of, make_workspace, wait_until

WITH = {
    "an unobserved library": "os.close(libc.open(PATH.encode(), 0)) if (fd := libc.open("
    "PATH.encode(), 0)) >= 0 else fail(ctypes.get_errno())",
    "Python's own open": "open(PATH).read()",
    "for both": "os.close(fd) if (fd := libc.open(PATH.encode(), os.O_RDWR)) >= 0 else "
    "fail(ctypes.get_errno())",
    "mmap": "import mmap; mmap.mmap(os.open(PATH, os.O_RDONLY), 0, prot=mmap.PROT_READ)",
    "pandas": "import pandas as pd; pd.read_csv(PATH)",
    "pyarrow": "import pyarrow as pa; pa.memory_map(PATH).read()",
    "DuckDB": "import duckdb; duckdb.sql(f\"select * from read_csv('{PATH}')\").fetchall()",
    "polars": "import polars as pl; pl.read_csv(PATH)",
    "another program": "import subprocess; d = subprocess.run(['cat', PATH], text=True, "
    "capture_output=True); d.returncode and fail(13 if 'Permission' in d.stderr else 5)",
    "a program that no library shows": "libc.system(('cat ' + PATH + ' > copied.csv')"
    ".encode()) and fail(13)",
    "a worker of its own": "import multiprocessing as m\n"
    "with m.get_context('spawn').Pool(1) as pool: pool.apply(os.read, (os.open(PATH, 0), 9))",
}
BEGIN = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def fail(number):
    raise PermissionError(number, os.strerror(number))
"""


OPEN_AND_RUN = """
def open_and_run(program):
    'By its descriptor, which nobody could read; at its name lies a link to another by then.'
    os.link(program, 'removed')
    held = os.open('removed', os.O_PATH)
    libc.unlink(b'removed')
    os.symlink('/usr/bin/true', 'removed (deleted)')
    child = os.fork()
    if not child:
        words = (ctypes.c_char_p * 2)(b'env', None)
        libc.syscall(322, held, b'', words, words, 0x1000)
        os._exit(1)
    status = os.waitpid(child, 0)[1]
    os.unlink('removed (deleted)')
    return status"""


class Secret:
    """A running notebook, and a holdout under names that it could try."""

    def __init__(self, root: Path) -> None:
        self.workspace = make_workspace(root / "workspace")
        os.environ["GOVERNED_HOME"] = str(home_of(self.workspace))
        source = write_records(root / "biopsies.csv")
        register(self.workspace, source, person="ada")
        code = write_code(self.workspace, BY_ROW)
        parts = divide(self.workspace, "biopsies", code, "ada")
        snapshot = parts.parts["holdout"].snapshot
        content = snapshot.read_bytes()
        other = self.workspace.root / "research"
        (other / "link.csv").symlink_to(snapshot)
        os.link(snapshot, other / "hard.csv")
        (other / "copy.csv").write_bytes(content)
        (other / "innocent.csv").write_bytes(content[::-1])
        # In a folder that is environment, under a name that only code has.
        among = root / "ipython"
        among.mkdir()
        linked, hard, copied = (among / f"{kind}.py" for kind in ("link", "hard", "copy"))
        linked.symlink_to(snapshot)
        os.link(snapshot, hard)
        copied.write_bytes(content)
        self.names = {
            "its own name": snapshot,
            "a symbolic link": other / "link.csv",
            "a hard link": other / "hard.csv",
            "a copy": other / "copy.csv",
            "its object": self.workspace.objects / _object_of(snapshot),
            "a link among the environment": linked,
            "a hard link among the environment": hard,
            "a copy among the environment": copied,
        }
        self.innocent = other / "innocent.csv"
        os.environ["IPYTHONDIR"] = str(among)
        self.kernel = RunningKernel(self.workspace)
        assert self.kernel.run(BEGIN).status == "ok"

    def read(self, way: str, path: Path) -> tuple[str, str, list[tuple[str, str, list[str]]]]:
        reply = self.kernel.run(WITH[way].replace("PATH", repr(str(path))))
        seen: list[tuple[str, str, list[str]]] = [
            (str(access.decision), access.dataset, access.policies)
            for access in self.kernel.of_last(Access)
            if access.decision == "denied"
        ]
        return reply.status, reply.error + reply.text, seen


def _object_of(snapshot: Path) -> str:
    from governed_kernel.canonical import digest_file

    digest = digest_file(snapshot)
    return f"{digest[:2]}/{digest}"


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secret]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", "")
        patch.setenv("IPYTHONDIR", "")
        found = Secret(tmp_path_factory.mktemp("secret"))
        yield found
        found.kernel.close(now=True)


@pytest.mark.parametrize("way", WITH)
def test_a_holdout_is_read_by_nobody(secret: Secret, way: str) -> None:
    status, said, denied = secret.read(way, secret.names["its own name"])
    assert status == "error", said
    assert "ermission" in said or "denied" in said or "not allowed" in said, said
    assert ("denied", "biopsies-holdout", ["locked-holdout"]) in denied


OTHER_NAMES = [
    *("a symbolic link", "a hard link", "a copy", "its object"),
    *(
        "a link among the environment",
        "a hard link among the environment",
        "a copy among the environment",
    ),
]


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_nor_under_another_name(secret: Secret, name: str) -> None:
    for way in ("an unobserved library", "another program", "Python's own open", "for both"):
        status, said, denied = secret.read(way, secret.names[name])
        assert status == "error", (way, said)
        assert ("denied", "biopsies-holdout", ["locked-holdout"]) in denied


@pytest.mark.parametrize("way", WITH)
def test_a_file_that_only_has_its_size_is_read_as_ever(secret: Secret, way: str) -> None:
    status, said, denied = secret.read(way, secret.innocent)
    assert denied == []
    assert status == "ok" or "ermission" not in said, said


@pytest.mark.parametrize(
    "code",
    [
        "import pandas as pd; pd.read_parquet(PATH)",
        "import pyarrow.parquet as pq; pq.read_table(PATH)",
        "import pyarrow.dataset as ds; ds.dataset(PATH).to_table()",
        "import polars as pl; pl.read_parquet(PATH)",
        "import polars as pl; pl.scan_parquet(PATH).collect()",
    ],
)
def test_a_folder_of_tables_is_refused_in_words(
    secret: Secret, withdrawn: tuple[Path, Path], code: str
) -> None:
    """Of a file that was kept shut pyarrow asked whether it is a table at all."""
    for folder in withdrawn:
        reply = secret.kernel.run(code.replace("PATH", repr(str(folder))))
        assert (reply.status, reply.error_name) == ("error", "PolicyDenied"), reply.error
        assert "is withdrawn" in reply.error


@pytest.fixture(scope="module")
def withdrawn(secret: Secret) -> tuple[Path, Path]:
    """A folder that was registered and taken back, and a copy of it under another name."""
    import pandas as pd

    folder, copy = (secret.workspace.root / name for name in ("visits", "renamed"))
    visits = pd.DataFrame({"day": [n % 3 for n in range(60)], "size": range(60)})
    visits.to_parquet(folder, partition_cols=["day"])
    shutil.copytree(folder, copy)
    register(secret.workspace, folder, "visits", person="ada")
    withdraw(secret.workspace, "visits@1", "ada", b"a passphrase of ada's", "consent withdrawn")
    return folder, copy


def test_what_is_locked_later_is_refused_from_the_next_cell_on(secret: Secret) -> None:
    source = write_records(secret.workspace.root / "later.csv", [f"{n},1,2,3" for n in range(80)])
    assert secret.read("an unobserved library", source)[0] == "ok"
    register(secret.workspace, source, "later", person="ada", retention_until="2020-01-01")
    status, said, denied = secret.read("an unobserved library", source)
    assert status == "error", said
    assert ("denied", "later", ["retention"]) in denied


def test_forks_in_a_row_end_where_data_is_catalogued(secret: Secret) -> None:
    """IPython's thread that saves the history opens its file anew after each, and is waited for."""
    forks = """
import multiprocessing
for _ in range(4):
    with multiprocessing.get_context('fork').Pool(6) as pool:
        assert pool.map(len, ['a'] * 6) == [1] * 6"""
    for _ in range(4):
        assert secret.kernel.run(forks).status == "ok"


def test_a_program_that_may_not_be_read_is_not_run_either(secret: Secret) -> None:
    program = secret.workspace.root / "model"
    program.write_bytes(Path("/usr/bin/env").read_bytes())
    program.chmod(0o755)
    script = secret.workspace.root / "by-model"
    script.write_text(f"#!{program}\n")
    script.chmod(0o755)
    assert secret.kernel.run(f"print(libc.system({str(program)!r}.encode()))").text.endswith("0\n")
    register(secret.workspace, program, "model", person="ada", retention_until="2020-01-01")
    for way in (
        f"libc.system({str(program)!r}.encode())",
        f"os.system('env ' + {str(program)!r})",
        f"os.system({str(script)!r})",
        f"open_and_run({str(program)!r})",
    ):
        reply = secret.kernel.run(f"{OPEN_AND_RUN}\nprint({way} == 0)")
        assert reply.text.endswith("False\n"), (way, reply.error)
        denied = [event for event in secret.kernel.of_last(Access) if event.decision == "denied"]
        assert {(e.operation, e.dataset) for e in denied} == {("execute", "model")}, way


def test_what_is_withdrawn_meanwhile_is_refused_to_a_cell_that_runs_on(secret: Secret) -> None:
    """Also to readers that no observer sees, as they are in a training of hours."""
    source = write_records(
        secret.workspace.root / "meanwhile.csv", [f"{n},2,3,4" for n in range(70)]
    )
    register(secret.workspace, source, "meanwhile", person="ada")
    waits, goes = (secret.workspace.root / name for name in ("waits", "goes"))
    code = f"""
import subprocess, time
def tell(path):
    return subprocess.run(['cat', path], capture_output=True).returncode
before = tell({str(source)!r})
open({str(waits)!r}, 'w').close()
while not os.path.exists({str(goes)!r}):
    time.sleep(0.05)
time.sleep(1)  # four looks of the recorder
print(before, tell({str(source)!r}))"""
    request = secret.kernel.send(code)
    wait_until(waits.exists)
    withdraw(secret.workspace, "meanwhile@1", "ada", b"a passphrase of ada's", "no consent")
    goes.touch()
    reply = secret.kernel.wait(request)
    assert reply.text == "0 1\n", reply.error
    denied = [event for event in secret.kernel.of_last(Access) if event.decision == "denied"]
    assert {(event.dataset, *event.policies) for event in denied} == {("meanwhile", "state")}


TRICKS = {
    "a path that only the system can read": """
import mmap
fd = libc.syscall(447, 0)
if fd < 0:
    fail(ctypes.get_errno())
os.ftruncate(fd, 4096)
hidden = mmap.mmap(fd, 4096, mmap.MAP_SHARED)
hidden[: len(PATH) + 1] = PATH.encode() + b"\\0"
address = ctypes.addressof(ctypes.c_char.from_buffer(hidden))
libc.open(ctypes.c_void_p(address), 0) >= 0 or fail(ctypes.get_errno())
""",
    "a folder taken for the root": """
how = (ctypes.c_uint64 * 3)(0, 0, 0x10)
folder = os.open(os.path.dirname(PATH), os.O_PATH)
name = ("/" + os.path.basename(PATH)).encode()
libc.syscall(437, folder, name, how, 24) >= 0 or fail(ctypes.get_errno())
""",
    "a file that has lost its name": """
libc.link(PATH.encode(), b"nameless")
held = libc.open(b"nameless", os.O_PATH)
libc.unlink(b"nameless")
libc.open(f"/proc/self/fd/{held}".encode(), 0) >= 0 or fail(ctypes.get_errno())
""",
    "a path longer than any may be": """
before = os.getcwd()
segment = "a" * 200
os.mkdir("deep")
os.chdir("deep")
while len(os.getcwd()) < 3_850:
    os.mkdir(segment)
    os.chdir(segment)
segment = "b" * (4_080 - len(os.getcwd()) - 1)
os.mkdir(segment)
os.chdir(segment)
os.mkdir("c" * 200)
try:
    folder = libc.open(b"c" * 200, os.O_DIRECTORY)
    folder >= 0 or fail(ctypes.get_errno())
    os.symlink(PATH, "d", dir_fd=folder)
    libc.open(b"c" * 200 + b"/d", 0) >= 0 or fail(ctypes.get_errno())
finally:
    os.chdir(before)
""",
    "another root": "libc.chroot(os.path.dirname(PATH).encode()) == 0 or fail(ctypes.get_errno())",
    "a mount": "libc.mount(PATH.encode(), b'/etc/hostname', None, 4096, None) == 0"
    " or fail(ctypes.get_errno())",
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_that_hides_the_name_is_refused(secret: Secret, trick: str) -> None:
    path = str(secret.names["its own name"])
    reply = secret.kernel.run(f"PATH = {path!r}\n{TRICKS[trick]}")
    assert reply.error_name == "PermissionError", reply.error + reply.text


def test_what_was_noted_of_derived_files_changes_by_no_cell(secret: Secret) -> None:
    """Without the list, what a session made of denied data would be anybody's."""
    listed = str(secret.workspace.derived)
    for way in (
        f"libc.rename({listed!r}.encode(), b'elsewhere')",
        f"libc.unlink({listed!r}.encode())",
        f"libc.truncate({listed!r}.encode(), 0)",
        f"libc.open({listed.replace('.jsonl', '.lock')!r}.encode(), 0)",
    ):
        reply = secret.kernel.run(f"{way} >= 0 or fail(ctypes.get_errno())")
        assert reply.error_name == "PermissionError", way


STARTING = {
    "its own name": "held = open(PATH).read()",
    "its own name, from its folder": "os.chdir(os.path.dirname(PATH))\n"
    "held = open('/proc/self/cwd/' + os.path.basename(PATH)).read()\nos.chdir('/')",
    "a hard link among the environment": "held = open(PATH).read()\nos.unlink(PATH)",
}


@pytest.mark.parametrize("name", STARTING)
def test_what_runs_while_a_kernel_starts_gets_nothing_out_of_it(
    secret: Secret, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read as environment is judged once it is known what is denied: the kernel ends."""
    path = secret.names[name.partition(",")[0]]
    reading = STARTING[name].replace("PATH", repr(str(path)))
    (tmp_path / "sitecustomize.py").write_text(f"import os\n{reading}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before = set(journal_files(secret.workspace.journals))
    said = ""
    with contextlib.suppress(RuntimeError):  # it has died before it could be asked anything
        kernel = RunningKernel(secret.workspace)
        said = kernel.run("import sitecustomize; print(len(sitecustomize.held))").text
        kernel.close(now=True)
    (journal,) = set(journal_files(secret.workspace.journals)) - before
    assert "denied" in [access.decision for access in events_of(journal, Access)]
    assert not said
