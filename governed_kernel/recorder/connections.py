"""What can be learnt about another process's sockets: their type, and who listens."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import re
import socket
import struct
from collections.abc import Iterator
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
    """Whether nobody but `process` itself listens at a ``tcp://`` address of this machine.

    A kernel connects to its own ports; that leads nowhere. Where another program listens as well,
    at the address or at one that stands for it, the system decides whom a connection reaches.
    """
    parts = re.fullmatch(r"tcp://(?:(127\.\d+\.\d+\.\d+)|\[(::1)\]):(\d+)", address)
    if parts is None:
        return False
    host, port = ipaddress.ip_address(parts[1] or parts[2]), int(parts[3])
    try:
        owners = set(_listening(process, host, port))
    except OSError:
        return False
    return bool(owners) and owners <= _sockets_of(process)


def _listening(
    process: int, host: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> Iterator[str]:
    """Inode numbers of the sockets that may take a connection to `host` and `port`.

    Source of the format: proc_net_tcp(5); addresses are words of 32 bits in the machine's order.
    """
    mapped = ipaddress.IPv6Address(f"::ffff:{host}") if host.version == 4 else host
    stand_for = {host.packed, mapped.packed, bytes(16), bytes(len(host.packed))}
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]
        except FileNotFoundError:
            continue  # a machine without that protocol
        for line in lines:
            fields = line.split()
            where, _, number = fields[1].partition(":")
            words = [int(where[at : at + 8], 16) for at in range(0, len(where), 8)]
            listens_there = fields[3] == _LISTENING and int(number, 16) == port
            if listens_there and struct.pack(f"={len(words)}I", *words) in stand_for:
                yield fields[9]


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
