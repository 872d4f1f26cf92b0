"""Observers in Python processes that are started anew: ``spawn``, ``forkserver``, loky's workers.

A forked child inherits everything. One that is started anew gets an *heir* among what its parent
hands it: unpickled, it takes over the descriptor of the link to the recorder and puts the observers
in place, before anything of the user's runs. Where that fails, the witness sees the child as it
does any program.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from governed_kernel.capture import emitter
from governed_kernel.capture.emitter import Cell
from governed_kernel.kernel.link import RecorderLink

__all__ = ["Heir", "take_over"]

_BEGIN = """
try:
    from governed_kernel.kernel.heirs import take_over
    take_over(descriptor.detach(), execution, cell_id)
except Exception:
    pass
"""


class Heir:
    """Goes to one child with what `multiprocessing` sends it; only then can it be pickled.

    Parameters
    ----------
    link : RecorderLink
        Of the parent.
    """

    def __init__(self, link: RecorderLink) -> None:
        self._link = link

    def __reduce__(self) -> tuple[Any, ...]:
        """As text that a child executes, since an error in unpickling would be the child's end."""
        from multiprocessing.reduction import DupFd

        cell = self._link.cell()
        given = {
            "descriptor": DupFd(self._link.fileno()),
            "execution": cell.execution,
            "cell_id": cell.cell_id,
        }
        return exec, (_BEGIN, given)


def take_over(descriptor: int, execution: int, cell_id: str) -> None:
    """In the child: report to the recorder what is done for the cell that started it."""
    from multiprocessing import util

    from governed_kernel.capture import install, settle
    from governed_kernel.kernel.decisions import decider

    if emitter.current() is not None:
        return
    os.set_inheritable(descriptor, False)
    connection = socket.socket(fileno=descriptor)
    if (connection.family, connection.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
        connection.detach()
        return
    link = RecorderLink(connection, decider(), cell=Cell(execution, cell_id), child=True)
    emitter.set_current(link)
    link.follow_threads()
    install(link, session=f"{os.environ.get('GOVERNED_SESSION', 'local')}.{os.getpid()}")
    # Such a child ends by os._exit; what observers still hold is told before.
    util.Finalize(None, settle, exitpriority=0)
