"""Cards of datasets and base models: ``catalog/NAME.toml``, for people and for git.

A card repeats what the ledger says; nothing reads it back.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from governed_kernel.errors import IntegrityBroken
from governed_kernel.files import write_atomically
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = ["REMEDY", "card_of", "card_path", "is_outdated", "mend_cards", "read_card", "write_card"]

REMEDY = "take it away, and 'governed store rebuild' writes it anew from the ledger"
"""For a card that somebody edited, or that is none."""
_VERSION = b"\n[[version]]\n"
_STATE = re.compile(rb'^state = "(approved|locked|withdrawn)"$', re.MULTILINE)


def card_path(workspace: Workspace, name: str) -> Path:
    """Where the card of `name` lies."""
    return workspace.catalog / f"{name}.toml"


def write_card(workspace: Workspace, name: str, versions: Sequence[DatasetRegistered]) -> Path:
    """Write the card of `name` with all its versions, newest last."""
    path = card_path(workspace, name)
    write_atomically(path, card_of(name, versions).encode())
    return path


def read_card(workspace: Workspace, name: str) -> bytes | None:
    """The bytes of the card of `name`; None where there is none.

    Raises
    ------
    IntegrityBroken
        Something else lies in its place, or it can't be read.
    """
    path = card_path(workspace, name)
    try:
        if path.is_file():  # before it is opened: whoever opens a pipe waits for a writer
            return path.read_bytes()
        if not os.path.lexists(path):
            return None
        why = "something that is no file lies in its place"
    except FileNotFoundError:
        return None
    except OSError as error:
        why = error.strerror or str(error)
    raise IntegrityBroken(f"{path.name} can't be read", why=why, next=REMEDY)


def is_outdated(text: bytes | None, name: str, versions: Sequence[DatasetRegistered]) -> bool:
    """Whether a card is as it was before a later version, or before a withdrawal.

    A crash came between, it is a copy, or the content was withdrawn under another name before that
    counted. A card that is gone, or was never written, is behind as well.

    Parameters
    ----------
    text : bytes or None
        From `read_card`.
    """
    if text is None:
        return True
    told = text.count(_VERSION)  # no value holds a line end, so nothing else looks like it
    then = _before_withdrawals(text, versions[:told])
    is_older = 0 < told < len(versions) or (told == len(versions) and then != list(versions))
    return is_older and text == card_of(name, then).encode()


def _before_withdrawals(
    text: bytes, versions: Sequence[DatasetRegistered]
) -> list[DatasetRegistered]:
    """The versions as a card may have told them before some were withdrawn."""
    if not any(version.state == "withdrawn" for version in versions):
        return list(versions)
    states = [found.decode() for found in _STATE.findall(text)]
    return [
        msgspec.structs.replace(version, state=state) if version.state == "withdrawn" else version
        for version, state in zip(versions, states, strict=False)
    ]


def mend_cards(workspace: Workspace, datasets: Mapping[str, Sequence[DatasetRegistered]]) -> None:
    """Write the cards that are behind the ledger.

    One that somebody edited, or put something else in the place of, is left to be found.
    """
    for name, versions in datasets.items():
        with contextlib.suppress(IntegrityBroken):
            if is_outdated(read_card(workspace, name), name, versions):
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
        "odd": version.odd or None,
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
