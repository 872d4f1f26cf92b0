"""Put a signed statement into the ledger: checked, then signed, then checked under the lock."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from securesystemslib.signer import Signer

from governed_kernel.errors import GovernedError, Refused, SignatureRefused, UnknownName
from governed_kernel.governance import envelopes, keys
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import Predicate
from governed_kernel.lineage.events import Attested, Decided, LedgerEvent
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace

__all__ = ["Make", "attest", "attest_as_service", "record_refusal"]

Make = Callable[[Register, Person], Predicate]
"""Gives what the person signs; raises `GovernedError` when it must not be said."""


def attest(
    workspace: Workspace,
    person: str,
    passphrase: bytes,
    make: Make,
    *,
    action: str,
    resource: str,
    purpose: str = "",
    after: Callable[[], tuple[msgspec.Struct, ...]] = tuple,
) -> Entry:
    """Have `person` sign what `make` gives, and add it to the ledger.

    `make` is called twice: before the passphrase is used, and again with the ledger held still.

    Parameters
    ----------
    action, resource, purpose : str
        What a refusal is recorded as.
    after : callable
        Gives further ledger events, added in the same write.

    Raises
    ------
    SignatureRefused
        Wrong passphrase, no or a revoked key, or a role is missing. The refusal is on record.
    """
    try:
        register = Register.read(workspace)
        who = _signer(register, person)
        register.check_role(make(register, who), who)
        signer = keys.unlock(person, passphrase)
        _check_key(who, signer)

        def decide(events: list[LedgerEvent]) -> tuple[tuple[msgspec.Struct, ...], Entry]:
            current = Register.replay(workspace, events)
            # The key file may be changed while a person types, the ledger too: ask again.
            _check_key(_signer(current, person), signer)
            predicate = make(current, current.person(person))
            entry = _sign(current, predicate, signer)
            return (_event(entry), *after()), entry

        return Ledger(workspace).append_checked(decide)[1]
    except Refused as error:
        record_refusal(workspace, person, action, resource, error, purpose)
        raise


def attest_as_service(
    workspace: Workspace,
    make: Callable[[Register], Predicate],
    after: Callable[[Entry], tuple[msgspec.Struct, ...]] = lambda _: (),
) -> Entry:
    """Have the workspace's service sign what `make` gives, and add it to the ledger.

    The predicate's ``person`` must be ``names.SERVICE``. `after` is given the signed entry, with
    the ledger held still, and gives further events for the same write.
    """

    def decide(events: list[LedgerEvent]) -> tuple[tuple[msgspec.Struct, ...], Entry]:
        register = Register.replay(workspace, events)
        entry = _sign(register, make(register), keys.service_signer(register.workspace_id))
        return (_event(entry), *after(entry)), entry

    return Ledger(workspace).append_checked(decide)[1]


def record_refusal(
    workspace: Workspace,
    person: str,
    action: str,
    resource: str,
    error: GovernedError,
    purpose: str = "",
) -> None:
    """Put a refused attempt on record."""
    Ledger(workspace).append(
        Decided(
            person=person,
            action=action,
            resource=resource,
            outcome="denied",
            purpose=purpose,
            reason=f"{error.what}: {error.why}" if error.why else error.what,
        )
    )


def _sign(register: Register, predicate: Predicate, signer: Signer) -> Entry:
    bound = msgspec.structs.replace(predicate, workspace_id=register.workspace_id)
    entry = register.preview(Attested(envelope=envelopes.sign(bound, signer)))
    if not entry.valid:
        raise SignatureRefused(
            "the signature would not count", why=entry.reason, next="nothing was recorded"
        )
    return entry


def _event(entry: Entry) -> Attested:
    return Attested(envelope=entry.envelope, occurred_at=entry.occurred_at)


def _signer(register: Register, person: str) -> Person:
    try:
        return register.person(person)
    except UnknownName as error:
        raise SignatureRefused(error.what, why=error.why, next=error.next) from error


def _check_key(who: Person, signer: keys.PersonSigner) -> None:
    key = who.key(str(signer.public_key.keyid))
    if key is None:
        raise SignatureRefused(
            f"the key of {who.name} on this machine is not known in this workspace",
            why="the ledger has another key for this name",
            next="use the machine that has the key, or have an administrator revoke that key",
        )
    if key.revoked is not None:
        raise SignatureRefused(
            f"the key of {who.name} was revoked",
            why=f"on {key.revoked_at:%Y-%m-%d %H:%M} UTC: {key.reason or 'no reason given'}",
            next="make a new one with 'governed people key NAME --replace', and have an "
            "administrator add it",
        )
