"""People, their keys and roles, as the ledger tells them, by position in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from governed_kernel.errors import UnknownName, UsageError
from governed_kernel.governance.names import ROLES, check_name, check_printed_name
from governed_kernel.governance.public_keys import PublicKey, parse_public_key
from governed_kernel.lineage.attestations import (
    KeyRevoked,
    PersonAdded,
    RoleGranted,
    RoleWithdrawn,
)

__all__ = ["KeyRecord", "Person", "RoleRecord", "Roster"]


@dataclass
class KeyRecord:
    """A key of a person, from the ledger record that added it to the one that revoked it."""

    key: PublicKey
    public_key: str
    since: int
    revoked: int | None = None
    revoked_at: datetime | None = None
    reason: str = ""
    replaced: bool = False
    """Whether it was only replaced: what it signed before it ended still counts."""

    @property
    def ended(self) -> str:
        """How and when it ended, for people; empty while it counts."""
        how = "replaced" if self.replaced else "revoked"
        at = f" on {self.revoked_at:%Y-%m-%d %H:%M} UTC" if self.revoked_at else ""
        return f"{how}{at}" if self.revoked is not None else ""

    @property
    def key_id(self) -> str:
        """The id of the key."""
        return self.key.keyid

    def valid_at(self, position: int) -> bool:
        """Whether a signature recorded at `position` could be made with it."""
        return self.since < position and (self.revoked is None or position < self.revoked)


@dataclass
class RoleRecord:
    """A role of a person, from the record that granted it to the one that withdrew it."""

    role: str
    since: int
    granted_at: datetime
    until: int | None = None


@dataclass
class Person:
    """Somebody who may sign."""

    name: str
    printed_name: str
    keys: list[KeyRecord] = field(default_factory=list)
    history: list[RoleRecord] = field(default_factory=list)

    @property
    def roles(self) -> list[str]:
        """The roles held now."""
        return [record.role for record in self.history if record.until is None]

    @property
    def valid_key(self) -> KeyRecord | None:
        """The key that counts now; a person has at most one."""
        return next((key for key in self.keys if key.revoked is None), None)

    def roles_at(self, position: int, signed_at: datetime | None = None) -> list[str]:
        """The roles held at a ledger position, less those granted after `signed_at`."""
        return [
            record.role
            for record in self.history
            if record.since < position
            and (record.until is None or position < record.until)
            and (signed_at is None or record.granted_at <= signed_at)
        ]

    def key(self, key_id: str) -> KeyRecord | None:
        """The key of that id, valid or not."""
        for key in self.keys:  # asked for every entry of a ledger, and quicker than `next`
            if key.key_id == key_id:
                return key
        return None


class Roster:
    """Everyone the ledger knows; changed only by entries whose signature was verified.

    Each method that changes raises `GovernedError` with the reason when the change is not allowed,
    and then changes nothing.
    """

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}

    def copy(self) -> Roster:
        """The same people, whose changes are their own."""
        twin = Roster()
        twin.people = {
            name: replace(
                person,
                keys=[replace(key) for key in person.keys],
                history=[replace(role) for role in person.history],
            )
            for name, person in self.people.items()
        }
        return twin

    def person(self, name: str) -> Person:
        """The person of that name.

        Raises
        ------
        UnknownName
            Nobody is called so.
        """
        found = self.people.get(name)
        if found is None:
            raise UnknownName(
                f"nobody here is called {name!r}",
                why=f"the ledger knows {', '.join(sorted(self.people)) or 'nobody'}",
                next=f"an administrator adds people: 'governed people add {name} --role ROLE'",
            )
        return found

    def administrators(self) -> list[Person]:
        """Those who can act as administrator now."""
        return [
            person
            for person in self.people.values()
            if "administrator" in person.roles and person.valid_key is not None
        ]

    def check_new(self, entry: PersonAdded) -> PublicKey:
        """The key of a person who can be added; else the reason why not is raised."""
        check_name(entry.subject_person)
        check_printed_name(entry.subject_name)
        _check_roles(entry.roles)
        known = self.people.get(entry.subject_person)
        if known is not None and known.valid_key is not None:
            raise UsageError(
                f"{entry.subject_person} is known already",
                why=f"as {known.printed_name}, with a key that counts",
                next="choose another name; for a new key end the old one first: 'governed people "
                f"revoke-key {known.name} --replaced', or without it if it was lost or stolen",
            )
        key = parse_public_key(entry.public_key)
        owner = self.owner_of(key.keyid)
        if owner is not None:
            raise UsageError(
                f"the key given for {entry.subject_person} is not new",
                why=f"it is a key of {owner.name}, and a key stands for one person",
                next=f"make a new one with 'governed people key {entry.subject_person}'",
            )
        return key

    def add(self, entry: PersonAdded, position: int) -> None:
        """Add a person, or give a person whose keys are all revoked a new key and new roles."""
        key = self.check_new(entry)
        person = self.people.setdefault(
            entry.subject_person, Person(entry.subject_person, entry.subject_name)
        )
        person.printed_name = entry.subject_name
        for role in person.history:
            role.until = position if role.until is None else role.until
        person.keys.append(KeyRecord(key, entry.public_key, position))
        person.history += [RoleRecord(role, position, entry.signed_at) for role in entry.roles]

    def check_grant(self, entry: RoleGranted) -> Person:
        """The person who can be given that role."""
        person = self.person(entry.subject_person)
        _check_roles([entry.role])
        if entry.role in person.roles:
            raise UsageError(
                f"{person.name} has the role {entry.role} already",
                why=f"the roles held are {', '.join(person.roles)}",
                next="nothing is to be done",
            )
        return person

    def grant(self, entry: RoleGranted, position: int) -> None:
        """Give a role."""
        person = self.check_grant(entry)
        person.history.append(RoleRecord(entry.role, position, entry.signed_at))

    def check_withdraw(self, entry: RoleWithdrawn) -> RoleRecord:
        """The role that can be taken away."""
        person = self.person(entry.subject_person)
        held = [role for role in person.history if role.until is None and role.role == entry.role]
        if not held:
            raise UsageError(
                f"{person.name} does not have the role {entry.role}",
                why=f"the roles held are {', '.join(person.roles) or 'none'}",
                next=f"see 'governed people show {person.name}'",
            )
        if entry.role == "administrator":
            self._keep_one_administrator(person)
        return held[0]

    def withdraw(self, entry: RoleWithdrawn, position: int) -> None:
        """Take a role away."""
        self.check_withdraw(entry).until = position

    def check_revoke(self, entry: KeyRevoked) -> KeyRecord:
        """The key that can be ended."""
        person = self.person(entry.subject_person)
        key = person.key(entry.key_id)
        # A key that was only replaced turns out to be stolen: its approvals end as well then.
        if key is None or (key.revoked is not None and not (key.replaced and not entry.replaced)):
            raise UsageError(
                f"{person.name} has no such key to revoke",
                why=f"the key {entry.key_id[:16] or 'that counts'} is "
                + ("not known" if key is None else f"{key.ended} already"),
                next=f"see 'governed people show {person.name}'",
            )
        if key.revoked is None:
            self._keep_one_administrator(person)
        return key

    def revoke(self, entry: KeyRevoked, position: int, occurred_at: datetime) -> None:
        """End a key: when the ledger recorded it, whatever later time its signer's clock said.

        One that was replaced goes on to have ended then; what it signed before stops counting.
        """
        key = self.check_revoke(entry)
        if key.revoked is None:
            key.revoked, key.revoked_at = position, min(entry.signed_at, occurred_at)
        key.reason, key.replaced = entry.reason, entry.replaced

    def owner_of(self, key_id: str) -> Person | None:
        """Whose key that is or was."""
        return next((person for person in self.people.values() if person.key(key_id)), None)

    def _keep_one_administrator(self, leaving: Person) -> None:
        left = [person for person in self.administrators() if person is not leaving]
        if not left and leaving in self.administrators():
            raise UsageError(
                f"{leaving.name} is the last administrator",
                why="without one nobody could add people or adopt a policy any more",
                next="make somebody else administrator first: "
                "'governed people grant NAME --role administrator'",
            )


def _check_roles(roles: list[str]) -> None:
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles or len(set(roles)) != len(roles):
        raise UsageError(
            f"{', '.join(unknown) or 'an empty or repeated list'} is no valid choice of roles",
            why=f"the roles are {', '.join(ROLES)}",
            next="choose one or more of them",
        )
