"""Readers and writers of a library: ask before, report after.

The observer of a reader knows more than the audit hook (what was read, by which call), and native
readers the hook doesn't see at all. So it announces what it is going to do, policy decides, the
hook leaves that access to it, and one access with the call's name comes into the record.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

from governed_kernel.capture.observation import Call, Content, Observation
from governed_kernel.capture.uris import file_uri, path_of
from governed_kernel.lineage.events import Operation, ResourceKind

__all__ = ["announce", "ask_below", "complete", "read_natively"]

_MOST_FILES = 1_000
"""So many files of a folder are asked about beforehand; each is asked about when it is opened."""


def announce(
    observation: Observation,
    call: Call,
    operation: Operation,
    target: Any,
    kind: ResourceKind = "file",
    *,
    hub: bool = False,
) -> str | None:
    """Before the call: ask for a decision and claim the access.

    Returns
    -------
    str or None
        The URI, or None when the target is no place (a buffer, an open file).

    Raises
    ------
    PolicyDenied
        Policy forbids it; the attempt is on record.
    """
    uri = path_of(target)
    if uri is None:
        return None
    if hub and uri.startswith("file://") and not Path(os.fsdecode(target)).expanduser().exists():
        # A name that is no path is a repository of the hub; where it is cached is its affair.
        uri = f"https://huggingface.co/{os.fsdecode(target)}"
    if kind == "file" and not uri.startswith("file://"):
        kind = "http"
    if call.outer is not None and call.outer.claimed(operation, uri) is not None:
        # An outer reader (pandas over pyarrow) reports it.
        return uri
    name = (
        os.path.realpath(Path(os.fsdecode(target)).expanduser())
        if uri.startswith("file://")
        else uri
    )
    decision = observation.decide(operation, name)
    if not decision.allowed:
        observation.access(operation, kind, uri, call.target.title, decision)
    if operation == "read":
        ask_below(observation, call, name)
    call.claims[operation, uri] = decision, kind
    return uri


def ask_below(observation: Observation, call: Call, folder: str) -> None:
    """Before a folder is read as one table: refuse it for what lies in it.

    Native code would be answered that the file is shut, and say of it that it may be no table.

    Raises
    ------
    PolicyDenied
        Policy forbids one of its files; the attempt is on record.
    """
    if not Path(folder).is_dir():
        return
    files = (str(file) for file in Path(folder).rglob("*") if file.is_file())
    # A folder that may not even be listed is known by its place: so is whatever lies in it.
    anything = str(Path(folder, "*"))
    for file in (anything, *itertools.islice(files, _MOST_FILES)):
        decision = observation.decide("read", file)
        if not decision.allowed:
            observation.access("read", "file", file_uri(folder), call.target.title, decision)


def complete(observation: Observation, call: Call, detail: str = "", via: str = "") -> str | None:
    """After the call: report what was announced; the URI of the first of them.

    `detail` is text that may hold personal data, such as a statement; `via` names the call that
    the user made, where it is another one.
    """
    first: str | None = None
    for (operation, uri), (decision, kind) in call.claims.items():
        first = first or uri
        content = call.contents.get((operation, uri), Content())
        name = via or call.target.title
        observation.access(operation, kind, uri, name, decision, detail, content=content)
    return first


def read_natively(observation: Observation, target: Any, via: str) -> None:
    """Ask and report at once, for a reader that has no code to observe.

    Raises
    ------
    PolicyDenied
        Policy forbids it.
    """
    uri, state = path_of(target), observation.state
    if uri is None or state.busy:
        return
    if state.call is not None and state.call.claimed("read", uri) is not None:
        return
    with observation.at_work():
        decision = observation.decide(
            "read", os.path.realpath(Path(os.fsdecode(target)).expanduser())
        )
        observation.access("read", "file", uri, via, decision)
