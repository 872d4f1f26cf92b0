"""Starts a kernel that is witnessed, confined, and dies with its recorder."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from queue import SimpleQueue

from governed_kernel.lifetime import end_with
from governed_kernel.recorder import capabilities, landlock, seccomp
from governed_kernel.recorder.order import KILL_SIGNAL

__all__ = ["StartedKernel", "start_kernel"]

_NOT_EXECUTABLE = 127
_PASSED_ON = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
_PASSED_ON += [signal.SIGUSR1, signal.SIGUSR2]


class StartedKernel:
    """A kernel's process, held back until `release`.

    Attributes
    ----------
    pid : int
        The process, leader of its own session and process group.
    listener : int
        Descriptor that reports its system calls; -1 when there is no witness.
    lacks : list of str
        Reasons why it is witnessed or confined less than wanted.
    over : bool
        Whether its end has been seen.
    reason : str
        Why the recorder ended it; empty when it did not.
    """

    def __init__(self, pid: int, listener: int, lacks: list[str], gate: socket.socket) -> None:
        self.pid = pid
        self.listener = listener
        self.lacks = lacks
        self.over = False
        self.reason = ""
        self._gate: socket.socket | None = gate

    def release(self) -> None:
        """Let the kernel's program begin; a second time changes nothing."""
        if self._gate is not None:
            self._gate.send(b"go")
            self._gate.close()
            self._gate = None

    def pass_on_signals(self) -> None:
        """From now on signals to the recorder go to the kernel's process group."""
        for number in _PASSED_ON:
            signal.signal(number, self._pass_on)
        signal.signal(KILL_SIGNAL, lambda *_: self.end("killed by its client"))

    def _pass_on(self, number: int, _: object) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended, as will be noticed
            os.killpg(self.pid, number)

    def end(self, reason: str) -> None:
        """Kill the kernel and its process group."""
        self.reason = self.reason or reason
        self._pass_on(signal.SIGKILL, None)


def start_kernel(
    command: Sequence[str],
    variables: Mapping[str, str],
    keep: Sequence[int],
    confine: Sequence[landlock.Rule] | None,
) -> StartedKernel:
    """Fork, confine the child, and hold it before it executes `command`.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    variables : mapping
        The whole environment of the program.
    keep : sequence of int
        Descriptors that the program inherits, besides standard input, output and error.
    confine : sequence of Rule or None
        For a release run: all that it may reach, and no network. None: only its signals are
        confined.
    """
    gate, childs_gate = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    recorder = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _become(recorder)
            lacks = _confine(confine)
            _witness(childs_gate, lacks, network=confine is None)
            for descriptor in keep:
                os.set_inheritable(descriptor, True)
            if childs_gate.recv(2) == b"go":
                os.execvpe(command[0], list(command), dict(variables))  # noqa: S606
        except BaseException:
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(_NOT_EXECUTABLE)
    childs_gate.close()
    message, descriptors, _, _ = socket.recv_fds(gate, 65_536, 1)
    lacks = message.decode().split("\n")[:-1] if message else ["it ended at once"]
    return StartedKernel(pid, descriptors[0] if descriptors else -1, lacks, gate)


def _become(recorder: int) -> None:
    """What `subprocess` would do for a kernel, and die with the recorder."""
    os.setsid()
    end_with(recorder)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _confine(rules: Sequence[landlock.Rule] | None) -> list[str]:
    try:
        if rules is None:
            landlock.confine_signals()
        else:
            landlock.confine(rules)
            # Taken from root is what passes by every rule: modules, clocks, other processes'
            # memory. Without new privileges, which confining forbade, none of it comes back with
            # the next program. Files of others are left to it: there Landlock decides.
            capabilities.keep_only(capabilities.OVER_FILES)
    except OSError as error:
        return [f"not confined: {error}"]
    return []


def _witness(gate: socket.socket, lacks: list[str], *, network: bool) -> None:
    """Install the filter and hand its listener to the recorder.

    Descriptors go with a call that is reported itself, and nobody listens yet: a thread sends it
    that began before, and is not filtered.
    """
    listeners: SimpleQueue[list[int]] = SimpleQueue()

    def send() -> None:
        found = listeners.get()
        socket.send_fds(gate, [_lines(lacks)], found)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    found: list[int] = []
    try:
        found = [seccomp.install(network=network)]
    except seccomp.Unsupported as error:
        lacks.append(f"not witnessed: {error}")
    listeners.put(found)
    sender.join()
    for listener in found:
        os.close(listener)


def _lines(texts: list[str]) -> bytes:
    """Texts, one a line; never empty, since an empty message means the end."""
    return "".join(text.replace("\n", " ") + "\n" for text in texts).encode() or b"\0"
