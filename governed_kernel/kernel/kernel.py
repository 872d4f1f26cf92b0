"""The kernel: ipykernel's, with every cell announced to the recorder before and after."""

from __future__ import annotations

import contextlib
import operator
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextvars import ContextVar, Token
from typing import Any

from ipykernel.iostream import OutStream
from ipykernel.ipkernel import IPythonKernel

from governed_kernel import __version__
from governed_kernel.capture import emitter, settle
from governed_kernel.capture.emitter import Cell
from governed_kernel.errors import GovernedError
from governed_kernel.kernel.interrupts import uninterrupted
from governed_kernel.kernel.link import RecorderLink
from governed_kernel.kernel.magics import GovernedMagics
from governed_kernel.kernel.shell import follow_statements, hooks_of, wait_for_record
from governed_kernel.kernel.sparing import (
    keep_history_journal,
    make_no_unseen_records,
    remember_signatures,
    save_history_between_cells,
)
from governed_kernel.lineage.events import CellEnded, ObserverLost

__all__ = ["GovernedKernel"]

_INTERRUPTS = ("KeyboardInterrupt", "CancelledError")
_SECONDS_TO_FLUSH = 1


class GovernedKernel(IPythonKernel):
    """An IPython kernel whose cells run only while a recorder takes down what they do.

    A cell's code runs when its start is on record, and its reply goes out when its end is. Without
    a recorder nothing runs.
    """

    implementation = "governed_kernel"
    implementation_version = __version__

    link: RecorderLink
    """The way to the recorder; set by ``__main__`` before the kernel is made."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._ending = ContextVar[int | None]("governed_ending", default=None)
        """The announcement of the end of the cell whose reply is made."""
        self._executions: set[int] = set()
        self._outside_history = 0
        if self.shell is not None:
            self.shell.register_magics(GovernedMagics(self.shell, self.link))
            wait_for_record(self.shell, self.link)
        self._hooks = hooks_of(self.shell)
        emitter.set_current(self.link)
        self.link.follow_threads()
        self._install_observers()

    def start(self) -> None:
        """As ipykernel's, when the user's startup files have run."""
        with contextlib.suppress(OSError):  # where none can be written, a cell says so
            tempfile.gettempdir()  # tries a folder out by a file; ipykernel asks in the first cell
        make_no_unseen_records(self.log)
        remember_signatures()
        if self.shell is not None:
            keep_history_journal(self.shell.history_manager)
            save_history_between_cells(self.shell.history_manager)
        super().start()  # type: ignore[no-untyped-call]

    @property
    def banner(self) -> str:  # type: ignore[override]
        """What a console shows at its start."""
        return f"Governed Notebooks {__version__}: this session is recorded\n{super().banner}"

    def _install_observers(self) -> None:
        """Observers are a gain, never a risk: without them the witness still sees everything."""
        try:
            from governed_kernel.capture import install

            install(self.link)
            if self.shell is not None:
                follow_statements(self.shell)
        except Exception as error:
            self.link.emit(
                ObserverLost(
                    execution=0,
                    cell_id="",
                    observer="install",
                    error_name=type(error).__name__,
                    error=self.link.payload("".join(traceback.format_exception(error))),
                )
            )

    async def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: dict[str, Any] | None = None,
        allow_stdin: bool = False,
        *,
        cell_meta: dict[str, Any] | None = None,
        cell_id: str | None = None,
    ) -> dict[str, Any]:
        """Execute a cell on record; refuse it, visibly, when it can't be recorded."""
        cell = self._name(cell_meta, cell_id, counts=store_history and not silent)
        token = None
        reply: dict[str, Any] = {}
        try:
            with self._ended_by(reply):
                with uninterrupted():
                    token = self.link.begin(cell, code, silent=silent)
                if self._may_begin(code):
                    reply.update(
                        await super().do_execute(  # type: ignore[no-untyped-call]
                            code,
                            silent,
                            store_history,
                            user_expressions,
                            allow_stdin,
                            cell_meta=cell_meta,
                            cell_id=cell_id,
                        )
                    )
        except GovernedError as error:
            if token is not None:  # a cell's code raised it past IPython
                raise
            return self._refuse(error)
        finally:
            if token is not None:
                with uninterrupted(forget=True):
                    self._end_cell(cell, reply, token)
        return reply

    def _end_cell(self, cell: Cell, reply: dict[str, Any], token: Token[Cell]) -> None:
        try:
            settle()
            self._ending.set(self.link.end(self._end(cell, reply), token))
        except GovernedError as error:
            reply.clear()
            reply.update(self._refuse(error))

    def finish_metadata(
        self, parent: dict[str, Any], metadata: dict[str, Any], reply_content: dict[str, Any]
    ) -> dict[str, Any]:
        """Let a cell's reply go out when its end is on record, else a refusal in its place.

        ipykernel calls this just before it sends the reply. The recorder writes the end down while
        ipykernel flushes what was printed and pauses.
        """
        ending = self._ending.get()
        self._ending.set(None)
        try:
            if ending is not None:
                with uninterrupted(forget=True):
                    self.link.ended(ending)
        except GovernedError as error:
            reply_content.clear()
            reply_content.update(self._refuse(error))
        finished: dict[str, Any] = super().finish_metadata(parent, metadata, reply_content)  # type: ignore[no-untyped-call]
        return finished

    def do_shutdown(self, restart: bool) -> dict[str, Any]:  # type: ignore[override]  # nor is IPythonKernel's async
        """As ipykernel's, without ten seconds in which it can wait for a thread that has ended.

        Its control thread flushes what was printed when the thread that sends it may be gone; a
        client that waits for less ends the kernel by a signal then.
        """
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, OutStream):
                stream.flush_timeout = _SECONDS_TO_FLUSH
        done: dict[str, Any] = super().do_shutdown(restart)  # type: ignore[no-untyped-call]
        return done

    def _may_begin(self, code: str) -> bool:
        """Whether a cell may be compiled already; if it may not even that, its `end` says why.

        Its own code waits for the record (`wait_for_record`). Code of earlier cells that IPython
        calls before, and expressions to evaluate where a cell is blank, have to wait here.
        """
        if code.strip() and self._has_own_hooks_only():
            return True
        try:
            self.link.confirm()
        except GovernedError:
            return False
        return True

    def _has_own_hooks_only(self) -> bool:
        now = hooks_of(self.shell)
        return len(now) == len(self._hooks) and all(map(operator.is_, now, self._hooks))

    def _name(self, meta: dict[str, Any] | None, cell_id: str | None, *, counts: bool) -> Cell:
        """The execution's number in this session, unique: the prompt's where there is one."""
        number = int(self.execution_count or 0)
        if not counts or number in self._executions:
            self._outside_history -= 1
            number = self._outside_history
        self._executions.add(number)
        return Cell(number, str(cell_id or (meta or {}).get("cellId") or ""))

    @staticmethod
    @contextlib.contextmanager
    def _ended_by(reply: dict[str, Any]) -> Iterator[None]:
        """Note the exception that leaves a cell without a reply."""
        try:
            yield
        except BaseException as error:
            reply.update(status="error", ename=type(error).__name__, evalue=str(error))
            raise

    def _end(self, cell: Cell, reply: dict[str, Any]) -> CellEnded:
        if reply.get("status") == "ok":
            return CellEnded(execution=cell.execution, cell_id=cell.cell_id, status="ok")
        name = str(reply.get("ename", ""))
        text = "\n".join([f"{name}: {reply.get('evalue', '')}", *reply.get("traceback", [])])
        try:
            error = self.link.payload(text)
        except GovernedError:
            error = ""  # the announcement of the end will fail as well, and say why
        return CellEnded(
            execution=cell.execution,
            cell_id=cell.cell_id,
            status="abort" if name in _INTERRUPTS else "error",
            error_name=name,
            error=error,
        )

    def _refuse(self, error: GovernedError) -> dict[str, Any]:
        """Show `error` as the cell's error; returns the reply."""
        content = {
            "ename": type(error).__name__,
            "evalue": str(error),
            "traceback": [f"\x1b[31m{type(error).__name__}\x1b[0m: {error}"],
        }
        topic = self._topic("error")  # type: ignore[no-untyped-call]
        self.send_response(  # type: ignore[no-untyped-call]
            self.iopub_socket, "error", content, ident=topic
        )
        return {
            "status": "error",
            "execution_count": self.execution_count,
            "user_expressions": {},
            "payload": [],
            **content,
        }
