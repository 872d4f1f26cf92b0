"""Notebooks as documents: read without trust, cleaned, compared."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from governed_kernel.errors import UnknownName, UsageError
from governed_kernel.release import notebook

HOSTILE = "<script>alert('read me')</script>"


def hostile() -> nbformat.NotebookNode:
    """A notebook with something in every place where a viewer might act on it."""
    code = nbformat.v4.new_code_cell("1 + 1", id="sum", metadata={"tags": ["parameters", HOSTILE]})
    code.metadata["jupyter"] = {"source_hidden": True}
    code.metadata["papermill"] = {"status": HOSTILE}
    code.execution_count = 3
    code.outputs = [
        nbformat.v4.new_output("display_data", {"text/html": HOSTILE}, metadata={"x": HOSTILE}),
        nbformat.v4.new_output("stream", text=HOSTILE),
    ]
    text = nbformat.v4.new_markdown_cell("# Title", id="title", metadata={"trusted": True})
    text.attachments = {"image.png": {"image/png": "aGk="}}
    raw = nbformat.v4.new_raw_cell(HOSTILE, id="raw")
    empty = nbformat.v4.new_code_cell("  \n", id="empty")
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=[text, code, raw, empty])
    made.metadata.update(
        widgets={"application/vnd.jupyter.widget-state+json": {"state": HOSTILE}},
        kernelspec={"name": HOSTILE, "display_name": HOSTILE, "language": "python"},
        title=HOSTILE,
    )
    return made


def test_a_release_notebook_holds_sources_and_nothing_else() -> None:
    released = notebook.release_copy(hostile())
    encoded = notebook.encode(released)
    assert HOSTILE.encode() not in encoded
    assert json.loads(encoded) == {
        "cells": [
            {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Title"]},
            {
                "cell_type": "code",
                "execution_count": None,
                "id": "sum",
                "metadata": {"tags": ["parameters"]},
                "outputs": [],
                "source": ["1 + 1"],
            },
        ],
        "metadata": {
            "kernelspec": {
                "display_name": "Governed Python (Release)",
                "language": "python",
                "name": "governed-release",
            },
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def test_the_same_notebook_gives_the_same_bytes() -> None:
    once = notebook.encode(notebook.release_copy(hostile()))
    assert notebook.encode(notebook.release_copy(hostile())) == once


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "open it in JupyterLab and save it again"),
        ("[]", "open it in JupyterLab"),
        ('{"cells": ' + "[" * 100_000, "open it in JupyterLab"),
        (f'{{"cells": [{{"id": "{"a" * 99_999}"}}], "nbformat": 4}}', "open it in JupyterLab"),
        (" " * (notebook.LIMIT_BYTES + 1), "clear outputs"),
        ('{"cells": []}', "open it in JupyterLab"),
        ('{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": []}', "save it again"),
    ],
    ids=lambda text: text[:20].strip() or "too large",
)
def test_what_is_no_notebook_is_refused_with_what_to_do(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "study.ipynb"
    path.write_text(content)
    with pytest.raises(UsageError) as refusal:
        notebook.read(path)
    assert str(path) in refusal.value.what
    assert 0 < len(refusal.value.why) < 1000
    assert said in refusal.value.next


def test_a_notebook_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="there is no notebook"):
        notebook.read(tmp_path / "study.ipynb")


def test_a_notebooks_sources_are_kept_without_what_came_out_of_them() -> None:
    kept = notebook.source_copy(hostile())
    assert [cell.id for cell in kept.cells] == ["title", "sum", "raw", "empty"]
    assert kept.cells[1].metadata == {"tags": ["parameters", HOSTILE]}
    assert kept.cells[1].outputs == []
    assert "widgets" not in kept.metadata
    again = notebook.source_copy(kept)
    assert notebook.encode(again) == notebook.encode(kept)
    released = notebook.release_copy(hostile())
    assert notebook.encode(notebook.release_copy(kept)) == notebook.encode(released)


@pytest.mark.parametrize(
    ("ids", "source", "said"),
    [(("one", "one"), "1", "several cells have the id 'one'"), (("a", "b"), "\ud800", "surrogate")],
)
def test_a_notebook_that_could_be_read_in_two_ways_is_refused(
    tmp_path: Path, ids: tuple[str, str], source: str, said: str
) -> None:
    cell = {"cell_type": "markdown", "metadata": {}, "source": source}
    path = tmp_path / "study.ipynb"
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    path.write_text(json.dumps({**content, "cells": [{**cell, "id": name} for name in ids]}))
    with pytest.raises(UsageError) as refusal:
        notebook.read(path)
    assert said in refusal.value.why
