"""Notebooks as documents: read without trust, cleaned, compared, shown."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

from governed_kernel.errors import UnknownName, UsageError
from governed_kernel.release import difference, notebook

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
        ('{"cells": []}', "open it in JupyterLab"),
        ('{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": []}', "save it again"),
    ],
)
def test_what_is_no_notebook_is_refused_with_what_to_do(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "study.ipynb"
    path.write_text(content)
    with pytest.raises(UsageError) as refusal:
        notebook.read(path)
    assert str(path) in refusal.value.what
    assert refusal.value.why
    assert said in refusal.value.next


def test_a_notebook_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="there is no notebook"):
        notebook.read(tmp_path / "study.ipynb")


def test_executions_that_say_the_same_have_one_digest() -> None:
    one, two = hostile(), hostile()
    two.cells[1].metadata["papermill"] = {"duration": 1.5}
    two.cells[1].outputs[1].text = "it took 3.1 s"
    assert notebook.normalised_digest(one) == notebook.normalised_digest(two)
    two.cells[1].outputs.append(nbformat.v4.new_output("display_data", {"image/png": "aGk="}))
    assert notebook.normalised_digest(one) != notebook.normalised_digest(two)


# --- the page that reviewers read ----------------------------------------------------------------


class Seen(HTMLParser):
    """The tags, attributes and text of a page, as a browser would find them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def page() -> str:
    before = hostile()
    before.cells[0].source = f"# {HOSTILE}"
    before.cells[1].source = f"print('{HOSTILE}')"
    facts = {"Digest": "ab", "Author": "<img src=x onerror=alert(1)>"}
    title = f"{HOSTILE}</title>"
    return difference.render(
        title, facts, [(HOSTILE, before, notebook.release_copy(before)), ("b", hostile(), before)]
    )


def test_the_page_shows_a_notebooks_text_and_never_acts_on_it() -> None:
    seen = Seen(page())
    assert seen.tags <= {
        *("html", "meta", "title", "style", "h1", "h2", "dl", "dt", "dd", "p", "section"),
        *("header", "details", "summary", "pre", "span"),
    }
    assert seen.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class", "open"}
    assert HOSTILE in seen.text
    assert "default-src 'none'" in page()


def test_the_page_says_what_was_added_removed_and_changed() -> None:
    text = Seen(page()).text
    assert "raw raw: removed" in text
    assert "code sum: changed" in text
    assert "outputs 2 → 0" in text
    assert "- 1 + 1" in text
    assert f"+ print('{HOSTILE}')" in text
