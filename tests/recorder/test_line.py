"""What comes by two ways is heard in the order in which it was said."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator

import pytest

from governed_kernel.recorder import messages
from governed_kernel.recorder.line import Line
from governed_kernel.recorder.messages import Said, StatusRequested


class Heard:
    """A line, the kernel's ends of it, and what was heard."""

    def __init__(self) -> None:
        self.link, link = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.quiet, quiet = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.theirs = (link, quiet)
        self.numbers: list[int] = []
        self.wrong: list[str] = []
        self.closed_after: list[int] = []
        """How much had been heard when it was told that the quiet end is closed."""
        self.line = Line(link, quiet, self._take, self.wrong.append, self._closed)

    def _closed(self) -> None:
        self.closed_after.append(len(self.numbers))

    def _take(self, number: int, said: Said) -> None:
        assert said.messages == [StatusRequested()]
        self.numbers.append(number)

    def say(self, number: int, *, quietly: bool = False, sender: int = 1, size: int = 0) -> None:
        body = messages.encode_said([b"x" * size], [messages.encode(StatusRequested())])
        for packet in messages.packets(sender, number, body):
            (self.quiet if quietly else self.link).send(packet)


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    with made.link, made.quiet, made.theirs[0], made.theirs[1]:
        yield made


def test_what_was_said_quietly_waits_for_what_is_said_aloud(heard: Heard) -> None:
    heard.say(1, quietly=True)
    heard.say(2, quietly=True)
    assert heard.line.hear()
    assert heard.numbers == []
    heard.say(3)
    heard.say(4, quietly=True)
    heard.line.hear()
    assert heard.numbers == [1, 2, 3, 4]
    heard.say(5, quietly=True)
    heard.line.hear(quietly=True)
    assert heard.numbers == [1, 2, 3, 4, 5]
    assert heard.wrong == []


@pytest.mark.parametrize("seed", range(30))
def test_the_order_is_that_of_the_sender_whichever_way_it_chose(heard: Heard, seed: int) -> None:
    rng = random.Random(seed)
    count = 200
    for number in range(1, count + 1):
        quietly = rng.random() < 0.6
        long = not quietly and rng.random() < 0.2
        if long:
            heard.line.hear()  # else there is no place for it
        heard.say(number, quietly=quietly, size=70_000 if long else 0)
        if rng.random() < 0.1:  # an interrupt lets a packet be sent again
            heard.say(number, quietly=quietly and rng.random() < 0.5)
        if rng.random() < 0.2:
            heard.line.hear(quietly=rng.random() < 0.5)
    heard.line.hear(quietly=True)
    assert heard.numbers == list(range(1, count + 1))
    assert heard.wrong == []


def test_all_that_lies_there_goes_before_what_was_said_after_it(heard: Heard) -> None:
    heard.quiet.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    heard.quiet.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while count < 3_000:
            heard.say(count + 1, quietly=True)
            count += 1
    assert count > 256
    heard.say(count + 1)
    heard.line.hear()
    assert heard.numbers == list(range(1, count + 2))
    assert heard.wrong == []


def test_all_that_a_kernel_said_before_it_was_killed_is_heard(heard: Heard) -> None:
    for number in range(1, 150):
        heard.say(number, quietly=True)
    heard.quiet.close()
    heard.link.close()
    assert not heard.line.hear(quietly=True)
    assert heard.numbers == list(range(1, 150))
    assert heard.closed_after == []


def test_whoever_goes_on_and_on_does_not_hide_that_a_message_is_missing(heard: Heard) -> None:
    heard.say(2, quietly=True)
    said = 0
    for _ in range(100):
        for _ in range(100):
            said += 1
            heard.say(said, sender=2)
        heard.line.hear(quietly=True)
        if heard.wrong:
            break
    assert heard.wrong == ["a message is missing on the link to the recorder"]
    assert heard.numbers == list(range(1, said + 1))


def test_others_speak_between(heard: Heard) -> None:
    heard.say(1, quietly=True)
    heard.say(1, sender=2)
    heard.say(2)
    heard.say(2, sender=2)
    heard.line.hear()
    assert sorted(heard.numbers) == [1, 1, 2, 2]
    assert heard.wrong == []


def test_a_message_that_never_comes_is_found_out(heard: Heard) -> None:
    heard.say(1)
    heard.say(3, quietly=True)
    heard.line.hear(quietly=True)
    assert heard.numbers == [1]
    assert heard.wrong == ["a message is missing on the link to the recorder"]
    heard.say(3)
    heard.line.hear()
    assert len(heard.wrong) == 2


def test_whoever_comes_too_early_is_found_out_and_heard_from_then_on(heard: Heard) -> None:
    heard.say(1)
    heard.say(5)
    heard.say(6, size=70_000)
    heard.say(4)
    heard.line.hear()
    assert heard.numbers == [1, 5, 6]
    assert len(heard.wrong) == 2


def test_what_is_no_packet_is_found_out_by_either_way(heard: Heard) -> None:
    heard.quiet.send(b"?")
    heard.link.send(b"?")
    heard.line.hear()
    assert heard.wrong == ["a packet is too short on the link to the recorder"] * 2


def test_what_was_said_before_the_end_is_heard(heard: Heard) -> None:
    heard.say(1, quietly=True)
    heard.quiet.close()
    assert heard.line.hear(quietly=True)
    heard.say(2)
    heard.link.close()
    assert not heard.line.hear()
    assert heard.numbers == [1, 2]


def test_a_closed_quiet_end_is_told_of_before_what_came_beside_it(heard: Heard) -> None:
    heard.say(1)
    heard.line.hear()
    heard.say(2, quietly=True)
    heard.quiet.close()
    heard.say(3)
    assert heard.line.hear()
    assert heard.closed_after == [1]
    assert heard.numbers == [1, 2, 3]
