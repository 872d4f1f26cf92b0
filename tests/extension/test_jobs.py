"""Long work beside short questions."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from governed_server.service import Service

from .awaiting import awaited


def test_however_many_jobs_go_on_a_question_is_answered(tmp_path: Path) -> None:
    """A re-run takes minutes; six of them kept every panel waiting."""
    with _many_reruns(tmp_path) as (service, _):
        assert awaited(_asked(service)) == "answered"


def test_however_many_reruns_go_on_the_checks_of_a_notebook_begin(tmp_path: Path) -> None:
    with _many_reruns(tmp_path) as (service, _):
        checks = service.jobs.start("checks", lambda _: "checked")["job"]
        assert awaited(_events(service, checks))[-1] == ("done", "checked")


def test_a_job_that_has_not_begun_says_that_it_waits(tmp_path: Path) -> None:
    with _many_reruns(tmp_path) as (service, names):
        states = [service.jobs.job(name).state for name in names]
        assert (states.count("running"), states.count("waiting")) == (6, 14)
        (_, job), (kind, step) = awaited(_events(service, names[-1], 2))
        assert (job["state"], kind) == ("waiting", "step")
        assert step["step"].startswith("Waiting for its turn: 6")


@contextlib.contextmanager
def _many_reruns(folder: Path) -> Iterator[tuple[Service, list[str]]]:
    """A service with twenty re-runs that do not end, as many begun as may go on at once."""
    service = Service(cast("Any", SimpleNamespace(root_dir=str(folder))))
    end, begun = threading.Event(), threading.Semaphore(0)

    def rerun(_: object) -> None:
        begun.release()
        end.wait(60)

    names = [service.jobs.start("audit/rerun", rerun)["job"] for _ in range(20)]
    try:
        assert all(begun.acquire(timeout=30) for _ in range(6))
        yield service, names
    finally:
        end.set()


async def _asked(service: Service) -> str:
    return await asyncio.wait_for(service.in_thread(lambda: "answered"), timeout=30)


async def _events(service: Service, name: str, most: int = 100) -> list[tuple[str, Any]]:
    """What is told of a job, as far as its end."""
    found: list[tuple[str, Any]] = []
    async with asyncio.timeout(30):
        async for event in service.jobs.follow(name):
            found.append((event.name, event.data))
            if len(found) == most:
                break
    return found
