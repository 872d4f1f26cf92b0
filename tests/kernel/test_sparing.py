"""What stock kernels do for nothing is left undone; what somebody has stays as it was."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from governed_kernel.kernel.sparing import (
    keep_history_journal,
    make_no_unseen_records,
    save_history_between_cells,
)
from governed_kernel.workspace import Workspace
from tests.kernel.running import RunningKernel, wait_until


def test_records_are_made_of_what_a_handler_takes_and_of_nothing_else(
    kernel: RunningKernel,
) -> None:
    asked = "log = get_ipython().kernel.log\nprint([log.isEnabledFor(n) for n in (10, 20, 30, 40)])"
    assert kernel.run(asked).text == "[False, False, True, True]\n"


def test_a_logger_that_somebody_listens_to_closely_goes_on_telling_all() -> None:
    for least, propagates in ((logging.DEBUG, False), (logging.WARNING, True)):
        log = logging.Logger("a kernel's", logging.DEBUG)
        log.propagate = propagates
        handler = logging.StreamHandler()
        handler.setLevel(least)
        log.addHandler(handler)
        make_no_unseen_records(log)
        assert log.isEnabledFor(logging.DEBUG)
    silent = logging.Logger("another", logging.DEBUG)
    silent.propagate = False
    make_no_unseen_records(silent)
    assert silent.isEnabledFor(logging.DEBUG)  # a handler may come


def test_a_shell_that_runs_cells_in_its_own_way_is_asked_how(own_kernel: RunningKernel) -> None:
    replace = """
shell = get_ipython()
async def run_cell_async(code, store_history=False, silent=False, shell_futures=True, *,
                         transformed_cell=None, preprocessing_exc_tuple=None):
    print('mine')
    return await type(shell).run_cell_async(
        shell, code, store_history, silent, shell_futures, transformed_cell=transformed_cell,
        preprocessing_exc_tuple=preprocessing_exc_tuple)
shell.run_cell_async = run_cell_async"""
    waiting = "import asyncio\nawait asyncio.sleep(0)\nprint(2)"
    assert own_kernel.run(waiting, cell_id="a").text == "2\n"
    assert own_kernel.run(replace).status == "ok"
    assert own_kernel.run(waiting, cell_id="b").text == "mine\n2\n"


def test_the_journal_of_the_input_history_stays_and_every_kernel_s_cells_are_kept(
    workspace: Workspace, tmp_path: Path
) -> None:
    history = tmp_path / "profile_default" / "history.sqlite"
    journal = history.with_name("history.sqlite-journal")

    def lines() -> list[str]:
        with sqlite3.connect(history) as other:
            found = other.execute("SELECT source FROM history ORDER BY session, line").fetchall()
        other.close()
        return [source for (source,) in found]

    kernel = RunningKernel(workspace, environment={**os.environ, "IPYTHONDIR": str(tmp_path)})
    try:
        kernel.run("first = 1")
        wait_until(lambda: lines() == ["first = 1"])
        wait_until(lambda: journal.exists() and not journal.stat().st_size)
        made = journal.stat().st_ino
        kernel.run("second = 2")
        wait_until(lambda: lines() == ["first = 1", "second = 2"])
        assert journal.stat().st_ino == made
        with sqlite3.connect(history) as stock:  # another kernel, which removes it
            stock.execute("INSERT INTO history VALUES (99, 1, 'theirs', 'theirs')")
        stock.close()
        assert not journal.exists()
        kernel.run("third = 3")
        wait_until(lambda: lines() == ["first = 1", "second = 2", "third = 3", "theirs"])
    finally:
        kernel.close(now=True)


def newest_of(history: Path) -> str:
    """The last cell that was saved."""
    with closing(sqlite3.connect(history)) as connection:
        return str([source for (source,) in connection.execute("SELECT source FROM history")][-1])


def test_the_input_history_is_saved_when_a_cell_has_ended_or_runs_long_or_somebody_asks(
    workspace: Workspace, tmp_path: Path
) -> None:
    history = tmp_path / "profile_default" / "history.sqlite"
    kernel = RunningKernel(workspace, environment={**os.environ, "IPYTHONDIR": str(tmp_path)})
    look = f"""
import os, sqlite3, time
from contextlib import closing
from governed_kernel.kernel import sparing

def saved():
    with closing(sqlite3.connect({str(history)!r})) as other:
        return [source for (source,) in other.execute("SELECT source FROM history")][-1]
"""
    try:
        assert kernel.run(look).status == "ok"
        assert kernel.run("# long\ntime.sleep(1)\nprint(saved())").text.startswith("# long")
        later = "sparing._SECONDS_LATER = 60"
        kernel.run(later)
        # By a thread that began to wait before or after it: else it would take the next one along.
        wait_until(lambda: newest_of(history) == later, 120)
        assert not kernel.run("# not yet\nprint(saved())").text.startswith("# not yet")
        ask = "# asked\nget_ipython().history_manager.get_tail(1)\nprint(saved())"
        assert kernel.run(ask).text.startswith("# asked")
        fork = "# forked\nif not os.fork():\n    os._exit(0)\nos.wait()\nprint(saved())"
        begun = time.monotonic()
        assert kernel.run(fork).text.startswith("# forked")
        assert time.monotonic() - begun < 30
    finally:
        kernel.close(now=True)


def test_a_history_that_is_not_saved_is_left_alone() -> None:
    keep_history_journal(None)
    keep_history_journal(object())
    save_history_between_cells(None)
    save_history_between_cells(object())
