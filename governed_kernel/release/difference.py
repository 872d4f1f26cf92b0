"""A rendered difference between two notebooks: one self-contained page, no scripts.

Everything from a notebook is escaped: its text is shown, never interpreted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from html import escape

from governed_kernel.release.notebook import Notebook

__all__ = ["render"]

_STYLE = """
:root { color-scheme: light dark; --add: #1a7f3722; --del: #cf222e22; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin-top: 2rem }
section { border: 1px solid var(--line); border-radius: 6px; margin: .6rem 0; }
header { padding: .3rem .7rem; border-bottom: 1px solid var(--line); font-size: .85rem; }
pre { margin: 0; padding: .4rem 0; overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }
pre span { display: block; padding: 0 .7rem; min-height: 1.45em; white-space: pre-wrap; }
.add { background: var(--add) } .del { background: var(--del) }
details > summary { cursor: pointer; padding: .3rem .7rem; font-size: .85rem; }
dt { font-weight: 600 } dd { margin: 0 0 .4rem 0; overflow-wrap: anywhere; }
"""


def render(
    title: str, facts: dict[str, str], comparisons: list[tuple[str, Notebook, Notebook]]
) -> str:
    """The page.

    Parameters
    ----------
    facts : dict
        Shown above: release, digest, inputs …
    comparisons : list of (heading, before, after)
        Pairs of notebooks; cells belong together by their ids.
    """
    body = "".join(_compared(*comparison) for comparison in comparisons)
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1><dl>{rows}</dl>{body}</html>\n"
    )


def _compared(heading: str, before: Notebook, after: Notebook) -> str:
    old = {cell.id: cell for cell in before.cells}
    new = {cell.id: cell for cell in after.cells}
    kept = [*new, *(cell_id for cell_id in old if cell_id not in new)]
    outputs = sum(len(cell.get("outputs", [])) for cell in before.cells)
    left = sum(len(cell.get("outputs", [])) for cell in after.cells)
    kernels = [
        str(notebook.metadata.get("kernelspec", {}).get("name", "none"))
        for notebook in (before, after)
    ]
    changes = [f"kernel {kernels[0]} → {kernels[1]}", f"outputs {outputs} → {left}"]
    cells = "".join(_cell(cell_id, old.get(cell_id), new.get(cell_id)) for cell_id in kept)
    return f"<h2>{escape(heading)}</h2><p>{escape('; '.join(changes))}</p>{cells}"


def _cell(cell_id: str, old: Notebook | None, new: Notebook | None) -> str:
    before = old.source if old is not None else ""
    after = new.source if new is not None else ""
    cell = new if new is not None else old
    is_code = cell is not None and cell.cell_type == "code"
    name = f"{cell.cell_type if cell is not None else ''} {cell_id}"
    if old is not None and new is not None and before == after:
        lines = "".join(f"<span>{escape(line)}</span>" for line in after.splitlines())
        return (
            f"<section><details{' open' if is_code else ''}><summary>{escape(name)}: unchanged"
            "</summary>"
            f"<pre>{lines}</pre></details></section>"
        )
    said = "added" if old is None else "removed" if new is None else "changed"
    lines = "".join(_lines(before.splitlines(), after.splitlines()))
    return f"<section><header>{escape(name)}: {said}</header><pre>{lines}</pre></section>"


def _lines(before: list[str], after: list[str]) -> Iterator[str]:
    for line in difflib.ndiff(before, after):
        mark, text = line[:1], line[2:]
        if mark == "?":
            continue
        style = {"+": ' class="add"', "-": ' class="del"'}.get(mark, "")
        yield f"<span{style}>{escape(mark)} {escape(text)}</span>"
