"""A process replays what it replayed before only where the ledger still says so, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from governed_kernel.audit.standing_index import StandingIndex
from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance import envelopes, keys, register, settling
from governed_kernel.governance.register import Register
from governed_kernel.governance.verification import Replay
from governed_kernel.lineage.events import Attested
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release.projection import refresh
from governed_kernel.workspace import Workspace
from tests.governance.by_hand import an_approval, approve
from tests.governance.people import DIGEST, RELEASE, counting, passphrase, promote


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the entries that are really judged."""
    numbers: list[int] = []
    really = Replay.apply

    def apply(self: Replay, number: int, event: Attested, *check: Any) -> object:
        numbers.append(number)
        return really(self, number, event, *check)

    monkeypatch.setattr(Replay, "apply", apply)
    return numbers


def test_only_what_is_new_is_replayed(workspace: Workspace, replayed: list[int]) -> None:
    promote(workspace)
    before = Register.read(workspace)
    replayed.clear()
    approve(workspace, "rita")
    after = Register.read(workspace)
    new = [entry.number for entry in after.entries[len(before.entries) :]]
    assert len(new) == 1
    assert set(replayed) == set(new)
    assert Register(workspace, after.events).entries == after.entries


def test_what_one_register_is_told_no_other_knows(workspace: Workspace) -> None:
    promote(workspace)
    one = Register.read(workspace)
    signer = one.person("rita")
    said = an_approval("rita", workspace_id=one.workspace_id)
    envelope = envelopes.sign(said, keys.unlock("rita", passphrase("rita")))
    assert one.preview(Attested(envelope=envelope)).valid
    signer.history.clear()
    one.promotions.clear()
    one.datasets["made up"] = []
    other = Register.read(workspace)
    assert other.person("rita").roles
    assert other.promotions
    assert "made up" not in other.datasets
    assert len(other.entries) == len(one.entries) - 1
    assert counting(workspace) == []


def test_a_ledger_that_was_changed_meanwhile_is_found_out(workspace: Workspace) -> None:
    promote(workspace)
    approve(workspace, "rita")
    Register.read(workspace)
    data = bytearray(workspace.ledger.read_bytes())
    data[-40] ^= 1
    workspace.ledger.write_bytes(data)
    with pytest.raises(IntegrityBroken):
        Register.read(workspace)


def test_another_ledger_in_its_place_is_read_as_it_is(workspace: Workspace) -> None:
    promote(workspace)
    lines = workspace.ledger.read_bytes().splitlines(keepends=True)
    approve(workspace, "rita")
    whole = Ledger(workspace).events()
    workspace.ledger.write_bytes(b"".join(lines))
    shorter = Ledger(workspace).events()
    assert len(shorter) == len(lines) < len(whole)
    with pytest.raises(IntegrityBroken, match="seen before"):
        Register.read(workspace)


def test_what_is_asked_of_the_past_changes_nothing_for_a_gate(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)
    approve(workspace, "rita")
    monkeypatch.setattr(settling, "_REPLAYED", {})
    with StandingIndex(workspace) as index:
        index.registry(index.records)
    rules = workspace.root / "governed.toml"
    rules.write_text(f'{rules.read_text()}\n[classes.mine]\npurposes = ["train"]\n')
    gate = register.Register.read(Workspace(workspace.root))
    (approval,) = gate.approvals_for(RELEASE, DIGEST, "run")
    assert not approval.counts
    assert "governed.toml" in approval.reason


@pytest.mark.parametrize("where", ["store", "index"])
def test_what_is_added_while_a_ledger_is_replayed_is_the_next_questions(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    promote(workspace)
    monkeypatch.setattr(settling, "_REPLAYED", {})
    really = register.Register.go_on
    late: list[None] = []

    def go_on(self: register.Register, *arguments: Any) -> None:
        really(self, *arguments)
        if not late:
            late.append(None)
            approve(workspace, "rita")

    monkeypatch.setattr(register.Register, "go_on", go_on)

    def entries() -> int:
        if where == "store":
            return len(refresh(workspace).query("SELECT * FROM approvals"))
        with StandingIndex(workspace) as index:
            assert index.root(index.records)
            settling._REPLAYED.clear()
            (said,) = index._connection.execute("SELECT count(*) FROM entries").fetchone()
            return int(said)

    first, second = entries(), entries()
    assert late
    assert second == first + 1
