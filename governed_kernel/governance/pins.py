"""Trust on first use: which ledger belongs to which workspace, remembered outside the workspace.

A ledger's records are chained and its entries are signed, but all of that could be made anew by
somebody with their own keys. So each person's ``known_workspaces.json`` remembers the first
signed entry of every workspace they used, and which workspace each folder held. It also remembers
how far the ledger in a folder went when they last signed or verified there: whoever cuts off its
last records, or puts an older copy in its place, is found out by everybody who saw more of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from governed_kernel.errors import IntegrityBroken, ResourceMissing
from governed_kernel.files import read_regular, write_atomically
from governed_kernel.lineage.journal import Head, Record
from governed_kernel.locks import exclusive_lock
from governed_kernel.workspace import personal_folder

__all__ = [
    "GivenUp",
    "Seen",
    "accept_older",
    "check",
    "check_hashes",
    "check_identity",
    "check_seen",
    "given_up",
    "is_known",
    "last_seen",
    "remember",
    "see",
]


class Seen(msgspec.Struct):
    """How far a ledger went when this person saw it last."""

    records: int
    hash: str


class GivenUp(msgspec.Struct):
    """Records of a ledger that a person had seen, and took an older backup in place of."""

    first: int
    """The first record that is not in the backup."""
    last: int
    hash: str
    """Of the last one; it tells their ledger from another, should it turn up again."""
    at: datetime


class _Known(msgspec.Struct):
    workspaces: dict[str, str] = {}
    """Workspace id → digest of the first attested entry of its ledger."""
    folders: dict[str, str] = {}
    """Folder → workspace id."""
    ledgers: dict[str, Seen] = {}
    """Folder → how far its ledger went when it was seen last."""
    given_up: dict[str, list[GivenUp]] = {}
    """Folder → what was given up there for older backups, for ever."""


def _file() -> Path:
    return personal_folder() / "known_workspaces.json"


def check(folder: Path, workspace_id: str, genesis: str) -> None:
    """Refuse a ledger that is not the one seen before; remember one never seen.

    Raises
    ------
    IntegrityBroken
        The folder held another workspace, or the workspace began with another entry.
    """
    if not check_identity(folder, workspace_id, genesis):
        remember(folder, workspace_id, genesis)


def check_identity(folder: Path, workspace_id: str, genesis: str) -> bool:
    """As `check`, and nothing is remembered; whether all of it was known already."""
    known = _read()
    same_start = known.workspaces.get(workspace_id)
    same_folder = known.folders.get(str(folder))
    if same_start not in (None, genesis):
        raise _replaced(folder, f"workspace {workspace_id} began with another signed entry")
    if same_folder not in (None, workspace_id):
        raise _replaced(folder, f"it held workspace {same_folder}, and now holds {workspace_id}")
    return same_start == genesis and same_folder == workspace_id


def is_known(folder: Path) -> bool:
    """Whether this person saw a workspace in `folder` before."""
    return str(folder) in _read().folders


def last_seen(folder: Path) -> Seen | None:
    """How far the ledger in `folder` went when this person saw it last; None if they never did.

    Take it before the ledger is read: another command of the same person may add to it meanwhile.
    """
    return _read().ledgers.get(str(folder))


def check_seen(folder: Path, seen: Seen | None, records: Sequence[Record[Any]]) -> None:
    """Refuse a ledger that does not go on from where this person saw it last (`last_seen`).

    Raises
    ------
    IntegrityBroken
        Its last records are gone, or others stand in their place.
    """
    check_hashes(folder, seen, len(records), lambda number: records[number].head.hash)


def check_hashes(
    folder: Path, seen: Seen | None, count: int, hash_of: Callable[[int], bytes]
) -> None:
    """`check_seen` for a ledger of `count` records, each of whose hashes can be asked for."""
    if seen is None:
        return
    if count < seen.records:
        why = f"{seen.records} records were seen before, {count} are there"
    elif hash_of(seen.records - 1).hex() != seen.hash:
        why = f"record {seen.records - 1} had the hash {seen.hash}"
    else:
        return
    raise IntegrityBroken(
        f"the ledger of {folder} is not the one that was seen before",
        why=f"ledger.jsonl: {why} (remembered in {_file()})",
        next="restore the newest backup; if an older one was restored on purpose, and you know by "
        "whom and why: 'governed audit verify --accept-older'",
    )


def see(folder: Path, head: Head) -> None:
    """Remember how far a ledger goes that was just written or verified."""
    seen = Seen(head.records, head.hash.hex())

    def change(known: _Known) -> bool:
        before = known.ledgers.get(str(folder))
        if before is not None and before.records >= seen.records:
            return False
        known.ledgers[str(folder)] = seen
        return True

    # What was signed stands, whether this can be remembered or not; so nobody waits long for it.
    with contextlib.suppress(ResourceMissing):
        _change(change, patience=5.0)


def accept_older(folder: Path, head: Head) -> None:
    """Take a ledger that ends at `head`, though this person saw more of it or another.

    What is given up is remembered: every verification by this person tells of it from then on.
    """
    now = Seen(head.records, head.hash.hex())

    def change(known: _Known) -> bool:
        before = known.ledgers.get(str(folder))
        if before is None or before == now:
            return False
        first = min(now.records, before.records - 1)
        lost = GivenUp(first, before.records - 1, before.hash, datetime.now(UTC))
        known.given_up.setdefault(str(folder), []).append(lost)
        known.ledgers[str(folder)] = now
        return True

    _change(change)


def given_up(folder: Path) -> list[GivenUp]:
    """What this person gave up of the ledger in `folder` for older backups."""
    return _read().given_up.get(str(folder), [])


def remember(folder: Path, workspace_id: str, genesis: str) -> None:
    """Remember the ledger in `folder`, also when the folder held another workspace before."""

    def change(known: _Known) -> bool:
        known.workspaces[workspace_id] = genesis
        if known.folders.get(str(folder)) != workspace_id:
            known.ledgers.pop(str(folder), None)
        known.folders[str(folder)] = workspace_id
        return True

    _change(change)


def _change(change: Callable[[_Known], bool], patience: float | None = None) -> None:
    """Write the file anew, if `change` says that it changed something."""
    with exclusive_lock(_file().with_suffix(".lock"), patience):
        known = _read()
        if change(known):
            data = msgspec.json.format(msgspec.json.encode(known, order="sorted"), indent=2)
            write_atomically(_file(), data + b"\n", mode=0o600)


def _read() -> _Known:
    try:
        return msgspec.json.decode(read_regular(_file()), type=_Known)
    except FileNotFoundError:
        return _Known()
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise IntegrityBroken(
            f"{_file()} can't be read, so it is not known whether this ledger is the right one",
            why=str(error),
            next="restore it from a backup; removed, every workspace is trusted anew at first use",
        ) from error


def _replaced(folder: Path, why: str) -> IntegrityBroken:
    return IntegrityBroken(
        f"the ledger of {folder} is not the one that was there before",
        why=f"{why} (remembered in {_file()})",
        next="restore .governed/ from a backup; if the workspace was made anew on purpose, "
        "remove its lines from that file",
    )
