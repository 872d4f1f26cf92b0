"""What was verified before is not verified again, and nothing else is ever taken for verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance import envelopes, keys, settling, verified
from governed_kernel.governance.public_keys import parse_public_key
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import Attested
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.by_hand import an_approval, append_by_hand, approve
from tests.governance.people import counting, promote


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The envelopes whose signatures are really looked at."""
    seen: list[dict[str, Any]] = []
    really = envelopes._check_signed

    def check(opened: envelopes.Opened, key: Any) -> None:
        seen.append(opened.envelope)
        really(opened, key)

    monkeypatch.setattr(envelopes, "_check_signed", check)
    monkeypatch.setattr(verified, "_WORTH", 1)
    return seen


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another process begins."""
    monkeypatch.setattr(envelopes, "_VERIFIED", verified.Verified())
    monkeypatch.setattr(settling, "_REPLAYED", {})


def test_each_signature_is_looked_at_once_by_a_person(
    workspace: Workspace, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)
    approve(workspace, "rita")
    assert asked
    before = Register.read(workspace)
    forget(monkeypatch)
    asked.clear()
    after = Register.read(workspace)
    assert asked == []
    assert after.entries == before.entries
    assert counting(workspace) == ["rita"]


def test_a_changed_byte_is_looked_at_and_found(
    workspace: Workspace, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)
    approve(workspace, "rita")
    good = Register.read(workspace).entries[-1].envelope
    for change in (
        {"payload": good["payload"][:-8] + "AAAAAAA="},
        {"signatures": [{**good["signatures"][0], "sig": good["signatures"][0]["sig"][::-1]}]},
        {"signatures": [{**good["signatures"][0], "keyid": "0" * 64}]},
        {"payloadType": "text/plain"},
        {"more": 1},
    ):
        Ledger(workspace).append(Attested(envelope={**good, **change}))
        forget(monkeypatch)
        entry = Register.read(workspace).entries[-1]
        assert not entry.valid, change


def test_what_never_verified_is_never_remembered(
    workspace: Workspace, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)
    append_by_hand(workspace, an_approval("rita"), signer="mallory")
    for _ in range(2):
        forget(monkeypatch)
        assert counting(workspace) == []


def test_what_verified_by_one_key_does_not_by_another(
    workspace: Workspace, asked: list[dict[str, Any]]
) -> None:
    promote(workspace)
    approve(workspace, "rita")
    envelope = Register.read(workspace).entries[-1].envelope
    opened = envelopes.opened(envelope)
    assert opened.known
    opened.check(parse_public_key(keys.public_key_of("rita")))
    with pytest.raises(IntegrityBroken):
        opened.check(parse_public_key(keys.public_key_of("dora")))


@pytest.mark.parametrize("damage", ["flipped", "short", "readable by others"])
def test_a_damaged_memory_counts_for_nothing(
    workspace: Workspace,
    home: Path,
    asked: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
) -> None:
    promote(workspace)
    forget(monkeypatch)
    Register.read(workspace)
    file = home / "verified-envelopes"
    data = bytearray(file.read_bytes())
    if damage == "flipped":
        data[-1] ^= 1
    file.write_bytes(data[:-5] if damage == "short" else data)
    if damage == "readable by others":
        file.chmod(0o644)
    forget(monkeypatch)
    asked.clear()
    register = Register.read(workspace)
    assert len(asked) == len(register.entries)
    assert all(entry.valid for entry in register.entries)
