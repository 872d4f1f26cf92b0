"""What can be learnt about another process's sockets: where they lead, and who listens."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from governed_kernel.recorder import paths
from governed_kernel.recorder.seccomp import Listener, Notification

__all__ = ["NAME_PEERS", "addresses", "is_datagram", "listens"]

_PEERS = {42: (1, 2), 44: (4, 5)}
"""Where connect and sendto have a peer's address, and its length."""
_SENDMSG, _SENDMMSG = 46, 307
NAME_PEERS = frozenset((*_PEERS, _SENDMSG, _SENDMMSG))
"""The calls that name where a socket leads."""
_HEADER = struct.Struct("@PI")  # struct msghdr begins with the same; see sendmsg(2)
_HEADER_BYTES = 64  # of a struct mmsghdr
_MOST_HEADERS = 1024  # UIO_MAXIOV; the system looks at no more
_ADDRESS_BYTES = 128  # struct sockaddr_storage
_PIDFD_GETFD = 438
_LISTENING = "0A"


def addresses(listener: Listener, notification: Notification) -> list[str]:
    """Where one of `NAME_PEERS` leads, as `paths.address_of` says it; each address once.

    Raises
    ------
    Unreadable
        As `Listener.memory`.
    """
    peers = [
        listener.memory(notification.thread, where, min(length & 0xFFFFFFFF, _ADDRESS_BYTES))
        for where, length in _named(listener, notification)
        if where
    ]
    if not peers:
        return []
    thread = notification.thread
    kind = "udp" if is_datagram(thread, notification.arguments[0]) else "tcp"
    found = (paths.address_of(peer, thread, kind) for peer in dict.fromkeys(peers))
    return list(dict.fromkeys(address for address in found if address is not None))


def _named(listener: Listener, notification: Notification) -> Iterator[tuple[int, int]]:
    """Where in a call's memory addresses stand, and how long they are; none at 0."""
    _, thread, number, arguments = notification
    if number in _PEERS:
        where, length = _PEERS[number]
        yield arguments[where], arguments[length]
        return
    count = 1 if number == _SENDMSG else min(arguments[2] & 0xFFFFFFFF, _MOST_HEADERS)
    for place in range(count):
        header = listener.memory(thread, arguments[1] + place * _HEADER_BYTES, _HEADER.size)
        yield _HEADER.unpack(header.ljust(_HEADER.size, b"\0"))


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
