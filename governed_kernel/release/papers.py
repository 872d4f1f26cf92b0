"""Everything of a bundle that is written and not copied: cards, inventories, signed statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from governed_kernel.canonical import canonical_json, digest_bytes
from governed_kernel.governance import envelopes, keys
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import FileDigest
from governed_kernel.release import cards
from governed_kernel.release.account import Account
from governed_kernel.release.bill_of_materials import bill_of_materials
from governed_kernel.release.croissant import croissant
from governed_kernel.release.research_object import research_object
from governed_kernel.release.statements import statements

__all__ = ["papers"]


def papers(
    account: Account, copied: Sequence[FileDigest], later: Sequence[str]
) -> dict[str, bytes]:
    """Path in the bundle → content.

    Parameters
    ----------
    copied : sequence of FileDigest
        What lies in the bundle already.
    later : sequence of str
        What comes after, and can be indexed by name alone.
    """
    written = {
        "README.md": cards.model_card(account).encode(),
        "data_card.md": cards.data_card(account).encode(),
        "data_card.croissant.json": canonical_json(croissant(account)),
        "bom.cdx.json": canonical_json(bill_of_materials(account)),
    }
    signed = list(_signatures(account))
    people = _keys(account.registry.register, [envelope for _, envelope in signed])
    written["people.json"] = canonical_json(people)
    for number, (name, envelope) in enumerate(signed):
        written[f"{name.format(number + 1)}.dsse.json"] = canonical_json(envelope)
    register = account.registry.register
    signer = keys.service_signer(register.workspace_id, register.service_key)
    for name, statement in statements(account):
        envelope = envelopes.sign_statement(statement, signer)
        written[f"attestations/{name}.dsse.json"] = canonical_json(envelope)
    there = [FileDigest(name, digest_bytes(data), len(data)) for name, data in written.items()]
    crate = research_object(account, sorted([*copied, *there], key=_path), later)
    written["ro-crate-metadata.json"] = canonical_json(crate)
    return written


def _path(file: FileDigest) -> str:
    return file.path


def _signatures(account: Account) -> Iterator[tuple[str, dict[str, Any]]]:
    """The promotion, every approval that counts and every risk accepted, as they were signed."""
    release = account.release
    for entry in account.registry.register.entries:
        if entry.valid and entry.predicate == release.promotion:
            yield f"approvals/{{:02}}-promotion-{release.author}", entry.envelope
    for given in account.approvals():
        yield f"approvals/{{:02}}-{given.purpose}-{given.person}", given.envelope
    for item in account.run.risks():
        yield f"risk_acceptances/{{:02}}-{item.said.case_id}", item.entry.envelope


def _keys(register: Register, signed: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Key id → who it belongs to and the public key, for everybody whose signature lies here."""
    used = {envelope["signatures"][0]["keyid"] for envelope in signed}
    return {
        key.key_id: {
            "person": person.name,
            "printed_name": person.printed_name,
            "public_key": key.public_key,
        }
        for person in register.people.values()
        for key in person.keys
        if key.key_id in used
    }
