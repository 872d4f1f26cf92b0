"""The one vocabulary of recorded facts.

A *session event* is written by a session's recorder to that session's journal. A *ledger event*
is written to the workspace's ledger. Each is a msgspec Struct with a ``type`` tag and a
``schema`` version; a field is only ever added, with a default, together with a new version.

Text that may hold personal data (cell source, arguments, SQL literals, error messages) is never
inside an event: the event holds a `PayloadDigest`, and the text lies beside the journal.
"""

from __future__ import annotations

from typing import TypeAlias

from governed_kernel.lineage.ledger_events import (
    Artifact,
    Attested,
    CaseResult,
    Criterion,
    DatasetMasked,
    DatasetRegistered,
    DataTransformed,
    Decided,
    FileDigest,
    LeaksChecked,
    RerunCompared,
    RunEnded,
    RunRefused,
    RunStarted,
    SessionSealed,
    SplitRecorded,
    ValidationRecorded,
)
from governed_kernel.lineage.session_events import (
    UNKNOWN,
    Access,
    CellEnded,
    CellStarted,
    ColumnEdge,
    Completeness,
    Derived,
    Digested,
    Entity,
    ObserverLost,
    SessionEnded,
    SessionStarted,
    Transformation,
    Witnessed,
)
from governed_kernel.lineage.vocabulary import (
    AND_MEMBERSHIP,
    NOT_BY_VALUE,
    OF_ROWS,
    Evidence,
    JournalOpened,
    Operation,
    PayloadDigest,
    Relation,
    ResourceKind,
    now,
    openlineage_word,
)

__all__ = [
    "AND_MEMBERSHIP",
    "NOT_BY_VALUE",
    "OF_ROWS",
    "UNKNOWN",
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
    "openlineage_word",
]

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
