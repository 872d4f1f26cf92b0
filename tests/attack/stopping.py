"""Kill a command at its N-th change of a file, at the system call itself, whoever makes it.

Run as a script by the interpreter whose environment the command is to have; it answers requests,
one JSON document a line. For each it forks, and the fork runs ``governed …`` under a seccomp filter
that reports every call by which a file is made, written, synced, named or removed, also those of
native code and of children. At the chosen one everything is killed, before the call takes place or
after half of its bytes were written.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import struct
import sys
import traceback
from pathlib import Path
from typing import Any

from governed_kernel.recorder.seccomp import (
    _ALLOW,
    _AND,
    _EQUALS,
    _LOAD,
    _NOTIFY,
    _RETURN,
    Instruction,
    Listener,
    load,
)

_SECTOR = 512
WHOLE = " of a sector"
"""Such a write over what is there is never torn: the system copies into one page without a break,
and a disk writes its sectors whole. So it is not killed half-way."""
_WRITES = {1: "write", 18: "pwrite64"}
_BY_DESCRIPTOR = {
    **_WRITES,
    20: "writev",
    74: "fsync",
    75: "fdatasync",
    77: "ftruncate",
    91: "fchmod",
    285: "fallocate",
    296: "pwritev",
    326: "copy_file_range",
}
_BY_PATH = {76: "truncate", 82: "rename", 83: "mkdir", 84: "rmdir", 86: "link", 87: "unlink",
            90: "chmod"}  # fmt: skip
_BELOW = {258: "mkdirat", 263: "unlinkat", 264: "renameat", 265: "linkat", 268: "fchmodat",
          316: "renameat2"}  # fmt: skip
_OPENAT = 257
_MAKES = os.O_CREAT | os.O_TRUNC
_AT_CWD = 0xFFFFFF9C


def _program() -> list[Instruction]:
    lines = [(_LOAD, 0, 0, 0)]
    for number in (*_BY_DESCRIPTOR, *_BY_PATH, *_BELOW):
        lines += [(_EQUALS, 0, 1, number), (_RETURN, 0, 0, _NOTIFY)]
    lines += [
        (_EQUALS, 0, 4, _OPENAT),
        (_LOAD, 0, 0, 16 + 8 * 2),
        (_AND, 0, 0, _MAKES),
        (_EQUALS, 1, 0, 0),
        (_RETURN, 0, 0, _NOTIFY),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return lines


def _serve() -> None:
    from governed_kernel.cli import main
    from governed_kernel.governance import keys
    from governed_kernel.governance.pkcs8 import Cost
    from governed_kernel.lineage import store  # noqa: F401 (what most commands import)

    keys.COST = Cost(n=2**8, r=8, p=1)
    for line in sys.stdin:
        request = json.loads(line)
        sys.stdout.write(json.dumps(_Run(request, main).result()) + "\n")
        sys.stdout.flush()


class _Run:
    """One request: ``argv`` or ``code``, ``environment``, ``folder``, ``roots``, ``at``, ``half``.

    ``at`` counts changes of files below ``roots``; 0 lets the command end.
    """

    def __init__(self, request: dict[str, Any], main: Any) -> None:
        self._request = request
        self._roots = tuple(f"{root}/".encode() for root in request["roots"])
        self._calls: list[str] = []
        self._where = ""
        ours, theirs = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(ours)
            self._become(theirs, main)
        os.close(theirs)
        (number,) = struct.unpack("i", os.read(ours, 4))
        os.close(ours)
        os.waitpid(self._pid, os.WUNTRACED)
        self._process = os.pidfd_open(self._pid)
        libc = ctypes.CDLL(None, use_errno=True)
        taken = int(libc.syscall(438, self._process, number, 0))  # pidfd_getfd
        if taken < 0:
            raise OSError(ctypes.get_errno(), "the listener can't be taken over")
        self._listener = Listener(taken)
        os.kill(self._pid, signal.SIGCONT)

    def _become(self, told: int, main: Any) -> None:
        """The command itself; it stops until its listener was taken over."""
        try:
            os.setsid()
            os.environ.update(self._request["environment"])
            os.chdir(self._request["folder"])
            output = os.open(self._request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            for number in (1, 2):
                os.dup2(output, number)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            free = os.open(os.devnull, os.O_RDONLY)  # the number that the listener will have
            os.write(told, struct.pack("i", free))
            os.close(free)
            assert load(_program()) == free
            os.kill(os.getpid(), signal.SIGSTOP)
            os.close(free)
            if "code" in self._request:
                exec(self._request["code"], {"__name__": "__main__"})
            else:
                main(self._request["argv"])
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
            code = 70
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)

    def result(self) -> dict[str, Any]:
        """Let it run to its end or to the chosen call; what became of it."""
        poll = select.poll()
        poll.register(self._listener.descriptor, select.POLLIN)
        poll.register(self._process, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if ready.get(self._listener.descriptor, 0) & select.POLLIN:
                self._look()
            elif self._process in ready:
                break
        _, status = os.waitpid(self._pid, 0)
        self._kill()  # children that are still there
        self._listener.close()
        os.close(self._process)
        return {
            "code": os.waitstatus_to_exitcode(status),
            "calls": self._calls,
            "where": self._where,
            "output": Path(self._request["output"]).read_text(errors="replace"),
        }

    def _look(self) -> None:
        seen = self._listener.receive()
        if seen is None:
            return
        path = self._path(seen)
        if path is None or not path.startswith(self._roots):
            self._listener.proceed(seen)
            return
        name = {**_BY_DESCRIPTOR, **_BY_PATH, **_BELOW, _OPENAT: "openat"}[seen.number]
        if seen.number == 18 and seen.arguments[3] % _SECTOR + seen.arguments[2] <= _SECTOR:
            name += WHOLE
        self._calls.append(name)
        if len(self._calls) != self._request["at"]:
            self._listener.proceed(seen)
            return
        self._where = f"{name} {path.decode(errors='replace')}"
        if self._request["half"] and seen.number in _WRITES:
            self._write_half(seen)
        self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)

    def _path(self, seen: Any) -> bytes | None:
        """The file that a call changes; None where it has no name."""
        process, first = Path(f"/proc/{seen.thread}"), seen.arguments[0] & 0xFFFFFFFF
        below = seen.number in _BELOW or seen.number == _OPENAT
        try:
            if seen.number in _BY_DESCRIPTOR or (below and first != _AT_CWD):
                found = (process / "fd" / str(first)).readlink()
            else:
                found = (process / "cwd").readlink()
        except OSError:
            return None
        if seen.number in _BY_DESCRIPTOR:
            return os.fsencode(found)
        named = self._listener.text(seen.thread, seen.arguments[1 if below else 0])
        return os.fsencode(found / os.fsdecode(named))

    def _write_half(self, seen: Any) -> None:
        """What a process that is killed in the middle of a write may leave."""
        number, address, length, place = seen.arguments[:4]
        data = self._listener.memory(seen.thread, address, max(length // 2, 1))
        flags = os.O_WRONLY | (0 if seen.number == 18 else os.O_APPEND)
        descriptor = os.open(f"/proc/{seen.thread}/fd/{number}", flags)
        if seen.number == 18:
            os.pwrite(descriptor, data, place)
        else:
            os.write(descriptor, data)
        os.close(descriptor)


if __name__ == "__main__":
    sys.path.pop(0)
    _serve()
