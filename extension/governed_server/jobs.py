"""Work that takes longer than an answer may: started, followed by events, asked for its result.

A job lives as long as the server. What must outlive it (runs, re-runs, validations) is a process
of its own with its state on disk; a job only starts those.
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
from governed_server.routing import Event, Stream

__all__ = ["Job", "Jobs"]

_KEPT = 200
_POLL_SECONDS = 0.1
Progress = Callable[[str], None]


@dataclass
class Job:
    """One piece of work."""

    job_id: str
    kind: str
    state: str = "running"
    steps: list[str] = field(default_factory=list)
    result: Any = None
    error: dict[str, object] | None = None
    started: float = field(default_factory=time.monotonic)

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

    Parameters
    ----------
    threads : ThreadPoolExecutor
        Where they run.
    """

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._jobs: dict[str, Job] = {}

    def start(self, kind: str, work: Callable[[Progress], Any]) -> dict[str, Any]:
        """Begin some work; returns the job as JSON values.

        Parameters
        ----------
        work : callable
            Called with a function that it tells its steps to; returns the result.
        """
        job = Job(secrets.token_hex(8), kind)
        self._jobs[job.job_id] = job
        for old in list(self._jobs)[:-_KEPT]:
            if self._jobs[old].state != "running":
                del self._jobs[old]
        self._threads.submit(self._run, job, work)
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
        """Events ``step`` while it runs, then one ``done`` or ``failed``."""
        job, told = self.job(job_id), 0
        yield Event("started", job.describe())
        while True:
            over = job.state != "running"
            for step in job.steps[told:]:
                yield Event("step", {"step": step, "seconds": job.describe()["seconds"]})
                told += 1
            if over:
                yield Event(job.state, job.error or job.result)
                return
            await asyncio.sleep(_POLL_SECONDS)

    @staticmethod
    def _run(job: Job, work: Callable[[Progress], Any]) -> None:
        try:
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
