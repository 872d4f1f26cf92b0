"""A ledger that was replaced is found out by what a person's own folder remembers."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance import envelopes, keys
from governed_kernel.governance.register import Register
from governed_kernel.lineage.attestations import (
    WorkspaceCreated,
)
from governed_kernel.lineage.events import Attested
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.people import (
    passphrase,
    promote,
)


def test_a_ledger_replaced_as_a_whole_is_found_by_what_was_remembered(
    workspace: Workspace,
) -> None:
    promote(workspace)
    workspace_id = Register.read(workspace).workspace_id
    forged = _ledger_of_mallory(workspace, workspace_id)
    workspace.ledger.write_bytes(forged)
    with pytest.raises(IntegrityBroken, match="not the one that was there"):
        Register.read(workspace)


def test_a_ledger_replaced_under_a_new_identity_is_found_by_its_folder(
    workspace: Workspace,
) -> None:
    workspace.ledger.write_bytes(_ledger_of_mallory(workspace, "w0123456789abcdef"))
    with pytest.raises(IntegrityBroken, match="it held workspace"):
        Register.read(workspace)


def test_nobody_waits_long_to_remember_what_was_signed(
    workspace: Workspace, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook may hold the lock of that record; what is signed stands all the same."""
    waited = [0.0]
    monkeypatch.setattr("governed_kernel.locks.time.monotonic", lambda: waited[0])
    monkeypatch.setattr(
        "governed_kernel.locks.time.sleep", lambda _: waited.__setitem__(0, waited[0] + 0.5)
    )
    with (home / "known_workspaces.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        promote(workspace)
    assert 0 < waited[0] <= 20
    assert Register.read(workspace).promotions


def _ledger_of_mallory(workspace: Workspace, workspace_id: str) -> bytes:
    """A ledger that verifies in itself, with Mallory as its administrator."""
    elsewhere = Workspace(workspace.root.parent / "elsewhere")
    created = WorkspaceCreated(
        person="mallory",
        printed_name="Mallory",
        workspace_id=workspace_id,
        name="triage",
        public_key=keys.public_key_of("mallory"),
        policy=workspace.settings.policy_digest(),
        service_key=keys.public_key_of("mallory"),
    )
    signer = keys.unlock("mallory", passphrase("mallory"))
    envelope = envelopes.sign(created, signer)
    Ledger(elsewhere).create(workspace_id, Attested(envelope=envelope))
    return elsewhere.ledger.read_bytes()


def test_a_ledger_seen_for_the_first_time_is_trusted_and_remembered(
    workspace: Workspace, home: Path
) -> None:
    (home / "known_workspaces.json").unlink()
    register = Register.read(workspace)
    assert register.genesis in (home / "known_workspaces.json").read_text()


def test_a_spoiled_memory_of_workspaces_is_not_taken_for_none(
    workspace: Workspace, home: Path
) -> None:
    (home / "known_workspaces.json").write_text("{")
    with pytest.raises(IntegrityBroken, match="can't be read"):
        Register.read(workspace)
