"""The witness's record held against what ``strace`` saw of the same process, at the same time.

Files with random names are planted in caches, in the temporary folder and among the installed
libraries, and some of them are read and written through libraries that no observer knows. Tracing
and witnessing go together: a stop for the tracer comes before the notification.
"""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from governed_kernel.lineage.events import Access, SessionStarted, Witnessed
from governed_kernel.recorder.environment import DATA_SUFFIXES
from governed_kernel.recorder.order import Order
from governed_kernel.workspace import Workspace
from tests.kernel.running import events_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="NOT RUN: no strace here"),
]

_PROGRAM = """
import ctypes, json, os, subprocess, sys
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]

def by_libc(path, mode):
    file = libc.fopen(os.fsencode(path), b"w" if mode == "write" else b"r")
    libc.fclose(file)

def by_a_thread(path, mode):
    import threading
    thread = threading.Thread(target=by_python, args=(path, mode))
    thread.start(); thread.join()

def by_python(path, mode):
    open(path, "a" if mode == "write" else "r").close()

def by_a_relative_name(path, mode):
    folder, name = os.path.split(path)
    here = os.getcwd()
    os.chdir(folder)
    by_libc(name, mode)
    os.chdir(here)

def by_a_folder(path, mode):
    folder = os.open(os.path.dirname(path), os.O_PATH)
    flags = os.O_WRONLY if mode == "write" else os.O_RDONLY
    os.close(os.open(os.path.basename(path), flags, dir_fd=folder))
    os.close(folder)

def by_a_child(path, mode):
    pid = os.fork()
    if pid == 0:
        by_libc(path, mode)
        os._exit(0)
    os.waitpid(pid, 0)

def by_a_program(path, mode):
    subprocess.run(["sh", "-c", 'echo x >> "$0"' if mode == "write" else 'cat < "$0"', path],
                   stdout=subprocess.DEVNULL)

def by_mapping(path, mode):
    import numpy
    numpy.memmap(path, mode="r+" if mode == "write" else "r")

def by_libxml(path, mode):
    import lxml.etree
    if mode == "write":
        lxml.etree.ElementTree(lxml.etree.Element("a")).write(path)
    else:
        try:
            lxml.etree.parse(path)
        except lxml.etree.XMLSyntaxError:
            pass

for way, mode, path in json.load(sys.stdin):
    globals()[way](path, mode)
"""
_OTHER_SUFFIXES = ("", ".txt", ".json", ".html", ".dat", f".{secrets.token_hex(2)}")
_WAYS = re.findall(r"(?m)^def (by_\w+)", _PROGRAM)
_OPENED = re.compile(
    r"(?:open|openat|openat2|creat)\((?:(?P<base>AT_FDCWD|\d+<[^>]*>)(?:<(?P<here>[^>]*)>)?, )?"
    r'"(?P<path>[^"]*)"(?:, (?P<flags>[^)]*))?.*\)\s+= (?P<number>-?\d+)(?:<(?P<real>[^>]*)>)?'
)


class Seen(NamedTuple):
    """One file that was opened, for writing or only for reading."""

    path: str
    write: bool


class Planted(NamedTuple):
    """A file in one of the places that are easily overlooked."""

    path: Path
    place: str


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[list[Planted]]:
    folders = {
        "cache": tmp_path / "home" / ".cache" / secrets.token_hex(4),
        "hub": tmp_path / "home" / ".cache" / "huggingface" / "hub" / secrets.token_hex(4),
        "temporary": tmp_path / "tmp" / secrets.token_hex(4),
        "libraries": Path(sysconfig.get_path("purelib")) / f"planted_{secrets.token_hex(4)}",
    }
    files = []
    for place, folder in folders.items():
        folder.mkdir(parents=True)
        for _ in range(40):
            suffix = random.choice((*DATA_SUFFIXES, *_OTHER_SUFFIXES))
            path = folder / f"{secrets.token_hex(4)}{suffix}"
            path.write_bytes(b"<a/>")
            files.append(Planted(path, place))
    yield files
    shutil.rmtree(folders["libraries"])


def test_the_witness_saw_each_planted_file_that_strace_saw_and_no_other(
    tmp_path: Path, planted: list[Planted]
) -> None:
    chosen = random.sample(planted, len(planted) // 2)
    assert {place for _, place in chosen} == {"cache", "hub", "temporary", "libraries"}
    plan = [(random.choice(_WAYS), random.choice(("read", "write")), each) for each, _ in chosen]
    known = {str(path) for path, _ in planted}
    traced, journal = _run(tmp_path, [(way, mode, str(path)) for way, mode, path in plan])
    traced = {seen for seen in traced if seen.path in known}
    witnessed = {Seen(event.path, event.write) for event in events_of(journal, Witnessed)}
    witnessed = {seen for seen in witnessed if seen.path in known}
    recorded = {
        Seen(access.uri.removeprefix("file://"), access.operation == "write")
        for access in events_of(journal, Access)
    }
    assert traced == {Seen(str(path), mode == "write") for _, mode, path in plan}
    assert witnessed == traced
    assert {seen for seen in recorded if seen.path in known} == traced


def _run(folder: Path, plan: list[tuple[str, str, str]]) -> tuple[set[Seen], Path]:
    """Run the plan under strace and the witness; what the former saw, and the latter's journal."""
    work = folder / "work"
    work.mkdir()
    (work / "governed.toml").write_text('[workspace]\nname = "tests"\n')
    program, trace = folder / "program.py", folder / "trace"
    program.write_text(_PROGRAM)
    command = (sys.executable, str(program))
    order = Order(str(work), "s", "research", "n.ipynb", "", "", "", command)
    calls = "trace=open,openat,openat2,creat,clone,clone3,fork,vfork"
    done = subprocess.run(
        ["strace", "-f", "-y", "-s", "4096", "-o", trace, "-e", calls, *order.command_line()],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=work,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
        },
    )
    assert done.returncode == 0, done.stderr
    journal = Workspace.open(work).journals / "s.jsonl"
    (started,) = events_of(journal, SessionStarted)
    return set(_opened(trace, started.pid)), journal


def _opened(trace: Path, kernel: int) -> Iterator[Seen]:
    """What `kernel` and its descendants opened; the recorder opens files too, to hash them."""
    lines = list(_whole_lines(trace))
    children = {
        line.rpartition("= ")[2].split()[0]: process
        for process, line in lines
        if line.startswith(("clone", "fork", "vfork"))
    }

    def descends(process: str) -> bool:
        return process == str(kernel) or (process in children and descends(children[process]))

    for process, line in lines:
        if not descends(process):
            continue
        found = _OPENED.search(line)
        if found is None or int(found["number"]) < 0 or "O_PATH" in (found["flags"] or ""):
            continue
        words = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")
        write = line.startswith("creat(") or any(word in found["flags"] for word in words)
        yield Seen(found["real"], write)


def _whole_lines(trace: Path) -> Iterator[tuple[str, str]]:
    """Process and call; those that another thread's line interrupts are put together again."""
    unfinished: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        process, _, rest = line.partition(" ")
        rest = rest.lstrip()
        if rest.endswith("<unfinished ...>"):
            unfinished[process] = rest.removesuffix("<unfinished ...>")
        elif "resumed>" in rest:
            yield process, unfinished.pop(process, "") + rest.partition("resumed>")[2]
        else:
            yield process, rest
