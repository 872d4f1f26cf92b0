"""What a printed page is made of: its style, its tables, and text of anybody made harmless."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from governed_kernel.visible import visible

__all__ = [
    *("SHORT", "STYLE"),
    *("bold", "code", "facts", "scale", "section", "table", "whole", "words"),
]

STYLE = """
@page { size: A4; margin: 11mm 12mm; }
* { box-sizing: border-box; }
body { font: 8.6pt/1.32 "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  color: #1b1f24; background: #fff; margin: 0 auto; max-width: 186mm; padding: 4mm 0; }
@media print { body { padding: 0; max-width: none; } }
header { display: flex; justify-content: space-between; align-items: flex-end;
  border-bottom: 1.6pt solid #1f3a5f; padding-bottom: 2mm; margin-bottom: 2.5mm; }
h1 { font-size: 15pt; line-height: 1.1; margin: 0; color: #1f3a5f; overflow-wrap: anywhere; }
h1 + p { margin: .8mm 0 0; color: #57606a; }
h2 { font-size: 9pt; color: #1f3a5f; margin: 2.6mm 0 .8mm; letter-spacing: .02em; }
.badge { border-radius: 3pt; padding: 1.2mm 2.6mm; font-weight: 600; white-space: nowrap;
  border: .8pt solid; text-align: center; }
.good { color: #1a6334; background: #e6f4ea; } .bad { color: #a1231b; background: #fdecea; }
.wait { color: #7d5200; background: #fff4d6; }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 0 6mm; }
.columns > div { min-width: 0; }
table { border-collapse: collapse; width: 100%; table-layout: auto; }
th { text-align: left; font-weight: 600; color: #57606a; border-bottom: .6pt solid #8c959f; }
td, th { padding: .45mm 1.6mm .45mm 0; vertical-align: top; overflow-wrap: break-word; }
td { border-bottom: .4pt solid #d8dee4; }
td.n, th.n { text-align: right; white-space: nowrap; padding-right: 3mm; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .5mm 3mm; margin: 0; }
dt { color: #57606a; } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
ul { margin: 0; padding-left: 4mm; } p { margin: 0 0 .8mm; }
code { font: 7.6pt/1.3 ui-monospace, "DejaVu Sans Mono", "Liberation Mono", monospace;
  overflow-wrap: anywhere; }
td code { font-size: 6.5pt; } dd code { font-size: 5.8pt; letter-spacing: -.02em; }
table + p { margin-top: 1.2mm; }
.box { border: .8pt solid; border-radius: 3pt; padding: 1.4mm 2.4mm; margin: 2mm 0 0; }
footer { margin-top: 3mm; padding-top: 1.2mm; border-top: .6pt solid #8c959f; color: #57606a;
  font-size: 7.6pt; }
tr { break-inside: avoid; } .whole { white-space: nowrap; }
"""
SHORT = 64
"""So many characters of what somebody wrote stand in a cell."""
_DIGEST = re.compile("[0-9a-f]{64}")


def section(title: str, content: str) -> str:
    """A heading with what follows it, which is HTML already."""
    return f"<section><h2>{words(title)}</h2>{content}</section>"


def facts(told: dict[str, str]) -> str:
    """Names and what they are; a digest is set so that it stays on one line."""
    cells = "".join(
        f"<dt>{words(name)}</dt>"
        f"<dd>{code(said) if _DIGEST.fullmatch(said) else words(said, 100)}</dd>"
        for name, said in told.items()
    )
    return f"<dl>{cells}</dl>"


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    most: int = 99,
    right: tuple[int, ...] = (),
) -> str:
    """A table of cells that are HTML already; what is beyond `most` rows is counted.

    One row more is shown: saying so would take its place.
    """
    if not rows:
        return "<p>None.</p>"

    def row(cells: Sequence[str], tag: str) -> str:
        told = (
            f"<{tag}{' class=n' if number in right else ''}>{cell}</{tag}>"
            for number, cell in enumerate(cells)
        )
        return f"<tr>{''.join(told)}</tr>"

    shown = len(rows) if len(rows) == most + 1 else most
    body = "".join(row(cells, "td") for cells in rows[:shown])
    more = f"<p>and {len(rows) - shown} more</p>" if len(rows) > shown else ""
    return f"<table>{row([words(head) for head in heads], 'th')}{body}</table>{more}"


def words(text: str, most: int = SHORT) -> str:
    """Text of anybody as HTML text, on one line and not longer than `most`."""
    flat = visible(" ".join(str(text).split()))
    return escape(flat if len(flat) <= most else f"{flat[: most - 1].rstrip()}…")


def bold(text: str) -> str:
    """As `words`, to be found at once."""
    return f"<b>{words(text)}</b>"


def whole(text: str) -> str:
    """As `words`, for a few of them that stay on one line."""
    return f"<div class=whole>{words(text)}</div>"


def code(text: str) -> str:
    """As `words`, for what is copied: names, digests, commands."""
    return f"<code>{words(text, 300)}</code>"


def scale(text: str) -> float:
    """How small it must be printed: by its rows, headings and words, which take lines."""
    letters = len(re.sub(r"<[^>]*>", "", text))
    lines = 1.1 * text.count("<tr") + 1.6 * text.count("<h2") + letters / 105 + 6
    return max(0.62, min(1.0, 62 / lines))
