"""Following work that takes longer than an answer may."""

from __future__ import annotations

import msgspec

from governed_server.routing import Stream, stream
from governed_server.service import Service

__all__ = ["Job", "follow"]


class Job(msgspec.Struct, kw_only=True):
    """A job by its id."""

    job: str


@stream("jobs/events")
def follow(service: Service, asked: Job) -> Stream:
    """The steps of a job, then its result or its error."""
    return service.jobs.follow(asked.job)
