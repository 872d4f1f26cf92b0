"""Starts governed kernels under their recorder, for every Jupyter client."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from governed_kernel.errors import Refused, UnknownName
from governed_kernel.recorder.order import KILL_SIGNAL, Order
from governed_kernel.workspace import Workspace, new_identifier

__all__ = ["GovernedProvisioner"]

_TOKENS = {"JUPYTER_TOKEN", "JPY_API_TOKEN", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_CLIENT_ID"}
_RESTRICTIONS = "governed_kernel.kernel.restrictions"
_SECONDS_TO_FINISH = {"research": 30.0, "release": 600.0}
"""A recorder may still hash what was written; of a release nothing may go unhashed."""


class GovernedProvisioner(LocalProvisioner):
    """Puts the recorder between the client and the kernel.

    The process that the client knows is the recorder. Signals sent to it reach the kernel's
    process group, and it ends as the kernel ended.

    Attributes
    ----------
    session, mode, workspace : str
        What the kernel's recorder was told; empty before it was started.
    """

    session: str = ""
    mode: str = ""
    workspace: str = ""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Wrap the kernel's command; refuse a release kernel that no run asked for.

        Raises
        ------
        Refused
            The kernel is a release kernel, and no run of an approved release starts it.
        """
        mode = self._mode()
        environment = dict(kwargs.get("env") or os.environ)
        folder = Path(kwargs.get("cwd") or Path.cwd())
        workspace = _workspace_of(folder, environment, mode)
        ticket = _admit(workspace, environment) if mode == "release" else ""
        prepared: dict[str, Any] = await super().pre_launch(**kwargs)
        order = Order(
            workspace=str(workspace.root),
            session=new_identifier(),
            mode=mode,
            notebook=_notebook(workspace, environment),
            ticket=ticket,
            connection_file=str(getattr(self.parent, "connection_file", "")),
            restrictions=_RESTRICTIONS if mode == "research" else "",
            command=tuple(prepared["cmd"]),
        )
        prepared["cmd"] = order.command_line()
        prepared["env"] = without_tokens(prepared.get("env") or os.environ)
        self.session, self.mode, self.workspace = order.session, mode, order.workspace
        return prepared

    def _mode(self) -> Literal["research", "release"]:
        metadata = getattr(self.kernel_spec, "metadata", None) or {}
        mode = (metadata.get("governed") or {}).get("mode")
        if mode not in ("research", "release"):
            raise Refused(
                f"the kernel specification {getattr(self.kernel_spec, 'display_name', '')!r} "
                "says no governed mode",
                why=f"metadata.governed.mode is {mode!r}",
                next="use 'governed-research', or write \"research\" there",
            )
        return "release" if mode == "release" else "research"

    async def kill(self, restart: bool = False) -> None:  # noqa: ARG002
        """Kill the kernel and all it started; the recorder writes the end and follows."""
        process: Any = self.process
        if process is None:
            return
        try:
            process.send_signal(KILL_SIGNAL)
        except OSError as error:
            LocalProvisioner._tolerate_no_process(error)
        deadline = time.monotonic() + _SECONDS_TO_FINISH[self._mode()]
        while process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        if process.poll() is None:  # the recorder itself hangs; its kernel dies with it
            await self.send_signal(signal.SIGKILL)


def without_tokens(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what would let a notebook's code act as its user on a server."""
    return {name: text for name, text in environment.items() if name not in _TOKENS}


def _admit(workspace: Workspace, environment: dict[str, str]) -> str:
    from governed_kernel.kernel.admission import admit_release

    return str(admit_release(workspace, environment))


def _workspace_of(folder: Path, environment: dict[str, str], mode: str) -> Workspace:
    """The workspace that the notebook belongs to."""
    named = environment.get("JPY_SESSION_NAME", "")
    starts = [folder / named] if named else []
    for start in [*(path.parent for path in starts), folder]:
        try:
            return Workspace.find(start) if start.is_dir() else Workspace.find(folder)
        except UnknownName:
            continue
    if environment.get("GOVERNED_WORKSPACE"):
        return Workspace.open(Path(environment["GOVERNED_WORKSPACE"]))
    if mode == "release":
        raise Refused(
            "a release kernel needs a workspace",
            why=f"there is none at {folder} or above it",
            next="run an approved release with 'governed run RELEASE'",
        )
    from governed_kernel.kernel.places import default_workspace

    return default_workspace()


def _notebook(workspace: Workspace, environment: dict[str, str]) -> str:
    """The notebook as it is written in records: relative to the workspace where it lies in it."""
    said = environment.get("GOVERNED_NOTEBOOK") or environment.get("JPY_SESSION_NAME") or ""
    path = Path(said)
    if said and path.is_absolute() and path.resolve().is_relative_to(workspace.root):
        return path.resolve().relative_to(workspace.root).as_posix()
    return said
