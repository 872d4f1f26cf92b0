"""Put a signed statement into the ledger: checked, then signed, then checked under the lock.

People sign what they answer for; the workspace's service signs what it did and saw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from governed_kernel.errors import (
    GovernedError,
    LockHeld,
    Refused,
    ResourceMissing,
    SignatureRefused,
    UnknownName,
    UsageError,
)
from governed_kernel.governance import authorization, envelopes, keys, pins
from governed_kernel.governance.names import SERVICE, SERVICE_NAME
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import KeyRecord, Person
from governed_kernel.governance.rules import ADOPTED_DECIDE
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage import merkle
from governed_kernel.lineage.attestations import Bundle, Checkpoint, Predicate, Record
from governed_kernel.lineage.events import Attested, Decided, LedgerEvent, RunEvent
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from governed_kernel.governance.signers import PersonSigner

__all__ = [
    "LONGEST_TEXT",
    "Make",
    "append",
    "attest",
    "identify",
    "record",
    "record_refusal",
    "seal",
    "signer_of",
    "take_checkpoint",
]

R = TypeVar("R")
_LONGEST = 256
"""Letters that are kept of what was typed; the ledger is for ever."""
LONGEST_TEXT = 20_000
"""Letters of one text that a person signs: it is read back wherever the signature is shown."""
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
    also: Sequence[Make] = (),
) -> Entry:
    """Have `person` sign what `make` gives, and add it to the ledger.

    `make` is called twice: before the passphrase is used, and again with the ledger held still.

    Parameters
    ----------
    action, resource, purpose : str
        What a refusal is recorded as.
    after : callable
        Gives further ledger events, added in the same write.
    also : sequence of callable
        Give what is signed as well, in the same write: all of it comes to be on record, or nothing.

    Raises
    ------
    SignatureRefused
        Wrong passphrase, no or a revoked key, or a role is missing. The refusal is on record.
    UsageError
        A text is longer than `LONGEST_TEXT`.
    """
    try:
        register = Register.read(workspace)
        who = signer_of(register, person)
        policies: list[str] = []
        for say in (make, *also):
            wanted = say(register, who)
            _check_texts(wanted)
            register.check_role(wanted, who)
            policies += authorization.check_action(register, who, wanted)
        signer = keys.unlock(person, passphrase)
        _check_key(who, signer)

        def decide(events: list[LedgerEvent]) -> tuple[tuple[msgspec.Struct, ...], Entry]:
            current = Register.replay(workspace, events)
            # The key file may be changed while a person types, the ledger too: ask again.
            _check_key(signer_of(current, person), signer)
            author = current.person(person)
            entries = []
            for say in (make, *also):
                predicate = say(current, author)
                authorization.check_action(current, author, predicate)
                entries.append(_sign(current, predicate, signer))
            decided = _allowed(workspace, person, action, resource, purpose, policies)
            return (*map(_event, entries), *decided, *after()), entries[0]

        return append(workspace, decide)
    except (Refused, UsageError) as error:
        record_refusal(workspace, person, action, resource, error, purpose)
        raise


def seal(
    workspace: Workspace,
    make: Callable[[Register], Bundle],
    place: Callable[[Entry], None],
) -> Entry:
    """Have the workspace's service sign a bundle, and add it to the ledger.

    `place` is given the signed entry, with the ledger held still, and puts the bundle in place.
    """

    def decide(events: list[LedgerEvent]) -> tuple[tuple[Attested, ...], Entry]:
        register = Register.replay(workspace, events)
        entry = _sign(register, make(register), _service(register))
        place(entry)
        return (_event(entry),), entry

    return append(workspace, decide)


def record(
    workspace: Workspace, *events: RunEvent, when: Callable[[Register], bool] = lambda _: True
) -> bool:
    """Put on record what a run did, under the signature of the workspace's service.

    Parameters
    ----------
    when : callable
        Asked with the ledger held still: whether it is still to be recorded.

    Returns
    -------
    bool
        Whether it was.

    Raises
    ------
    ResourceMissing
        The service's key is not on this machine, so nobody could tell the record from a forged
        one.
    """

    def decide(known: list[LedgerEvent]) -> tuple[tuple[Attested, ...], bool]:
        register = Register.replay(workspace, known)
        if not when(register):
            return (), False
        signer = _service(register)
        statements = [
            Record(person=SERVICE, printed_name=SERVICE_NAME, meaning="recorded", event=event)
            for event in events
        ]
        return tuple(_event(_sign(register, said, signer)) for said in statements), True

    return append(workspace, decide)


def take_checkpoint(workspace: Workspace) -> Entry:
    """Have the service sign where the ledger stands, and add that to it."""
    ledger = Ledger(workspace)

    def decide(known: list[LedgerEvent]) -> tuple[tuple[Attested, ...], Entry]:
        register = Register.replay(workspace, known)
        leaves = ledger.leaves()
        said = Checkpoint(
            person=SERVICE,
            printed_name=SERVICE_NAME,
            meaning="recorded",
            size=len(leaves),
            root=merkle.root(leaves).hex(),
        )
        entry = _sign(register, said, _service(register))
        return (_event(entry),), entry

    return append(workspace, decide, ledger)


def _allowed(
    workspace: Workspace,
    person: str,
    action: str,
    resource: str,
    purpose: str,
    policies: list[str],
) -> tuple[Decided, ...]:
    """The decision behind a signed statement; none where no policy was asked."""
    if not policies:
        return ()
    return (
        Decided(
            person=person,
            action=action,
            resource=resource,
            outcome="allowed",
            purpose=purpose,
            policies=policies,
            reason="" if workspace.other_policies is None else ADOPTED_DECIDE,
        ),
    )


def record_refusal(
    workspace: Workspace,
    person: str,
    action: str,
    resource: str,
    error: GovernedError,
    purpose: str = "",
) -> None:
    """Put a refused attempt on record, once; not that a lock was held, which would wait again.

    Where a disk or the like failed nobody refused anything, and it is told from what somebody did.

    Where the ledger is held by somebody who does not let go, the refusal says that it is not on
    record: nothing was let through, and the reason is worth more than a note of it.
    """
    if error.on_record or isinstance(error, LockHeld):
        return
    reason = f"{error.what}: {error.why}" if error.why else error.what
    refused = Decided(
        person=person[:_LONGEST],
        action=action,
        resource=resource[:_LONGEST],
        outcome="failed" if isinstance(error, ResourceMissing) else "denied",
        purpose=purpose,
        policies=list(getattr(error, "policies", ())),
        reason=reason[: 8 * _LONGEST],
    )
    try:
        append(workspace, lambda _: ((refused,), None))
    except LockHeld as held:
        error.why = f"{error.why}; this attempt is not on record: {held.what}".removeprefix("; ")
        return
    error.on_record = True


def append(
    workspace: Workspace,
    decide: Callable[[list[LedgerEvent]], tuple[tuple[msgspec.Struct, ...], R]],
    ledger: Ledger | None = None,
) -> R:
    """Add to the ledger what `decide` gives, and remember for this person how far it goes now.

    Raises
    ------
    IntegrityBroken
        It does not go on from where this person saw it last: what was added, a refusal even,
        would let its new end be taken for the one that was seen.
    """
    there, seen = ledger or Ledger(workspace), pins.last_seen(workspace.root)

    def checked(events: list[LedgerEvent]) -> tuple[tuple[msgspec.Struct, ...], R]:
        pins.check_seen(workspace.root, seen, there.records())
        return decide(events)

    head, result = there.append_checked(checked)
    pins.see(workspace.root, head)
    return result


def identify(register: Register, person: str, passphrase: bytes) -> Person:
    """The person of that name, who proves it with the key that counts here.

    Raises
    ------
    SignatureRefused
        Wrong passphrase, or no or a revoked key.
    """
    who = signer_of(register, person)
    _check_key(who, keys.unlock(person, passphrase))
    return who


def _sign(register: Register, predicate: Predicate, signer: Signer) -> Entry:
    bound = msgspec.structs.replace(predicate, workspace_id=register.workspace_id)
    entry = register.preview(Attested(envelope=envelopes.sign(bound, signer)))
    if not entry.valid:
        raise SignatureRefused(
            "the signature would not count", why=entry.reason, next="nothing was recorded"
        )
    return entry


def _check_texts(predicate: Predicate) -> None:
    for field, text in msgspec.structs.asdict(predicate).items():
        if isinstance(text, str) and len(text) > LONGEST_TEXT:
            raise UsageError(
                f"the {field} is too long to be signed",
                why=f"it has {len(text):,} letters, and at most {LONGEST_TEXT:,} are taken",
                next="say it shorter, and name a document that says the rest",
            )


def _service(register: Register) -> Signer:
    return keys.service_signer(register.workspace_id, register.service_key)


def _event(entry: Entry) -> Attested:
    return Attested(envelope=entry.envelope, occurred_at=entry.occurred_at)


def signer_of(register: Register, person: str) -> Person:
    """The person who is about to sign.

    Raises
    ------
    SignatureRefused
        Nobody here is called so, or their key was revoked.
    """
    try:
        who = register.person(person)
    except UnknownName as error:
        raise SignatureRefused(error.what, why=error.why, next=error.next) from error
    if who.valid_key is None:
        _check_not_revoked(who, who.keys[-1])
    return who


def _check_key(who: Person, signer: PersonSigner) -> None:
    key = who.key(str(signer.public_key.keyid))
    if key is None:
        raise SignatureRefused(
            f"the key of {who.name} on this machine is not known in this workspace",
            why="the ledger has another key for this name",
            next="use the machine that has the key, or have an administrator revoke that key",
        )
    _check_not_revoked(who, key)


def _check_not_revoked(who: Person, key: KeyRecord) -> None:
    if key.revoked is not None:
        raise SignatureRefused(
            f"the key of {who.name} was {'replaced' if key.replaced else 'revoked'}",
            why=f"on {key.revoked_at:%Y-%m-%d %H:%M} UTC: {key.reason or 'no reason given'}",
            next=f"make a new one with 'governed people key {who.name} --replace', and have an "
            "administrator add it",
        )
