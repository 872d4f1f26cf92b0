"""Boxes and arrows as SVG: one file without scripts, links or foreign fonts, on white.

Every text comes from notebooks, file names and people, so none of it is trusted: it is escaped,
characters that could hide or turn text are made visible, and what is long is cut in the middle
(the whole of it appears where the pointer rests).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from xml.sax.saxutils import escape

from governed_kernel.lineage.layout import Edge, Layout, lay_out

__all__ = ["Arrow", "Box", "Panel", "draw"]

_WIDTH, _HEAD, _LINE, _PAD = 250.0, 22.0, 14.0, 10.0
_MARGIN, _TITLE = 24.0, 30.0
_WIDE, _SMALL = 7.5, 6.0
"""Estimated width of a character in the head and in a line, generous for a sans-serif font."""
_COLOURS = {
    "dataset": ("#e7f0fb", "#2563a8"),
    "resource": ("#f4f4f2", "#6b6b63"),
    "cell": ("#fdf3dc", "#a86a05"),
    "session": ("#fdf3dc", "#a86a05"),
    "run": ("#e9f5ec", "#2c7a45"),
    "release": ("#dff0e4", "#1d6a38"),
    "deployment": ("#f3e8f8", "#7a3f9d"),
}
_MARKS = {
    "first": ("#fdecea", "#b3261e"),
    "second": ("#e6f4ea", "#1b7f3b"),
    "changed": ("#fff4d6", "#9a6700"),
}
_ARROWS = {"": "#8a8a82", "direct": "#2563a8", "indirect": "#b08530", **{
    name: colours[1] for name, colours in _MARKS.items()
}}  # fmt: skip


@dataclass(frozen=True)
class Box:
    """One thing in a drawing.

    Attributes
    ----------
    kind : str
        dataset, resource, cell, session, run, release, deployment.
    lines : tuple of str
        What is said below its name.
    rows : tuple of str
        Columns, each a place where arrows may begin or end.
    mark : str
        first, second or changed, in a comparison of two.
    """

    key: str
    kind: str
    name: str
    lines: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    mark: str = ""

    @property
    def height(self) -> float:
        """Of the drawn box."""
        return _HEAD + _PAD + _LINE * (len(self.lines) + len(self.rows))

    def row(self, name: str) -> float:
        """How far below the upper side the middle of a row is; of the box where it has none."""
        if name not in self.rows:
            return self.height / 2
        place = len(self.lines) + self.rows.index(name)
        return _HEAD + _LINE * place + _LINE * 0.7


@dataclass(frozen=True)
class Arrow:
    """From one box, or one of its rows, to another."""

    source: str
    target: str
    said: str = ""
    style: str = ""
    source_row: str = ""
    target_row: str = ""


@dataclass
class Panel:
    """One drawing under a title of its own."""

    title: str
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    legend: tuple[tuple[str, str], ...] = ()
    """Pairs of a mark or arrow's style and what it means."""


def draw(panels: Sequence[Panel]) -> str:
    """The panels one below the other, as the text of an SVG file."""
    parts: list[str] = []
    top, width = _MARGIN, 2 * _MARGIN
    for number, panel in enumerate(panels):
        body, size = _panel(panel, number)
        parts.append(f'<g transform="translate({_MARGIN:g},{top:g})">{body}</g>')
        top += size[1] + 2 * _MARGIN
        width = max(width, size[0] + 2 * _MARGIN)
    height = top - _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" '
        'font-family="system-ui, Segoe UI, Roboto, Helvetica, Arial, sans-serif">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{_heads()}{"".join(parts)}</svg>\n'
    )


def _heads() -> str:
    """One arrow head a colour."""
    made = "".join(
        f'<marker id="head-{name or "plain"}" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerWidth="7" markerHeight="7" orient="auto-start-reverse">'
        f'<path d="M0,0.5 L7.5,4 L0,7.5 z" fill="{colour}"/></marker>'
        for name, colour in _ARROWS.items()
    )
    return f"<defs>{made}</defs>"


def _panel(panel: Panel, number: int) -> tuple[str, tuple[float, float]]:
    boxes = {box.key: box for box in panel.boxes}
    sizes = {box.key: (_WIDTH, box.height) for box in panel.boxes}
    layout = lay_out(sizes, [(arrow.source, arrow.target) for arrow in panel.arrows])
    parts = [_text(0, 14, panel.title, 15, "#1f1f1c", weight=600, room=120)]
    left = 0.0
    for style, meaning in panel.legend:
        colour = _ARROWS[style]
        parts.append(
            f'<rect x="{left:g}" y="{_TITLE - 4:g}" width="14" height="4" fill="{colour}"/>'
            + _text(left + 19, _TITLE + 1, meaning, 11, "#4a4a45", room=60)
        )
        left += 44 + _SMALL * len(meaning)
    top = _TITLE + (16 if panel.legend else 0)
    shown = [_arrow(arrow, boxes, layout) for arrow in panel.arrows]
    shown += [_box(box, layout, f"{number}-{place}") for place, box in enumerate(panel.boxes)]
    parts.append(f'<g transform="translate(0,{top:g})">{"".join(shown)}</g>')
    width = max(layout.width, left, _WIDE * min(len(panel.title), 120) * 1.25)
    return "".join(parts), (width, layout.height + top)


def _box(box: Box, layout: Layout, name: str) -> str:
    x, y = layout.boxes[box.key]
    fill, line = _MARKS.get(box.mark) or _COLOURS.get(box.kind, _COLOURS["resource"])
    whole = "\n".join((f"{box.kind} {box.name}", *box.lines, *box.rows))
    parts = [
        f'<g transform="translate({x:.1f},{y:.1f})"><title>{_clean(whole)}</title>'
        f'<clipPath id="in-{name}">'
        f'<rect width="{_WIDTH - 6:g}" height="{box.height:g}"/></clipPath>'
        f'<rect width="{_WIDTH:g}" height="{box.height:g}" rx="5" fill="{fill}" stroke="{line}"/>'
        f'<rect width="4" height="{box.height:g}" rx="2" fill="{line}"/>'
        f'<g clip-path="url(#in-{name})">',
        _text(12, 16, box.name, 12, "#1f1f1c", weight=600, room=int((_WIDTH - 20) / _WIDE)),
    ]
    room = int((_WIDTH - 20) / _SMALL)
    below = [(text, "#5c5c55") for text in box.lines] + [(text, "#1f1f1c") for text in box.rows]
    for place, (text, colour) in enumerate(below):
        parts.append(_text(12, _HEAD + _LINE * place + 9, text, 10.5, colour, room=room))
    return "".join([*parts, "</g></g>"])


def _arrow(arrow: Arrow, boxes: dict[str, Box], layout: Layout) -> str:
    edge: Edge = (arrow.source, arrow.target)
    if edge not in layout.routes:
        return ""
    points = list(layout.routes[edge])
    if arrow.source_row:
        points[0] = _at_row(points[0], boxes[arrow.source], arrow.source_row, layout)
    if arrow.target_row:
        points[-1] = _at_row(points[-1], boxes[arrow.target], arrow.target_row, layout)
    path = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        bend = (to_x - x) / 2
        path.append(f"C{x + bend:.1f},{y:.1f} {to_x - bend:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}")
    dashes = ' stroke-dasharray="6 4"' if edge in layout.backward else ""
    return (
        f'<path d="{" ".join(path)}" fill="none" stroke="{_ARROWS[arrow.style]}" '
        f'stroke-width="1.3" stroke-opacity="0.85"{dashes} '
        f'marker-end="url(#head-{arrow.style or "plain"})">'
        f"<title>{_clean(arrow.said)}</title></path>"
    )


def _at_row(point: tuple[float, float], box: Box, row: str, layout: Layout) -> tuple[float, float]:
    return point[0], layout.boxes[box.key][1] + box.row(row)


def _text(
    x: float, y: float, text: str, size: float, colour: str, *, room: int, weight: int = 400
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" fill="{colour}" '
        f'xml:space="preserve">{_clean(_cut(text, room))}</text>'
    )


def _cut(text: str, room: int) -> str:
    """The beginning and the end of what is too long."""
    text = " ".join(text.split("\n"))
    if sum(map(_columns, text)) <= room:
        return text
    head, tail, left = "", "", room - 1
    tail_room = left * 3 // 5
    for character in reversed(text):
        if sum(map(_columns, tail)) + _columns(character) > tail_room:
            break
        tail = character + tail
    for character in text:
        if sum(map(_columns, head)) + _columns(character) > left - tail_room:
            break
        head += character
    return f"{head}…{tail}"


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _clean(text: str) -> str:
    """Text as XML takes it; what is invisible or turns the direction is shown as what it is."""
    return escape("".join(_visible(character) for character in text))


def _visible(character: str) -> str:
    if character == "\n":
        return character
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return f"\\u{ord(character):04x}"
    return character
