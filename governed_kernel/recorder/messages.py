"""What a kernel and its recorder say to each other, and how it is cut into packets.

The kernel sends what it says (`Said`) with a number, over a ``SOCK_SEQPACKET`` pair; what is long
travels as several packets. A packet is never torn, so forked children may write to the same socket.
What need not be known at once goes over a second, quiet pair, on which the recorder does not wait:
to wake it costs the sender more than most of what it is told.
Requests (`CellStarted`, `CellEnded`, `StatusRequested`) are answered by an `Answer` of the same
number.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from governed_kernel.lineage.events import (
    Access,
    CellEnded,
    CellStarted,
    ObserverLost,
    Transformation,
)

__all__ = [
    "PACKET_BYTES",
    "Answer",
    "Assembler",
    "Fault",
    "LinkTampered",
    "Message",
    "Said",
    "Status",
    "StatusRequested",
    "decode_answer",
    "decode_said",
    "encode",
    "encode_said",
    "packets",
    "said_by",
]

PACKET_BYTES = 60_000
"""Longest body of a packet; well below any system's limit for one datagram."""

_HEADER = struct.Struct("<QQHH")


class LinkTampered(ValueError):
    """A packet that no honest kernel sends."""


class StatusRequested(msgspec.Struct, frozen=True, tag_field="type", tag="status-requested"):
    """The kernel asks how the recorder is."""


Message: TypeAlias = (
    CellStarted | CellEnded | Access | Transformation | ObserverLost | StatusRequested
)


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What is said at once: texts before what names them."""

    texts: list[bytes]
    """Lines for the payload file, as `lineage.journal.payload_of` makes them."""
    messages: list[Message]


class Fault(msgspec.Struct, frozen=True):
    """Why the recorder can't go on, in the three parts of every error."""

    what: str
    why: str = ""
    next: str = ""
    final: bool = False
    """Whether nothing in this session may run any more."""


class Status(msgspec.Struct, frozen=True):
    """How a session's recorder is."""

    session_id: str
    mode: str
    journal: str
    witness: str
    records: int
    witnessed: int
    explained: int
    unexplained: int
    environment: int


class Answer(msgspec.Struct, frozen=True):
    """The recorder's answer to the request of the same number."""

    number: int
    fault: Fault | None = None
    status: Status | None = None


encode = msgspec.msgpack.Encoder().encode
decode_said = msgspec.msgpack.Decoder(Said).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode


def encode_said(texts: Sequence[bytes], messages: Sequence[bytes]) -> bytes:
    """`Said` of encoded messages."""
    return encode((texts, [msgspec.Raw(message) for message in messages]))


def packets(sender: int, number: int, body: bytes) -> list[bytes]:
    """Cut one message into packets that name sender, message number, place and count."""
    count = max(1, -(-len(body) // PACKET_BYTES))
    return [
        _HEADER.pack(sender, number, index, count)
        + body[index * PACKET_BYTES : (index + 1) * PACKET_BYTES]
        for index in range(count)
    ]


def said_by(packet: bytes) -> tuple[int, int]:
    """A packet's sender and the number of its message; zeros where it is none."""
    if len(packet) < _HEADER.size:
        return 0, 0
    sender, number, _, _ = _HEADER.unpack_from(packet)
    return sender, number


class Assembler:
    """Puts packets together again, and notices what does not fit.

    A sender (a process) counts its messages from 1 and sends them one after another. A packet
    may come twice (an interrupt can make the sender send it again) and is then dropped.
    """

    def __init__(self) -> None:
        self._done: dict[int, int] = {}
        self._parts: dict[int, list[bytes]] = {}

    def is_next(self, packet: bytes) -> bool:
        """Whether nothing that its sender said before a packet is still to come."""
        sender, number = said_by(packet)
        return number <= self._done.get(sender, 0) + 1

    def resume(self, packet: bytes) -> tuple[int, bytes] | None:
        """Go on from a packet that came too early, so that its sender is answered; as `add`."""
        sender, number = said_by(packet)
        if number <= self._done.get(sender, 0):
            return None
        self._done[sender] = number - 1
        self._parts[sender] = []
        try:
            return self.add(packet)
        except LinkTampered:
            return None

    def add(self, packet: bytes) -> tuple[int, bytes] | None:
        """Take one packet; returns number and body when it completes a message.

        Raises
        ------
        LinkTampered
            The packet is no packet, or out of order.
        """
        if len(packet) < _HEADER.size:
            raise LinkTampered("a packet is too short")
        sender, number, index, count = _HEADER.unpack_from(packet)
        done = self._done.get(sender, 0)
        parts = self._parts.setdefault(sender, [])
        if (number and number == done) or (number == done + 1 and index == len(parts) - 1):
            return None
        if not number or number != done + 1 or index != len(parts) or index >= count:
            raise LinkTampered(f"packet {index} of message {number} came after message {done}")
        parts.append(packet[_HEADER.size :])
        if len(parts) < count:
            return None
        self._done[sender] = number
        self._parts[sender] = []
        return number, b"".join(parts)
