"""What is written to a workspace's ledger."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from governed_kernel.lineage.session_events import ColumnEdge
from governed_kernel.lineage.vocabulary import Component, ComponentOrNone, Event, Sha256

__all__ = [
    "Artifact",
    "Attested",
    "CaseResult",
    "Criterion",
    "DataTransformed",
    "DatasetMasked",
    "DatasetRegistered",
    "Decided",
    "FileDigest",
    "LeaksChecked",
    "RerunCompared",
    "RunEnded",
    "RunRefused",
    "RunStarted",
    "SessionSealed",
    "SplitRecorded",
    "ValidationRecorded",
]


class Attested(Event, frozen=True, kw_only=True, tag="attested"):
    """A signed statement: an in-toto Statement in a DSSE envelope (see `attestations`)."""

    envelope: dict[str, Any]


class SessionSealed(Event, frozen=True, kw_only=True, tag="session-sealed"):
    """A finished session, bound into the ledger: its journal by last hash and digest, its texts.

    Schema 2 added the texts and the digests.
    """

    schema: int = 2
    session_id: Component
    records: int
    bytes: int
    head: Sha256
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
    sha256: Sha256
    bytes: int


class DatasetRegistered(Event, frozen=True, kw_only=True, tag="dataset-registered"):
    """A version of a dataset or base model entered the catalog, with its immutable snapshot."""

    schema: int = 5
    dataset: Component
    version: Component
    """Counting from ``1`` within the dataset."""
    kind: Literal["data", "model"]
    sha256: Sha256
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
    inherited: list[str] = []
    """Those of them that lineage closed, and nobody declared: a signature can open them. In schemas
    before 5 nothing tells which these are."""
    made_from: list[str] = []
    """``NAME@VERSION`` of the classified data that a session made it from, by its lineage."""
    training_data: str = ""
    """Of a base model: what is known of the data that it was trained on."""
    adaptation: str = ""
    """Of a base model: why it is adapted, and why no smaller change solves the problem."""
    query: dict[str, Any] = {}
    """Of the result of a query: its statement and parameters."""
    odd: list[str] = []
    """Of a base model: what its files say or ask for that whoever loads it should know."""


class SplitRecorded(Event, frozen=True, kw_only=True, tag="split-recorded"):
    """A dataset was divided by code; its parts are registered datasets."""

    dataset: Component
    version: Component
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


class DataTransformed(Event, frozen=True, kw_only=True, tag="data-transformed"):
    """A version was made from another by rules: filtered, deduplicated, redacted, minimised."""

    dataset: Component
    version: Component
    """What was made."""
    made_from: str
    """``NAME@VERSION``."""
    rules: str
    """Path of the rules in the workspace."""
    rules_sha256: Sha256
    """Of the rules, which the object store keeps."""
    code_sha256: Sha256
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


class DatasetMasked(Event, frozen=True, kw_only=True, tag="dataset-masked"):
    """A copy of a version was made for those who may not see some of its columns as they are."""

    dataset: Component
    version: Component
    sha256: Sha256
    """Of the copy, a Parquet file."""
    bytes: int
    masked: dict[str, str]
    """Column → ``redact``, ``hash`` or ``drop``."""
    person: str


class LeaksChecked(Event, frozen=True, kw_only=True, tag="leaks-checked"):
    """Two versions, or the parts of a division, were held against each other."""

    versions: list[str]
    checks: dict[str, int]
    """Check → how many were found in more than one."""
    outcome: Literal["clean", "warned", "blocked"]
    settings: dict[str, Any]
    person: str


class Decided(Event, frozen=True, kw_only=True, tag="decided"):
    """A gate or policy decided; every refusal is on record."""

    schema: int = 2
    person: str
    action: str
    resource: str
    outcome: Literal["allowed", "denied", "failed"]
    """``failed``: nobody refused it, something was missing to do it with (a disk, a device, a
    key); in schema 1 that is ``denied`` as well."""
    purpose: str = ""
    policies: list[str] = []
    reason: str = ""
    session_id: str = ""
    cell_id: str = ""


class RunRefused(Event, frozen=True, kw_only=True, tag="run-refused"):
    """A run was asked for and a gate said no before a process was started."""

    schema: int = 2
    release: str
    """As it was asked for, whatever that was."""
    kind: Literal["release", "rerun", "validation"]
    person: str
    error: str
    reason: str
    policies: list[str] = []
    """Ids of the policies that refused it; in schema 1 nothing tells."""


class RunStarted(Event, frozen=True, kw_only=True, tag="run-started"):
    """A headless execution began."""

    run_id: Component
    release: Component
    digest: str
    kind: Literal["release", "rerun", "validation"]
    person: str
    parameters: dict[str, Any]
    environment: str
    """Digest of the environment that was really there."""
    subject_run: ComponentOrNone = ""
    """The run that a re-run repeats or a validation examines."""


class Artifact(msgspec.Struct, frozen=True):
    """One output of a run."""

    name: str
    uri: str
    sha256: str
    bytes: int
    kind: str
    """adapter, notebook, table, figure, log …"""


class RunEnded(Event, frozen=True, kw_only=True, tag="run-ended"):
    """A headless execution stopped, whatever the way."""

    run_id: Component
    state: Literal["succeeded", "failed", "interrupted"]
    artifacts: list[Artifact] = []
    session_id: ComponentOrNone = ""
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


class ValidationRecorded(Event, frozen=True, kw_only=True, tag="validation-recorded"):
    """A suite was run over a run's artifacts."""

    run_id: Component
    validation_run: Component
    suite: str
    suite_sha256: str
    passed: bool
    cases: list[CaseResult]
    evidence: list[FileDigest]
    person: str
    required: list[str] = []
    """Cases that must be there and pass, so that the gate can be asked again."""


class RerunCompared(Event, frozen=True, kw_only=True, tag="rerun-compared"):
    """An auditor's re-run was held against the original."""

    run_id: Component
    rerun_id: Component
    verdict: Literal["IDENTICAL", "EQUIVALENT", "DIFFERENT"]
    weights_sha256: str
    differences: list[str]
    person: str
    surroundings: list[str] = []
    """What differs of environment, platform and parameters; it explains and does not decide."""
