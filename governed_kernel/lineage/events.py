"""The one vocabulary of recorded facts.

A *session event* is written by a session's recorder to that session's journal. A *ledger event*
is written to the workspace's ledger. Each is a msgspec Struct with a ``type`` tag and a
``schema`` version; a field is only ever added, with a default, together with a new version.

Text that may hold personal data (cell source, arguments, SQL literals, error messages) is never
inside an event: the event holds a `PayloadDigest`, and the text lies beside the journal.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "Access",
    "Artifact",
    "Attested",
    "CaseResult",
    "CellEnded",
    "CellStarted",
    "ColumnEdge",
    "Completeness",
    "Criterion",
    "DataTransformed",
    "DatasetMasked",
    "DatasetRegistered",
    "Decided",
    "Derived",
    "Digested",
    "Entity",
    "Evidence",
    "FileDigest",
    "JournalOpened",
    "LeaksChecked",
    "LedgerEvent",
    "ObserverLost",
    "Operation",
    "PayloadDigest",
    "Relation",
    "RerunCompared",
    "ResourceKind",
    "RunEnded",
    "RunEvent",
    "RunRefused",
    "RunStarted",
    "SessionEnded",
    "SessionEvent",
    "SessionSealed",
    "SessionStarted",
    "SplitRecorded",
    "Transformation",
    "ValidationRecorded",
    "Witnessed",
    "now",
]

PayloadDigest: TypeAlias = str
"""SHA-256 over a random 16-byte salt followed by the UTF-8 text; both lie in the payload file."""

Operation: TypeAlias = Literal["read", "write", "delete", "connect", "execute"]
ResourceKind: TypeAlias = Literal["file", "sql", "http", "socket", "process", "model", "dataset"]
Evidence: TypeAlias = Literal["observed", "inferred", "conservative", "unexplained", "ambiguous"]
Relation: TypeAlias = Literal[
    "IDENTITY",
    "TRANSFORMATION",
    "AGGREGATION",
    "JOIN",
    "GROUP_BY",
    "FILTER",
    "SORT",
    "WINDOW",
    "CONDITIONAL",
]


def now() -> datetime:
    """The current time in UTC, as events carry it."""
    return datetime.now(UTC)


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    schema: int = 1
    occurred_at: datetime = msgspec.field(default_factory=now)


class JournalOpened(_Event, frozen=True, kw_only=True, tag="journal-opened"):
    """First record of every journal and of the ledger: what it is, so that none can be swapped."""

    workspace_id: str
    journal: str
    """``ledger`` or the session's id."""


# --- session events --------------------------------------------------------------------------


def _schema() -> int:
    return 2


class _SessionEvent(_Event, frozen=True, kw_only=True, omit_defaults=True):
    """Schema 2 leaves out what has its default value, except the schema's version itself."""

    schema: int = msgspec.field(default_factory=_schema)


class SessionStarted(_SessionEvent, frozen=True, kw_only=True, tag="session-started"):
    """A kernel was started under its recorder."""

    session_id: str
    mode: Literal["research", "release"]
    notebook: str
    """Path of the notebook relative to the workspace, or what the client said."""
    user_name: str
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


class ColumnEdge(msgspec.Struct, frozen=True, array_like=True):
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


class Entity(msgspec.Struct, frozen=True, omit_defaults=True):
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
    """One system call of the kernel or a child, outside the environment, as the witness saw it."""

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


SessionEvent: TypeAlias = (
    JournalOpened
    | SessionStarted
    | CellStarted
    | CellEnded
    | Access
    | Digested
    | Derived
    | Transformation
    | Witnessed
    | ObserverLost
    | Completeness
    | SessionEnded
)

# --- ledger events ---------------------------------------------------------------------------


class Attested(_Event, frozen=True, kw_only=True, tag="attested"):
    """A signed statement: an in-toto Statement in a DSSE envelope (see `attestations`)."""

    envelope: dict[str, Any]


class SessionSealed(_Event, frozen=True, kw_only=True, tag="session-sealed"):
    """A finished session, bound into the ledger: its journal by last hash and digest, its texts.

    Schema 2 added the texts and the digests.
    """

    schema: int = 2
    session_id: str
    records: int
    bytes: int
    head: str
    texts: int = -1
    """How many texts lie beside the journal; -1 where nobody counted (schema 1)."""
    texts_sha256: str = ""
    """Over the digests of these texts, in the order of their lines (`texts.TextsDigest`)."""
    sha256: str = ""
    """Of the whole journal as it was written, plain."""
    compressed_bytes: int = 0
    compressed_sha256: str = ""
    """Of the journal's compressed form; empty where it stayed plain."""


class FileDigest(msgspec.Struct, frozen=True):
    """One file of a dataset, model, bundle … by relative path."""

    path: str
    sha256: str
    bytes: int


class DatasetRegistered(_Event, frozen=True, kw_only=True, tag="dataset-registered"):
    """A version of a dataset or base model entered the catalog, with its immutable snapshot."""

    schema: int = 3
    dataset: str
    version: str
    """Counting from ``1`` within the dataset."""
    kind: Literal["data", "model"]
    sha256: str
    """Of the file, or of the canonical manifest of a folder."""
    bytes: int
    files: list[FileDigest]
    data_class: str
    owner: str
    purposes: list[str]
    legal_basis: str
    source: str
    person: str
    retention_until: str = ""
    """Date (ISO 8601) after which new runs are refused; empty for none."""
    state: Literal["registered", "approved", "locked", "withdrawn"] = "approved"
    """``locked``: only validation runs may read it."""
    licence: str = ""
    origin: str = ""
    intended_use: str = ""
    derived_from: str = ""
    """``NAME@VERSION`` this one was made from by `SplitRecorded`; empty for a source."""
    rows: int = -1
    never_learn: list[str] = []
    """Columns that no model may be made from; the lineage of every adapter is held against them."""
    made_from: list[str] = []
    """``NAME@VERSION`` of the classified data that a session made it from, by its lineage."""
    training_data: str = ""
    """Of a base model: what is known of the data that it was trained on."""
    adaptation: str = ""
    """Of a base model: why it is adapted, and why no smaller change solves the problem."""
    query: dict[str, Any] = {}
    """Of the result of a query: its statement and parameters."""


class SplitRecorded(_Event, frozen=True, kw_only=True, tag="split-recorded"):
    """A dataset was divided by code; its parts are registered datasets."""

    dataset: str
    version: str
    code: str
    code_sha256: str
    parts: dict[str, str]
    """Part (train, validation, holdout) → ``NAME@VERSION``."""
    rows: dict[str, int]
    leaks: dict[str, int]
    """Check → number of leaks found; 0, but in texts and times where the settings only warn."""
    person: str


class Criterion(msgspec.Struct, frozen=True):
    """What was asked of a transformation's result, and what was found."""

    name: str
    value: float
    minimum: float | None
    maximum: float | None
    passed: bool


class DataTransformed(_Event, frozen=True, kw_only=True, tag="data-transformed"):
    """A version was made from another by rules: filtered, deduplicated, redacted, minimised."""

    dataset: str
    version: str
    """What was made."""
    made_from: str
    """``NAME@VERSION``."""
    rules: str
    """Path of the rules in the workspace."""
    rules_sha256: str
    """Of the rules, which the object store keeps."""
    code_sha256: str
    """Of the code that carried them out."""
    engine: str
    operations: list[dict[str, Any]]
    """In their order: what was done, why, rows before and after, and what matching survived: 0."""
    kept: dict[str, str]
    """Column → reason to keep it."""
    dropped: list[str]
    before: dict[str, Any]
    """Rows, and of each column what can be said without its values."""
    after: dict[str, Any]
    criteria: list[Criterion]
    columns: list[ColumnEdge]
    person: str


class DatasetMasked(_Event, frozen=True, kw_only=True, tag="dataset-masked"):
    """A copy of a version was made for those who may not see some of its columns as they are."""

    dataset: str
    version: str
    sha256: str
    """Of the copy, a Parquet file."""
    bytes: int
    masked: dict[str, str]
    """Column → ``redact``, ``hash`` or ``drop``."""
    person: str


class LeaksChecked(_Event, frozen=True, kw_only=True, tag="leaks-checked"):
    """Two versions, or the parts of a division, were held against each other."""

    versions: list[str]
    checks: dict[str, int]
    """Check → how many were found in more than one."""
    outcome: Literal["clean", "warned", "blocked"]
    settings: dict[str, Any]
    person: str


class Decided(_Event, frozen=True, kw_only=True, tag="decided"):
    """A gate or policy decided; every refusal is on record."""

    person: str
    action: str
    resource: str
    outcome: Literal["allowed", "denied"]
    purpose: str = ""
    policies: list[str] = []
    reason: str = ""
    session_id: str = ""
    cell_id: str = ""


class RunRefused(_Event, frozen=True, kw_only=True, tag="run-refused"):
    """A run was asked for and a gate said no before a process was started."""

    release: str
    kind: Literal["release", "rerun", "validation"]
    person: str
    error: str
    reason: str


class RunStarted(_Event, frozen=True, kw_only=True, tag="run-started"):
    """A headless execution began."""

    run_id: str
    release: str
    digest: str
    kind: Literal["release", "rerun", "validation"]
    person: str
    parameters: dict[str, Any]
    environment: str
    """Digest of the environment that was really there."""
    subject_run: str = ""
    """The run that a re-run repeats or a validation examines."""


class Artifact(msgspec.Struct, frozen=True):
    """One output of a run."""

    name: str
    uri: str
    sha256: str
    bytes: int
    kind: str
    """adapter, notebook, table, figure, log …"""


class RunEnded(_Event, frozen=True, kw_only=True, tag="run-ended"):
    """A headless execution stopped, whatever the way."""

    run_id: str
    state: Literal["succeeded", "failed", "interrupted"]
    artifacts: list[Artifact] = []
    session_id: str = ""
    error: str = ""
    reason: str = ""
    seconds: float = 0.0
    fingerprint: dict[str, Any] = {}
    """The platform as the kernel's process saw it: processor, GPU, threads, libraries."""
    papers: list[FileDigest] = []
    """What the run was given and what it said: plan, ticket, staged copy of the release, log."""


class CaseResult(msgspec.Struct, frozen=True):
    """The outcome of one case of a suite."""

    layer: str
    case_id: str
    outcome: Literal["passed", "failed", "error"]
    value: float
    threshold: float
    blocking: bool
    note: str = ""


class ValidationRecorded(_Event, frozen=True, kw_only=True, tag="validation-recorded"):
    """A suite was run over a run's artifacts."""

    run_id: str
    validation_run: str
    suite: str
    suite_sha256: str
    passed: bool
    cases: list[CaseResult]
    evidence: list[FileDigest]
    person: str
    required: list[str] = []
    """Cases that must be there and pass, so that the gate can be asked again."""


class RerunCompared(_Event, frozen=True, kw_only=True, tag="rerun-compared"):
    """An auditor's re-run was held against the original."""

    run_id: str
    rerun_id: str
    verdict: Literal["IDENTICAL", "EQUIVALENT", "DIFFERENT"]
    weights_sha256: str
    differences: list[str]
    person: str
    surroundings: list[str] = []
    """What differs of environment, platform and parameters; it explains and does not decide."""


RunEvent: TypeAlias = RunStarted | RunEnded | ValidationRecorded | RerunCompared
"""What runs did: in the ledger only as an `attestations.Record`, signed by the service."""

LedgerEvent: TypeAlias = (
    JournalOpened
    | Attested
    | SessionSealed
    | DatasetRegistered
    | SplitRecorded
    | DataTransformed
    | DatasetMasked
    | LeaksChecked
    | Decided
    | RunRefused
)
