"""A real PostgreSQL, and lakes in it: each test gets a schema and a folder of its own."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.benchmarks.corpus import services

__all__ = ["PASSWORD", "Server", "only_a_file", "running"]

only_a_file = pytest.mark.parametrize("workspace", ["file"], indirect=True)
"""For what is said of the file itself; `test_lake` has what is said of a lake."""


PASSWORD = services.PASSWORD
_NUMBERS = count(1)


class Server:
    """A running PostgreSQL."""

    def __init__(self, server: services.PostgreSQL) -> None:
        self._server = server
        self.connection = f"host={server.socket_folder} port={server.port} user=ada dbname=corpus"

    def settings(self, data: Path | str) -> str:
        """The lines of a governed.toml for a new lake whose files lie in `data`."""
        return (
            f'store = "ducklake:postgres:{self.connection}"\n'
            f'lake = {{ data = "{data}", schema = "lake_{next(_NUMBERS)}" }}\n'
        )


@contextlib.contextmanager
def running() -> Iterator[Server | None]:
    """A server, or None where PostgreSQL is not installed."""
    programs = services._programs()
    if programs is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        server = services.PostgreSQL(programs, Path(folder))
        try:
            server.start()
            yield Server(server)
        finally:
            server.stop()
