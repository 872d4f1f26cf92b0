"""Long work beside short questions."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from governed_server import reading, routes
from governed_server.routing import ROUTES
from governed_server.service import Service

from tests.loop.stages import Stages

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


@pytest.mark.slow
def test_a_review_tells_how_far_it_has_verified_what_was_registered(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 100 GB nobody who was to sign saw anything move for minutes."""
    place = stages.candidate.copy(tmp_path)
    assert routes.__all__
    route = ROUTES["POST", "release/review"]
    asked = {"path": place.root.name, "release": "sour@1", "purpose": "run", "person": "rui"}
    service = Service(cast("Any", SimpleNamespace(root_dir=str(place.root.parent))))

    def steps() -> list[str]:
        started = route.function(service, msgspec.convert(asked, route.asked))
        events = awaited(_events(service, started["job"]))
        assert events[-1][0] == "done", events[-1]
        return [data["step"] for kind, data in events if kind == "step"]

    monkeypatch.setattr(service.following, "add", lambda _: None)  # a process that ingests
    with place.inside():
        assert not [step for step in steps() if "%" in step], "what takes no time is not counted"
        monkeypatch.setattr(reading, "MUCH", 0)
        assert "Verifying what was registered: 100 % of 0.0 GB" in steps()


def test_how_far_it_is_takes_no_more_than_a_hundred_steps(tmp_path: Path) -> None:
    told: list[str] = []
    with reading.telling(told.append)(1 << 40) as progress:
        assert progress is not None
        for _ in range(1 << 12):
            progress(1 << 28)
    assert len(told) == 100
    assert told[-1] == "Verifying what was registered: 100 % of 1,099.5 GB"
    (tmp_path / "small.csv").write_text("a")
    assert reading.copying(told.append, tmp_path) is None


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
