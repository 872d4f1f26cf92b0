"""Runs of releases: started, followed while they go on, stopped."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec

from governed_kernel.errors import UnknownName
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import identify
from governed_kernel.release import lists, manifest, run_states, runs
from governed_kernel.release.comparing import compare
from governed_kernel.release.execution import start_release, start_validation
from governed_kernel.release.watching import watch
from governed_kernel.workspace import Workspace
from governed_server.routes.asked import Listed, Place, Release, Signed
from governed_server.routing import Event, Stream, Work, get, job, post, stream
from governed_server.service import Service

__all__ = ["Begun", "Run", "Validation", "cancel", "follow", "listed", "start", "validate"]

_POLL_SECONDS = 0.5


class Asked(Listed, kw_only=True):
    """A page of the runs, of all states and kinds or of one."""

    state: str = ""
    kind: str = ""


class Begun(Signed, kw_only=True):
    """A run to be started."""

    release: str
    parameters: dict[str, str] = msgspec.field(default_factory=dict)


class Validation(Signed, kw_only=True):
    """A run to be validated."""

    run: str
    suite: str = ""


class Stop(Signed, kw_only=True):
    """A run to be stopped."""

    run: str


class Run(Place, kw_only=True):
    """One run by its name."""

    run: str


class Shown(Run, kw_only=True):
    """An executed notebook, in the colours of the page that it is shown in."""

    theme: Literal["light", "dark"] = "light"


class Pair(Place, kw_only=True):
    """Two runs by their names."""

    first: str
    second: str


@get("runs")
def listed(service: Service, asked: Asked) -> lists.Page:
    """Some of the runs, the newest first."""
    return lists.listed_runs(
        service.current(asked.path),
        search=asked.search,
        state=asked.state,
        kind=asked.kind,
        limit=asked.limit,
        offset=asked.offset,
    )


@job("runs", "Asking every gate")
def start(work: Work, asked: Begun) -> dict[str, Any]:
    """Run a release; gates first. The job's result names the run, which goes on alone."""
    given = list(asked.parameters.items())
    state = start_release(work.workspace, asked.release, asked.person, given, proof=asked.secret)
    return {"run": state.run_id}


@job("validations", "Asking every gate")
def validate(work: Work, asked: Validation) -> dict[str, Any]:
    """Validate a run, likewise."""
    state = start_validation(
        work.workspace, asked.run, asked.person, asked.suite, proof=asked.secret
    )
    return {"run": state.run_id}


@post("runs/cancel")
def cancel(service: Service, asked: Stop) -> dict[str, Any]:
    """Stop a run; what it did so far stays on record."""
    workspace = service.workspace(asked.path)
    _prove(workspace, asked)
    state = runs.cancel(workspace, asked.run)
    return {"run": state.run_id, "state": state.state}


@get("runs/parameters")
def parameters(service: Service, asked: Release) -> dict[str, Any]:
    """The approved schema that a run's parameters must lie in."""
    workspace = service.workspace(asked.path)
    record = service.registry(workspace).release(asked.release)
    bound = manifest.load(manifest.release_folder(workspace, record.name), record.digest)
    return {
        "release": record.name,
        "parameters": [
            {**msgspec.to_builtins(item), "bounds": item.bounds} for item in bound.parameters
        ],
    }


@get("runs/comparison")
def comparison(service: Service, asked: Pair) -> dict[str, Any]:
    """Two runs: what each has of parameters, metrics, artifacts and environment."""
    registry = service.registry(service.workspace(asked.path))
    return compare(registry.run(asked.first), registry.run(asked.second))


@get("runs/notebook")
def notebook(service: Service, asked: Shown) -> dict[str, str]:
    """The executed notebook as a page, also of a run that failed; shown without scripts."""
    from nbconvert import HTMLExporter

    folder = run_states.run_folder(service.workspace(asked.path), asked.run)
    for path in (folder / "output" / "notebook.ipynb", folder / "notebook.ipynb"):
        if path.is_file():
            # the browser shows it in a frame that runs no scripts
            exporter = HTMLExporter(
                template_name="lab", theme=asked.theme, exclude_anchor_links=True
            )
            page, _ = exporter.from_filename(str(path))
            return {"html": str(page)}
    raise UnknownName(
        f"{asked.run} has no executed notebook yet",
        why="it has not begun its first cell, or it ended before that",
        next="see its log",
    )


@stream("runs/events")
async def follow(service: Service, asked: Run) -> Stream:
    """A run's state, log and resources as they change, until it is over."""
    workspace = service.workspace(asked.path)
    last: Any = None
    offset = 0
    while True:
        seen = await service.in_thread(watch, workspace, asked.run, offset)
        offset = seen.log_offset
        if seen.log:
            yield Event("log", {"text": seen.log})
        told = {
            **{
                name: value
                for name, value in msgspec.to_builtins(seen).items()
                if "log" not in name
            },
            "parameters": run_states.plan_of(workspace, asked.run).parameters,
        }
        if told != last:
            last = told
            yield Event("state", told)
        if seen.state.is_over and not seen.log:
            return
        await asyncio.sleep(_POLL_SECONDS)


def _prove(workspace: Workspace, asked: Signed) -> None:
    """Nobody stops a run in another's name: code in a kernel knows names, and no passphrase."""
    identify(Register.read(workspace), asked.person, asked.secret)
