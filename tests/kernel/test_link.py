"""The kernel's end of the line, with a test at the other end instead of a recorder."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from governed_kernel.capture.emitter import Cell, Decision
from governed_kernel.errors import ResourceMissing
from governed_kernel.kernel.link import RecorderLink
from governed_kernel.lineage.events import CellEnded, CellStarted, Transformation
from governed_kernel.recorder import messages
from governed_kernel.recorder.messages import Answer, Fault

CELL = Cell(1, "cell-1")


class Recorder:
    """Reads what the link says, and answers what it is told to."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._assembler = messages.Assembler()

    def take(self) -> tuple[int, list[messages.Message]]:
        whole = None
        while whole is None:
            whole = self._assembler.add(self._end.recv(messages.PACKET_BYTES * 2))
        return whole[0], messages.decode_said(whole[1]).messages

    def answer(self, number: int, fault: Fault | None = None) -> None:
        self._end.send(messages.encode(Answer(number, fault)))


@pytest.fixture
def both() -> Iterator[tuple[RecorderLink, Recorder]]:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    here.settimeout(10)
    there.settimeout(10)
    with here, there:
        yield RecorderLink(here, lambda *_: Decision(allowed=True)), Recorder(there)


def ended() -> CellEnded:
    return CellEnded(execution=1, cell_id="cell-1", status="ok")


def test_a_cell_is_announced_before_it_is_confirmed(both: tuple[RecorderLink, Recorder]) -> None:
    link, recorder = both
    token = link.begin(CELL, "1", silent=False)
    number, (said,) = recorder.take()
    assert isinstance(said, CellStarted)
    recorder.answer(number)
    recorder.answer(number + 1)  # of the end that comes
    link.confirm()
    link.confirm()  # once is enough: there is no second answer to wait for
    link.ended(link.end(ended(), token))


def test_a_refusal_is_told_as_often_as_is_asked_and_no_end_is_announced(
    both: tuple[RecorderLink, Recorder],
) -> None:
    link, recorder = both
    token = link.begin(CELL, "1", silent=False)
    recorder.answer(recorder.take()[0], Fault("the disk is full", "no space", "make room"))
    for _ in range(2):
        with pytest.raises(ResourceMissing, match="the disk is full"):
            link.confirm()
    with pytest.raises(ResourceMissing, match="the disk is full"):
        link.end(ended(), token)
    token = link.begin(Cell(2, "cell-2"), "2", silent=False)
    _, (said,) = recorder.take()
    assert isinstance(said, CellStarted)


class _Disturbed(dict[Cell, object]):
    """Raises what an interrupt would, just after something was noted, once."""

    disturbed = False

    def __setitem__(self, cell: Cell, state: object) -> None:
        super().__setitem__(cell, state)
        if not self.disturbed:
            self.disturbed = True
            raise KeyboardInterrupt


def test_an_interrupt_just_after_an_answer_was_noted_lets_nobody_wait(
    both: tuple[RecorderLink, Recorder],
) -> None:
    link, recorder = both
    token = link.begin(CELL, "1", silent=False)
    number, _ = recorder.take()
    recorder.answer(number)
    recorder.answer(number + 1)
    link._cells = _Disturbed(link._cells)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        link.confirm()
    link.ended(link.end(ended(), token))


def test_a_cell_begins_while_the_end_of_another_waits_for_its_answer(
    both: tuple[RecorderLink, Recorder],
) -> None:
    link, recorder = both
    first = link.begin(CELL, "1", silent=False)
    recorder.answer(recorder.take()[0])
    link.confirm()
    end = link.end(ended(), first)
    recorder.answer(recorder.take()[0], Fault("the disk is full", "no space", "make room"))
    second = link.begin(Cell(2, "cell-2"), "2", silent=False)
    recorder.answer(recorder.take()[0])
    link.confirm()
    with pytest.raises(ResourceMissing, match="the disk is full"):
        link.ended(end)
    last = link.end(ended(), second)
    recorder.answer(recorder.take()[0])
    link.ended(last)


def test_what_a_thread_does_while_the_end_is_announced_is_not_held_until_another_cell(
    both: tuple[RecorderLink, Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    link, recorder = both
    step = Transformation(
        execution=1, cell_id="cell-1", transformation_id="t1", operation="add", library="pandas"
    )
    token = link.begin(CELL, "1", silent=False)
    number, _ = recorder.take()
    recorder.answer(number)
    link.confirm()
    send = link._wire.send

    def meanwhile(message: messages.Message | None) -> int:
        number = send(message)
        if isinstance(message, CellEnded):
            link.emit(step)
        return number

    monkeypatch.setattr(link._wire, "send", meanwhile)
    link.end(ended(), token)
    assert isinstance(recorder.take()[1][0], CellEnded)
    assert recorder.take()[1] == [step]
