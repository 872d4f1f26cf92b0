"""Work that takes longer than an answer may: started, followed by events, asked for its result.

A job lives as long as the server. What must outlive it (runs, re-runs, validations) is a process
of its own with its state on disk: a job starts it, and may wait for its end, as a re-run's does.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from governed_kernel.errors import GovernedError, UnknownName
from governed_server.naming import too_long_names_in_words
from governed_server.routing import Event, Stream

__all__ = ["Job", "Jobs"]

_AT_ONCE = 6
_KEPT = 200
_POLL_SECONDS = 0.1
_WAITING = f"Waiting for its turn: {_AT_ONCE} of a kind go on at once"
Progress = Callable[[str], None]


@dataclass
class Job:
    """One piece of work."""

    job_id: str
    kind: str
    state: str = "waiting"
    steps: list[str] = field(default_factory=list)
    result: Any = None
    error: dict[str, object] | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        """Whether it has its result, or its error."""
        return self.state in ("done", "failed")

    def describe(self) -> dict[str, Any]:
        """The job as JSON values."""
        return {
            "job": self.job_id,
            "kind": self.kind,
            "state": self.state,
            "step": self.steps[-1] if self.steps else "",
            "seconds": round(time.monotonic() - self.started, 1),
        }


class Jobs:
    """The jobs of one server.

    Six of a kind go on at once, and those after them wait: a re-run takes minutes, and what takes a
    second, as the checks of a notebook, waits for none.
    """

    def __init__(self) -> None:
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._jobs: dict[str, Job] = {}

    def start(self, kind: str, work: Callable[[Progress], Any]) -> dict[str, Any]:
        """Begin some work; returns the job as JSON values.

        Parameters
        ----------
        kind : str
            What it is, as its route is called: it waits for others of its kind alone.
        work : callable
            Called with a function that it tells its steps to; returns the result.
        """
        job = Job(secrets.token_hex(8), kind)
        self._jobs[job.job_id] = job
        for old in list(self._jobs)[:-_KEPT]:
            if self._jobs[old].is_over:
                del self._jobs[old]
        threads = self._threads.setdefault(
            kind, ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=f"governed-{kind}")
        )
        threads.submit(self._run, job, work)
        return job.describe()

    def job(self, job_id: str) -> Job:
        """The job of that name."""
        found = self._jobs.get(job_id)
        if found is None:
            raise UnknownName(
                f"there is no job {job_id}",
                why="jobs end with the server that runs them",
                next="start it again",
            )
        return found

    async def follow(self, job_id: str) -> Stream:
        """Events ``step`` while it waits and runs, then one ``done`` or ``failed``."""
        job, told = self.job(job_id), 0
        yield Event("started", job.describe())
        if job.state == "waiting":
            yield Event("step", {"step": _WAITING, "seconds": job.describe()["seconds"]})
        while True:
            over = job.is_over
            for step in job.steps[told:]:
                yield Event("step", {"step": step, "seconds": job.describe()["seconds"]})
                told += 1
            if over:
                yield Event(job.state, job.error or job.result)
                return
            await asyncio.sleep(_POLL_SECONDS)

    @staticmethod
    def _run(job: Job, work: Callable[[Progress], Any]) -> None:
        job.state = "running"
        try:
            with too_long_names_in_words():
                job.result = work(job.steps.append)
            job.state = "done"
        except GovernedError as error:
            job.error = error.describe()
            job.state = "failed"
        except Exception as error:
            job.error = _unexpected(error)
            job.state = "failed"
            raise
        except BaseException:
            with contextlib.suppress(Exception):
                job.state = "failed"
            raise


def _unexpected(error: Exception) -> dict[str, object]:
    return GovernedError(
        f"this failed in a way that nobody foresaw: {type(error).__name__}",
        why=str(error),
        next="the server's log has the details; please report it",
    ).describe()
