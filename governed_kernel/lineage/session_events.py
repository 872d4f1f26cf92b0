"""What a session's recorder writes to that session's journal."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from governed_kernel.lineage.vocabulary import (
    Event,
    Evidence,
    Operation,
    PayloadDigest,
    Relation,
    ResourceKind,
)

__all__ = [
    "UNKNOWN",
    "Access",
    "CellEnded",
    "CellStarted",
    "ColumnEdge",
    "Completeness",
    "Derived",
    "Digested",
    "Entity",
    "ObserverLost",
    "SessionEnded",
    "SessionStarted",
    "Transformation",
    "Witnessed",
]


def _schema() -> int:
    return 2


class _SessionEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Schema 2 leaves out what has its default value, except the schema's version itself."""

    schema: int = msgspec.field(default_factory=_schema)


class SessionStarted(_SessionEvent, frozen=True, kw_only=True, tag="session-started"):
    """A kernel was started under its recorder."""

    session_id: str
    mode: Literal["research", "release"]
    notebook: str
    """Path of the notebook relative to the workspace, or what the client said."""
    user_name: str
    """The operating system's user."""
    person: str = ""
    """Who said to work in it (``GOVERNED_PERSON``) when it began, as whom policies were asked;
    empty where nobody said so and it is the operating system's user."""
    host: str
    pid: int
    run_id: str = ""
    """The run that started this kernel; empty in research."""
    witness: str = "full"
    """``full``, or the reason why nothing or less is witnessed."""
    environment_rules: str = ""
    """Digest of the list of what counts as environment."""
    python: str = ""
    versions: dict[str, str] = {}


class CellStarted(_SessionEvent, frozen=True, kw_only=True, tag="cell-started"):
    """A cell began to execute."""

    execution: int
    cell_id: str
    source: PayloadDigest
    silent: bool = False


class CellEnded(_SessionEvent, frozen=True, kw_only=True, tag="cell-ended"):
    """A cell stopped executing."""

    execution: int
    cell_id: str
    status: Literal["ok", "error", "abort", "died"]
    error_name: str = ""
    error: PayloadDigest = ""


class Access(_SessionEvent, frozen=True, kw_only=True, tag="access"):
    """Something outside memory was read, written, deleted, connected to or executed."""

    access_id: int = 0
    """Number within the session, given by the recorder."""
    execution: int
    cell_id: str
    operation: Operation
    kind: ResourceKind
    uri: str
    """Absolute and canonical, without credentials."""
    via: str
    """The layer that saw it: ``pandas.read_csv``, ``audit:open``, ``witness:openat`` …"""
    evidence: Evidence = "observed"
    dataset: str = ""
    version: str = ""
    data_class: str = ""
    decision: Literal["", "allowed", "denied"] = ""
    sha256: str = ""
    bytes: int = -1
    """Size in bytes; -1 when not known."""
    purpose: str = ""
    policies: list[str] = []
    """Ids of the policies that decided, for a denied or classified access."""
    detail: PayloadDigest = ""
    """Statement, arguments … as erasable text."""
    status: int = 0
    """HTTP status of the answer; 0 where there is none."""


class Digested(_SessionEvent, frozen=True, kw_only=True, tag="digested"):
    """The content behind accesses of one file, hashed by the recorder off the cell's path."""

    access_ids: list[int]
    uri: str
    sha256: str
    bytes: int
    changed: bool = False
    """The file changed between the access and the hashing, so the digest is of a later content."""


class Derived(_SessionEvent, frozen=True, kw_only=True, tag="derived"):
    """A cell wrote a file that owes to classified data: it inherits the strictest class of them."""

    access_id: int
    """The write; its `Digested` has the content."""
    execution: int
    cell_id: str
    uri: str
    origins: list[str]
    """``NAME@VERSION`` of the classified data that it was made from."""
    data_class: str
    """The strictest class among theirs."""
    evidence: Evidence
    """``observed`` or ``inferred`` by the lineage of the call that wrote it; ``conservative``:
    nobody saw what was written, so all classified data that the session had read by then."""


class ColumnEdge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One column of an output owes something to one column of an input.

    ``output_column == "*"`` stands for the rows, that is for every column of the output (a filter
    or a join key concerns all of them); ``input_column == "*"`` for all columns of the input.
    """

    output_entity: str
    output_column: str
    input_entity: str
    input_column: str
    relation: Relation
    evidence: Evidence = "observed"


UNKNOWN = "unknown"
"""The kind of an entity that stands for something that came by a way that nobody has seen."""


class Entity(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A thing in memory or outside it: ``memory://SESSION/N`` or a canonical URI."""

    entity: str
    kind: str
    """frame, series, array, model, tokenizer, file, table …"""
    name: str = ""
    columns: list[str] = []


class Transformation(_SessionEvent, frozen=True, kw_only=True, tag="transformation"):
    """One outermost call made from user code that made new data, or a model, from existing."""

    execution: int
    cell_id: str
    transformation_id: str
    operation: str
    library: str
    inputs: list[Entity] = []
    outputs: list[Entity] = []
    rows_in: int = -1
    rows_out: int = -1
    columns: list[ColumnEdge] = []
    facts: dict[str, Any] = {}
    """Small facts without personal data: optimiser steps, LoRA rank, number of parameters …"""
    detail: PayloadDigest = ""


class Witnessed(_SessionEvent, frozen=True, kw_only=True, tag="witnessed"):
    """One system call of the kernel or a child, outside the environment, as the witness saw it.

    Of what a cell did to a path again, it is the last write by each process.
    """

    schema: int = 2
    execution: int
    cell_id: str
    pid: int
    """The process; in schema 1 the thread."""
    syscall: str
    path: str
    """Absolute path, or an address (``tcp://127.0.0.1:5432``) for connect."""
    write: bool = False
    exists: bool = True
    """Whether the path existed when the call was seen (the witness sees attempts)."""
    tid: int = 0
    """The thread that made the call; 0 in schema 1."""
    success: bool = True
    """Whether it went through, as far as that can be told before: the file was there or could be
    made, was no folder, and was permitted. Always true in schema 1."""
    deletes: bool = False
    """Of a write: whether it took the name away, and left no content under it."""


class ObserverLost(_SessionEvent, frozen=True, kw_only=True, tag="observer-lost"):
    """An observer failed; its detail is lost, the user's result is not."""

    execution: int
    cell_id: str
    observer: str
    error_name: str
    error: PayloadDigest = ""


class Completeness(_SessionEvent, frozen=True, kw_only=True, tag="completeness"):
    """How much of what the witness saw the observers explained, over the session so far."""

    witness: str
    witnessed: int
    explained: int
    unexplained: int
    environment: int = 0
    """Opens that the environment rules set aside."""


class SessionEnded(_SessionEvent, frozen=True, kw_only=True, tag="session-ended"):
    """The kernel ended and its recorder wrote the last record."""

    exit_status: int
    reason: str = ""
