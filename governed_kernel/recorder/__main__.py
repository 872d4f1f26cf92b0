"""``python -m governed_kernel.recorder``: starts a kernel and records it.

The kernel is started first; while it loads its own libraries, the recorder loads its.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

from governed_kernel.errors import GovernedError
from governed_kernel.recorder.early import EarlyWitness
from governed_kernel.recorder.order import Order, parse
from governed_kernel.recorder.seccomp import Listener
from governed_kernel.recorder.start import StartedKernel, start_kernel
from governed_kernel.recorder.survivors import adopt_orphans

if TYPE_CHECKING:
    from governed_kernel.recorder.confinement import Confinement

_BUFFER_BYTES = 106_496
"""Asked for each way from the kernel; Linux keeps twice that, a few hundred packets."""


def main(arguments: list[str]) -> NoReturn:
    """Record one session and end as its kernel ended."""
    try:
        status, trouble = _record(parse(arguments))
    except GovernedError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    if trouble:
        print(trouble, file=sys.stderr)  # noqa: T201
    _end_as(status)


def _record(order: Order) -> tuple[int, str]:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    quiet, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (there, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    adopt_orphans()
    confinement = _confinement(order)
    keep = (there.fileno(), theirs.fileno())
    kernel = start_kernel(
        order.command,
        _variables(order, keep),
        keep,
        confinement.rules() if confinement else None,
    )
    there.close()
    theirs.close()
    kernel.pass_on_signals()
    try:
        early = _load(kernel, wait=confinement is not None)
        from governed_kernel.recorder import recording

        return recording.record(order, kernel, here, quiet, early, confinement)
    except BaseException:
        if not kernel.over:
            os.kill(kernel.pid, signal.SIGKILL)
            os.waitpid(kernel.pid, 0)
        raise


def _confinement(order: Order) -> Confinement | None:
    """In release mode, what the kernel may reach, from its ticket."""
    if not order.ticket:
        return None
    from governed_kernel.recorder.confinement import Confinement

    private = _separate_memory()
    return Confinement(order.ticket, order.connection_file, private_memory=private)


def _separate_memory() -> bool:
    """Move to a ``/dev/shm`` for this run alone; where that can't be, the run goes without."""
    from governed_kernel.recorder import shared_memory

    why = shared_memory.obstacle()
    if not why:
        shared_memory.separate()
        return True
    print(  # noqa: T201
        f"this run has no shared memory (no multiprocessing, no DataLoader workers): {why}\n"
        + shared_memory.REMEDY,
        file=sys.stderr,
    )
    return False


def _load(kernel: StartedKernel, *, wait: bool) -> EarlyWitness | None:
    """Import the rest; meanwhile a research kernel begins, a release kernel waits."""

    def load() -> None:
        from governed_kernel.recorder import recording  # noqa: F401

    if kernel.listener < 0:
        load()
        return None
    early = EarlyWitness(Listener(kernel.listener))
    if wait:
        load()
    else:
        kernel.release()
        early.attend(load)
    return early


def _variables(order: Order, links: tuple[int, int]) -> dict[str, str]:
    found = dict(os.environ)
    found["GOVERNED_RECORDER_FD"] = " ".join(map(str, links))
    found["GOVERNED_SESSION"] = order.session
    found["GOVERNED_MODE"] = order.mode
    found["GOVERNED_WORKSPACE"] = os.path.realpath(order.workspace)
    if order.ticket and order.connection_file and "TMPDIR" in found:
        found["TMPDIR"] = _shortened(found["TMPDIR"], order)
    if "JPY_PARENT_PID" in found:
        found["JPY_PARENT_PID"] = str(os.getpid())
    return found


def _shortened(temporary: str, order: Order) -> str:
    """A short name of the run's temporary folder, in the folder of the kernel's own sockets.

    Processes of one run meet at sockets in it (`multiprocessing`, workers of a ``DataLoader``). A
    socket's path may have 107 characters; with a longer one they wait for each other for ever.
    """
    folder = os.path.dirname(os.path.realpath(order.connection_file))
    link = os.path.join(folder, f"tmp-{order.session[-8:]}")
    os.symlink(temporary, link)
    return link


def _end_as(status: int) -> NoReturn:
    """End with the kernel's exit status, or by the signal that ended it."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would be the recorder's
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
