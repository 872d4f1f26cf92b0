"""What somebody does to a ledger without asking our code."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from governed_kernel.governance import approvals, envelopes, keys
from governed_kernel.governance.register import Register
from governed_kernel.lineage.attestations import (
    Approval,
    Predicate,
)
from governed_kernel.lineage.events import Attested, now
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.people import (
    DIGEST,
    RELEASE,
    passphrase,
)


def approve(workspace: Workspace, person: str, release: str = RELEASE) -> None:
    approvals.approve(
        workspace, release, "run", person, passphrase(person), meaning="reviewed", digest=DIGEST
    )


def append_by_hand(
    workspace: Workspace, predicate: Predicate, signer: str, occurred_at: datetime | None = None
) -> None:
    """What somebody does who writes the ledger without asking our code."""
    bound = predicate
    if not predicate.workspace_id:
        workspace_id = Register.read(workspace).workspace_id
        bound = msgspec.structs.replace(predicate, workspace_id=workspace_id)
    unlocked = keys.unlock(signer, passphrase(signer))
    envelope = envelopes.sign(bound, unlocked)
    Ledger(workspace).append(Attested(envelope=envelope, occurred_at=occurred_at or now()))


def an_approval(person: str, **changes: Any) -> Approval:
    facts = {"release": RELEASE, "purpose": "run", "digest": DIGEST, "meaning": "reviewed"}
    return Approval(**{"person": person, "printed_name": person.title(), **facts, **changes})
