"""The lineage of a frame or of a written file, as the cell that asks sees it.

What is shown comes from the running session alone. The saved notebook keeps it as a drawing and a
table; where it is live, the same can be searched, and a column's origins highlighted.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from governed_kernel import capture
from governed_kernel.errors import UnknownName
from governed_kernel.kernel.remembered import MADE
from governed_kernel.lineage import thing_origins
from governed_kernel.lineage.column_picture import of_columns, split_uri
from governed_kernel.lineage.drawing import draw
from governed_kernel.lineage.events import Transformation
from governed_kernel.widgets.view import View

__all__ = ["LineageView", "lineage"]

_MOST_ROWS = 2_000


class LineageView(View):
    """Columns of one thing with what each is from.

    Attributes
    ----------
    name : str
        What the thing is called.
    rows : list of dict
        ``output_column``, ``input_uri``, ``input_column``, ``relation``, ``evidence``.
    forgotten : int
        Transformations of this session that are too long ago to be known here.
    """

    program = "lineage"

    def __init__(self, name: str, rows: list[dict[str, Any]], forgotten: int = 0) -> None:
        self.name = name
        self.rows = rows
        self.forgotten = forgotten

    @property
    def facts(self) -> dict[str, Any]:
        """The columns, as many as a notebook may hold."""
        return {"name": self.name, "rows": self.rows[:_MOST_ROWS]}

    def __repr__(self) -> str:
        columns: dict[str, list[str]] = {}
        for row in self.rows:
            said = f"{row['relation']} {row['input_column']} of {split_uri(row['input_uri'])[0]}"
            columns.setdefault(row["output_column"], []).append(said)
        lines = [f"  {name} ← {', '.join(said)}" for name, said in columns.items()]
        return "\n".join([f"lineage of {self.name}", *(lines or ["  no source is on record"])])

    def _repr_html_(self) -> str:
        """A drawing and a table, for a notebook that is only read."""
        uri = f"memory:///{self.name}"
        picture = draw([of_columns([{**row, "output_uri": uri} for row in self.rows])])
        cells = ("output_column", "relation", "input_column", "input_uri", "evidence")
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(str(row[cell]))}</td>" for cell in cells) + "</tr>"
            for row in self.rows[:_MOST_ROWS]
        )
        note = f"<p>{self.forgotten} older steps are not in it.</p>" if self.forgotten else ""
        head = "".join(
            f'<th scope="col">{said}</th>'
            for said in ("column", "relation", "from column", "of", "evidence")
        )
        return (
            f'<figure style="margin:0;overflow:auto">{picture}'
            f"<figcaption>Lineage of <code>{escape(self.name)}</code></figcaption></figure>{note}"
            f"<details><summary>As a table</summary><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table></details>"
        )


def lineage(thing: Any, *, name: str = "") -> LineageView:
    """Where each column of something in memory, or of a file written in this session, is from.

    Parameters
    ----------
    thing : object
        A frame, series, array, model …, or the path of a file.
    name : str
        What it is called in the view; else the name of the variable that holds it.

    Raises
    ------
    UnknownName
        Nothing on record of this session has to do with it.
    """
    made = list(MADE)
    entity = capture.entity_of(thing)
    if entity is None and isinstance(thing, str | Path):
        entity = _written(made, thing)
        name = str(thing)
    if entity is None:
        raise UnknownName(
            f"no lineage of {name or type(thing).__name__} is known here",
            why="no observer of this session has seen how it was made",
            next="'governed lineage trace' asks for files of any session",
        )
    rows = [
        {
            "output_column": row["output_column"],
            "input_uri": row["input"],
            "input_column": row["input_column"],
            "relation": row["relation"],
            "evidence": row["evidence"],
        }
        for row in thing_origins.of_entity(made, entity)
    ]
    return LineageView(name or _variable(thing) or split_uri(entity)[0], rows, MADE.forgotten)


def _variable(thing: Any) -> str:
    """What the notebook calls it; empty where it has no name of its own there."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    known = shell.user_ns.items() if shell is not None else ()
    return next((n for n, value in known if value is thing and not n.startswith("_")), "")


def _written(made: Iterable[Transformation], path: str | Path) -> str | None:
    """The address of a file that this session wrote."""
    from governed_kernel.capture import uris

    wanted = str(path) if "://" in str(path) else uris.file_uri(str(path))
    for transformation in made:
        if any(thing.entity == wanted for thing in transformation.outputs):
            return wanted
    return None
