from __future__ import annotations

import pytest

from governed_kernel.recorder.messages import (
    PACKET_BYTES,
    Assembler,
    LinkTampered,
    Said,
    StatusRequested,
    decode_said,
    encode,
    packets,
)


def test_a_long_message_is_cut_and_put_together() -> None:
    message = Said([b"x" * (3 * PACKET_BYTES + 1)], [StatusRequested()])
    parts = packets(7, 1, encode(message))
    assert len(parts) == 4
    assembler = Assembler()
    assert [assembler.add(part) for part in parts[:-1]] == [None, None, None]
    complete = assembler.add(parts[-1])
    assert complete is not None
    assert complete[0] == 1
    assert decode_said(complete[1]) == message


def test_senders_may_interleave() -> None:
    assembler = Assembler()
    mine, theirs = packets(1, 1, b"m" * 70_000), packets(2, 1, b"t" * 70_000)
    assert assembler.add(mine[0]) is None
    assert assembler.add(theirs[0]) is None
    assert assembler.add(mine[1]) == (1, b"m" * 70_000)
    assert assembler.add(theirs[1]) == (1, b"t" * 70_000)


def test_a_packet_sent_twice_counts_once() -> None:
    assembler = Assembler()
    first, second = packets(1, 1, b"x" * 70_000)
    assert assembler.add(first) is None
    assert assembler.add(first) is None
    assert assembler.add(second) is not None
    assert assembler.add(second) is None
    assert assembler.add(packets(1, 2, b"next")[0]) == (2, b"next")


@pytest.mark.parametrize(
    "packet",
    [b"", b"short", packets(1, 0, b"zero")[0], packets(1, 3, b"gap")[0]],
    ids=["empty", "short", "number zero", "a gap"],
)
def test_what_no_kernel_sends_is_found_out(packet: bytes) -> None:
    assembler = Assembler()
    assembler.add(packets(1, 1, b"x")[0])
    with pytest.raises(LinkTampered):
        assembler.add(packet)


def test_an_old_message_cannot_come_again() -> None:
    assembler = Assembler()
    for number in (1, 2, 3):
        assembler.add(packets(1, number, b"x")[0])
    with pytest.raises(LinkTampered):
        assembler.add(packets(1, 1, b"x")[0])
