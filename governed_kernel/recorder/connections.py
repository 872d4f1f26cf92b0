"""What can be learnt about another process's sockets: their type, and who listens."""

from __future__ import annotations

import ctypes
import os
import re
import socket
from pathlib import Path

__all__ = ["is_datagram", "listens"]

_PIDFD_GETFD = 438
_LISTENING = "0A"


def is_datagram(thread: int, descriptor: int) -> bool:
    """Whether a descriptor of another process is a datagram socket."""
    try:
        process = os.pidfd_open(thread)
    except OSError:
        return False  # a thread that is not its process's first: most sockets are streams
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        copy = int(libc.syscall(_PIDFD_GETFD, process, descriptor & 0xFFFFFFFF, 0))
        if copy < 0:
            return False
        with socket.socket(fileno=copy) as peer:
            return peer.type == socket.SOCK_DGRAM
    except OSError:
        return False
    finally:
        os.close(process)


def listens(process: int, address: str) -> bool:
    """Whether `process` itself listens at a ``tcp://`` address of this machine.

    A kernel connects to its own ports; that leads nowhere.
    """
    found = re.fullmatch(r"tcp://(?:127\.[\d.]+|\[::1\]):(\d+)", address)
    if found is None:
        return False
    sockets = _sockets_of(process)
    port = f":{int(found.group(1)):04X}"
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and fields[1].endswith(port) and fields[9] in sockets:
                return True
    return False


def _sockets_of(process: int) -> set[str]:
    """Inode numbers of the sockets that a process has open."""
    found = set()
    folder = f"/proc/{process}/fd"
    try:
        for name in os.listdir(folder):
            target = os.readlink(f"{folder}/{name}")
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        pass
    return found
