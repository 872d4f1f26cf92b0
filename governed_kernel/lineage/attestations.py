"""What people and services sign: the predicates of in-toto Statements.

Each is the ``predicate`` of an in-toto Statement v1 whose ``predicateType`` is
``PREDICATE_ROOT + tag``; the Statement travels in a DSSE envelope inside an
`events.Attested` ledger event. The subject of the Statement names what is signed, by SHA-256.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from governed_kernel.lineage.events import FileDigest, PayloadDigest, RunEvent, now
from governed_kernel.lineage.vocabulary import (
    Component,
    ComponentOrNone,
    Moment,
    ReleaseName,
    Sha256,
)

__all__ = [
    "PREDICATE_ROOT",
    "Approval",
    "Bundle",
    "Checkpoint",
    "Collection",
    "Deployment",
    "Erasure",
    "KeyRevoked",
    "LearningAllowed",
    "LearningClosed",
    "PersonAdded",
    "PolicyAdopted",
    "Predicate",
    "Promotion",
    "Recall",
    "RecallAnswer",
    "Record",
    "Rejection",
    "Revocation",
    "RiskAcceptance",
    "RoleGranted",
    "RoleWithdrawn",
    "ServiceKeyReplaced",
    "Withdrawal",
    "WorkspaceCreated",
]

PREDICATE_ROOT = "urn:governed-notebooks:attestation:1:"


class _Predicate(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    person: Component
    """Who signs."""
    printed_name: str
    workspace_id: ComponentOrNone = ""
    """The workspace it is said in, so that it counts in no other; always filled by signing."""
    signed_at: Moment = msgspec.field(default_factory=now)
    meaning: str = "authored"
    """The meaning of the signature (21 CFR 11.50): authored, reviewed, approved …"""


class WorkspaceCreated(_Predicate, frozen=True, kw_only=True, tag="workspace-created"):
    """First entry of a ledger: its first administrator, self-signed."""

    workspace_id: Component
    name: str
    public_key: str
    """PEM, SubjectPublicKeyInfo, P-256."""
    policy: str
    """Digest of the governance part of ``governed.toml``."""
    service_key: str
    """PEM public key of the service that signs bundles and checkpoints."""
    rules: list[FileDigest] = []
    """``governed.toml`` and each policy as they lay there, comments included."""
    settings: dict[str, Any] = {}
    """What ``governed.toml`` said, so that it is known later by which rules approvals counted."""
    policies: dict[str, str] = {}
    """What each policy said, by its file: what takes a release out of use goes by these while
    others lie there. Earlier statements don't carry it."""


class PersonAdded(_Predicate, frozen=True, kw_only=True, tag="person-added"):
    """An administrator vouches for a person, a key and roles."""

    subject_person: Component
    subject_name: str
    roles: list[str]
    public_key: str


class RoleGranted(_Predicate, frozen=True, kw_only=True, tag="role-granted"):
    """An administrator gives a role."""

    subject_person: str
    role: str


class RoleWithdrawn(_Predicate, frozen=True, kw_only=True, tag="role-withdrawn"):
    """An administrator takes a role away."""

    subject_person: str
    role: str
    reason: str


class KeyRevoked(_Predicate, frozen=True, kw_only=True, tag="key-revoked"):
    """A key stops counting, from this entry on; approvals made with it do so as well."""

    subject_person: str
    key_id: str
    reason: str
    replaced: bool = False
    """It was replaced in the ordinary way, and nobody else had it: approvals made with it before
    this entry still count."""


class ServiceKeyReplaced(_Predicate, frozen=True, kw_only=True, tag="service-key-replaced"):
    """The service signs with another key from this entry on; what it signed before still counts."""

    public_key: str
    """PEM of the new one."""
    reason: str


class PolicyAdopted(_Predicate, frozen=True, kw_only=True, tag="policy-adopted"):
    """An administrator adopts an edited ``governed.toml``."""

    policy: str
    rules: list[FileDigest] = []
    """``governed.toml`` and each policy as they lay there, comments included."""
    settings: dict[str, Any] = {}
    """What ``governed.toml`` said, so that it is known later by which rules approvals counted."""
    policies: dict[str, str] = {}
    """What each policy said, by its file: what takes a release out of use goes by these while
    others lie there. Earlier statements don't carry it."""


class Promotion(_Predicate, frozen=True, kw_only=True, tag="promotion"):
    """The author asks for a release; the subject is the release digest."""

    release: ReleaseName
    digest: str
    notebook: str
    """Workspace-relative path of the research notebook."""
    session_id: ComponentOrNone
    """The research session whose evidence was used."""
    risk_class: str = "unrated"
    inputs: dict[str, str] = {}
    """``NAME@VERSION`` → SHA-256: all that it reads, its validation included, as the manifest says;
    so the ledger alone tells which releases a recall concerns. Earlier promotions don't say it."""


class Approval(_Predicate, frozen=True, kw_only=True, tag="approval"):
    """A person approves a release for a run, or one run for deployment."""

    release: Component
    purpose: Literal["run", "deployment"]
    digest: str
    """Release digest; for deployment the digest of the run's evidence list."""
    run_id: ComponentOrNone = ""
    evidence: list[FileDigest] = []
    """What the signer was shown."""
    comment: str = ""


class Rejection(_Predicate, frozen=True, kw_only=True, tag="rejection"):
    """A reviewer says no; the release ends as ``rejected``."""

    release: Component
    digest: str
    reason: str


class Revocation(_Predicate, frozen=True, kw_only=True, tag="revocation"):
    """A release is withdrawn after approval; it ends as ``revoked``."""

    release: Component
    digest: str
    reason: str


class RiskAcceptance(_Predicate, frozen=True, kw_only=True, tag="risk-acceptance"):
    """One failing case of one validation may pass, until a day and for a reason."""

    release: Component
    digest: str
    """Release digest."""
    run_id: Component
    validation_run: Component
    """The validation in which it failed; another one must be accepted anew."""
    suite: str
    case_id: str
    value: float
    threshold: float
    reason: str
    control: str
    """What is done instead, to keep the harm away."""
    expires_at: Moment


class Bundle(_Predicate, frozen=True, kw_only=True, tag="bundle"):
    """The service seals a bundle: it signs its manifest, after every gate."""

    release: Component
    run_id: Component
    digest: Sha256
    requested_by: str
    model_signature: str = ""
    """SHA-256 of ``model.sig``, which covers every file but this signature."""

    @property
    def name(self) -> str:
        """The bundle's folder below ``bundles/``."""
        return f"{self.release}-{self.digest[:12]}"


class Checkpoint(_Predicate, frozen=True, kw_only=True, tag="checkpoint"):
    """The service signs the root of the ledger's Merkle tree (RFC 6962), to leave the machine."""

    size: int
    """How many records it stands for, from the first."""
    root: str
    """Root over the bytes of their events, as they are chained."""


class Record(_Predicate, frozen=True, kw_only=True, tag="record"):
    """The service signs what it saw happen, so that nobody can add a run that never was."""

    event: RunEvent


class Deployment(_Predicate, frozen=True, kw_only=True, tag="deployment"):
    """A bundle goes live in an environment."""

    environment: str
    slot: str
    release: Component
    bundle: Component
    sha256: Sha256
    reason: str = ""
    share: float = 1.0


class Erasure(_Predicate, frozen=True, kw_only=True, tag="erasure"):
    """Texts beside journals are removed for ever; the records that speak of them stay."""

    scope: Literal["session", "dataset", "subject", "expired"]
    """Whose texts: of a session, of those who read a dataset, about a person, past their time."""
    target: str = ""
    """The session or ``NAME[@VERSION]``; nothing for a person, since the ledger can't forget."""
    reason: str = ""
    texts: dict[str, list[PayloadDigest]] = {}
    """Session → digests of the texts that are erased."""


class Withdrawal(_Predicate, frozen=True, kw_only=True, tag="withdrawal"):
    """A version of a dataset or base model may not be read any more."""

    dataset: Component
    version: Component
    sha256: Sha256
    reason: str


class LearningAllowed(_Predicate, frozen=True, kw_only=True, tag="learning-allowed"):
    """Models may learn columns of a version that it was closed with by what it was made from."""

    dataset: Component
    version: Component
    sha256: Sha256
    columns: list[str]
    reason: str


class LearningClosed(_Predicate, frozen=True, kw_only=True, tag="learning-closed"):
    """Columns of a version that were opened (`LearningAllowed`) must not be learned again."""

    dataset: Component
    version: Component
    sha256: Sha256
    columns: list[str]
    reason: str


class Recall(_Predicate, frozen=True, kw_only=True, tag="recall"):
    """Versions are taken back, or records in them, and everything made from them is named."""

    recall: Component
    """Its name; sorts by time."""
    versions: dict[str, str]
    """``NAME@VERSION`` → SHA-256: what was asked for, and what holds it or was made from it."""
    releases: dict[str, str]
    """Release → its digest: those that read one of the versions. A finding stands on each."""
    reason: str
    records: int = 0
    """How many records are withdrawn; 0 means the versions as a whole. Never which: a ledger
    can't forget."""


class RecallAnswer(_Predicate, frozen=True, kw_only=True, tag="recall-answer"):
    """What becomes of one release that a recall named."""

    recall: Component
    release: Component
    digest: str
    decision: Literal["continue", "stop"]
    """``stop``: it is never run or deployed again."""
    reason: str


class Collection(_Predicate, frozen=True, kw_only=True, tag="collection"):
    """Content that nothing names any more is removed: of withdrawn versions, or of none."""

    versions: list[str] = []
    """``NAME@VERSION`` whose snapshots are removed."""
    objects: list[Sha256] = []
    """SHA-256 of the removed objects."""
    bytes: int = 0


Predicate: TypeAlias = (
    WorkspaceCreated
    | PersonAdded
    | RoleGranted
    | RoleWithdrawn
    | KeyRevoked
    | ServiceKeyReplaced
    | PolicyAdopted
    | Promotion
    | Approval
    | RiskAcceptance
    | Rejection
    | Revocation
    | Bundle
    | Record
    | Checkpoint
    | Deployment
    | Erasure
    | Withdrawal
    | LearningAllowed
    | LearningClosed
    | Recall
    | RecallAnswer
    | Collection
)
