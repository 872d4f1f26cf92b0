"""A ledger in which bundles went live very often, every statement of it signed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from securesystemslib.signer import Signer

from governed_kernel.governance import envelopes, keys
from governed_kernel.governance.names import SERVICE, SERVICE_NAME
from governed_kernel.governance.register import Register
from governed_kernel.lineage.attestations import (
    Approval,
    Bundle,
    Deployment,
    PersonAdded,
    Predicate,
    Promotion,
    Record,
)
from governed_kernel.lineage.events import (
    Attested,
    CaseResult,
    RunEnded,
    RunEvent,
    RunStarted,
    ValidationRecorded,
)
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace

__all__ = ["deploy"]

RELEASES = 10
PLACES = 1_000
PASSPHRASE = b"a passphrase of ada's"
PEOPLE = ("dora", "rui", "kim", "otto")
_ROLES = ["data-scientist", "reviewer", "operator"]
_HOUR = timedelta(hours=1)


class _Signing:
    """Signs as people and as the service, one statement an hour."""

    def __init__(self, workspace: Workspace) -> None:
        register = Register.read(workspace)
        self._id = register.workspace_id
        self._service = keys.service_signer(self._id, register.service_key)
        self._signers: dict[str, Signer] = {"ada": keys.unlock("ada", PASSPHRASE)}
        self._hours = (register.events[-1].occurred_at + hour * _HOUR for hour in count(1))

    def added(self, name: str) -> Attested:
        """A person whom the administrator adds."""
        keys.generate(name, PASSPHRASE)
        self._signers[name] = keys.unlock(name, PASSPHRASE)
        return self.said(
            PersonAdded,
            "ada",
            subject_person=name,
            subject_name=name.title(),
            roles=_ROLES,
            public_key=keys.public_key_of(name),
        )

    def said(self, kind: Any, person: str, **what: Any) -> Attested:
        """A statement of a person."""
        name = "Ada" if person == "ada" else person.title()
        return self._signed(kind, self._signers[person], person=person, printed_name=name, **what)

    def saw(self, kind: Any, **what: Any) -> Attested:
        """A statement of the service."""
        who = {"person": SERVICE, "printed_name": SERVICE_NAME, "meaning": "recorded"}
        return self._signed(kind, self._service, **who, **what)

    def _signed(self, kind: Any, signer: Signer, **what: Any) -> Attested:
        at = next(self._hours)
        predicate: Predicate = kind(workspace_id=self._id, signed_at=at, **what)
        return Attested(envelope=envelopes.sign(predicate, signer), occurred_at=at)


def deploy(workspace: Workspace, number: int) -> datetime:
    """Put bundles of ten releases live at a thousand places in turn; a moment amid that."""
    signing = _Signing(workspace)
    events = [signing.added(name) for name in PEOPLE]
    for release in range(RELEASES):
        events += _released(signing, release)
    ledger = Ledger(workspace)
    ledger.append(*events)
    ledger.append(*(_deployed(signing, turn) for turn in range(number)))
    return ledger.events()[-number // 2].occurred_at


def _released(signing: _Signing, number: int) -> Iterator[Attested]:
    release, digest, run = f"made-{number}@1", f"{number:064x}", f"run-{number}"
    promotion = {"release": release, "digest": digest, "notebook": "n.ipynb", "session_id": "s"}
    yield signing.said(Promotion, "dora", **promotion)
    for name in ("rui", "kim"):
        yield signing.said(Approval, name, release=release, purpose="run", digest=digest)
    for event in _ran(release, digest, run):
        yield signing.saw(Record, event=event)
    sealed = {"release": release, "run_id": run, "digest": digest[::-1], "requested_by": "otto"}
    yield signing.saw(Bundle, **sealed)


def _ran(release: str, digest: str, run: str) -> Iterator[RunEvent]:
    yield RunStarted(
        run_id=run,
        release=release,
        digest=digest,
        kind="release",
        person="otto",
        parameters={},
        environment="e",
    )
    yield RunEnded(run_id=run, state="succeeded")
    case = CaseResult("behaviour", "one", "passed", 1.0, 0.5, blocking=True)
    yield ValidationRecorded(
        run_id=run,
        validation_run=f"{run}-v",
        suite="s",
        suite_sha256=digest,
        passed=True,
        cases=[case],
        evidence=[],
        person="otto",
    )


def _deployed(signing: _Signing, turn: int) -> Attested:
    release = turn % RELEASES
    sha256 = f"{release:064x}"[::-1]
    return signing.said(
        Deployment,
        "otto",
        environment="production" if turn % 2 else "preprod",
        slot=f"slot-{turn % PLACES}",
        release=f"made-{release}@1",
        bundle=f"made-{release}@1-{sha256[:12]}",
        sha256=sha256,
    )
