"""One session of a real kernel in which every idiom is a cell, and what the journal says of it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from governed_kernel.lineage.events import Completeness, ObserverLost, SessionEvent
from tests.benchmarks.corpus import services
from tests.benchmarks.corpus.idiom import Idiom
from tests.kernel.running import END_CHILDREN, RunningKernel, every_event, make_workspace

__all__ = ["Session", "missing", "run"]

_ROOT = Path(__file__).parents[3]
_PREPARATION = """
import warnings; warnings.simplefilter('ignore')
import importlib.util, json
HTTP, ADDRESS, POSTGRESQL, POSTGRESQL_SOCKET = json.loads({services!r})
ADDRESS = tuple(ADDRESS)
def importable(name):
    return importlib.util.find_spec(name) is not None
if importable('numpy'):
    import numpy as np
if importable('pandas'):
    import pandas as pd
    FRAME = pd.DataFrame({{'name': ['a', 'b'], 'ward': ['n', 's'], 'age': [1.5, 2.5]}})
if importable('pyarrow'):
    import pyarrow as pa
    TABLE = pa.table({{'name': ['a', 'b'], 'ward': ['n', 's'], 'age': [1.5, 2.5]}})
if importable('polars'):
    import polars as pl
    LAKE = pl.DataFrame({{'name': ['a', 'b'], 'age': [1.5, 2.5]}})
if {torch} and importable('torch'):
    import torch
"""
_IMPORTS = "import importlib\nfor name in {names!r}: importlib.import_module(name)"


@dataclass(frozen=True)
class Session:
    """A finished session.

    Attributes
    ----------
    folder : Path
        Where the kernel worked.
    places : mapping
        What ``{http}`` and the like in expectations stand for.
    failed : mapping
        Idiom → the error that its cell ended with.
    not_run : mapping
        Idiom → what it lacks.
    events : list
        The journal.
    texts : mapping
        The erasable texts by digest.
    seconds : float
        From the kernel's start to its end.
    """

    folder: Path
    places: Mapping[str, str]
    failed: Mapping[str, str]
    not_run: Mapping[str, str]
    events: list[SessionEvent]
    texts: Mapping[str, str]
    seconds: float

    @property
    def completeness(self) -> Completeness:
        """The session's last word on itself."""
        return [event for event in self.events if isinstance(event, Completeness)][-1]

    @property
    def lost(self) -> list[ObserverLost]:
        """Observers that failed."""
        return [event for event in self.events if isinstance(event, ObserverLost)]


def missing(idiom: Idiom, running: Mapping[str, object]) -> str:
    """What an idiom needs and this machine lacks; empty when it can run."""
    for need in idiom.needs:
        kind, _, name = need.rpartition(":")
        if kind == "program":
            found = shutil.which(name) is not None
        elif kind == "service":
            found = running.get(name) is not None
        else:
            found = importlib.util.find_spec(name) is not None
        if not found:
            return f"no {kind or 'library'} {name}"
    return ""


def run(folder: Path, idioms: Sequence[Idiom]) -> Session:
    """Make the inputs, start the services and a kernel, run each idiom, end it all."""
    work = folder / "workspace" / "research" / "corpus"
    workspace = make_workspace(folder / "workspace")
    work.mkdir(parents=True)
    environment = _environment(work)
    subprocess.run(
        [sys.executable, Path(__file__).with_name("inputs.py")],
        cwd=work,
        env=environment,
        check=True,
        capture_output=True,
    )
    with _services(work) as (server, places, port):
        not_run, runnable = {}, []
        for idiom in idioms:
            if lack := missing(idiom, {"postgresql": server}):
                not_run[idiom.name] = lack
            else:
                runnable.append(idiom)
        started = time.perf_counter()
        kernel = RunningKernel(workspace, environment=environment, folder=work)
        try:
            known = [
                f"http://127.0.0.1:{port}",
                ["127.0.0.1", port],
                server.dsn if server else "",
                server.socket_dsn if server else "",
            ]
            failed = _run_cells(kernel, runnable, json.dumps(known))
        finally:
            kernel.close()
        seconds = time.perf_counter() - started
        events, texts = every_event(kernel.journal), kernel.texts()
    return Session(work, places, failed, not_run, events, texts, seconds)


def _run_cells(kernel: RunningKernel, idioms: Sequence[Idiom], known: str) -> dict[str, str]:
    failed: dict[str, str] = {}
    torch = any("torch" in idiom.needs for idiom in idioms)
    first = kernel.run(_PREPARATION.format(services=known, torch=torch), "preparation")
    assert first.status == "ok", first.error
    imported: set[str] = set()
    for idiom in idioms:
        # What an import opens is the library's affair, and in a record of its own.
        names = {name for name in idiom.needs if ":" not in name} - imported
        if names:
            imported |= names
            kernel.run(_IMPORTS.format(names=sorted(names)), f"imports of {idiom.name}")
        if idiom.before:
            kernel.run(idiom.before, f"before {idiom.name}")
        reply = kernel.run(idiom.source, idiom.name, stop_on_error=False)
        if reply.status != "ok":
            failed[idiom.name] = f"{reply.error_name}: {reply.error}"
    # What processes and finalisers do when all is over belongs to the last cell.
    kernel.run(END_CHILDREN, "the end")
    return failed


def _environment(work: Path) -> dict[str, str]:
    """The kernel's: no network but the corpus's own, caches inside the folder."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {
        **kept,
        "PYTHONPATH": str(_ROOT),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(work / "hf-cache"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "OMP_NUM_THREADS": "2",
        "TOKENIZERS_PARALLELISM": "false",
    }


@contextlib.contextmanager
def _services(
    work: Path,
) -> Iterator[tuple[services.PostgreSQL | None, dict[str, str], int]]:
    with services.http_server(work) as port, services.postgresql(work / "people.csv") as server:
        places = {
            "http": f"http://127.0.0.1:{port}",
            "address": f"tcp://127.0.0.1:{port}",
            "purelib": sysconfig.get_path("purelib"),
        }
        if server is not None:
            folder = server.socket_folder.replace("/", "%2F")
            places["postgresql"] = f"postgresql://127.0.0.1:{server.port}/corpus"
            places["postgresql_address"] = f"tcp://127.0.0.1:{server.port}"
            places["postgresql_socket"] = f"postgresql://{folder}:{server.port}/corpus"
        yield server, places, port
