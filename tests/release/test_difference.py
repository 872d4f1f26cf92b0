"""What reviewers read of a difference: everything that was written, and nothing that acts."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import nbformat

from governed_kernel.release import notebook
from governed_kernel.release.difference import Comparison, compare, render, unified
from governed_kernel.visible import visible
from tests.release.test_notebook import HOSTILE, hostile


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
    facts = {"Notebook": "ab", "Author": "<img src=x onerror=alert(1)>"}
    files = [(HOSTILE, HOSTILE, f"{HOSTILE}!"), ("old.py", "x = 1\n", None)]
    comparisons = [
        compare(HOSTILE, before, notebook.release_copy(before)),
        compare("b", hostile(), before, files),
    ]
    return render(f"{HOSTILE}</title>", facts, comparisons)


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
    assert "file old.py: removed" in text
    assert f"file {HOSTILE}: changed" in text
    assert "- 1 + 1" in text
    assert f"+ print('{HOSTILE}')" in text


def cells(*sources: str, kind: str = "code") -> nbformat.NotebookNode:
    make = getattr(nbformat.v4, f"new_{kind}_cell")
    made = [make(source, id=source.split(maxsplit=1)[0]) for source in sources]
    notebook: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=made)
    return notebook


def between(before: nbformat.NotebookNode, after: nbformat.NotebookNode) -> Comparison:
    return compare("", before, after)


def test_cells_in_another_order_are_no_unchanged_notebook() -> None:
    found = between(cells("seed", "train", "save"), cells("train", "seed", "save"))
    assert len(found.names("moved")) == 1
    assert found.summary == "cells: 1 moved, 2 unchanged"


def test_text_that_became_code_is_a_change() -> None:
    found = between(cells("shred", kind="markdown"), cells("shred"))
    assert found.names("changed") == ["code shred"]
    assert unified(found)[0] == "@@ code shred: changed (markdown → code)"


def test_a_tag_that_was_given_or_taken_is_told() -> None:
    after = cells("seed")
    after.cells[0].metadata.tags = ["skip-execution"]
    assert unified(between(cells("seed"), after)) == [
        "@@ code seed: unchanged (tags none → skip-execution)"
    ]


def test_a_difference_is_told_line_by_line() -> None:
    found = between(cells("seed = 7\nrate = 2", "gone"), cells("seed = 8\nrate = 2"))
    assert unified(found) == [
        *("@@ code seed: changed", "-seed = 7", "+seed = 8", " rate = 2"),
        *("@@ code gone: removed", "-gone"),
    ]


def test_what_can_not_be_seen_is_written_out() -> None:
    """After CVE-2021-42574: a mark that turns the direction hides what a line does."""
    turned = "if user != 'admin\u202e \u2066# harmless\u2069 \u2066': \x1b[2Kdrop()\r"
    (_, line) = unified(between(cells(), cells(turned)))
    assert line == (
        "+if user != 'admin\\u202e \\u2066# harmless\\u2069 \\u2066': \\x1b[2Kdrop()\\r"
    )
    assert line[1:] in Seen(render("", {}, [between(cells(), cells(turned))])).text
    assert visible("größer\t→ 7\n") == "größer\t→ 7\n"


def test_an_invisible_line_end_makes_no_line() -> None:
    (_, line) = unified(between(cells(), cells("x = 1\u2028y = 2")))
    assert line == "+x = 1\\u2028y = 2"
