"""The papermill engine: strict about what "done" means, and every cell has its id.

papermill alone calls a notebook done after ``sys.exit(0)`` in a cell; here it is done when every
code cell completed and the kernel is still alive.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellExecutionComplete, DeadKernelError
from nbclient.util import ensure_async
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine

from governed_kernel.errors import RunFailed
from governed_kernel.kernel.headless import GovernedNotebookClient

__all__ = ["LARGEST_OUTPUT", "Client", "GovernedEngine"]

LARGEST_OUTPUT = 32 << 20
"""Characters of output of a run, in which an executed notebook stays readable: half of the bytes
that `notebook.read` takes, since JSON writes a line end in two."""
_KEPT = ("stream", "display_data", "execute_result", "error")


class Client(GovernedNotebookClient, PapermillNotebookClient):  # type: ignore[misc]  # untyped base
    """papermill's client, whose kernel is told the id of each cell that it executes.

    Attributes
    ----------
    deadline : float or None
        `time.monotonic` value after which a run is ended, whatever it prints; None for no run.
    excess : str
        Why it ended the kernel; empty when it did not.
    """

    deadline: float | None = None
    excess = ""
    _printed = 0

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Take one message of a cell, unless it is one too many.

        As long as messages come, nbclient looks at nothing else: not at its own limit of time.
        """
        if msg["msg_type"] in _KEPT:  # what is shown in place of something else adds nothing
            self._printed += _length(msg["content"])
        if self.deadline is not None:
            if self._printed > LARGEST_OUTPUT:
                self._give_up(f"cell {cell_index + 1} printed on beyond {LARGEST_OUTPUT >> 20} MiB")
            elif time.monotonic() > self.deadline:
                self._give_up(f"cell {cell_index + 1} still printed when its time was over")
        return super().process_message(msg, cell, cell_index)

    def _give_up(self, why: str) -> None:
        self.excess = why
        assert self.km is not None
        self._ending = asyncio.ensure_future(ensure_async(self.km.signal_kernel(signal.SIGKILL)))
        raise CellExecutionComplete  # nothing more of it is listened to


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
        client.deadline = deadline
        try:
            executed = client.execute(env=environment)
        except DeadKernelError as error:
            if not client.excess:
                raise
            raise RunFailed(
                "the run was ended",
                why=client.excess,
                next="print less: a figure an epoch, not a line a step; what is large is written "
                "to the output folder",
            ) from error
        check_complete(nb_man.nb)
        return executed


def _length(content: Any) -> int:
    """How much a message of a kernel says, in characters."""
    data = content.get("data")
    shown = data.values() if isinstance(data, dict) else ()
    texts = [content.get("text"), content.get("evalue"), *shown]
    return sum(len(text if isinstance(text, str) else repr(text)) for text in texts if text)


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
