"""What a signed statement is about, as it follows from what it says."""

from __future__ import annotations

import msgspec

from governed_kernel.canonical import digest_bytes, digest_json
from governed_kernel.lineage.attestations import (
    Approval,
    Bundle,
    Checkpoint,
    Collection,
    Deployment,
    Erasure,
    KeyRevoked,
    LearningAllowed,
    LearningClosed,
    PersonAdded,
    PolicyAdopted,
    Predicate,
    Promotion,
    Recall,
    RecallAnswer,
    Record,
    Rejection,
    Revocation,
    RiskAcceptance,
    RoleGranted,
    RoleWithdrawn,
    ServiceKeyReplaced,
    Withdrawal,
    WorkspaceCreated,
)

__all__ = ["Subject", "subjects_of"]


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a statement is about: a name and digests, here always SHA-256."""

    name: str
    digest: dict[str, str]


def subjects_of(predicate: Predicate, event: bytes = b"") -> list[Subject]:
    """The subjects that a statement with this predicate has.

    Parameters
    ----------
    event : bytes, optional
        Of a record: its event in its one form, where that is at hand.
    """
    match predicate:
        case (
            Promotion()
            | Approval()
            | RiskAcceptance()
            | RecallAnswer()
            | Rejection()
            | Revocation()
        ):
            name, digest = predicate.release, predicate.digest
        case Bundle():
            name, digest = f"{predicate.release}/{predicate.run_id}", predicate.digest
        case Checkpoint():
            name, digest = f"ledger/{predicate.size}", predicate.root
        case Record():
            name = predicate.event.run_id
            digest = digest_bytes(event) if event else digest_json(predicate.event)
        case Deployment():
            name, digest = predicate.bundle, predicate.sha256
        case Withdrawal() | LearningAllowed() | LearningClosed():
            name, digest = f"{predicate.dataset}@{predicate.version}", predicate.sha256
        case Recall():
            name, digest = predicate.recall, digest_json(predicate.versions)
        case Collection():
            name, digest = "objects", digest_json(predicate.objects)
        case Erasure():
            name, digest = "texts", digest_json(predicate.texts)
        case PolicyAdopted():
            name, digest = "governed.toml", predicate.policy
        case KeyRevoked():
            name, digest = predicate.subject_person, predicate.key_id
        case PersonAdded():
            name, digest = predicate.subject_person, digest_bytes(predicate.public_key.encode())
        case ServiceKeyReplaced():
            name, digest = predicate.workspace_id, digest_bytes(predicate.public_key.encode())
        case RoleGranted() | RoleWithdrawn():
            name, digest = predicate.subject_person, digest_bytes(predicate.subject_person.encode())
        case WorkspaceCreated():
            name, digest = predicate.workspace_id, digest_bytes(predicate.public_key.encode())
    return [Subject(name, {"sha256": digest})]
