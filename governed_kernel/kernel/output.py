"""The output of forked children, without a network."""

from __future__ import annotations

import os
from typing import Any

import zmq
from ipykernel import kernelapp
from ipykernel.iostream import IOPubThread
from zmq.eventloop.zmqstream import ZMQStream

__all__ = ["UnixIOPubThread", "avoid_network"]


class UnixIOPubThread(IOPubThread):
    """Takes what forked children print from a Unix socket, where the client uses Unix sockets.

    ipykernel binds a TCP port for that, whatever its client uses; a release kernel has no TCP,
    and libzmq aborts when it can't make such a socket.
    """

    def _setup_pipe_in(self) -> None:
        endpoint = self._endpoint()
        if not endpoint:
            super()._setup_pipe_in()  # type: ignore[no-untyped-call]
            return
        self._pipe_uuid = os.urandom(16)
        pipe: Any = self.socket.context.socket(zmq.PULL)
        pipe.linger = 0
        pipe.bind(endpoint)
        self._pipe_in = ZMQStream(pipe, self.io_loop)
        self._pipe_in.on_recv(self._handle_pipe_msg)

    def _setup_pipe_out(self) -> tuple[Any, Any]:
        endpoint = self._endpoint()
        if not endpoint:
            found: tuple[Any, Any] = super()._setup_pipe_out()  # type: ignore[no-untyped-call]
            return found
        context: Any = zmq.Context()  # a new one: this is after a fork
        pipe = context.socket(zmq.PUSH)
        pipe.linger = 3000
        pipe.connect(endpoint)
        return context, pipe

    def _endpoint(self) -> str:
        """Beside the client's own socket; empty when that is a TCP port."""
        if not hasattr(self, "_beside"):
            own = self.socket.getsockopt(zmq.LAST_ENDPOINT).decode().rstrip("\0")
            self._beside = f"{own}-children" if own.startswith("ipc://") else ""
        return self._beside


def avoid_network() -> None:
    """Make ipykernel's application use `UnixIOPubThread`."""
    # the name that `IPKernelApp.init_iopub` looks up
    vars(kernelapp)["IOPubThread"] = UnixIOPubThread
