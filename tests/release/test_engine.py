"""What the engine calls done: every code cell completed, whatever papermill thinks of it."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
import papermill
import pytest

from governed_kernel.errors import RunFailed

assert papermill.__name__  # imported first: it loads its engines by itself, ours among them
from governed_kernel.release import engine  # noqa: E402
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


@pytest.mark.parametrize(
    ("source", "ends"),
    [
        ("for n in range(300): shown.update(HTML('x' * 10_000))", False),
        ("for n in range(300): print('x' * 10_000)", True),
    ],
)
def test_what_is_shown_in_place_of_something_else_adds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, ends: bool
) -> None:
    """A trainer's table is drawn anew at every step; its notebook has it once."""
    monkeypatch.setattr(engine, "LARGEST_OUTPUT", 1 << 20)
    begin = "from IPython.display import HTML, display\nshown = display(HTML(''), display_id=True)"
    cells = [nbformat.v4.new_code_cell(f"{begin}\n{source}", id="train")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "in.ipynb")

    def execute() -> None:
        papermill.execute_notebook(
            str(tmp_path / "in.ipynb"),
            str(tmp_path / "out.ipynb"),
            engine_name="governed",
            kernel_name="python3",
            progress_bar=False,
            deadline=time.monotonic() + 60,
        )

    if ends:
        with pytest.raises(RunFailed, match="the run was ended") as refused:
            execute()
        assert refused.value.why == "cell 1 printed on beyond 1 MiB"
    else:
        execute()
        assert (tmp_path / "out.ipynb").stat().st_size < 100_000
