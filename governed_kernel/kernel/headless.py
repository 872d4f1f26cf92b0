"""A notebook client without a browser: its kernel is told the id of every cell."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from traitlets import Unicode, default

__all__ = ["GovernedKernelClient", "GovernedKernelManager", "GovernedNotebookClient"]


class GovernedKernelClient(AsyncKernelClient):
    """Adds the cell's id to the metadata of execute requests, as JupyterLab does."""

    cell_id = Unicode("")
    """The cell whose request comes next; empty for requests that are no cell."""

    def execute(self, code: str, *arguments: Any, **options: Any) -> str:
        """Execute `code` as the cell of `cell_id`."""
        if not self.cell_id:
            return str(super().execute(code, *arguments, **options))
        build = self.session.msg
        cell_id = self.cell_id

        def with_cell(msg_type: str, content: Any = None, **rest: Any) -> Any:
            message = build(msg_type, content, **rest)
            message["metadata"]["cellId"] = cell_id
            return message

        self.session.msg = with_cell
        try:
            return str(super().execute(code, *arguments, **options))
        finally:
            self.session.msg = build
            self.cell_id = ""


RELEASE_KERNEL = "governed-release"


class _KernelSpecs(KernelSpecManager):
    """Says by itself what the release kernel is.

    Jupyter's search path has folders that anybody may write to, and whatever lay there under this
    name would run unrecorded and unconfined.
    """

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The specification of that name."""
        if kernel_name != RELEASE_KERNEL:
            return super().get_kernel_spec(kernel_name)
        return KernelSpec(
            argv=[sys.executable, "-m", "governed_kernel.kernel", "-f", "{connection_file}"],
            display_name="Governed Python (Release)",
            language="python",
            metadata={
                "debugger": True,
                "governed": {"mode": "release"},
                "kernel_provisioner": {"provisioner_name": "governed-provisioner"},
            },
        )


class GovernedKernelManager(AsyncKernelManager):
    """Talks to its kernel over Unix sockets in a private folder: no port, no other user."""

    @default("kernel_spec_manager")
    def _kernel_specs(self) -> KernelSpecManager:
        return _KernelSpecs(parent=self)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.client_factory = GovernedKernelClient
        # A socket's path may have 107 characters, so this can't lie in the workspace.
        self._folder = Path(tempfile.mkdtemp(prefix="governed-"))
        self.transport = "ipc"
        # Half of this a kernel is given to end by itself; on a busy machine the usual 2.5 seconds
        # are too few, and a run that was over would end as killed.
        self.shutdown_wait_time = 20.0
        self.connection_file = str(self._folder / "kernel.json")

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart)
        if not restart:
            shutil.rmtree(self._folder, ignore_errors=True)

    cleanup_resources = _async_cleanup_resources


class GovernedNotebookClient(NotebookClient):
    """An nbclient that works with governed kernels and with others."""

    @default("kernel_manager_class")
    def _kernel_manager_class(self) -> type[GovernedKernelManager]:
        return GovernedKernelManager

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._users_hook = self.on_cell_execute
        self.on_cell_execute = self._name_cell

    def _name_cell(self, cell: Any, cell_index: int) -> None:
        """Just before a cell's request: tell the client which cell it is."""
        if isinstance(self.kc, GovernedKernelClient):
            self.kc.cell_id = str(cell.get("id", ""))
        if self._users_hook is not None:
            self._users_hook(cell=cell, cell_index=cell_index)

    def create_kernel_manager(self) -> Any:
        """A manager whose kernel keeps its input history in memory, not in the home folder."""
        manager = super().create_kernel_manager()
        history = "--HistoryManager.hist_file=:memory:"
        if history not in self.extra_arguments:
            self.extra_arguments = [*self.extra_arguments, history]
        return manager
