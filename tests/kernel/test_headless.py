"""Notebooks without a browser: nbclient and papermill, with the id of each cell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from governed_kernel import kernel
from governed_kernel.kernel.headless import GovernedKernelManager, GovernedNotebookClient
from governed_kernel.lineage.events import CellEnded, CellStarted, SessionEnded, SessionStarted
from governed_kernel.lineage.forms import forms, journal_files
from governed_kernel.lineage.journal import read_payloads
from governed_kernel.workspace import Workspace
from tests.kernel.running import events_of, home_of, make_workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_workspace(tmp_path_factory.mktemp("headless") / "workspace")


@pytest.fixture(autouse=True)
def home(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNED_HOME", str(home_of(workspace)))


@pytest.fixture
def notebook() -> Any:
    cells = [
        new_code_cell("rate = 1", id="first", metadata={"tags": ["parameters"]}),
        new_markdown_cell("# Words", id="words"),
        new_code_cell("rate + 1", id="second"),
        new_code_cell("", id="empty"),
        new_code_cell("rate + 2", id="third"),
    ]
    found = new_notebook(cells=cells)
    found.metadata.kernelspec = {
        "name": "governed-research",
        "display_name": "x",
        "language": "python",
    }
    return found


def _journal(workspace: Workspace) -> Path:
    found = journal_files(workspace.journals)
    return max(found, key=lambda path: forms(path)[0].stat().st_mtime_ns)


def _cells(journal: Path) -> dict[str, str]:
    """Id → source of the cells that were executed."""
    texts = read_payloads(journal.with_suffix(".payloads.jsonl"))
    started = [event for event in events_of(journal, CellStarted) if not event.silent]
    return {event.cell_id: texts[event.source] for event in started}


def test_nobody_else_says_what_the_release_kernel_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / "kernels" / "governed-release" / "kernel.json"
    planted.parent.mkdir(parents=True)
    planted.write_text('{"argv": ["evil"], "display_name": "evil", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert KernelSpecManager().get_kernel_spec("governed-release").argv == ["evil"]
    found = GovernedKernelManager(kernel_name="governed-release").kernel_spec
    shipped = Path(kernel.__file__).parent / "kernelspec" / "governed-release"
    own = KernelSpec.from_resource_dir(str(shipped))
    assert found is not None
    assert found.argv == [sys.executable, *own.argv[1:]]
    assert (found.metadata, found.display_name) == (own.metadata, own.display_name)


def test_nbclient_tells_the_kernel_each_cells_id(workspace: Workspace, notebook: Any) -> None:
    seen: list[str] = []
    client = GovernedNotebookClient(
        notebook,
        kernel_name="governed-research",
        resources={"metadata": {"path": str(workspace.root)}},
        on_cell_execute=lambda cell, cell_index: seen.append(cell.id),
    )
    client.execute()
    journal = _journal(workspace)
    assert _cells(journal) == {"first": "rate = 1", "second": "rate + 1", "third": "rate + 2"}
    assert notebook.cells[4].outputs[0].data["text/plain"] == "3"
    assert seen == ["first", "second", "third"]
    assert events_of(journal, SessionEnded)[0].exit_status == 0
    assert [event.status for event in events_of(journal, CellEnded)] == ["ok"] * 3


def test_no_port_is_opened_and_no_folder_is_left(workspace: Workspace, notebook: Any) -> None:
    client = GovernedNotebookClient(
        notebook,
        kernel_name="governed-research",
        resources={"metadata": {"path": str(workspace.root)}},
    )
    with client.setup_kernel():
        assert client.km is not None
        folder = Path(client.km.connection_file).parent
        assert client.km.transport == "ipc"
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
@pytest.mark.parametrize("engine", ["governed", "nbclient"])
def test_papermill_executes_under_a_recorder(
    workspace: Workspace, notebook: Any, engine: str
) -> None:
    source, executed = workspace.root / "in.ipynb", workspace.root / "out.ipynb"
    nbformat.write(notebook, source)
    papermill.execute_notebook(
        str(source),
        str(executed),
        parameters={"rate": 40},
        engine_name=engine,
        kernel_name="governed-research",
        cwd=str(workspace.root),
        progress_bar=False,
    )
    journal = _journal(workspace)
    cells = _cells(journal)
    if engine == "governed":
        assert cells["second"] == "rate + 1"
        assert events_of(journal, SessionStarted)[0].notebook == "in.ipynb"
    assert "rate + 2" in cells.values()
    assert nbformat.read(executed, 4).cells[-1].outputs[0].data["text/plain"] == "42"
