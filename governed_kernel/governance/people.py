"""Add people, give and take roles, end and replace keys: entries signed by an administrator."""

from __future__ import annotations

from collections.abc import Sequence

from governed_kernel.errors import GovernedError
from governed_kernel.governance import keys
from governed_kernel.governance.names import check_name, check_printed_name, check_role
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import (
    KeyRevoked,
    PersonAdded,
    Predicate,
    RoleGranted,
    RoleWithdrawn,
    ServiceKeyReplaced,
)
from governed_kernel.workspace import Workspace

__all__ = ["add", "grant", "replace_service_key", "revoke_key", "withdraw"]


def add(
    workspace: Workspace,
    administrator: str,
    passphrase: bytes,
    *,
    name: str,
    printed_name: str,
    roles: Sequence[str],
    public_key: str,
) -> Entry:
    """Add a person with a public key and roles, vouched for by `administrator`.

    A person whose keys were all revoked is given a new key, and exactly these roles, this way.

    Raises
    ------
    UsageError
        The name is taken, the key belongs to somebody, or a role does not exist.
    SignatureRefused
        `administrator` may not do that, or the passphrase is wrong.
    """
    check_name(name)
    printed = check_printed_name(printed_name)
    for role in roles:
        check_role(role)

    def make(register: Register, who: Person) -> Predicate:
        entry = PersonAdded(
            person=who.name,
            printed_name=who.printed_name,
            meaning="vouched for",
            subject_person=name,
            subject_name=printed,
            roles=list(dict.fromkeys(roles)),
            public_key=public_key,
        )
        register.check_role(entry, who)
        register.roster.check_new(entry)
        return entry

    return attest(workspace, administrator, passphrase, make, action="people add", resource=name)


def grant(
    workspace: Workspace, administrator: str, passphrase: bytes, *, name: str, role: str
) -> Entry:
    """Give the person `name` a role, from this entry on."""
    check_role(role)

    def make(register: Register, who: Person) -> Predicate:
        entry = RoleGranted(
            person=who.name,
            printed_name=who.printed_name,
            meaning="granted",
            subject_person=name,
            role=role,
        )
        register.check_role(entry, who)
        register.roster.check_grant(entry)
        return entry

    return attest(workspace, administrator, passphrase, make, action="people grant", resource=name)


def withdraw(
    workspace: Workspace,
    administrator: str,
    passphrase: bytes,
    *,
    name: str,
    role: str,
    reason: str = "",
) -> Entry:
    """Take a role from the person `name`; what they signed with it before stays as it was."""
    check_role(role)

    def make(register: Register, who: Person) -> Predicate:
        entry = RoleWithdrawn(
            person=who.name,
            printed_name=who.printed_name,
            meaning="withdrawn",
            subject_person=name,
            role=role,
            reason=reason,
        )
        register.check_role(entry, who)
        register.roster.check_withdraw(entry)
        return entry

    return attest(
        workspace, administrator, passphrase, make, action="people withdraw", resource=name
    )


def revoke_key(
    workspace: Workspace,
    person: str,
    passphrase: bytes,
    *,
    name: str,
    key_id: str = "",
    reason: str = "",
    replaced: bool = False,
) -> Entry:
    """End a key of `name`: the one that counts, or that of `key_id`. Approvals by it stop counting.

    An administrator may do that, and everyone for their own key.

    Parameters
    ----------
    replaced : bool
        It was neither lost nor stolen, so that approvals given with it until now still count.
    """

    def make(register: Register, who: Person) -> Predicate:
        subject = register.person(name)
        valid = subject.valid_key
        entry = KeyRevoked(
            person=who.name,
            printed_name=who.printed_name,
            meaning="revoked",
            subject_person=name,
            key_id=key_id or (valid.key_id if valid else ""),
            reason=reason,
            replaced=replaced,
        )
        register.check_role(entry, who)
        register.roster.check_revoke(entry)
        return entry

    return attest(workspace, person, passphrase, make, action="people revoke-key", resource=name)


def replace_service_key(
    workspace: Workspace, administrator: str, passphrase: bytes, *, reason: str
) -> Entry:
    """Make a new key for the workspace's service, on this machine, and let it count from now on.

    What the service signed before stays as it was: it is held against the key of then.
    """
    workspace_id = Register.read(workspace).workspace_id
    public = keys.make_service_key(workspace_id, another=True)

    def make(register: Register, who: Person) -> Predicate:
        entry = ServiceKeyReplaced(
            person=who.name,
            printed_name=who.printed_name,
            workspace_id=register.workspace_id,
            meaning="vouched for",
            public_key=public,
            reason=reason,
        )
        register.check_role(entry, who)
        return entry

    try:
        return attest(
            workspace,
            administrator,
            passphrase,
            make,
            action="people service-key",
            resource=workspace_id,
        )
    except GovernedError:
        keys.forget_service_key(workspace_id, public)
        raise
