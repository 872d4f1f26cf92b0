"""Readers and writers of a library: ask before, report after.

The observer of a reader knows more than the audit hook (what was read, by which call), and native
readers the hook doesn't see at all. So it announces what it is going to do, policy decides, the
hook leaves that access to it, and one access with the call's name comes into the record.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.uris import path_of
from governed_kernel.lineage.events import Operation, ResourceKind

__all__ = ["announce", "complete"]


def announce(
    observation: Observation,
    call: Call,
    operation: Operation,
    target: Any,
    kind: ResourceKind = "file",
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
    call.claims[operation, uri] = decision, kind
    return uri


def complete(observation: Observation, call: Call) -> str | None:
    """After the call: report what was announced; the URI of the first of them."""
    first: str | None = None
    for (operation, uri), (decision, kind) in call.claims.items():
        first = first or uri
        observation.access(operation, kind, uri, call.target.title, decision)
    return first
