"""The papermill engine: strict about what "done" means, and every cell has its id.

papermill alone calls a notebook done after ``sys.exit(0)`` in a cell; here it is done when every
code cell completed and the kernel is still alive.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine

from governed_kernel.errors import RunFailed
from governed_kernel.kernel.headless import GovernedNotebookClient

__all__ = ["Client", "GovernedEngine"]


class Client(GovernedNotebookClient, PapermillNotebookClient):  # type: ignore[misc]  # untyped base
    """papermill's client, whose kernel is told the id of each cell that it executes."""


class GovernedEngine(NBClientEngine):  # type: ignore[misc]  # papermill is untyped
    """``papermill --engine governed``: works with the governed kernels and with others."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        deadline: float | None = None,
        kernel_environment: dict[str, str] | None = None,
        on_cell: Callable[[int, Any], None] | None = None,
        **options: Any,
    ) -> Any:
        """Execute the notebook that papermill manages.

        Parameters
        ----------
        deadline : float, optional
            `time.monotonic` value after which the run fails.
        kernel_environment : dict, optional
            The kernel's whole environment; by default this process's.
        on_cell : callable, optional
            Called with position and cell before each code cell.

        Raises
        ------
        RunFailed
            A code cell did not complete, or the kernel ended by itself.
        """
        input_path = options.pop("input_path", None)
        options.pop("timeout", None)
        client = Client(
            nb_man,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            timeout=execution_timeout,
            timeout_func=_remaining(deadline, execution_timeout),
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
            **options,
        )
        if on_cell is not None:
            client.on_cell_start = lambda cell, cell_index: on_cell(cell_index, cell)
        environment = dict(kernel_environment or os.environ)
        if input_path and not environment.get("GOVERNED_RUN"):
            environment.setdefault("JPY_SESSION_NAME", str(_place_of(str(input_path))))
        executed = client.execute(env=environment)
        check_complete(nb_man.nb)
        return executed


def check_complete(notebook: Any) -> None:
    """Raise `RunFailed` unless every code cell of an executed notebook completed.

    A cell that failed is left to papermill, which reports it with its traceback; but papermill
    takes ``sys.exit(0)`` for a good end, so that is reported here.
    """
    for cell in notebook.cells:
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        status = cell.metadata.get("papermill", {}).get("status")
        if status == "completed" and not _exits(cell):
            continue
        if status == "failed" and not _exits(cell):
            return
        raise RunFailed(
            f"the notebook stopped at cell {cell.get('id', '?')}",
            why="the kernel was ended by a cell (sys.exit, os._exit or quit)",
            next="remove what ends the kernel; a release runs to its last cell",
        )


def _exits(cell: Any) -> bool:
    errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
    return any(error.ename == "SystemExit" for error in errors)


def _place_of(input_path: str) -> Path:
    """Where the notebook lies; papermill has changed to ``--cwd`` since the path was typed."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / input_path).is_file():
            return folder / input_path
    return Path(input_path).absolute()


def _remaining(deadline: float | None, limit: int | None) -> Callable[[Any], int | None] | None:
    """What nbclient asks before each cell: whole seconds, at least one."""
    if deadline is None:
        return None

    def seconds(_: Any) -> int | None:
        left = max(1, round(deadline - time.monotonic()))
        return min(left, limit) if limit else left

    return seconds
