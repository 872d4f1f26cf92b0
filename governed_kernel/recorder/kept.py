"""What no notebook touches, whatever the policies say: by it code could act as who works in it.

With the workspace's service key its runs could be forged, and with what a person's programs have
verified already, signatures; with a token of the Jupyter server, all that its user may do there.
No cell has a use for them: approvals and runs are commands of their own, with a passphrase.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from governed_kernel.workspace import Workspace, personal_folder

__all__ = ["KEPT", "TOKENS", "Kept", "may_be_token"]

KEPT = "personal-keys"
"""Stands for this rule where others name a policy."""

_SECRET = ("keys", "services")
_REMEMBERED = ("verified", "verified-envelopes")
_PUBLIC = (".pub", ".lock")
_OPENS = "it opens the Jupyter server to whoever reads it"
_MAY_OPEN = "a server's variables may hold its token; a session's own are in os.environ"
_ASKING = ("lineage.lock", "erased.lock", "exports/")
"""Below the state: locks that questions take, which cells ask by a process of their own."""
_OF_COMMANDS = "commands wait for who holds it, and they run outside of notebooks"
_OF_SESSIONS = "what sessions made from classified data is noted by their recorders alone"
TOKENS = ("/jpserver-", "/jupyter_cookie_secret")
"""In the names of files by which a Jupyter server knows its user, wherever they lie."""


def may_be_token(path: str) -> bool:
    """Whether a path names what opens a Jupyter server."""
    return any(name in path for name in TOKENS) or _is_environ(path)


def _is_environ(path: str) -> bool:
    """Whether it holds a process's variables: JupyterHub's are how its servers get their token."""
    return path.startswith("/proc/") and path.endswith("/environ")


class Kept:
    """Refuses what would read or change them.

    Parameters
    ----------
    workspace : Workspace, optional
        Whose list of derived files is kept as well, and the locks that its commands take: to open
        one is enough to hold it, and to read it is worth nothing.
    own : iterable of str
        Folders that a release run writes alone: no command takes a lock there, libraries do.

    Attributes
    ----------
    folder : str
        The canonical personal folder.
    """

    def __init__(self, workspace: Workspace | None = None, own: Iterable[str] = ()) -> None:
        self.folder = os.path.realpath(personal_folder())
        self._state = f"{os.path.realpath(workspace.state)}/" if workspace is not None else ""
        self._derived = f"{self._state}derived."
        asking = [f"{self._state}{name}" for name in _ASKING]
        self._free = (*asking, *(f"{os.path.realpath(folder)}/" for folder in own))
        self._secret = tuple(f"{self.folder}/{name}/" for name in _SECRET)
        self._all = tuple(f"{self.folder}/{name}" for name in (*_SECRET, *_REMEMBERED))

    def opened(self, path: str, *, write: bool) -> str:
        """Why an open of the canonical `path` is refused; empty when it is not."""
        if may_be_token(path):
            return _MAY_OPEN if _is_environ(path) else _OPENS
        if write and self._is_derived(path):
            return _OF_SESSIONS
        if self.is_lock(path):
            return _OF_COMMANDS
        if not path.startswith(self.folder):
            return ""
        if path.startswith(self._secret) and not path.endswith(_PUBLIC):
            return "a private key is read by the person's own commands, outside of notebooks"
        return self.changed(path) if write else ""

    def _is_derived(self, path: str) -> bool:
        """Whether it is the list of derived files, or what is noted of it."""
        return bool(self._state) and path.startswith(self._derived)

    def is_lock(self, path: str) -> bool:
        """Whether the canonical `path` is a lock that commands alone take."""
        return (
            path.endswith(".lock")
            and bool(self._state)
            and path.startswith(self._state)
            and not path.startswith(self._free)
        )

    def changed(self, path: str) -> str:
        """Why the canonical `path` may not be made, moved, linked or removed; empty if it may."""
        if may_be_token(path):
            return _OPENS
        if self.is_lock(path):
            return _OF_COMMANDS
        if self._is_derived(path) or self._derived.startswith(f"{path.rstrip('/')}/"):
            return _OF_SESSIONS
        inside = path.startswith(self._all)
        around = any(place.startswith(f"{path.rstrip('/')}/") for place in self._all)
        if inside or around:
            return "keys and what was verified change by commands, outside of notebooks"
        return ""
