"""``python -m governed_kernel.recorder``: starts a kernel and records it."""

from __future__ import annotations

import argparse
import getpass
import os
import platform
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Literal, NoReturn

from governed_kernel import __version__
from governed_kernel.errors import GovernedError, Refused
from governed_kernel.lineage.events import SessionStarted
from governed_kernel.recorder import environment
from governed_kernel.recorder.confinement import Confinement
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.recorder.seccomp import Listener
from governed_kernel.recorder.session import Session
from governed_kernel.recorder.start import StartedKernel, start_kernel
from governed_kernel.recorder.survivors import adopt_orphans
from governed_kernel.recorder.witness import Witness
from governed_kernel.workspace import Workspace


class _Order(argparse.Namespace):
    workspace: Path
    session: str
    mode: Literal["research", "release"]
    notebook: str
    ticket: Path | None
    connection_file: str
    command: list[str]


def _parse(arguments: list[str]) -> _Order:
    parser = argparse.ArgumentParser("governed_kernel.recorder", description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--session", required=True)
    parser.add_argument("--mode", choices=("research", "release"), required=True)
    parser.add_argument("--notebook", default="", help="path of the notebook, for the record")
    parser.add_argument("--ticket", type=Path, help="ticket.json of the run (release mode)")
    parser.add_argument("--connection-file", default="", help="the kernel's connection file")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- and the kernel's command")
    order = parser.parse_args(arguments, namespace=_Order())
    if order.command[:1] == ["--"]:
        del order.command[0]
    if not order.command:
        parser.error("no command to run")
    if (order.mode == "release") != (order.ticket is not None):
        parser.error("a release kernel needs a ticket, and no other takes one")
    return order


def main(arguments: list[str]) -> NoReturn:
    """Record one session and end as its kernel ended."""
    order = _parse(arguments)
    try:
        status, trouble = _record(order)
    except GovernedError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    if trouble:
        print(trouble, file=sys.stderr)  # noqa: T201
    _end_as(status)


def _record(order: _Order) -> tuple[int, str]:
    workspace = Workspace.open(order.workspace)
    confinement = Confinement(order.ticket, order.connection_file) if order.ticket else None
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    adopt_orphans()
    kernel = start_kernel(
        order.command,
        _variables(order, workspace, there.fileno()),
        there.fileno(),
        confinement.rules() if confinement else None,
    )
    try:
        there.close()
        lacks = _check(kernel, workspace, confinement)
        record = SessionRecord(workspace, order.session, durable=confinement is not None)
        record.add(_started(order, confinement, kernel, lacks))
        fault = record.flush()
        if fault is not None:
            raise Refused("the kernel was not started", fault.why, fault.next)
    except BaseException:
        os.kill(kernel.pid, signal.SIGKILL)
        os.waitpid(kernel.pid, 0)
        raise
    witness = _witness(order, workspace, confinement, kernel)
    session = Session(record, kernel.pid, here, witness, kernel.listener, lacks, confinement)
    session.forward_signals()
    kernel.release()
    status = session.run()
    return status, session.finish(status)


def _variables(order: _Order, workspace: Workspace, link: int) -> dict[str, str]:
    found = dict(os.environ)
    found["GOVERNED_RECORDER_FD"] = str(link)
    found["GOVERNED_SESSION"] = order.session
    found["GOVERNED_MODE"] = order.mode
    found["GOVERNED_WORKSPACE"] = str(workspace.root)
    if "JPY_PARENT_PID" in found:
        found["JPY_PARENT_PID"] = str(os.getpid())
    return found


def _check(kernel: StartedKernel, workspace: Workspace, confinement: Confinement | None) -> str:
    """``full``, or what is lacking; refuses a release run that would lack something."""
    if not kernel.lacks:
        return "full"
    lacks = "; ".join(kernel.lacks)
    if confinement is not None and not workspace.settings.run.without_witness:
        raise Refused(
            "this machine can't run releases",
            why=lacks,
            next="use Linux 6.12 or newer without a container that forbids seccomp and Landlock, "
            "or let an administrator set run.without_witness and adopt that policy",
        )
    return lacks


def _started(
    order: _Order, confinement: Confinement | None, kernel: StartedKernel, lacks: str
) -> SessionStarted:
    return SessionStarted(
        session_id=order.session,
        mode=order.mode,
        notebook=order.notebook,
        user_name=_user_name(),
        host=platform.node(),
        pid=kernel.pid,
        run_id=confinement.ticket.run_id if confinement else "",
        witness=lacks,
        environment_rules=environment.digest(),
        python=platform.python_version(),
        versions={"governed-notebooks": __version__},
    )


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _witness(
    order: _Order, workspace: Workspace, confinement: Confinement | None, kernel: StartedKernel
) -> Witness | None:
    if kernel.listener < 0:
        return None
    variables = environment.session_variables(
        workspace.root,
        connection_file=order.connection_file,
        ticket=str(confinement.ticket_path) if confinement else "",
    )
    rules = environment.Environment(
        environment.resolve_places(variables),
        (order.connection_file,) if order.connection_file else (),
    )
    may_connect = confinement.may_connect if confinement else None
    return Witness(Listener(kernel.listener), rules, may_connect)


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
