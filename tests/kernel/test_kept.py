"""Keys, and what was verified, are touched by no notebook, whatever way it tries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.lineage.events import Access
from governed_kernel.locks import exclusive_lock
from tests.kernel.running import RunningKernel, home_of, make_workspace

BEGIN = """
import ctypes, os, pathlib, subprocess
libc = ctypes.CDLL(None, use_errno=True)
def told(code):
    if code < 0:
        raise PermissionError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""
READING = {
    "Python's own open": "open(KEY).read()",
    "C": "told(libc.open(KEY.encode(), 0))",
    "another program": "subprocess.run(['cat', KEY], check=True, capture_output=True)",
    "a link to it": "os.symlink(KEY, 'plain.txt'); told(libc.open(b'plain.txt', 0))",
    "a hard link": "told(libc.link(KEY.encode(), b'hard.txt'))",
    "another name": "told(libc.rename(KEY.encode(), b'plain.txt'))",
    "its folder by another name": "told(libc.rename(os.path.dirname(KEY).encode(), b'keys'))",
    "the folder around it": "told(libc.rename(HOME.encode(), b'home'))",
}
CHANGING = {
    "a forged memory": "open(HOME + '/verified-envelopes', 'wb').write(b'forged')",
    "one put in its place": "pathlib.Path('f').write_text('x'); "
    "told(libc.rename(b'f', (HOME + '/verified-envelopes').encode()))",
    "another's public key": "told(libc.open((HOME + '/keys/ada.pub').encode(), 1))",
    "a key removed": "told(libc.unlink(KEY.encode()))",
}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningKernel]:
    workspace = make_workspace(tmp_path_factory.mktemp("kept") / "ws")
    jupyter = {"JUPYTER_DATA_DIR": str(workspace.root.with_name("jupyter"))}
    running = RunningKernel(workspace, environment={**os.environ, **jupyter})
    try:
        running.run(f"{BEGIN}\nHOME = {str(home_of(workspace))!r}")
        yield running
    finally:
        running.close(now=True)


def denials(kernel: RunningKernel) -> list[list[str]]:
    return [each.policies for each in kernel.events(Access) if each.decision == "denied"]


@pytest.mark.parametrize("folder", ["services", "keys"])
@pytest.mark.parametrize("way", READING)
def test_no_private_key_is_read(kernel: RunningKernel, way: str, folder: str) -> None:
    home = home_of(kernel.workspace)
    (key,) = (home / folder).glob("*.pem")
    before = len(denials(kernel))
    done = kernel.run(f"KEY = {str(key)!r}\n{READING[way]}")
    assert done.status == "error"
    assert denials(kernel)[before:] == [["personal-keys"]]
    assert key.exists()


@pytest.mark.parametrize("way", CHANGING)
def test_nothing_that_was_verified_is_forged(kernel: RunningKernel, way: str) -> None:
    home = home_of(kernel.workspace)
    (key,) = (home / "keys").glob("*.pem")
    held = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert kernel.run(f"KEY = {str(key)!r}\n{CHANGING[way]}").status == "error"
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == held
    assert ["personal-keys"] in denials(kernel)


@pytest.mark.parametrize(
    "name", ["jpserver-1.json", "jpserver-1-open.html", "jupyter_cookie_secret"]
)
def test_no_token_of_the_server_is_read(kernel: RunningKernel, tmp_path: Path, name: str) -> None:
    for folder in (tmp_path, kernel.workspace.root.with_name("jupyter") / "runtime"):
        token = folder / name
        folder.mkdir(parents=True, exist_ok=True)
        token.touch()
        for way in ("C", "Python's own open", "another program", "a hard link", "another name"):
            assert kernel.run(f"KEY = {str(token)!r}\n{READING[way]}").status == "error", way


def test_no_variables_of_the_server_are_read(kernel: RunningKernel) -> None:
    """A server below JupyterHub has its token there; who may debug the server may read them."""
    found = "f'/proc/{__import__(\"os\").getppid()}/task/../environ'"
    for said in (repr(f"/proc/{os.getpid()}/environ"), found):
        for way in ("C", "Python's own open", "another program"):
            done = kernel.run(f"KEY = {said}\n{READING[way]}")
            assert done.status == "error", (said, way)
    assert denials(kernel)[-1] == ["personal-keys"]
    assert kernel.run("import os; assert os.environ").status == "ok"


LOCKS = ["ledger.lock", "promotion.lock", "runs/run-1/state.lock", "snapshots/.lock"]
HOLDING = {
    "Python's own open": "import fcntl; fcntl.flock(held := open(LOCK), fcntl.LOCK_EX)",
    "C": "told(libc.open(LOCK.encode(), 0))",
    "another program": "subprocess.run(['flock', LOCK, 'true'], check=True, capture_output=True)",
    "another in its place": "told(libc.unlink(LOCK.encode()))",
    "a link to it": "told(libc.link(LOCK.encode(), b'lock.txt'))",
}


@pytest.mark.parametrize("way", HOLDING)
@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_of_the_workspace_s_commands_is_held(
    kernel: RunningKernel, name: str, way: str
) -> None:
    """Reading a lock is enough to hold it, and every command would wait and refuse."""
    lock = kernel.workspace.state / name
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    before = len(denials(kernel))
    done = kernel.run(f"LOCK = {str(lock)!r}\n{HOLDING[way]}")
    assert done.status == "error"
    assert denials(kernel)[before:]
    with exclusive_lock(lock, patience=0.0):
        assert lock.exists()


def test_a_cell_asks_questions_as_ever(kernel: RunningKernel) -> None:
    before = len(denials(kernel))
    done = kernel.run("from governed_kernel import questions; questions.sessions()")
    assert done.status == "ok", done.error
    assert denials(kernel)[before:] == []


def test_public_keys_and_pins_are_read_as_ever(kernel: RunningKernel) -> None:
    assert kernel.run("open(HOME + '/keys/ada.pub').read()").status == "ok"
    assert kernel.run("open(HOME + '/known_workspaces.json').read()").status == "ok"
