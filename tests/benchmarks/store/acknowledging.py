"""Kernels and recorders at once: what an event costs the cell, and how long a cell's end waits.

Both ends are the real ones: the kernel's link, the wire, the session's record with its journal,
texts and head on this disk. Only the kernel's own work and the witness are left out.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import statistics
import time
from multiprocessing.connection import Connection
from pathlib import Path

from governed_kernel.capture.emitter import Cell, Decision
from governed_kernel.kernel.link import RecorderLink
from governed_kernel.lineage.events import Access, CellEnded, CellStarted
from governed_kernel.lineage.texts import texts_file
from governed_kernel.recorder import messages
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.workspace import Workspace

__all__ = ["Measured", "bare", "measure"]

_EVENTS = 20
"""Events of a cell, besides its start and end."""

Measured = tuple[list[float], list[float]]
"""Seconds of each event's sending, and of each cell's end."""


def measure(workspace: Workspace, kernels: int, cells: int, *, durable: bool) -> Measured:
    """Let some kernels run cells at the same time, each with a recorder in a process of its own."""
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(kernels)
    pipes, processes = [], []
    for number in range(kernels):
        here, there = context.Pipe(duplex=False)
        session = f"ack-{durable:d}-{kernels}-{number}"
        process = context.Process(
            target=_both, args=(workspace.root, session, cells, durable, ready, there)
        )
        process.start()
        pipes.append(here)
        processes.append(process)
    found = [pipe.recv() for pipe in pipes]
    for process in processes:
        process.join()
    return [t for sent, _ in found for t in sent], [t for _, ended in found for t in ended]


def _both(
    root: Path, session: str, cells: int, durable: bool, ready: object, out: Connection
) -> None:
    """One kernel here, its recorder in a child."""
    kernel_end, recorder_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    context = multiprocessing.get_context("fork")
    recorder = context.Process(
        target=_record, args=(root, session, durable, recorder_end, kernel_end)
    )
    recorder.start()
    recorder_end.close()
    link = RecorderLink(kernel_end, lambda *_: Decision(allowed=True))
    ready.wait()  # type: ignore[attr-defined]
    out.send(_run_cells(link, cells))
    kernel_end.close()
    recorder.join()


def _run_cells(link: RecorderLink, cells: int) -> Measured:
    sent, ended = [], []
    clock = time.perf_counter
    for execution in range(1, cells + 1):
        cell = Cell(execution, f"cell-{execution}")
        token = link.begin(cell, "frame = pd.read_parquet('data.parquet')", silent=False)
        link.confirm()
        for number in range(_EVENTS):
            event = Access(
                execution=execution,
                cell_id=cell.cell_id,
                operation="read",
                kind="file",
                uri=f"file:///data/part-{number}.parquet",
                via="pandas.read_parquet",
            )
            start = clock()
            link.emit(event)
            sent.append(clock() - start)
        end = CellEnded(execution=execution, cell_id=cell.cell_id, status="ok")
        start = clock()
        link.end(end, token)
        ended.append(clock() - start)
    return sent, ended


def _record(
    root: Path, session: str, durable: bool, end: socket.socket, other: socket.socket
) -> None:
    """What a recorder does with what its kernel says."""
    other.close()  # else it would never see its kernel end
    record = SessionRecord(Workspace(root), session, durable=durable)
    assembler = messages.Assembler()
    while data := end.recv(messages.PACKET_BYTES * 2):
        whole = assembler.add(data)
        if whole is None:
            continue
        number, said = whole[0], messages.decode_said(whole[1])
        for line in said.texts:
            record.text(line)
        for message in said.messages:
            record.add(message)
        match said.messages[-1]:
            case CellStarted():
                assert record.flush() is None
                end.send(messages.encode(messages.Answer(number)))
            case CellEnded():
                assert record.settle() is None
                end.send(messages.encode(messages.Answer(number)))
    assert texts_file(record.path).stat().st_size


def bare(folder: Path, processes: int, times: int) -> list[float]:
    """Seconds of appending 300 bytes and one fdatasync, by some processes at once: the floor."""
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(processes)
    pipes, started = [], []
    for number in range(processes):
        here, there = context.Pipe(duplex=False)
        process = context.Process(
            target=_sync, args=(folder / f"bare-{number}", times, ready, there)
        )
        process.start()
        pipes.append(here)
        started.append(process)
    found = [each for pipe in pipes for each in pipe.recv()]
    for process in started:
        process.join()
    return found


def _sync(path: Path, times: int, ready: object, out: Connection) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    found, clock = [], time.perf_counter
    ready.wait()  # type: ignore[attr-defined]
    for _ in range(times):
        start = clock()
        os.write(descriptor, b"x" * 300)
        os.fdatasync(descriptor)
        found.append(clock() - start)
    os.close(descriptor)
    out.send(found)


def quantile(values: list[float], share: float) -> float:
    """The value that a share of all does not exceed."""
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]
