"""What is taken back is so by whatever name it is called."""

from __future__ import annotations

import msgspec
import pytest

from governed_kernel.errors import Refused, UsageError
from governed_kernel.governance import access, permission
from governed_kernel.governance.cards import is_outdated, mend_cards
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


@pytest.fixture
def inside(workspace: Workspace) -> Workspace:
    """The records of one clinic, registered alone and in a folder with those of another."""
    folder = workspace.root / "clinics"
    folder.mkdir()
    source = write_records(folder / "north.csv")
    write_records(folder / "south.csv", ["1,2,3,4", "5,6,7,8"])
    register(workspace, source, "biopsies")
    register(workspace, folder, "clinics")
    return workspace


def test_a_folder_that_holds_what_was_withdrawn_is_withdrawn_with_it(inside: Workspace) -> None:
    before = Register.read(inside)
    assert permission.decide_purpose(before, before.version("clinics@1"), "train").allowed
    take_back(inside, "biopsies@1")
    now = Register.read(inside)
    folder = now.version("clinics@1")
    decision = permission.decide_purpose(now, folder, "train")
    assert (decision.allowed, decision.policies) == (False, ["state"])
    assert "clinics@1 is withdrawn" in decision.reason
    assert "it holds north.csv, which was withdrawn" in decision.reason
    guard = Workspace(inside.root)
    for place in (snapshot_of(inside, folder), inside.root / "clinics"):
        assert not access.decide(guard, "read", str(place / "north.csv")).allowed
    assert "withdrawn" in (inside.root / "catalog" / "clinics.toml").read_text()


def test_a_folder_without_it_stays_and_one_with_it_is_not_registered(inside: Workspace) -> None:
    folder = inside.root / "clinics"
    north = (folder / "north.csv").read_bytes()
    (folder / "north.csv").unlink()
    register(inside, folder, "clinics")
    take_back(inside, "biopsies@1")
    states = [known.state for known in Register.read(inside).datasets["clinics"]]
    assert states == ["withdrawn", "approved"]
    (folder / "east.csv").write_bytes(north)
    with pytest.raises(Refused, match="can't be registered as clinics") as refused:
        register(inside, folder, "clinics")
    assert "east.csv" in refused.value.why


def test_withdrawing_a_folder_says_nothing_of_one_that_shares_a_file(inside: Workspace) -> None:
    """A better version of a folder has most of its files, and is the way out of a withdrawal."""
    (inside.root / "clinics" / "south.csv").unlink()
    register(inside, inside.root / "clinics", "clinics")
    take_back(inside, "clinics@1")
    found = Register.read(inside)
    assert [known.state for known in found.datasets["clinics"]] == ["withdrawn", "approved"]
    assert found.version("biopsies@1").state == "approved"


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
    assert not is_outdated(after.encode(), "punctures", versions["punctures"])
