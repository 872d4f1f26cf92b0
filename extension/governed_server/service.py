"""What the routes of one server share: its workspaces, its threads, its jobs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_server.auth.identity import (
    IdentityProvider,
    LegacyIdentityProvider,
    PasswordIdentityProvider,
    User,
)

from governed_kernel.errors import GovernedError, Refused, UsageError
from governed_kernel.lineage.store import Store
from governed_kernel.release.projection import opened
from governed_kernel.release.registry import Registry
from governed_kernel.release.runs import reap_all
from governed_kernel.workspace import Workspace
from governed_server.following import Following
from governed_server.jobs import Jobs
from governed_server.keeping import Kept

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__ = ["Running", "Service"]

T = TypeVar("T")
_THREADS = 6
_NAMELESS = (IdentityProvider, PasswordIdentityProvider, LegacyIdentityProvider)
_SAYING_WHO = (
    *("get_user", "get_user_token", "get_user_cookie", "user_from_cookie"),
    *("process_login_form", "generate_anonymous_user"),
)
"""The methods of an identity provider that make the user of a request."""


@dataclass(frozen=True)
class Running:
    """The session of a running kernel."""

    session: str
    mode: str
    workspace: str


class Service:
    """The state that the routes of one Jupyter server share.

    Parameters
    ----------
    server : ServerApp
        The Jupyter server.
    """

    def __init__(self, server: ServerApp) -> None:
        self.server = server
        self.root = Path(server.root_dir).resolve()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="governed")
        self.jobs = Jobs()  # in threads of their own: what takes minutes keeps no panel waiting
        self._registries: dict[Path, tuple[tuple[int, int], Registry]] = {}
        self._storing = threading.Lock()
        self.following = Following()
        self.kept = Kept()
        with contextlib.suppress(GovernedError):  # there is none yet
            self.workspace()  # followed from now on, whether anybody asks or not

    # --- work -------------------------------------------------------------------------------

    async def call(self, function: Callable[..., T], asked: Any) -> T:
        """Run a route's function in a thread."""
        return await self.in_thread(function, self, asked)

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function that reads files, away from the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, functools.partial(function, *arguments))

    # --- places -----------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        """A file or folder that the browser named; it can't leave the server's root folder.

        Raises
        ------
        UsageError
            It leads elsewhere.
        """
        if "\0" in name:
            raise UsageError("a path holds a null character", why="no file is called so")
        full = (self.root / name.lstrip("/")).resolve()
        if not full.is_relative_to(self.root):
            raise UsageError(
                f"{name} lies outside the server's folder",
                why=f"it leads to {full}, and the server shows {self.root}",
                next="open a notebook below that folder",
            )
        return full

    def workspace(self, name: str = "") -> Workspace:
        """The workspace of a notebook or folder that the browser named."""
        full = self.path(name)
        start = full if full.is_dir() else full.parent
        found = Workspace.find(start if start.is_dir() else self.root)
        self.following.add(found.root)
        return found

    def browser_path(self, path: Path) -> str:
        """A file as the browser names it; empty when the server does not show it."""
        full = path.resolve()
        return full.relative_to(self.root).as_posix() if full.is_relative_to(self.root) else ""

    # --- what is on record ------------------------------------------------------------------

    def registry(self, workspace: Workspace) -> Registry:
        """The verified ledger, read anew only when it has changed. For showing, never for gates."""
        try:
            found = workspace.ledger.stat()
        except OSError:
            return Registry.read(workspace)  # it says what is missing
        mark = (found.st_size, found.st_mtime_ns)
        known = self._registries.get(workspace.root)
        if known is None or known[0] != mark:
            known = (mark, Registry.read(workspace))
            self._registries[workspace.root] = known
        return known[1]

    def current(self, name: str) -> Registry:
        """What is on record of a place, with the end of runs whose worker died without a word."""
        workspace = self.workspace(name)
        reap_all(workspace)
        return self.registry(workspace)

    @contextlib.contextmanager
    def store(self, workspace: Workspace) -> Iterator[Store]:
        """The lineage store, brought up to date and open, for one thread at a time.

        DuckDB shares one instance of a file among the threads of a process, and an instance that
        reads can't begin to write.
        """
        with self._storing, opened(workspace) as found:
            yield found

    def session_of_kernel(self, kernel_id: str) -> Running | None:
        """The recorded session of a kernel that this server runs; None for other kernels."""
        manager: Any = self.server.kernel_manager
        if not kernel_id or kernel_id not in manager:
            return None
        provisioner = manager.get_kernel(kernel_id).provisioner
        session = getattr(provisioner, "session", "")
        return Running(session, provisioner.mode, provisioner.workspace) if session else None

    # --- people -----------------------------------------------------------------------------

    def person_of(self, user: User | None, named: str) -> str:
        """The acting person: who signed in where the server knows people, else who is named.

        A name alone does nothing: whatever acts asks for that person's passphrase.

        Raises
        ------
        Refused
            The server knows who it is, and it is somebody else.
        """
        known = self.signed_in(user)
        if known and named and named != known:
            raise Refused(
                f"you can't act as {named}",
                why=f"you signed in to {'JupyterHub' if _on_hub() else 'this server'} as {known}",
                next=f"act as {known}, or sign in as {named}",
            )
        return known or named

    def put_on_record(self, asked: Any, person: str, action: str, error: Refused) -> None:
        """Let the ledger tell that who signed in tried to act as somebody else."""
        from governed_kernel.governance.signing import record_refusal

        with contextlib.suppress(GovernedError):  # no workspace, no room: the refusal matters
            about = str(getattr(asked, "release", ""))
            record_refusal(self.workspace(asked.path), person, action, about, error)

    def knows_people(self) -> bool:
        """Whether JupyterHub, or an identity provider of the server's own, says who people are.

        Jupyter's own providers ask for a token or a password that all share, and make names up.
        """
        provider = type(self.server.identity_provider)
        return _on_hub() or any(
            getattr(provider, name) not in {getattr(own, name) for own in _NAMELESS}
            for name in _SAYING_WHO
        )

    def signed_in(self, user: User | None) -> str:
        """Who signed in; empty where the server knows nobody by name."""
        return str(user.username) if user is not None and self.knows_people() else ""


def _on_hub() -> bool:
    return "JUPYTERHUB_SERVICE_PREFIX" in os.environ
