"""The ledger verified: its chain, its signatures, and every checkpoint inside and outside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from governed_kernel.audit.clocks import clocks_ahead
from governed_kernel.audit.report import Check
from governed_kernel.canonical import canonical_json, digest_bytes
from governed_kernel.errors import IntegrityBroken, UnknownName
from governed_kernel.files import read_regular
from governed_kernel.governance import envelopes, pins
from governed_kernel.governance.public_keys import parse_public_key
from governed_kernel.governance.register import Register
from governed_kernel.lineage import merkle
from governed_kernel.lineage.attestations import Checkpoint, Predicate
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace

__all__ = ["check_checkpoints", "check_ledger", "check_signatures", "check_since", "read_register"]


def read_register(workspace: Workspace, ledger: Ledger) -> Register:
    """Replay the ledger as far as it goes, whatever was seen of it before.

    Raises
    ------
    IntegrityBroken
        It does not verify, or it is gone.
    UnknownName
        There never was one.
    """
    try:
        return Register.replay(workspace, ledger.events())
    except UnknownName as error:
        if ledger.path.exists() or pins.is_known(workspace.root):
            raise IntegrityBroken(f"{ledger.path} is gone or empty", why="", next="") from error
        raise


def check_ledger(workspace: Workspace, ledger: Ledger) -> Iterator[Check]:
    """Hold a ledger whose chain verifies against what was seen of it, and tell what was torn."""
    seen = pins.last_seen(workspace.root)
    records, path = ledger.records(), str(ledger.path)
    try:
        pins.check_seen(workspace.root, seen, records)
    except IntegrityBroken as error:
        yield Check("ledger", path, "broken", f"{error.what}: {error.why}")
    else:
        pins.see(workspace.root, records[-1].head)
        yield Check("ledger", path, "ok", f"{len(records)} records")
    for lost in pins.given_up(workspace.root):
        said = f"on {lost.at:%Y-%m-%d %H:%M} UTC you took an older backup, and gave up records "
        said += f"{lost.first} to {lost.last} that you had seen (the last hash {lost.hash})"
        yield Check("ledger", path, "doubt", said)
    torn = ledger.path.stat().st_size - records[-1].head.size
    if torn > 0:
        said = f"{torn} bytes after record {len(records) - 1} are no whole record: a write "
        yield Check("ledger", path, "doubt", said + "that goes on, or one that a power cut tore")
    for aside in ledger.torn():
        try:
            data = read_regular(aside)
        except OSError as error:
            why = error.strerror or str(error)
            yield Check("torn", aside.name, "broken", f"it can't be read: {why}")
            continue
        whole = aside.name.endswith(f"-{digest_bytes(data)[:12]}")
        said = f"{len(data)} bytes that a power cut tore were kept aside"
        wrong = "it is not what was kept aside"
        yield Check("torn", aside.name, "doubt" if whole else "broken", said if whole else wrong)


def check_signatures(register: Register) -> Iterator[Check]:
    """Every signed entry; what does not count, or is dated ahead, is shown with the reason."""
    ahead = clocks_ahead(register.entries)
    for entry in register.entries:
        what = type(entry.predicate).__name__ if entry.predicate else "unreadable"
        subject = f"record {entry.number}: {what}"
        said = entry.reason or ahead.get(entry.number, "")
        yield Check("signature", subject, "doubt" if said else "ok", said)


def check_checkpoints(register: Register, ledger: Ledger) -> Iterator[Check]:
    """Hold the ledger against every checkpoint that it has itself."""
    leaves = ledger.leaves()
    for entry in register.entries:
        said = entry.predicate
        if entry.valid and isinstance(said, Checkpoint):
            whole = (
                said.size == entry.number and merkle.root(leaves[: said.size]).hex() == said.root
            )
            why = "" if whole else "the records before it have another root"
            yield Check("checkpoint", f"of {said.size} records", "ok" if whole else "broken", why)


def _signed_by_service(register: Register, envelope: dict[str, Any]) -> Predicate:
    """What the service signed, with the key that it has or had."""
    _, _, key_id = envelopes.peek(envelope)
    for _, pem in register.service_keys:
        if parse_public_key(pem).keyid == key_id:
            return envelopes.verify(envelope, parse_public_key(pem))[1]
    return envelopes.verify(envelope, parse_public_key(register.service_key))[1]


def check_since(register: Register, ledger: Ledger, since: Path) -> None:
    """Hold the ledger against a checkpoint from outside.

    Raises
    ------
    IntegrityBroken
        Another key signed it, or the records that it stands for are not those of the ledger.
    """
    data = read_regular(since)
    try:
        envelope = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise IntegrityBroken(f"{since} is no checkpoint", why=str(error), next="") from error
    said = _signed_by_service(register, envelope)
    if canonical_json(envelope) + b"\n" != data:
        raise IntegrityBroken(f"{since} is not as it was exported", why="", next="")
    leaves = ledger.leaves()
    if not isinstance(said, Checkpoint) or said.workspace_id != register.workspace_id:
        raise IntegrityBroken(f"{since} is no checkpoint of this workspace", why="", next="")
    if len(leaves) < said.size:
        raise IntegrityBroken(
            "the ledger was cut short",
            why=f"it has {len(leaves)} records, the checkpoint stands for {said.size}",
            next="",
        )
    if merkle.root(leaves[: said.size]).hex() != said.root:
        raise IntegrityBroken(
            "the ledger was rewritten",
            why=f"its first {said.size} records are not those that the checkpoint stands for",
            next="",
        )
