"""Interrupts that come while a cell is announced or ends."""

from __future__ import annotations

import signal
import threading

import pytest

from governed_kernel.kernel.interrupts import uninterrupted


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all of it"]


def test_an_interrupt_that_came_too_late_is_forgotten_and_the_next_one_is_not() -> None:
    with uninterrupted(forget=True):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_error_in_the_block_is_raised_and_the_handler_is_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(LookupError), uninterrupted():
        raise LookupError
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_nothing_is_done() -> None:
    found: list[object] = []

    def look() -> None:
        with uninterrupted():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
