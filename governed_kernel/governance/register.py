"""The register: everything governance knows, replayed from the verified ledger.

Gates ask the register and never the lineage store, which is a projection that can be rebuilt (or
tampered with) at will.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from datetime import datetime
from typing import Any

from governed_kernel.configuration import ApprovalRule, Configuration, ReleaseRules, RiskClass
from governed_kernel.errors import IntegrityBroken, NotApproved, ResourceMissing
from governed_kernel.governance import envelopes, pins
from governed_kernel.governance.ahead import OFTEN, Ahead
from governed_kernel.governance.counting import CountedApproval, Purpose, count_approvals
from governed_kernel.governance.holdings import Holdings
from governed_kernel.governance.roster import Person, Roster
from governed_kernel.governance.rules import rules_digest
from governed_kernel.governance.verification import Entry, Replay
from governed_kernel.lineage.attestations import (
    Bundle,
    Erasure,
    Predicate,
    Promotion,
    Record,
)
from governed_kernel.lineage.events import (
    Attested,
    FileDigest,
    JournalOpened,
    LedgerEvent,
    PayloadDigest,
    RunEvent,
    now,
)
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace

__all__ = ["Register", "envelopes_in"]


class Register(Holdings):
    """People, keys, roles, policy, holdings and signed entries of one workspace.

    Attributes
    ----------
    people : dict of str to Person
        By name, with their printed name, roles, and keys by ledger position.
    policy : str
        Digest of the settings that an administrator adopted last.
    entries : list of Entry
        Every signed entry, also those that do not count, with the reason.
    events : list of LedgerEvent
        All verified events, oldest first.
    """

    rules_of_then = False
    """Whether approvals are judged by the rules that the ledger carries, as they held at its end.
    For telling of the past: a gate also asks whether the workspace's own files still say so."""

    def __init__(
        self, workspace: Workspace, events: Sequence[LedgerEvent], ahead: Ahead | None = None
    ) -> None:
        first = events[0] if events else None
        if not isinstance(first, JournalOpened) or first.journal != "ledger":
            raise _no_beginning(workspace, "its first record does not open a ledger")
        self.workspace = workspace
        self.workspace_id = first.workspace_id
        self.events: list[LedgerEvent] = []
        super().__init__()
        self._rules_now: str | None = None
        self._ends_at: datetime | None = None
        self._signed: tuple[int, datetime | None] = (0, None)
        self._replay = Replay(first.workspace_id)
        self.go_on(events, ahead)
        if not self._replay.genesis:
            reason = self.entries[0].reason if self.entries else "it has no signed entry"
            raise _no_beginning(workspace, reason)

    def go_on(self, events: Sequence[LedgerEvent], ahead: Ahead | None = None) -> None:
        """Take in what follows on the events so far."""
        if ahead is None:
            with Ahead(envelopes_in(events), strictly=True) as ahead:
                self.go_on(events, ahead)
            return
        for number, event in enumerate(events, len(self.events)):
            if not number % OFTEN:
                ahead.take()
            match event:
                case Attested():
                    self.withhold(self._replay.apply(number, event, ahead.check))
                case _:
                    self.hold(event)
        self.events += events

    def fork(self, workspace: Workspace) -> Register:
        """The same register, to go on with; this one stays as it is."""
        twin = copy(self)
        twin.workspace = workspace
        twin.events = list(self.events)
        twin.hold_apart()
        twin._rules_now = None
        twin._replay = self._replay.fork()
        return twin

    @classmethod
    def read(cls, workspace: Workspace, ledger: Ledger | None = None) -> Register:
        """Read and verify the whole ledger of `workspace`.

        Parameters
        ----------
        ledger : Ledger, optional
            One that has read it before, and reads what is new.

        Raises
        ------
        IntegrityBroken
            The chain is broken, or the ledger is not the one this person saw before.
        UnknownName
            There is no ledger.
        """
        seen = pins.last_seen(workspace.root)
        records = (ledger or Ledger(workspace)).records()
        register = cls.replay(workspace, [record.event for record in records])
        envelopes.keep_verified()
        pins.check_seen(workspace.root, seen, records)
        return register

    @classmethod
    def replay(cls, workspace: Workspace, events: Sequence[LedgerEvent]) -> Register:
        """The register after `events`, which `Ledger` has verified (as under its lock).

        Events that this process has replayed before, and `Ledger` found in place again, are not
        replayed once more: what came of these very objects is gone on with.
        """
        from governed_kernel.governance.settling import Unsettled, settled  # which makes registers

        return settled(workspace, events, Unsettled.settle)

    @classmethod
    def judged(
        cls,
        workspace: Workspace,
        workspace_id: str,
        genesis: str,
        entries: Sequence[Entry],
        ends_at: datetime,
    ) -> Register:
        """The register after entries that were verified before; it knows no catalog.

        Parameters
        ----------
        genesis : str
            Digest of the first signed entry.
        entries : sequence of Entry
            In the ledger's order; those that are left out have no effect.
        ends_at : datetime
            The latest time that any record of that ledger bears.
        """
        register = cls.__new__(cls)
        register.workspace = workspace
        register.workspace_id = workspace_id
        register.events = []
        register._ends_at = ends_at
        register._signed = (0, None)
        Holdings.__init__(register)
        register._rules_now = None
        register._replay = Replay(workspace_id)
        for entry in entries:
            register._replay.restore(entry, genesis)
        return register

    def judge(self, number: int, event: LedgerEvent) -> None:
        """Take in the record that follows on what was `judged`, of which `payloads` must be known.

        A catalog is not known by that.
        """
        self._ends_at = max(self.ends_at, event.occurred_at)
        if isinstance(event, Attested):
            self._replay.apply(number, event)

    def in_order(self) -> Iterator[Entry | LedgerEvent]:
        """Signed entries and other events as they follow each other."""
        if not self.events:
            yield from self.entries
            return
        signed = {entry.number: entry for entry in self.entries}
        for number, event in enumerate(self.events):
            yield signed.get(number, event)

    @property
    def people(self) -> dict[str, Person]:  # noqa: D102 (described in the class)
        return self._replay.roster.people

    @property
    def roster(self) -> Roster:
        """The people, with the rules for changing them."""
        return self._replay.roster

    @property
    def entries(self) -> list[Entry]:  # noqa: D102
        return self._replay.entries

    @property
    def payloads(self) -> set[bytes]:
        """SHA-256 of each signed payload, as base64: what is said once more counts for nothing."""
        return self._replay.payloads

    @property
    def policy(self) -> str:  # noqa: D102
        return self._replay.policy

    @property
    def rules(self) -> list[FileDigest]:
        """The files of the rules as they were adopted; empty where nobody noted them."""
        return self._replay.rules

    @property
    def settings(self) -> dict[str, Any]:
        """What ``governed.toml`` said when it was adopted; empty where nobody noted it."""
        return self._replay.settings

    @property
    def policy_texts(self) -> dict[str, str]:
        """What each policy said when it was adopted, by its file; empty where nobody noted it."""
        return self._replay.policy_texts

    @property
    def release_rules(self) -> ReleaseRules | None:
        """The rules for approvals that were in force at the ledger's end; None if not known."""
        if self._replay.release_rules is not None:
            return self._replay.release_rules
        known = rules_digest(self.workspace) == self.policy
        return self.workspace.settings.release_rules if known else None

    @property
    def name(self) -> str:
        """The name given to the workspace when it was made."""
        return self._replay.name

    @property
    def service_key(self) -> str:
        """PEM of the public key that the service signs with now."""
        return self._replay.service_key

    @property
    def service_keys(self) -> list[tuple[int, str]]:
        """From which record on the service has signed with which key; the last one counts."""
        return self._replay.service_keys

    def service_key_at(self, position: int) -> str:
        """The key that the service signed the record at `position` with."""
        return [pem for since, pem in self.service_keys if since < position][-1]

    def service_key_of(self, bundle: str) -> str:
        """The key that the service had when it sealed the bundle of that name."""
        for entry in self.entries:
            said = entry.predicate
            if entry.valid and isinstance(said, Bundle) and said.name == bundle:
                return self.service_key_at(entry.number)
        return self.service_key

    @property
    def ends_at(self) -> datetime:
        """The latest time that any record bears."""
        return self._ends_at or max(event.occurred_at for event in self.events)

    @property
    def moment(self) -> datetime:
        """Now; never before what is on record by signature, so that no clock revives what ended.

        What is not signed is nobody's word for the time: one such line, far ahead, would end every
        accepted risk for good.
        """
        done, latest = self._signed
        times = [
            min(entry.occurred_at, entry.predicate.signed_at)
            for entry in self.entries[done:]
            if entry.valid and entry.predicate is not None
        ]
        if latest is not None:
            times.append(latest)
        self._signed = (len(self.entries), max(times, default=None))
        return max([now(), *times])

    @property
    def genesis(self) -> str:
        """Digest of the first signed entry."""
        return self._replay.genesis

    @property
    def run_events(self) -> list[RunEvent]:
        """What runs did, as far as the service signed it, oldest first."""
        return [
            entry.predicate.event
            for entry in self.entries
            if entry.valid and isinstance(entry.predicate, Record)
        ]

    @property
    def erased(self) -> frozenset[PayloadDigest]:
        """Digests of the texts that signed entries say were erased."""
        return frozenset(
            digest
            for entry in self.entries
            if entry.valid and isinstance(entry.predicate, Erasure)
            for digests in entry.predicate.texts.values()
            for digest in digests
        )

    @property
    def promotions(self) -> dict[str, Promotion]:
        """Release → the promotion that made it, by the author."""
        return self._replay.promotions

    def preview(self, event: Attested) -> Entry:
        """Whether `event` would count as the next record; it takes effect in this register."""
        entry = self._replay.apply(len(self.events), event)
        self.withhold(entry)
        self.events.append(event)
        return entry

    def person(self, name: str) -> Person:
        """The person of that name, else `UnknownName`."""
        return self.roster.person(name)

    def check_role(self, predicate: Predicate | type[Predicate], person: Person) -> None:
        """Refuse (`SignatureRefused`) what takes a role that `person` does not have."""
        self._replay.check_role(predicate, person)

    def check_policy(self, settings: Configuration | None = None, *, digest: str = "") -> None:
        """Refuse settings or policies that no administrator adopted; `digest` is theirs, if known.

        Raises
        ------
        NotApproved
            ``governed.toml`` or a policy says something else than what was signed.
        """
        digest = digest or rules_digest(self.workspace, settings)
        if digest != self.policy:
            raise NotApproved(
                "governed.toml and the policies are not those that an administrator adopted",
                why=f"their digest is {digest[:16]}…, the adopted one is {self.policy[:16]}…",
                next="undo the edit, or have it adopted: 'governed policy adopt --as ADMIN'",
            )

    def _check_policy_once(self) -> None:
        """As `check_policy`, which gates ask for themselves; thousands of releases are counted."""
        if self._rules_now is None:
            self._rules_now = rules_digest(self.workspace)
        self.check_policy(digest=self._rules_now)

    def author_of(self, release: str) -> str:
        """Who promoted `release`; empty when nobody did."""
        promotion = self.promotions.get(release)
        return promotion.person if promotion else ""

    def rule(self, purpose: Purpose, release: str) -> ApprovalRule:
        """How many approvals of which roles `purpose` takes, by the risk of the release."""
        promotion = self.promotions.get(release)
        return self.rule_of(purpose, promotion.risk_class if promotion else "")

    def rule_of(self, purpose: Purpose, risk_class: str) -> ApprovalRule:
        """How many approvals of which roles `purpose` takes for a release of that risk."""
        return self._release_rules.rule(purpose, risk_class)

    def risk_class(self, name: str) -> RiskClass:
        """What ``governed.toml`` asks for in that class; nothing more where it has no classes.

        Raises
        ------
        NotApproved
            It has classes, and none of that name.
        """
        known = self._release_rules.risk_classes
        if known and name not in known:
            raise NotApproved(
                f"{name!r} is no risk class here",
                why=f"governed.toml has {', '.join(known)}",
                next="name one of them in the use-case card, and promote a new version",
            )
        return known.get(name, RiskClass())

    @property
    def _release_rules(self) -> ReleaseRules:
        known = self.release_rules if self.rules_of_then else None
        return known or self.workspace.settings.release_rules

    def approvals_for(
        self, release: str, digest: str, purpose: Purpose, run_id: str = ""
    ) -> list[CountedApproval]:
        """Every approval that names `release` and `purpose`, each with whether it counts.

        Parameters
        ----------
        digest : str
            What must have been signed: the release digest, for deployment that of the evidence.
        run_id : str
            For deployment the run that is deployed.

        Notes
        -----
        Nothing counts while ``governed.toml`` or a policy differs from what was adopted, or can't
        be read (with `rules_of_then`:
        where the rules that were in force are not known), nor for a release that nobody promoted.
        """
        author = self.author_of(release)
        refused = "" if author else f"{release} was promoted by nobody"
        try:
            if self.rules_of_then and self.release_rules is None:
                refused = "the rules of now are others than those in force then"
            elif not self.rules_of_then:
                self._check_policy_once()
            if author:
                self.risk_class(self.promotions[release].risk_class)
        except (NotApproved, ResourceMissing) as error:
            refused = error.what
        return count_approvals(
            self._replay.given.get(release, []),
            self.roster,
            self.rule(purpose, release),
            author=author,
            release=release,
            digest=digest,
            purpose=purpose,
            run_id=run_id,
            refused=refused,
        )


def envelopes_in(events: Sequence[LedgerEvent]) -> list[dict[str, Any]]:
    """The envelopes of what is signed."""
    return [event.envelope for event in events if isinstance(event, Attested)]


def _no_beginning(workspace: Workspace, why: str) -> IntegrityBroken:
    return IntegrityBroken(
        f"the ledger of {workspace.root} has no valid beginning",
        why=why,
        next="restore .governed/ledger.jsonl from a backup",
    )
