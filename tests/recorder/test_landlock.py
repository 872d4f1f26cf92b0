from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from governed_kernel.recorder import landlock
from governed_kernel.recorder.landlock import Rule

pytestmark = pytest.mark.skipif(landlock.version() < 6, reason="this system has no Landlock ABI 6")

CONFINED = """
import os, socket, sys
from pathlib import Path
from governed_kernel.recorder.landlock import Rule, confine
software = [Rule(Path(p), read=True, execute=True) for p in ("/usr", "/lib", "/lib64", "/bin")]
software += [Rule(Path(p), read=True, execute=True) for p in (sys.prefix, sys.base_prefix)]
root = Path(sys.argv[1])
confine([*software, Rule(root / "read", read=True), Rule(root / "write", read=True, write=True),
         Rule(root / "names", names=True), Rule(root / "missing", read=True)])
def attempt(name, work):
    try:
        work()
        print(name, "done")
    except OSError as error:
        print(name, error.strerror)
attempt("read", lambda: (root / "read" / "a").read_text())
attempt("write-to-read", lambda: (root / "read" / "a").write_text("x"))
attempt("write", lambda: (root / "write" / "b").write_text("x"))
attempt("remove", lambda: (root / "write" / "b").unlink())
attempt("list", lambda: os.listdir(root / "names"))
attempt("read-named", lambda: (root / "names" / "a").read_text())
attempt("outside", lambda: (root / "outside").read_text())
attempt("list-outside", lambda: os.listdir(root))
attempt("signal", lambda: os.kill(os.getppid(), 0))
attempt("bind", lambda: socket.socket().bind(("127.0.0.1", 0)))
attempt("connect", lambda: socket.socket().connect(("127.0.0.1", 9)))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a confined process could do."""
    root = tmp_path_factory.mktemp("confined")
    for name in ("read", "write", "names"):
        (root / name).mkdir()
        (root / name / "a").write_text("x")
    (root / "outside").write_text("x")
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CONFINED, str(root)],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split(" ", 1) for line in found.stdout.splitlines())


@pytest.mark.parametrize("name", ["read", "write", "remove", "list"])
def test_what_a_rule_allows_works(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name] == "done"


@pytest.mark.parametrize(
    "name", ["write-to-read", "read-named", "outside", "list-outside", "bind", "connect"]
)
def test_what_no_rule_allows_is_denied(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name] == "Permission denied"


def test_signals_do_not_leave(outcomes: dict[str, str]) -> None:
    assert outcomes["signal"] == "Operation not permitted"


def test_a_file_gets_no_rights_of_folders(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    everything = (1 << 16) - 1
    rights = Rule(path, read=True, write=True, execute=True).rights(everything)
    assert rights == 0b0100_0000_0000_0111
    assert os.path.isdir(tmp_path)  # noqa: PTH112
    assert Rule(tmp_path, names=True).rights(everything) == 0b1000


def test_among_devices_nothing_can_be_made(tmp_path: Path) -> None:
    everything = (1 << 16) - 1
    made = 0b1_1111_1111_0000  # removing, and making files, folders, links and devices
    assert Rule(tmp_path, device=True).rights(everything) & made == 0
    assert Rule(Path("/dev/null"), device=True).rights(everything) == 1 << 1 | 1 << 2 | 0b11 << 14
    assert Rule(tmp_path, read=True, write=True).rights(everything) & made == made
