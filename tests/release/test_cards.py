"""What people wrote stays text in a card, whatever they wrote."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from governed_kernel.release.cards import _code, _plain

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a link](javascript:alert(1))",
    "![a picture](https://example.org/x.png)",
    "one\n\n# two",
    "`code` **bold** | cell",
    "&lt;script&gt;",
    "a\\",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_it_is_shown_as_it_was_written(text: str) -> None:
    html = MarkdownIt("commonmark", {"html": True}).render(f"- owner: {_plain(text)}\n")
    shown = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert html == f"<ul>\n<li>owner: {shown}</li>\n</ul>\n".replace('"', "&quot;")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_path_stays_between_its_backticks(text: str) -> None:
    html = MarkdownIt("commonmark", {"html": True}).render(f"`{_code(text)}` and more\n")
    assert html.startswith("<p><code>")
    assert html.endswith("</code> and more</p>\n")
    assert html.count("<") == 4
