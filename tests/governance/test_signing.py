"""What the service signs and records, and nobody in its name."""

from __future__ import annotations

import msgspec
import pytest

from governed_kernel.errors import IntegrityBroken, ResourceMissing
from governed_kernel.governance.names import SERVICE, SERVICE_NAME
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import record, seal
from governed_kernel.lineage.attestations import (
    Bundle,
    Predicate,
    Record,
)
from governed_kernel.lineage.events import RunStarted
from governed_kernel.lineage.journal import JournalWriter
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.by_hand import append_by_hand
from tests.governance.people import (
    DIGEST,
    OTHER,
    RELEASE,
)

STARTED = RunStarted(
    run_id="run-1",
    release=RELEASE,
    digest=DIGEST,
    kind="release",
    person="olga",
    parameters={"epochs": 3},
    environment=OTHER,
)
BUNDLE = Bundle(
    person=SERVICE,
    printed_name=SERVICE_NAME,
    release=RELEASE,
    run_id="run-1",
    digest=DIGEST,
    requested_by="olga",
)
RECORD = Record(person=SERVICE, printed_name=SERVICE_NAME, event=STARTED)


@pytest.mark.parametrize("said", [BUNDLE, RECORD], ids=["bundle", "record"])
@pytest.mark.parametrize("signer", ["mallory", "ada"])
def test_only_the_service_says_what_was_run_and_sealed(
    workspace: Workspace, said: Predicate, signer: str
) -> None:
    append_by_hand(workspace, said, signer=signer)
    assert not Register.read(workspace).entries[-1].valid
    assert Register.read(workspace).run_events == []


def test_nobody_speaks_for_the_service_under_their_own_name(workspace: Workspace) -> None:
    said = msgspec.structs.replace(RECORD, person="ada", printed_name="Ada")
    append_by_hand(workspace, said, signer="ada")
    assert Register.read(workspace).run_events == []


def test_an_unsigned_report_of_a_run_is_no_event_of_a_ledger(workspace: Workspace) -> None:
    ledger = Ledger(workspace)
    with pytest.raises(IntegrityBroken, match="not as records are"):
        ledger.append(STARTED)
    writer = JournalWriter(ledger.path, ledger.records()[-1].head)
    writer.append(STARTED)  # as another program would
    writer.close()
    with pytest.raises(IntegrityBroken, match="record"):
        Register.read(workspace)


def test_what_the_service_signed_counts(workspace: Workspace) -> None:
    assert record(workspace, STARTED)
    assert Register.read(workspace).run_events == [STARTED]
    entry = seal(workspace, lambda _: BUNDLE, lambda _: None)
    assert Register.read(workspace).entries[-1] == entry
    assert entry.valid


def test_a_record_that_is_no_longer_wanted_is_not_made(workspace: Workspace) -> None:
    assert not record(workspace, STARTED, when=lambda register: bool(register.run_events))
    assert Register.read(workspace).run_events == []


def test_without_its_key_the_service_records_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVERNED_HOME", str(workspace.root.with_name("another home")))
    with pytest.raises(ResourceMissing, match="service key is not on this machine"):
        record(workspace, STARTED)
