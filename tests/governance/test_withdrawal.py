"""What is taken back is so by whatever name it is called."""

from __future__ import annotations

import msgspec
import pytest

from governed_kernel.errors import Refused, UsageError
from governed_kernel.governance import access, permission
from governed_kernel.governance.cards import is_behind, mend_cards
from governed_kernel.governance.catalog import snapshot_of
from governed_kernel.governance.register import Register
from governed_kernel.governance.withdrawal import withdraw
from governed_kernel.workspace import Workspace
from tests.governance.people import passphrase
from tests.governance.records import register, write_records


@pytest.fixture
def twice(workspace: Workspace) -> Workspace:
    """The same content, registered under two names."""
    source = write_records(workspace.root / "biopsies.csv")
    register(workspace, source, "biopsies")
    register(workspace, source, "punctures")
    return workspace


def take_back(workspace: Workspace, name: str) -> None:
    withdraw(workspace, name, "ada", passphrase("ada"), "consent withdrawn")


def test_what_is_withdrawn_is_read_under_no_other_name(twice: Workspace) -> None:
    before = Register.read(twice)
    assert permission.decide_purpose(before, before.version("punctures@1"), "explore").allowed
    take_back(twice, "biopsies@1")
    now = Register.read(twice)
    other = now.version("punctures@1")
    decision = permission.decide_purpose(now, other, "explore")
    assert (decision.allowed, decision.policies) == (False, ["state"])
    assert "punctures@1 is withdrawn" in decision.reason
    assert not access.decide(Workspace(twice.root), "read", str(snapshot_of(twice, other))).allowed
    card = (twice.root / "catalog" / "punctures.toml").read_text()
    assert "withdrawn" in card
    with pytest.raises(UsageError, match="withdrawn already"):
        take_back(twice, "punctures@1")


def test_other_content_of_the_same_names_is_as_it_was(twice: Workspace) -> None:
    register(twice, write_records(twice.root / "more.csv", ["1,2,3,4"] * 3), "punctures")
    take_back(twice, "biopsies@1")
    states = [known.state for known in Register.read(twice).datasets["punctures"]]
    assert states == ["withdrawn", "approved"]


def test_a_withdrawal_holds_from_its_record_on_and_in_no_copy_before(twice: Workspace) -> None:
    end = len(Register.read(twice).events)
    take_back(twice, "biopsies@1")
    events = Register.read(twice).events
    then = Register(twice, events[:end])
    assert then.version("punctures@1").state == "approved"
    assert Register(twice, events).version("punctures@1").state == "withdrawn"
    assert then.version("punctures@1").state == "approved"


def test_withdrawn_content_takes_no_new_name(twice: Workspace) -> None:
    take_back(twice, "biopsies@1")
    with pytest.raises(Refused, match="can't be registered") as refused:
        register(twice, twice.root / "biopsies.csv", "tissues")
    assert "use other data" in refused.value.next
    written_by_hand = Register.read(twice)
    forged = written_by_hand.version("biopsies@1")
    written_by_hand.hold(msgspec.structs.replace(forged, dataset="tissues", state="approved"))
    assert written_by_hand.version("tissues@1").state == "withdrawn"


def test_a_card_from_before_a_withdrawal_is_written_anew_and_an_edited_one_is_not(
    twice: Workspace,
) -> None:
    card = twice.root / "catalog" / "punctures.toml"
    before = card.read_text()
    take_back(twice, "biopsies@1")
    after = card.read_text()
    versions = Register.read(twice).datasets
    for text, mended in [(before, True), (before.replace("Clinic", "Nobody"), False)]:
        card.write_text(text)
        mend_cards(twice, versions)
        assert card.read_text() == (after if mended else text)
    assert not is_behind(after.encode(), "punctures", versions["punctures"])
