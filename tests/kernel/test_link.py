"""The kernel's end of the line, with a test at the other end instead of a recorder."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator

import msgspec
import pytest

from governed_kernel.capture.emitter import Cell, Decision
from governed_kernel.errors import ResourceMissing
from governed_kernel.kernel.link import RecorderLink
from governed_kernel.lineage.events import CellEnded, CellStarted, Entity, Transformation
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

    def fileno(self) -> int:
        return self._end.fileno()

    def packet(self) -> tuple[int, int, list[messages.Message]]:
        """Sender, number and messages of the packet that comes next."""
        packet = self._end.recv(messages.PACKET_BYTES * 2)
        sender, number, _, _ = messages._HEADER.unpack_from(packet)
        said = messages.decode_said(packet[messages._HEADER.size :])
        return sender, number, said.messages

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


STEP = Transformation(
    execution=1, cell_id="cell-1", transformation_id="t1", operation="add", library="pandas"
)


def test_what_a_thread_does_while_the_end_is_announced_wakes_the_recorder(
    both: tuple[RecorderLink, Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    link, recorder = both
    token = link.begin(CELL, "1", silent=False)
    number, _ = recorder.take()
    recorder.answer(number)
    link.confirm()
    send = link._wire.send

    def meanwhile(message: messages.Message, *, quietly: bool = False) -> int:
        number = send(message, quietly=quietly)
        if isinstance(message, CellEnded):
            link.emit(STEP)
        return number

    monkeypatch.setattr(link._wire, "send", meanwhile)
    link.end(ended(), token)
    assert isinstance(recorder.take()[1][0], CellEnded)
    assert recorder.take()[1] == [STEP]


@pytest.fixture
def quiet() -> Iterator[tuple[RecorderLink, Recorder, Recorder]]:
    """The kernel's end, and both of the recorder's: that which wakes it, and the quiet one."""
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
    (here, there), (mine, theirs) = pairs
    for end in (here, there, theirs):
        end.settimeout(10)
    with here, there, mine, theirs:
        link = RecorderLink(here, lambda *_: Decision(allowed=True), quiet=mine)
        yield link, Recorder(there), Recorder(theirs)


def test_only_a_step_in_a_running_cell_goes_by_the_quiet_way(
    quiet: tuple[RecorderLink, Recorder, Recorder],
) -> None:
    link, recorder, silent = quiet
    link.emit(STEP)
    assert recorder.packet()[1:] == (1, [STEP])
    token = link.begin(CELL, "1", silent=False)
    assert recorder.packet()[1] == 2
    link.emit(STEP)
    link.emit(msgspec.structs.replace(STEP, outputs=[Entity("file:///x", "file", "", [])]))
    assert silent.packet()[1:] == (3, [STEP])
    assert recorder.packet()[1] == 4
    recorder.answer(2)
    recorder.answer(5)
    link.ended(link.end(ended(), token))


def test_what_has_no_place_on_the_quiet_way_wakes_the_recorder(
    quiet: tuple[RecorderLink, Recorder, Recorder],
) -> None:
    link, recorder, silent = quiet
    link.begin(CELL, "1", silent=False)
    for _ in range(2_000):
        link.emit(STEP)
        if select.select([recorder], [], [], 0)[0] and recorder.packet()[1] > 1:
            break
    else:
        pytest.fail("two thousand steps lie where nobody looks")
    assert silent.packet()[1] == 2


def test_a_forked_child_wakes_the_recorder_with_what_it_does(
    quiet: tuple[RecorderLink, Recorder, Recorder],
) -> None:
    link, recorder, _ = quiet
    link.begin(CELL, "1", silent=False)
    sender, _, _ = recorder.packet()
    child = os.fork()
    if child == 0:
        link.emit(STEP)
        os._exit(0)
    os.waitpid(child, 0)
    other, number, said = recorder.packet()
    assert other != sender
    assert (number, said) == (1, [STEP])
