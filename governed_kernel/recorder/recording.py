"""One session from its first record to its seal."""

from __future__ import annotations

import getpass
import os
import platform
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from governed_kernel import __version__
from governed_kernel.errors import Refused, ResourceMissing
from governed_kernel.lineage.events import SessionStarted
from governed_kernel.recorder import environment, installed
from governed_kernel.recorder.confinement import Confinement
from governed_kernel.recorder.connections import listens
from governed_kernel.recorder.early import EarlyWitness
from governed_kernel.recorder.kept import Kept
from governed_kernel.recorder.order import Order
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.recorder.restrictions import Restrictions
from governed_kernel.recorder.session import Session
from governed_kernel.recorder.start import StartedKernel
from governed_kernel.recorder.witness import Witness
from governed_kernel.workspace import Workspace

__all__ = ["record"]

_LONGEST_NAME = 200


def record(
    order: Order,
    kernel: StartedKernel,
    link: socket.socket,
    quiet: socket.socket,
    early: EarlyWitness | None,
    confinement: Confinement | None,
) -> tuple[int, str]:
    """Record until the kernel ends; returns its wait status, and what went wrong at the end.

    Raises
    ------
    Refused
        A release run would not be witnessed and confined, and policy does not allow that.
    ResourceMissing
        The journal can't be written.
    """
    workspace = Workspace.open(Path(order.workspace))
    lacks = _check(kernel, workspace, confinement)
    journal = SessionRecord(workspace, order.session, durable=confinement is not None)
    journal.add(_started(order, confinement, kernel, lacks))
    fault = journal.flush()
    if fault is not None:
        raise ResourceMissing(fault.what, fault.why, fault.next)
    restrictions = None
    if order.restrictions:
        restrictions = Restrictions(order.restrictions, workspace)
        restrictions.prepare()
    own = partial(listens, kernel.pid)
    witness = _witness(order, workspace, confinement, early, restrictions, own)
    session = Session(journal, kernel, link, quiet, witness, lacks, confinement, restrictions)
    if early is not None:
        session.catch_up(early)
    kernel.release()
    status = session.run()
    kernel.over = True
    return status, session.finish(status)


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
    order: Order, confinement: Confinement | None, kernel: StartedKernel, lacks: str
) -> SessionStarted:
    return SessionStarted(
        session_id=order.session,
        mode=order.mode,
        notebook=order.notebook,
        user_name=_user_name(),
        person=os.environ.get("GOVERNED_PERSON", "")[:_LONGEST_NAME],
        host=platform.node(),
        pid=kernel.pid,
        run_id=confinement.ticket.run_id if confinement else "",
        witness=lacks,
        environment_rules=environment.digest(),
        python=platform.python_version(),
        versions={**_versions(order), "governed-notebooks": __version__},
    )


def _versions(order: Order) -> dict[str, str]:
    """The kernel's libraries, when the recorder runs with the same interpreter and so knows them.

    What is not absolute on the path is a kernel's working folder, where nobody installs.
    """
    if order.command[0] != sys.executable:
        return {}
    return installed.versions(path for path in sys.path if os.path.isabs(path))


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _witness(
    order: Order,
    workspace: Workspace,
    confinement: Confinement | None,
    early: EarlyWitness | None,
    restrictions: Restrictions | None,
    own: Callable[[str], bool],
) -> Witness | None:
    if early is None:
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
    kept = Kept(workspace, confinement.ticket.write if confinement else ())
    return Witness(early.listener, rules, may_connect, restrictions, kept, own)
