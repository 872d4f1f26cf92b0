"""A pytest plugin: writes each test's outcome to a file, and observes the process if it is told to.

The library's own tests count as code of the user's, else nothing of what they do would be recorded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.capture.emitter import Cell, Decision, ObservedEvent
from governed_kernel.lineage.events import ObserverLost, Operation

OUTCOMES = Path(os.environ["OWN_TESTS_OUTCOMES"])


class Counting:
    """Keeps counts and what was lost, not the events: there are millions."""

    def __init__(self) -> None:
        self.events = 0
        self.lost: dict[str, str] = {}
        self._text = ""

    def emit(self, event: ObservedEvent) -> None:
        self.events += 1
        if isinstance(event, ObserverLost):
            self.lost.setdefault(f"{event.observer} {event.error_name}", self._text)

    def cell(self) -> Cell:
        return Cell(1, "own-tests")

    def payload(self, text: str) -> str:
        self._text = text
        return "0" * 64

    def decide(self, _operation: Operation, _path: str) -> Decision:
        return Decision(True)


def _observe() -> Counting:
    from governed_kernel import capture
    from governed_kernel.capture.observation import Observation

    judge, begin = Observation._judge, Observation.__init__

    def counts_tests_as_the_users(self: Observation, filename: str) -> bool:
        return "/tests/" in filename or judge(self, filename)

    def begin_in_one_statement(self: Observation, *arguments: Any) -> None:
        """As if all were one statement: what is remembered in one is tried as well."""
        begin(self, *arguments)
        self.moment = 1

    Observation._judge = counts_tests_as_the_users  # type: ignore[method-assign]
    Observation.__init__ = begin_in_one_statement  # type: ignore[assignment, method-assign]
    counting = Counting()
    capture.install(counting, session="own-tests")
    return counting


_counting = _observe() if os.environ.get("OWN_TESTS_OBSERVED") else None
_outcomes: dict[str, str] = {}


def pytest_runtest_logreport(report: Any) -> None:
    """A test has ended, or a phase of it has failed."""
    if report.when == "call" or report.outcome != "passed":
        text = str(getattr(report, "longreprtext", ""))[-1500:]
        _outcomes[report.nodeid] = report.outcome + (f"\n{text}" if text else "")


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish() -> Iterator[None]:
    """Leave what was found."""
    import msgspec

    yield
    facts = {"outcomes": _outcomes}
    if _counting is not None:
        facts |= {"events": {"count": str(_counting.events)}, "lost": _counting.lost}
    OUTCOMES.write_bytes(msgspec.json.encode(facts))
