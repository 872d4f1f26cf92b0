"""Columns and where they are from, as a drawing."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from governed_kernel.lineage.drawing import Arrow, Box, Panel
from governed_kernel.lineage.relations import DIRECT

__all__ = ["of_columns", "split_uri"]

_MOST_ROWS, _MOST_COLUMNS = 30, 400
_ALL = "(all of it)"


def split_uri(uri: str) -> tuple[str, str]:
    """A file's own name, and where it is."""
    scheme, _, rest = uri.partition("://")
    path = PurePosixPath(unquote(rest))
    return path.name or uri, f"{scheme}://{path.parent}"


def of_columns(rows: list[dict[str, Any]]) -> Panel:
    """A drawing of rows of ``column_origins``: the first of many."""
    columns: defaultdict[str, dict[str, None]] = defaultdict(dict)
    sides = ("input_column", "output_column")
    shown = [
        {**row, **{side: _ALL if row[side] == "*" else row[side] for side in sides}}
        for row in rows[:_MOST_COLUMNS]
    ]
    for row in shown:
        columns[row["input_uri"]][row["input_column"]] = None
        columns[row["output_uri"]][row["output_column"]] = None
    boxes = []
    for uri, names in columns.items():
        name, folder = split_uri(uri)
        boxes.append(Box(uri, "resource", name, (folder,), tuple(names)[:_MOST_ROWS]))
    rows_of = {box.key: set(box.rows) for box in boxes}
    told: defaultdict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for row in shown:
        key = (row["input_uri"], row["input_column"], row["output_uri"], row["output_column"])
        told[key].append(f"{row['relation']} ({row['evidence']})")
    arrows = []
    for (source, column, target, to_column), how in told.items():
        if column in rows_of[source] and to_column in rows_of[target] and source != target:
            direct = any(said.split(" ")[0] in DIRECT for said in how)
            said = f"{column} → {to_column}: {', '.join(how)}"
            style = "direct" if direct else "indirect"
            arrows.append(Arrow(source, target, said, style, column, to_column))
    title = "Columns and where they are from"
    if len(arrows) < len({(r["input_uri"], r["input_column"], r["output_uri"], r["output_column"])
                          for r in rows}):  # fmt: skip
        title += " (the first of many; --json has all)"
    legend = (("direct", "values go on"), ("indirect", "rows are chosen, ordered or grouped by it"))
    return Panel(title, boxes, arrows, legend)
