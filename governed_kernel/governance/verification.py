"""The signed entries of a ledger, one after the other, each held against what was known then.

An entry counts when its envelope verifies with the key that its signer had at that position, the
signer had the role it takes, and it is said for the first time and in this workspace. What does
not count is kept with the reason, so that an audit can show it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import copy
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from governed_kernel.canonical import digest_bytes, digest_json
from governed_kernel.configuration import ReleaseRules
from governed_kernel.errors import GovernedError, IntegrityBroken, SignatureRefused
from governed_kernel.governance import envelopes
from governed_kernel.governance.names import SERVICE, SERVICE_NAME
from governed_kernel.governance.public_keys import PublicKey, parse_public_key
from governed_kernel.governance.roster import Person, Roster
from governed_kernel.governance.rules import policy_files, rules_digest_of
from governed_kernel.lineage.attestations import (
    Approval,
    Bundle,
    Checkpoint,
    Collection,
    Deployment,
    Erasure,
    KeyRevoked,
    LearningAllowed,
    LearningClosed,
    PersonAdded,
    PolicyAdopted,
    Predicate,
    Promotion,
    Recall,
    RecallAnswer,
    Record,
    Rejection,
    Revocation,
    RiskAcceptance,
    RoleGranted,
    RoleWithdrawn,
    ServiceKeyReplaced,
    Withdrawal,
    WorkspaceCreated,
)
from governed_kernel.lineage.events import Attested, FileDigest, now

__all__ = ["LONGEST_ACCEPTANCE", "NEEDED_ROLES", "Entry", "Replay"]

Check: TypeAlias = Callable[[envelopes.Opened, PublicKey], None]

_JUDGES = ("reviewer", "domain-expert", "model-risk", "security", "legal", "administrator")
NEEDED_ROLES: dict[type, tuple[str, ...]] = {
    PersonAdded: ("administrator",),
    RoleGranted: ("administrator",),
    RoleWithdrawn: ("administrator",),
    KeyRevoked: ("administrator",),
    PolicyAdopted: ("administrator",),
    ServiceKeyReplaced: ("administrator",),
    Promotion: ("data-scientist",),
    Rejection: _JUDGES,
    Revocation: (*_JUDGES, "operator"),
    RiskAcceptance: _JUDGES,
    RecallAnswer: _JUDGES,
    Recall: ("administrator", "data-steward", "legal"),
    Deployment: ("operator",),
    Erasure: ("administrator", "data-steward"),
    Withdrawal: ("administrator", "data-steward", "legal"),
    LearningAllowed: ("administrator", "data-steward"),
    LearningClosed: ("administrator", "data-steward"),
    Collection: ("administrator", "data-steward"),
}
"""Who may say what: one of these roles. Approvals are counted by the rules in governed.toml."""
LONGEST_ACCEPTANCE = timedelta(days=366)
"""A risk that is to be taken for longer is looked at again."""


class Entry(msgspec.Struct, frozen=True):
    """One signed entry of the ledger.

    Attributes
    ----------
    number : int
        The record's number in the ledger.
    predicate : Predicate or None
        What it says; None when it can't be understood.
    valid : bool
        Whether it counts; `reason` says why not.
    """

    number: int
    occurred_at: datetime
    predicate: Predicate | None
    key_id: str
    valid: bool
    reason: str
    envelope: dict[str, Any]


class Replay:
    """State of people, keys, policy and promotions while a ledger is read."""

    def __init__(self, workspace_id: str) -> None:
        self.workspace_id = workspace_id
        self.name = ""
        self.roster = Roster()
        self.policy = ""
        self.rules: list[FileDigest] = []
        self.settings: dict[str, Any] = {}
        self.policy_texts: dict[str, str] = {}
        self.release_rules: ReleaseRules | None = None
        """How many signatures were needed by those rules; None where no statement carries it."""
        self.service_keys: list[tuple[int, str]] = []
        """From which record on the service has signed with which key, as PEM."""
        self.genesis = ""
        self.promotions: dict[str, Promotion] = {}
        self.entries: list[Entry] = []
        self.given: dict[str, list[Entry]] = {}
        """Release → the approvals that name it, valid or not."""
        self.payloads: set[bytes] = set()
        """SHA-256 of what was said, as it was written."""
        envelopes.begin()

    @property
    def service_key(self) -> str:
        """PEM of the key that the service signs with now; empty before there is one."""
        return self.service_keys[-1][1] if self.service_keys else ""

    def apply(self, number: int, event: Attested, check: Check = envelopes.Opened.check) -> Entry:
        """Verify one entry, let it take effect when it counts, and keep it.

        Parameters
        ----------
        check : callable
            Refuses an envelope that a key has not signed.
        """
        predicate: Predicate | None = None
        key_id = ""
        try:
            opened = envelopes.opened(event.envelope)
            predicate, key_id = opened.predicate, opened.key_id
            self._verify(number, opened, check)
            if isinstance(predicate, RiskAcceptance):
                _check_acceptance(event.occurred_at, predicate)
            first = isinstance(predicate, WorkspaceCreated)
            digest = digest_json(event.envelope) if first else ""
            self._take_effect(number, event.occurred_at, digest, predicate)
            reason = ""
        except GovernedError as error:
            reason = f"{error.what}: {error.why}" if error.why else error.what
        entry = Entry(
            number, event.occurred_at, predicate, key_id, not reason, reason, event.envelope
        )
        self._keep(entry)
        return entry

    def fork(self) -> Replay:
        """The same state, to go on with; this one stays as it is."""
        envelopes.begin()
        twin = copy(self)
        twin.roster = self.roster.copy()
        twin.service_keys = list(self.service_keys)
        twin.promotions = dict(self.promotions)
        twin.entries = list(self.entries)
        twin.given = {release: list(given) for release, given in self.given.items()}
        twin.payloads = set(self.payloads)
        return twin

    def restore(self, entry: Entry, genesis: str) -> None:
        """Take an entry as it was judged before; `genesis` is the digest of the first."""
        if entry.valid and entry.predicate is not None:
            self._take_effect(entry.number, entry.occurred_at, genesis, entry.predicate)
        self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        self.entries.append(entry)
        if isinstance(entry.predicate, Approval):
            self.given.setdefault(entry.predicate.release, []).append(entry)

    def signer(self, predicate: Predicate, number: int, key_id: str) -> Person:
        """The person who signs, when their key counts at this position.

        Raises
        ------
        SignatureRefused
            The person or the key is not known, or the key was revoked before.
        """
        person = self.roster.people.get(predicate.person)
        key = person.key(key_id) if person else None
        if person is None or key is None:
            raise SignatureRefused(
                f"{predicate.person} has no such key in this workspace",
                why=f"the ledger does not know the key {key_id[:16]}… as theirs",
                next="an administrator adds people and keys: 'governed people add'",
            )
        if not key.valid_at(number):
            raise SignatureRefused(
                f"the key of {person.name} was {'replaced' if key.replaced else 'revoked'}",
                why=f"on {key.revoked_at:%Y-%m-%d %H:%M} UTC: {key.reason or 'no reason given'}",
                next="an administrator adds a new key: 'governed people add'",
            )
        return person

    def _verify(self, number: int, opened: envelopes.Opened, check: Check) -> None:
        predicate, key_id = opened.predicate, opened.key_id
        if isinstance(predicate, WorkspaceCreated):
            check(opened, parse_public_key(predicate.public_key))
        elif isinstance(predicate, Bundle | Record | Checkpoint):
            if (predicate.person, predicate.printed_name) != (SERVICE, SERVICE_NAME):
                raise _invalid("the workspace's service signs that, nobody else")
            check(opened, parse_public_key(self.service_key))
        else:
            person = self.signer(predicate, number, key_id)
            key = person.key(key_id)
            assert key is not None
            check(opened, key.key)
            if predicate.printed_name != person.printed_name:
                raise _invalid(f"it prints another name than {person.printed_name}")
            self.check_role(predicate, person)
        if predicate.workspace_id != self.workspace_id:
            raise _invalid("it was said in another workspace")
        # A copy of an old entry would undo a later one, such as a role that was withdrawn.
        payload = hashlib.sha256(opened.envelope["payload"].encode()).digest()
        if payload in self.payloads:
            raise _invalid("it is a copy of an earlier entry")
        self.payloads.add(payload)

    def check_role(self, predicate: Predicate | type[Predicate], person: Person) -> None:
        """Refuse what, or a kind of statement that, takes a role that `person` does not have now.

        Raises
        ------
        SignatureRefused
            None of the roles that may say this is held.
        """
        kind = predicate if isinstance(predicate, type) else type(predicate)
        needed = NEEDED_ROLES.get(kind)
        own_key = isinstance(predicate, KeyRevoked) and predicate.subject_person == person.name
        if needed is None or own_key or set(needed) & set(person.roles):
            return
        raise SignatureRefused(
            f"{person.name} may not sign {_in_words(str(kind.__struct_config__.tag))}",
            why=f"it takes the role {' or '.join(needed)}; "
            f"{person.name} has {', '.join(person.roles) or 'none'}",
            next=_who_else(person.name, needed),
        )

    def _take_effect(
        self, number: int, occurred_at: datetime, digest: str, predicate: Predicate
    ) -> None:
        match predicate:
            case Record() | Approval() | Bundle() | Deployment():  # nearly all that is signed
                pass
            case WorkspaceCreated():
                self._begin(number, digest, predicate)
            case PersonAdded():
                self.roster.add(predicate, number)
            case RoleGranted():
                self.roster.grant(predicate, number)
            case RoleWithdrawn():
                self.roster.withdraw(predicate, number)
            case KeyRevoked():
                self.roster.revoke(predicate, number, occurred_at)
            case ServiceKeyReplaced():
                self._check_service_key(predicate.public_key)
                self.service_keys.append((number, predicate.public_key))
            case PolicyAdopted():
                self._adopt(predicate)
            case Promotion():
                if predicate.release in self.promotions:
                    raise _invalid(f"{predicate.release} was promoted before")
                self.promotions[predicate.release] = predicate
            case RiskAcceptance() | RecallAnswer():
                self._check_judge(predicate)
            case _:
                pass

    def _adopt(self, said: WorkspaceCreated | PolicyAdopted) -> None:
        """From here on these rules hold; those that a statement carries must be the same."""
        rules = None
        if said.settings:
            if rules_digest_of(said.settings, said.rules) != said.policy:
                raise _invalid("the rules that it carries are not those that it adopts")
            try:
                rules = msgspec.convert(said.settings, ReleaseRules)
            except msgspec.ValidationError as error:
                raise _invalid(f"the rules that it carries can't be understood: {error}") from error
        named = {path.name: sha256 for path, sha256 in policy_files(said.rules)}
        texts = {name: digest_bytes(text.encode()) for name, text in said.policies.items()}
        if texts and texts != named:
            raise _invalid("the policies that it carries are not those that it adopts")
        self.policy, self.rules, self.release_rules = said.policy, said.rules, rules
        self.settings, self.policy_texts = said.settings, said.policies

    def _check_judge(self, said: RiskAcceptance | RecallAnswer) -> None:
        """Refuse who judges a release of their own, or one that is not as it was promoted."""
        promotion = self.promotions.get(said.release)
        if promotion is None or promotion.digest != said.digest:
            raise _invalid(f"{said.release} is not what was promoted under that digest")
        if promotion.person == said.person:
            raise _invalid(f"{said.person} is the author of {said.release}, and judges no own work")

    def _check_service_key(self, public_key: str) -> None:
        """Refuse a new key of the service that is no key, or was somebody's before."""
        key_id = parse_public_key(public_key).keyid
        earlier = [parse_public_key(pem).keyid for _, pem in self.service_keys]
        if key_id in earlier or self.roster.owner_of(key_id) is not None:
            raise _invalid("that key is known already, and a key stands for one signer")

    def _begin(self, number: int, digest: str, created: WorkspaceCreated) -> None:
        if number != 1 or self.genesis:
            raise _invalid("a workspace is created once, by the first entry of its ledger")
        parse_public_key(created.service_key)
        self._adopt(created)
        first = PersonAdded(
            person=created.person,
            printed_name=created.printed_name,
            signed_at=created.signed_at,
            subject_person=created.person,
            subject_name=created.printed_name,
            roles=["administrator"],
            public_key=created.public_key,
        )
        self.roster.add(first, number)
        self.name = created.name
        self.service_keys.append((number, created.service_key))
        self.genesis = digest


def _check_acceptance(occurred_at: datetime, said: RiskAcceptance) -> None:
    """Refuse a risk that is taken for ever or for no reason, whatever program it is signed with.

    A time to come is nobody's word for when it was taken.
    """
    if said.expires_at - min(occurred_at, now()) > LONGEST_ACCEPTANCE:
        raise _invalid(f"a risk is accepted for {LONGEST_ACCEPTANCE.days} days at most")
    if not said.reason.strip() or not said.control.strip():
        raise _invalid("a risk is not accepted without a reason and a control")


def _invalid(why: str) -> IntegrityBroken:
    return IntegrityBroken("the entry does not count", why=why, next="")


def _in_words(tag: str) -> str:
    """What a statement says, from its tag: ``a deployment``, ``that a person is added``."""
    noun, _, done = tag.rpartition("-")
    if noun and done.endswith(("ed", "wn")):
        return f"that {'' if noun == 'learning' else 'a '}{noun.replace('-', ' ')} is {done}"
    return f"{'an' if tag[0] in 'aeiou' else 'a'} {tag.replace('-', ' ')}"


def _who_else(person: str, needed: tuple[str, ...]) -> str:
    """What to do where none of the needed roles is held; policies may be stricter than they."""
    if len(needed) > 1:
        return (
            "ask somebody with one of these roles; 'governed policy explain ACTION RELEASE --as "
            "NAME' says whether policy lets them"
        )
    return (
        f"ask somebody with that role, or an administrator: 'governed people grant {person} "
        f"--role {needed[0]}'"
    )
