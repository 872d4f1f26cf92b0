"""Disks that are full or read-only, deleted journals: cells fail, and the session says so."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.errors import ResourceMissing
from governed_kernel.lineage.events import CellEnded, CellStarted, Decided, ObserverLost
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.session_states import sessions
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.kernel.running import RunningKernel, make_workspace, wait_until
from tests.kernel.test_release import PreparedRun

pytestmark = pytest.mark.slow

LONG = "# " + 20_000 * "x" + "\n"
"""More than the page that a file on a full disk may still have."""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace whose ``.governed`` is a disk of its own, of 64 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    workspace = make_workspace(tmp_path / "workspace")
    kept = tmp_path / "kept"
    shutil.copytree(workspace.state, kept)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(workspace.state)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this container can't mount a disk")
    try:
        shutil.copytree(kept, workspace.state, dirs_exist_ok=True)
        yield workspace
    finally:
        subprocess.run(["umount", "-l", workspace.state], check=True)


def fill(workspace: Workspace) -> Path:
    """Use up all room that is left."""
    filler = workspace.state / "filler"
    with filler.open("wb", buffering=0) as file:
        for block in (1 << 20, 1 << 12):
            while True:
                try:
                    if file.write(bytes(block)) < block:
                        break
                except OSError:
                    break
    return filler


def row_of(workspace: Workspace, kernel: RunningKernel) -> dict[str, Any]:
    store = Store(workspace)
    store.ingest()
    (row,) = [
        row
        for row in sessions(workspace, store).sessions
        if row["session_id"] == kernel.journal.name.partition(".")[0]
    ]
    return row


def test_on_a_full_disk_a_research_cell_fails_and_the_session_is_marked(small: Workspace) -> None:
    kernel = RunningKernel(small)
    try:
        assert kernel.run("1 + 1").text == "2"
        filler = fill(small)
        for _ in range(2):
            reply = kernel.run(LONG + "happened = True")
            assert reply.error_name == "ResourceMissing"
            assert "No space left on device" in reply.error
        with pytest.raises(ResourceMissing, match="can't be written"):
            Ledger(small).append(
                Decided(person="ada", action=20_000 * "x", resource="r", outcome="allowed")
            )
        filler.unlink()
        assert kernel.run("happened").error_name == "NameError"
        assert kernel.run("1 + 1").text == "2"
        (lost,) = kernel.events(ObserverLost)
        assert (lost.observer, lost.error_name) == ("journal", "ResourceMissing")
        assert "No space left on device" in kernel.texts()[lost.error]
        row = row_of(small, kernel)
        assert (row["state"], row["lost"]) == ("running", 1)
    finally:
        kernel.close()
    assert row_of(small, kernel)["state"] == "sealed"


HOOKS = """
import ast
ran, shell = [], get_ipython()
class Transformer(ast.NodeTransformer):
    def visit_Module(self, node):
        ran.append('syntax tree')
        return node
def all_at_once():
    shell.events.register('pre_run_cell', lambda info: ran.append('before'))
    shell.events.register('post_run_cell', lambda result: ran.append('after'))
    shell.input_transformers_cleanup.append(lambda lines: (ran.append('text'), lines)[1])
    shell.ast_transformers.append(Transformer())
def told():
    found = ran[:]
    ran.clear()
    return found
"""


def test_nothing_at_all_runs_of_a_cell_that_is_refused(small: Workspace) -> None:
    kernel = RunningKernel(small)
    try:
        assert kernel.run(HOOKS).status == "ok"
        assert kernel.run("all_at_once()").status == "ok"
        told = kernel.run("told()").text
        assert all(repr(name) in told for name in ("text", "before", "syntax tree", "after"))
        filler = fill(small)
        expressions = {"evaluated": "ran.append('expression')"}
        for code in (LONG + "ran.append('code')", LONG + "x = (", LONG, " " * len(LONG)):
            reply = kernel.run(code, user_expressions=expressions)
            assert reply.error_name == "ResourceMissing"
        filler.unlink()
        assert kernel.run("told()").text == told
        ends = {event.execution: event.status for event in kernel.events(CellEnded)}
        started = [event.execution for event in kernel.events(CellStarted)]
        assert [ends[number] for number in started[-5:]] == ["abort"] * 4 + ["ok"]
    finally:
        kernel.close()


def test_on_a_full_disk_a_release_cell_fails(small: Workspace) -> None:
    run = PreparedRun(small)
    run.start()
    kernel = run.kernel()
    try:
        assert kernel.run("1 + 1").text == "2"
        filler = fill(small)
        reply = kernel.run(LONG + "happened = True")
        assert (reply.status, reply.error_name) == ("error", "ResourceMissing")
        assert "No space left on device" in reply.error
        filler.unlink()
        assert kernel.run("happened").error_name == "NameError"
        assert kernel.events(ObserverLost)
    finally:
        kernel.close()


def test_in_a_read_only_folder_nothing_starts_and_nothing_is_added(
    small: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    before = small.ledger.read_bytes()
    subprocess.run(["mount", "-o", "remount,ro", small.state], check=True)
    try:
        with pytest.raises(RuntimeError):
            RunningKernel(small)
        said = capfd.readouterr().err
        assert "Read-only file system" in said
        assert "next:" in said
        with pytest.raises(ResourceMissing, match="could not be written") as refused:
            Ledger(small).append(Decided(person="ada", action="x", resource="r", outcome="allowed"))
        assert "Read-only file system" in str(refused.value)
        with pytest.raises(ResourceMissing, match="Read-only file system"):
            Store(small).ingest()
    finally:
        subprocess.run(["mount", "-o", "remount,rw", small.state], check=True)
    assert small.ledger.read_bytes() == before


def test_a_journal_deleted_under_a_session_ends_it_and_shows(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    kernel = RunningKernel(workspace)
    try:
        kernel.run("1 + 1")
        kernel.journal.unlink()
        reply = kernel.run("happened = True")
        assert reply.status == "error"
        assert "it was deleted" in reply.error
        assert kernel.run("1 + 1").error_name == "RecorderLost"
        assert row_of(workspace, kernel)["state"] == "journal gone"
    finally:
        kernel.close()
    wait_until(lambda: not kernel.manager.has_kernel)
    assert row_of(workspace, kernel)["state"] == "journal gone"
