"""``governed people``: who may sign, with which roles and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from governed_kernel.cli.init import new_passphrase
from governed_kernel.cli.options import (
    Passphrase,
    json_option,
    passphrase_option,
    passphrase_source,
    person_option,
    print_facts,
    workspace_option,
)
from governed_kernel.errors import UsageError
from governed_kernel.governance import keys
from governed_kernel.governance import people as actions
from governed_kernel.governance.names import ROLES, check_role
from governed_kernel.governance.public_keys import parse_public_key
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.workspace import Workspace

__all__ = ["people"]

_ROLES = f"one of {', '.join(ROLES)}"
_role = click.option("--role", required=True, metavar="ROLE", help=f"The role, {_ROLES}.")
_reason = click.option("--reason", default="", metavar="TEXT", help="Why; kept in the record.")


@click.group()
def people() -> None:
    """People, their roles and keys. Every change is signed by an administrator."""


@people.command("list")
@json_option
@workspace_option
def list_people(workspace: Workspace, as_json: bool) -> None:
    """Everybody the ledger knows."""
    rows = [_row(person) for person in Register.read(workspace).people.values()]
    print_facts(rows, as_json, "People")


@people.command()
@click.argument("name")
@json_option
@workspace_option
def show(workspace: Workspace, name: str, as_json: bool) -> None:
    """One person: roles and keys, with their history by ledger record."""
    person = Register.read(workspace).person(name)
    facts = _row(person)
    facts["role_history"] = [
        {"role": role.role, "since_record": role.since, "until_record": role.until}
        for role in person.history
    ]
    facts["keys"] = [
        {
            "key_id": key.key_id,
            "since_record": key.since,
            "revoked_record": key.revoked,
            "revoked_at": key.revoked_at,
            "replaced": key.replaced,
            "reason": key.reason,
            "public_key": key.public_key,
        }
        for key in person.keys
    ]
    print_facts(facts, as_json, name)


@people.command()
@click.argument("name")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    metavar="ROLE",
    help=f"A role, {_ROLES}; can be given several times.",
)
@click.option("--printed-name", metavar="TEXT", help="Name as it stands beside signatures.")
@click.option(
    "--public-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Public key that the person made elsewhere with 'governed people key NAME'.",
)
@click.option(
    "--key-passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Passphrase for the new person's key, where it is made here; else it is asked for.",
)
@person_option
@passphrase_option
@json_option
@workspace_option
def add(
    workspace: Workspace,
    name: str,
    roles: tuple[str, ...],
    printed_name: str | None,
    public_key: Path | None,
    key_passphrase_file: Path | None,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Add NAME with roles and a key; --as names the administrator who vouches for them.

    --passphrase-file is the administrator's. The key is --public-key, or the one NAME has on this
    computer, or a new one, protected by --key-passphrase-file.
    """
    for role in roles:
        check_role(role)  # before a key is made
    if public_key is not None:
        try:
            pem = public_key.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{public_key} is no public key", why=str(error), next="give the PEM file"
            ) from error
    elif keys.key_file(name).exists():
        pem = keys.public_key_of(name)
    else:
        pem = keys.generate(name, new_passphrase(passphrase_source(key_passphrase_file), name))
    entry = actions.add(
        workspace,
        person,
        passphrase(f"Passphrase of {person}"),
        name=name,
        printed_name=printed_name or name,
        roles=roles,
        public_key=pem,
    )
    _show_change(workspace, name, entry.number, as_json, f"{name} was added")


@people.command()
@click.argument("name")
@click.option("--replace", is_flag=True, help="Put an existing key aside and make a new one.")
@click.option(
    "--uri",
    metavar="URI",
    help="Sign with a key that lies in a token, hsm:KEYID?label=TOKEN (PKCS#11); its PIN is the "
    "passphrase.",
)
@passphrase_option
@json_option
def key(name: str, replace: bool, uri: str | None, passphrase: Passphrase, as_json: bool) -> None:
    """Make the key of NAME on this computer, and print the public half for an administrator."""
    if uri is not None:
        keys.check_uri(name, uri, replace=replace)  # before a secret is asked for
        pem = keys.use_token(name, uri, passphrase(f"PIN of {uri}"), replace=replace)
    elif keys.key_file(name).exists() and not replace:
        pem = keys.public_key_of(name)
    else:
        secret = new_passphrase(passphrase, name)
        if replace:
            keys.retire(name)
        pem = keys.generate(name, secret)
    if not as_json:
        click.echo(pem, nl=False)
        return
    key_id = parse_public_key(pem).keyid
    print_facts({"person": name, "key_id": key_id, "public_key": pem}, as_json)


@people.command()
@click.argument("name")
@_role
@person_option
@passphrase_option
@json_option
@workspace_option
def grant(
    workspace: Workspace, name: str, role: str, person: str, passphrase: Passphrase, as_json: bool
) -> None:
    """Give NAME a role. It counts for what they sign from now on."""
    secret = passphrase(f"Passphrase of {person}")
    entry = actions.grant(workspace, person, secret, name=name, role=role)
    _show_change(workspace, name, entry.number, as_json, f"{name} is now {role}")


@people.command()
@click.argument("name")
@_role
@_reason
@person_option
@passphrase_option
@json_option
@workspace_option
def withdraw(
    workspace: Workspace,
    name: str,
    role: str,
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Take a role from NAME."""
    secret = passphrase(f"Passphrase of {person}")
    entry = actions.withdraw(workspace, person, secret, name=name, role=role, reason=reason)
    _show_change(workspace, name, entry.number, as_json, f"{name} is no longer {role}")


@people.command("revoke-key")
@click.argument("name")
@click.option("--key", "key_id", default="", metavar="ID", help="Which; else the one that counts.")
@click.option(
    "--replaced",
    is_flag=True,
    help="It is neither lost nor stolen, only replaced: approvals made with it still count.",
)
@_reason
@person_option
@passphrase_option
@json_option
@workspace_option
def revoke_key(
    workspace: Workspace,
    name: str,
    key_id: str,
    replaced: bool,
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """End a key of NAME: approvals made with it stop counting.

    An administrator may do that, and everybody for their own key. 'people add' gives a new one.
    With --replaced, for a key that is changed every year, what it signed before still counts; if
    it turns out to be stolen after all, the same without --replaced and with --key ends that too.
    """
    secret = passphrase(f"Passphrase of {person}")
    entry = actions.revoke_key(
        workspace, person, secret, name=name, key_id=key_id, reason=reason, replaced=replaced
    )
    how = "has ended" if replaced else "was revoked"
    _show_change(workspace, name, entry.number, as_json, f"The key of {name} {how}")


@people.command("service-key")
@click.option("--replace", is_flag=True, help="Make a new one here, which counts from now on.")
@_reason
@click.option("--as", "person", envvar="GOVERNED_PERSON", default="", metavar="PERSON",
              help="With --replace: the administrator who vouches for it.")  # fmt: skip
@passphrase_option
@json_option
@workspace_option
def service_key(
    workspace: Workspace,
    replace: bool,
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Show the keys that the workspace's service signs with, or replace a lost or stolen one.

    What it signed before stays as it was: signatures are held against the key of their place in
    the ledger. A bundle names its own key; whoever verifies elsewhere needs the new one as well
    ('governed audit key').
    """
    if replace:
        if not person:
            raise UsageError(
                "nobody vouches for a new key",
                why="it takes the signature of an administrator",
                next="name one with --as ADMIN",
            )
        secret = passphrase(f"Passphrase of {person}")
        actions.replace_service_key(workspace, person, secret, reason=reason)
    rows = [
        {"key": parse_public_key(pem).keyid, "counts_from_record": since, "public_key": pem}
        for since, pem in Register.read(workspace).service_keys
    ]
    shown = rows if as_json else [{**row, "public_key": ""} for row in rows]
    print_facts(shown, as_json, "the last one signs now")


def _row(person: Person) -> dict[str, Any]:
    valid = person.valid_key
    return {
        "person": person.name,
        "printed_name": person.printed_name,
        "roles": person.roles,
        "key": valid.key_id if valid else person.keys[-1].ended.partition(" ")[0],
    }


def _show_change(workspace: Workspace, name: str, record: int, as_json: bool, title: str) -> None:
    row = _row(Register.read(workspace).person(name))
    print_facts({**row, "ledger_record": record}, as_json, title)
