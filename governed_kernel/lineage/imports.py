"""Other workspaces' records in this one, so that lineage can be followed beyond it.

An import is a copy of another workspace's ``governed.toml``, ledger and sealed journals below
``.governed/imports/WORKSPACE``, laid out as a workspace. It holds no data, no keys and no erasable
texts: what people wrote in notebooks stays where it can be erased.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from governed_kernel.errors import GovernedError
from governed_kernel.lineage.events import JournalOpened, SessionStarted
from governed_kernel.lineage.forms import journal_files
from governed_kernel.lineage.journal import LEDGER_DECODER, SESSION_DECODER, read_block
from governed_kernel.workspace import CONFIGURATION_FILE, Workspace

__all__ = ["folder_of", "host_of", "identity_of", "imported", "name_of"]


def folder_of(workspace: Workspace) -> Path:
    """Where the imports of a workspace lie."""
    return workspace.state / "imports"


def imported(workspace: Workspace) -> list[Workspace]:
    """The workspaces whose records were imported, by identity."""
    found = sorted(folder_of(workspace).glob(f"[!.]*/{CONFIGURATION_FILE}"))
    return [Workspace(path.parent) for path in found]


def identity_of(workspace: Workspace) -> str:
    """The workspace's identity from its ledger's first record; empty when there is none."""
    block = read_block(workspace.ledger, limit=1)
    try:
        opened = LEDGER_DECODER.decode(block.bodies[0])
    except (IndexError, msgspec.MsgspecError):
        return ""
    return opened.workspace_id if isinstance(opened, JournalOpened) else ""


def name_of(workspace: Workspace) -> str:
    """What people call it; empty when its settings can't be read."""
    try:
        return workspace.settings.workspace.name
    except GovernedError:
        return ""


def host_of(workspace: Workspace) -> str:
    """The machine that its first session ran on; empty before there is one.

    All paths of a workspace are taken to be of this machine: a container has another name each
    time it starts, and still sees the same files.
    """
    for path in journal_files(workspace.journals):
        for body in read_block(path, limit=2).bodies[1:]:
            try:
                started = SESSION_DECODER.decode(body)
            except msgspec.MsgspecError:
                continue
            if isinstance(started, SessionStarted) and started.host:
                return started.host
    return ""
