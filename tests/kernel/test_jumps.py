"""Links in ``/proc`` lead to what is open, not to what lies at the name that they show."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.lineage.events import Access
from tests.kernel.test_restrictions import Secret, secret

__all__ = ["secret"]

READ = """
import shutil, threading
def read(path, folder=-100):
    fd = libc.openat(folder, path.encode(), 0)
    if fd < 0:
        fail(ctypes.get_errno())
    try:
        return os.read(fd, 60)
    finally:
        os.close(fd)
def in_thread(work):
    found = []
    def run():
        try:
            found.append(work())
        except OSError as error:
            found.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]
def removed(name):
    # A folder that is open and gone, and a link to elsewhere under the name that it shows.
    shown = f'{HERE}/{name} (deleted)'
    os.makedirs(f'{HERE}/far/away/from/here', exist_ok=True)
    os.makedirs(f'{HERE}/{name}')
    folder = os.open(f'{HERE}/{name}', os.O_PATH)
    os.rmdir(f'{HERE}/{name}')
    if not os.path.islink(shown):
        os.symlink(f'{HERE}/far/away', shown)
    return folder
UP = '../' * (HERE.count('/') + 1)
"""
WAYS = {
    "the thread's own folder": "read('/proc/thread-self/../../root' + PATH)",
    "another program": """
import subprocess
done = subprocess.run(['cat', '/proc/thread-self/../../root' + PATH], capture_output=True)
done.returncode and fail(13)""",
    "a descriptor that a thread has for itself": """
held = os.open(PATH, os.O_PATH)
def other():
    assert libc.unshare(0x400) == 0
    libc.dup2(os.open('/usr/bin/env', os.O_RDONLY), held)
    return read(f'/proc/self/fd/{held}')
in_thread(other)""",
    "a working folder that a thread has for itself": """
def other():
    assert libc.unshare(0x200) == 0
    libc.chdir(b'/usr/lib')
    return read('/proc/self/cwd/' + os.path.basename(PATH))
before = os.getcwd()
os.chdir(os.path.dirname(PATH))
try:
    in_thread(other)
finally:
    os.chdir(before)""",
    "the folder above a working folder that is gone": """
before = os.getcwd()
os.fchdir(removed('standing'))
try:
    read(UP + PATH[1:])
finally:
    os.chdir(before)""",
    "the folder above a descriptor's that is gone": "read(UP + PATH[1:], removed('held'))",
    "the folder above one that is gone, by its link": (
        "read(f\"/proc/self/fd/{removed('linked')}/{UP}{PATH[1:]}\")"
    ),
}


def _run(secret: Secret, way: str, path: Path) -> tuple[str, list[Access]]:
    here = str(secret.workspace.root)
    assert secret.kernel.run(f"HERE = {here!r}{READ}").status == "ok"
    reply = secret.kernel.run(f"PATH = {str(path)!r}\n{WAYS[way]}")
    read = [event for event in secret.kernel.of_last(Access) if event.operation == "read"]
    return reply.status, read


@pytest.mark.parametrize("way", WAYS)
def test_a_holdout_is_read_by_no_such_link(secret: Secret, way: str) -> None:
    status, read = _run(secret, way, secret.names["its own name"])
    assert status == "error"
    assert {(event.decision, event.dataset) for event in read} == {("denied", "biopsies-holdout")}


@pytest.mark.parametrize("way", WAYS)
def test_and_what_is_read_by_one_is_on_record_under_its_name(secret: Secret, way: str) -> None:
    status, read = _run(secret, way, secret.innocent)
    assert status == "ok"
    assert {event.uri for event in read} == {secret.innocent.as_uri()}


NAMELESS = """
os.link(PATH, 'second')
held = os.open('second', os.O_PATH)
libc.unlink(b'second')
libc.close(libc.open(f'/proc/self/fd/{held}'.encode(), 0)) == 0 or fail(ctypes.get_errno())"""


def test_what_has_lost_its_name_is_what_it_holds(secret: Secret) -> None:
    reply = secret.kernel.run(f"PATH = {str(secret.names['a copy'])!r}{NAMELESS}")
    assert reply.status == "error"
    read = [event for event in secret.kernel.of_last(Access) if event.operation == "read"]
    assert {(event.decision, event.dataset) for event in read} == {("denied", "biopsies-holdout")}
    reply = secret.kernel.run(f"PATH = {str(secret.innocent)!r}{NAMELESS}")
    assert reply.status == "ok", reply.error
    read = [event for event in secret.kernel.of_last(Access) if event.operation == "read"]
    assert [event.uri.endswith("/second%20(deleted)") for event in read] == [True]


def test_a_copy_is_not_cut_to_be_another_content(secret: Secret) -> None:
    copy = secret.names["a copy"]
    before = copy.read_bytes()
    for size in (len(before) + 1, len(before) - 1):
        cut = f"libc.truncate({str(copy)!r}.encode(), {size}) == 0 or fail(ctypes.get_errno())"
        assert secret.kernel.run(cut).error_name == "PermissionError"
    assert copy.read_bytes() == before
    cut = f"libc.truncate({str(secret.innocent)!r}.encode(), {len(before)}) == 0 or fail(1)"
    assert secret.kernel.run(cut).status == "ok"
