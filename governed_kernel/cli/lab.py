"""``governed lab``: JupyterLab on the workspace."""

from __future__ import annotations

import importlib.util
import os
import sys

import click

from governed_kernel.cli.options import workspace_option
from governed_kernel.errors import MissingExtra
from governed_kernel.workspace import Workspace

__all__ = ["lab"]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@workspace_option
def lab(workspace: Workspace, options: tuple[str, ...]) -> None:
    """Open JupyterLab on the workspace; OPTIONS are passed on to it."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingExtra("jupyterlab", "lab")
    environment = {**os.environ, "GOVERNED_WORKSPACE": str(workspace.root)}
    command = [
        *(sys.executable, "-m", "jupyterlab"),
        *(f"--ServerApp.root_dir={workspace.root}", "--LabApp.default_url=/lab/tree/research"),
        *(() if os.geteuid() else ("--allow-root",)),
        *options,
    ]
    os.execve(sys.executable, command, environment)  # noqa: S606 (it becomes the server: signals reach it)
