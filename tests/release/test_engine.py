"""What the engine calls done: every code cell completed, whatever papermill thinks of it."""

from __future__ import annotations

import nbformat
import papermill
import pytest

from governed_kernel.errors import RunFailed

assert papermill.__name__  # imported first: it loads its engines by itself, ours among them
from governed_kernel.release.engine import check_complete  # noqa: E402


def executed(*status: str, error: str = "", value: str = "") -> nbformat.NotebookNode:
    """A notebook after papermill; its cell that failed shows `error`."""
    cells = []
    for number, found in enumerate(status):
        cell = nbformat.v4.new_code_cell("1 + 1", id=f"cell-{number}")
        cell.metadata["papermill"] = {"status": found}
        if found == "failed" and error:
            cell.outputs = [
                nbformat.v4.new_output("error", ename=error, evalue=value, traceback=[])
            ]
        cells.append(cell)
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=cells)
    return made


def test_a_notebook_whose_cells_completed_is_done() -> None:
    notebook = executed("completed", "completed")
    notebook.cells.append(nbformat.v4.new_code_cell("  \n"))
    notebook.cells.append(nbformat.v4.new_markdown_cell("# End"))
    check_complete(notebook)


def test_an_error_is_left_to_papermill_which_shows_its_traceback() -> None:
    check_complete(executed("completed", "failed", "pending", error="ValueError"))


@pytest.mark.parametrize("value", ["", "0", "3", "enough"])
def test_an_exit_is_no_end(value: str) -> None:
    """papermill takes ``sys.exit(0)`` for a good end, and leaves the other cells out."""
    with pytest.raises(RunFailed, match="stopped at cell cell-1") as failure:
        check_complete(executed("completed", "failed", "pending", error="SystemExit", value=value))
    assert "sys.exit" in failure.value.why
    assert failure.value.next


def test_an_exit_is_no_end_in_a_cell_whose_tag_forgives_errors() -> None:
    notebook = executed("completed", "completed")
    gone = nbformat.v4.new_output("error", ename="SystemExit", evalue="0", traceback=[])
    notebook.cells[-1].outputs = [gone]
    with pytest.raises(RunFailed, match="stopped at cell cell-1"):
        check_complete(notebook)


@pytest.mark.parametrize("status", ["pending", "running"])
def test_a_cell_that_was_never_reached_is_no_end(status: str) -> None:
    with pytest.raises(RunFailed, match="cell-1"):
        check_complete(executed("completed", status))
