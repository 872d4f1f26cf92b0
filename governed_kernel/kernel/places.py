"""The workspace of those who have none: one per user, for research alone."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from governed_kernel.files import write_atomically
from governed_kernel.workspace import CONFIGURATION_FILE, Workspace

__all__ = ["default_workspace"]

_SETTINGS = b"""\
# Sessions of notebooks that lie in no workspace are recorded here.
# 'governed init DIR' makes a workspace with people, policies and releases.
[workspace]
name = "default"
"""


def default_workspace() -> Workspace:
    """The per-user workspace, made on first use. It has no ledger, so it can't release."""
    root = Path(platformdirs.user_data_path("governed")) / "default-workspace"
    settings = root / CONFIGURATION_FILE
    if not settings.exists():
        write_atomically(settings, _SETTINGS)
    return Workspace.open(root)
