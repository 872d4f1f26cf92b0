"""A bar on the terminal while much is read: what is registered, and what is verified."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from governed_kernel.cli.options import console
from governed_kernel.governance.contents import Progress

__all__ = ["copying", "verifying"]

_MUCH = 200 << 20
"""Bytes that take longer to be read than anybody would look at a bar."""


@contextlib.contextmanager
def copying(path: Path) -> Iterator[Progress | None]:
    """While a file or folder is copied and hashed."""
    if not sys.stderr.isatty():
        yield None
        return
    size = sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
    with _bar("copying and hashing", size) as progress:
        yield progress


@contextlib.contextmanager
def verifying(size: int) -> Iterator[Progress | None]:
    """While so many bytes of what was registered are read again (`contents.watched`)."""
    if size < _MUCH or not sys.stderr.isatty():
        yield None
        return
    with _bar("verifying what was registered", size) as progress:
        yield progress


@contextlib.contextmanager
def _bar(what: str, size: int) -> Iterator[Progress]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    with Progress(
        what,
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=size)
        yield lambda count: bar.advance(task, count)
