"""Cards of datasets and base models: ``catalog/NAME.toml``, for people and for git.

A card repeats what the ledger says; nothing reads it back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from governed_kernel.files import write_atomically
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = ["card_of", "card_path", "is_behind", "mend_cards", "write_card"]


_VERSION = b"\n[[version]]\n"


def card_path(workspace: Workspace, name: str) -> Path:
    """Where the card of `name` lies."""
    return workspace.catalog / f"{name}.toml"


def write_card(workspace: Workspace, name: str, versions: Sequence[DatasetRegistered]) -> Path:
    """Write the card of `name` with all its versions, newest last."""
    path = card_path(workspace, name)
    write_atomically(path, card_of(name, versions).encode())
    return path


def is_behind(workspace: Workspace, name: str, versions: Sequence[DatasetRegistered]) -> bool:
    """Whether the card is as it was before a later version: a crash came between, or it is a copy.

    A card that is gone, or was never written, is behind as well.
    """
    path = card_path(workspace, name)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return True
    told = text.count(_VERSION)  # no value holds a line end, so nothing else looks like it
    return 0 < told < len(versions) and text == card_of(name, versions[:told]).encode()


def mend_cards(workspace: Workspace, datasets: Mapping[str, Sequence[DatasetRegistered]]) -> None:
    """Write the cards that are behind the ledger; one that somebody edited is left to be found."""
    for name, versions in datasets.items():
        if is_behind(workspace, name, versions):
            write_card(workspace, name, versions)


def card_of(name: str, versions: Sequence[DatasetRegistered]) -> str:
    """The text of a card."""
    lines = [
        f"# What is registered as {name}. Written by 'governed data register' from the ledger,",
        "# which alone counts; edits here are lost at the next version.",
        "",
        *_pairs({"name": name, "kind": versions[-1].kind}),
    ]
    for version in versions:
        lines += ["", "[[version]]", *_pairs(_facts(version))]
    return "\n".join(lines) + "\n"


def _facts(version: DatasetRegistered) -> dict[str, object]:
    return {
        "version": version.version,
        "sha256": version.sha256,
        "bytes": version.bytes,
        "files": len(version.files),
        "rows": version.rows if version.rows >= 0 else None,
        "class": version.data_class,
        "state": version.state,
        "owner": version.owner,
        "purposes": version.purposes,
        "never_learn": version.never_learn or None,
        "legal_basis": version.legal_basis,
        "retention_until": version.retention_until or None,
        "licence": version.licence or None,
        "origin": version.origin or None,
        "intended_use": version.intended_use or None,
        "training_data": version.training_data or None,
        "adaptation": version.adaptation or None,
        "derived_from": version.derived_from or None,
        "made_from": version.made_from or None,
        "query": version.query.get("statement") or None,
        "source": version.source if version.query else None,
        "registered_at": version.occurred_at,
        "registered_by": version.person,
    }


def _pairs(facts: Mapping[str, object]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in facts.items() if value is not None]


def _value(value: object) -> str:
    """A TOML value; a JSON string is a TOML string but for the one control character DEL."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
