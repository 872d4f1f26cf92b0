"""The audit hook: what Python itself reports of files, databases, sockets and processes.

It runs before the access happens, so policy decides first. It can't be removed from a cell.
Costs about a microsecond for an open that belongs to the environment.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple, TypeAlias

from governed_kernel.capture.emitter import Cell
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.uris import (
    entry_path,
    file_uri,
    forget_paths,
    real_path,
    resolved,
    socket_uri,
    sqlite_uri,
    url_uri,
    what_decides,
)
from governed_kernel.errors import GovernedError
from governed_kernel.lineage.events import Operation, ResourceKind

__all__ = ["install_audit_hook"]

Arguments: TypeAlias = tuple[Any, ...]
_REMEMBERED = 20_000
_WRITES = os.O_WRONLY | os.O_RDWR
_NOT_CONTENT = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", 0)
_SECONDS_DECIDED = 0.02
"""For so long one decision holds for a file that a loop opens; policies change by hand."""


class _Read(NamedTuple):
    """The last access to a file by reading: the file as it was, for whom, and when policy spoke."""

    file: tuple[int, ...]
    moment: int
    cell: Cell
    decided: float


class _Auditor:
    """Turns audit events into accesses."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._environment: set[str] = set()
        self._latest: dict[str, _Read] = {}
        self._sent_to: set[str] = set()
        observation.at_end.append(self._sent_to.clear)
        self.handlers: dict[str, Callable[[Arguments], None]] = {
            "open": self._on_open,
            "os.remove": self._on_delete,
            "os.rmdir": self._on_delete,
            "os.rename": self._on_rename,
            "os.link": self._on_link,
            "os.symlink": self._on_link,
            "os.truncate": self._on_truncate,
            "sqlite3.connect": self._on_sqlite,
            "socket.connect": self._on_socket,
            "socket.sendto": self._on_datagram,
            "socket.sendmsg": self._on_datagram,
            "subprocess.Popen": self._on_process,
            "os.system": self._on_shell,
            "os.exec": self._on_exec,
            "os.posix_spawn": self._on_exec,
            "os.spawn": lambda arguments: self._on_exec(arguments[1:]),
            "urllib.Request": self._on_url,
        }

    # --- files ------------------------------------------------------------------------------

    def _on_open(self, arguments: Arguments) -> None:
        path, mode_text, flags = arguments
        if type(path) is not str:
            if not isinstance(path, bytes):
                return
            path = os.fsdecode(path)
        if not flags & _WRITES and (path in self._environment or self._is_repeated(path)):
            return
        write = flags & os.O_ACCMODE != os.O_RDONLY
        absolute = path if path.startswith("/") else f"{os.getcwd()}/{path}"  # noqa: PTH109
        if flags & _NOT_CONTENT or self._is_environment(absolute, absolute, write):
            return
        if mode_text is None and not path.startswith("/") and _names_a_folder(sys._getframe(2)):
            return
        try:
            status = os.stat(absolute)  # noqa: PTH116 - a Path costs more than the hook
        except (OSError, ValueError):
            status = None
        real, uri = resolved(absolute, status)
        # The rules know real paths; a link may lead into the environment.
        if real != absolute and self._is_environment(absolute, real, write):
            return
        if write:
            self._opened_to_write(real, uri, flags, status)
        elif status is not None and stat.S_ISREG(status.st_mode):
            # A library that tries its optional files, or an open that fails: nothing is read.
            self._opened_to_read(path, real, uri, status)

    def _opened_to_write(
        self, real: str, uri: str, flags: int, status: os.stat_result | None
    ) -> None:
        if status is not None and stat.S_ISDIR(status.st_mode):
            # `tempfile` opens a folder by name, and a file in it by its opener.
            return
        both = flags & os.O_ACCMODE == os.O_RDWR and not flags & os.O_TRUNC
        if both and status is not None and stat.S_ISREG(status.st_mode):
            self._happened("read", real, uri, "audit:open")
        self._happened("write", real, uri, "audit:open")

    def _is_repeated(self, path: str) -> bool:
        """Whether all there is to say of reading `path` was said a moment ago.

        A file read again and again by one statement, while nothing changes, is one access. A loop
        pays for this line by line: it runs between two looks of the witness, with cold caches.
        """
        known = self._latest.get(path)
        if known is None or known.moment != self._observation.moment:
            return False
        try:
            file = _file_of(os.stat(path))  # noqa: PTH116 - a Path costs more than all of it
        except (OSError, ValueError):
            return False
        return (
            known.file == file
            and time.monotonic() - known.decided < _SECONDS_DECIDED
            and self._observation.state.call is None
            and known.cell == self._observation.cell()
        )

    def _opened_to_read(self, path: str, real: str, uri: str, status: os.stat_result) -> None:
        observation = self._observation
        if observation.state.call is not None:
            self._happened("read", real, uri, "audit:open")
            return
        known = self._latest.get(uri)
        now = _Read(_file_of(status), observation.moment, observation.cell(), time.monotonic())
        decision = observation.decide("read", real)
        if decision.allowed:
            if len(self._latest) >= _REMEMBERED:
                self._latest.clear()
            self._latest[uri] = self._latest[path] = now
            if known is not None and known[:3] == now[:3]:
                return
        observation.access("read", "file", uri, "audit:open", decision)

    def _is_environment(self, absolute: str, path: str, write: bool) -> bool:
        """Whether `path`, a spelling of `absolute`, is environment; remembered then."""
        if not self._observation.is_environment(path, write=write):
            return False
        if not write:
            if len(self._environment) >= _REMEMBERED:
                self._environment.clear()
            self._environment.add(absolute)
        return True

    def _set_aside(self, path: str, write: bool) -> bool:
        absolute = path if path.startswith("/") else f"{os.getcwd()}/{path}"  # noqa: PTH109
        if self._is_environment(absolute, absolute, write):
            return True
        real = real_path(absolute)
        return real != absolute and self._is_environment(absolute, real, write)

    def _file(self, operation: Operation, path: str, via: str) -> None:
        if operation == "delete":
            real, uri = entry_path(path), file_uri(path, follow=False)
        else:
            real, uri = resolved(path)
        self._happened(operation, real, uri, via)

    def _happened(self, operation: Operation, real: str, uri: str, via: str) -> None:
        """Decide and record, if the call of an observer does not do so itself."""
        call = self._observation.state.call
        if call is not None and (owner := call.claimed(operation, uri)) is not None:
            owner.opened.add((operation, uri))
            return
        decision = self._observation.decide(operation, real)
        self._observation.access(operation, "file", uri, via, decision)

    def _path(self, path: Any, folder: Any = -1) -> str | None:
        """The path as it stands for the calls that follow; None when it is of no interest."""
        if isinstance(path, int):
            return None
        text = os.fsdecode(path)
        if isinstance(folder, int) and folder >= 0 and not text.startswith("/"):
            try:
                text = f"{os.readlink(f'/proc/self/fd/{folder}')}/{text}"  # noqa: PTH115
            except OSError:
                return None
        return None if self._set_aside(text, write=True) else text

    def _on_delete(self, arguments: Arguments) -> None:
        if path := self._path(*arguments[:2]):
            decision = self._observation.decide("delete", entry_path(path))
            uri = file_uri(path, follow=False)
            self._observation.access("delete", "file", uri, "audit:os.remove", decision)

    def _on_rename(self, arguments: Arguments) -> None:
        forget_paths()
        source, target = (
            self._path(*pair) for pair in zip(arguments[:2], arguments[2:4], strict=False)
        )
        if target:
            self._file("write", target, "audit:os.rename")
        if source and target and self._observation.doings:
            doings = self._observation.doings[-1]
            if file_uri(source, follow=False) not in doings.written:  # it only gets another name
                doings.explained.add(resolved(target)[1])
        if source:
            self._file("delete", source, "audit:os.rename")

    def _on_link(self, arguments: Arguments) -> None:
        forget_paths()
        # The folder of the new name is the last argument, for hard links and symbolic ones.
        if target := self._path(arguments[1], arguments[-1]):
            self._file("write", target, "audit:os.link")

    def _on_truncate(self, arguments: Arguments) -> None:
        if path := self._path(arguments[0]):
            self._file("write", path, "audit:os.truncate")

    # --- databases, network, processes ------------------------------------------------------

    def _other(
        self, operation: Operation, kind: ResourceKind, uri: str, via: str, detail: str = ""
    ) -> None:
        decision = self._observation.decide(operation, uri)
        self._observation.access(operation, kind, uri, via, decision, detail)

    def _on_sqlite(self, arguments: Arguments) -> None:
        uri = sqlite_uri(arguments[0])
        if uri is None or self._set_aside(what_decides(uri), write=True):
            return
        decision = self._observation.decide("connect", what_decides(uri))
        self._observation.access("connect", "sql", uri, "audit:sqlite3.connect", decision)

    def _on_socket(self, arguments: Arguments) -> None:
        if uri := socket_uri(arguments[1], datagram=arguments[0].type == socket.SOCK_DGRAM):
            self._other("connect", "socket", uri, "audit:socket.connect")

    def _on_datagram(self, arguments: Arguments) -> None:
        uri = socket_uri(arguments[1], datagram=arguments[0].type == socket.SOCK_DGRAM)
        if uri is not None and uri not in self._sent_to:
            # Many go the same way; once a cell says it.
            self._sent_to.add(uri)
            self._other("connect", "socket", uri, "audit:socket.sendto")

    def _on_process(self, arguments: Arguments) -> None:
        executable, command = arguments[0], arguments[1]
        words = [command] if isinstance(command, (str, bytes, os.PathLike)) else list(command)
        self._execute(executable or words[0], [os.fsdecode(word) for word in words], "subprocess")

    def _on_shell(self, arguments: Arguments) -> None:
        self._execute("/bin/sh", ["sh", "-c", os.fsdecode(arguments[0])], "os.system")

    def _on_exec(self, arguments: Arguments) -> None:
        words = [os.fsdecode(word) for word in arguments[1]]
        self._execute(arguments[0], words, "os.exec")

    def _execute(self, executable: Any, words: list[str], via: str) -> None:
        program = os.fsdecode(executable)
        uri = file_uri(shutil.which(program) or program)
        self._other("execute", "process", uri, f"audit:{via}", shlex.join(words))

    def _on_url(self, arguments: Arguments) -> None:
        url, data, _, method = arguments
        if url.startswith(("http:", "https:")) and "http.client" in self._observation.observed:
            return
        verb = method or ("GET" if data is None else "POST")
        operation: Operation = "write"
        if verb in ("GET", "HEAD", "OPTIONS"):
            operation = "read"
        elif verb == "DELETE":
            operation = "delete"
        if not url.startswith("file:"):
            self._other(operation, "http", url_uri(url), "audit:urllib.Request", url)


def _file_of(status: os.stat_result) -> tuple[int, ...]:
    """What tells a file's content from another's, and from what it was before."""
    return (
        status.st_ino,
        status.st_dev,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _names_a_folder(caller: FrameType) -> bool:
    """Whether the code that called ``os.open`` speaks of a ``dir_fd``, which no event tells.

    The witness sees which file it is; a guess would be a file that nobody opened.
    """
    return any(type(names) is tuple and "dir_fd" in names for names in caller.f_code.co_consts)


def install_audit_hook(observation: Observation) -> None:
    """Add the hook to this interpreter; it stays until the process ends."""
    handlers = _Auditor(observation).handlers
    state = observation.state

    def hook(event: str, arguments: Arguments) -> None:
        handler = handlers.get(event)
        if handler is None or state.busy:
            return
        state.busy = True
        try:
            handler(arguments)
        except GovernedError:
            raise
        except Exception as error:
            if not sys.is_finalizing():
                observation.lost(f"audit:{event}", error)
        finally:
            state.busy = False

    sys.addaudithook(hook)
