"""Trust on first use: which ledger belongs to which workspace, remembered outside the workspace.

A ledger's records are chained and its entries are signed, but all of that could be made anew by
somebody with their own keys. So each person's ``known_workspaces.json`` remembers the first
signed entry of every workspace they used, and which workspace each folder held.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from governed_kernel.errors import IntegrityBroken
from governed_kernel.files import exclusive_lock, write_atomically
from governed_kernel.workspace import personal_folder

__all__ = ["check", "remember"]


class _Known(msgspec.Struct):
    workspaces: dict[str, str] = {}
    """Workspace id → digest of the first attested entry of its ledger."""
    folders: dict[str, str] = {}
    """Folder → workspace id."""


def _file() -> Path:
    return personal_folder() / "known_workspaces.json"


def check(folder: Path, workspace_id: str, genesis: str) -> None:
    """Refuse a ledger that is not the one seen before; remember one never seen.

    Raises
    ------
    IntegrityBroken
        The folder held another workspace, or the workspace began with another entry.
    """
    known = _read()
    same_start = known.workspaces.get(workspace_id)
    same_folder = known.folders.get(str(folder))
    if same_start == genesis and same_folder == workspace_id:
        return
    if same_start not in (None, genesis):
        raise _replaced(folder, f"workspace {workspace_id} began with another signed entry")
    if same_folder not in (None, workspace_id):
        raise _replaced(folder, f"it held workspace {same_folder}, and now holds {workspace_id}")
    remember(folder, workspace_id, genesis)


def remember(folder: Path, workspace_id: str, genesis: str) -> None:
    """Remember the ledger in `folder`, also when the folder held another workspace before."""
    with exclusive_lock(_file().with_suffix(".lock")):
        known = _read()
        known.workspaces[workspace_id] = genesis
        known.folders[str(folder)] = workspace_id
        data = msgspec.json.format(msgspec.json.encode(known, order="sorted"), indent=2)
        write_atomically(_file(), data + b"\n", mode=0o600)


def _read() -> _Known:
    try:
        return msgspec.json.decode(_file().read_bytes(), type=_Known)
    except FileNotFoundError:
        return _Known()
    except (OSError, msgspec.MsgspecError) as error:
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
