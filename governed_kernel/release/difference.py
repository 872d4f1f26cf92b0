"""What differs between two notebooks and the files beside them: as a page, and as plain text.

The page is self-contained and has no scripts. Everything that somebody else wrote is shown, never
interpreted, and what can't be seen (control characters, marks that turn the reading direction) is
written out, so that no text looks like another.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, TypeAlias

from governed_kernel.release.notebook import Notebook
from governed_kernel.visible import visible

__all__ = ["Change", "Comparison", "compare", "render", "unified"]

Kind: TypeAlias = Literal["added", "removed", "changed", "moved", "unchanged"]
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


@dataclass(frozen=True)
class Change:
    """One cell or file, before and after."""

    name: str
    kind: Kind
    before: str
    after: str
    note: str = ""
    """What differs beside the text: the cell's type, its tags."""
    is_code: bool = True


@dataclass(frozen=True)
class Comparison:
    """Two notebooks, and the files beside them, held against each other."""

    heading: str
    kernels: tuple[str, str]
    changes: list[Change]

    def names(self, *kinds: str) -> list[str]:
        """The names of what changed in one of these ways."""
        return [change.name for change in self.changes if change.kind in kinds]

    @property
    def summary(self) -> str:
        """How many cells and files changed in which way, in words."""
        before, after = self.kernels
        told = [f"kernel {before} → {after}"] if before != after else []
        for what in ("cells", "files"):
            kinds = [
                change.kind
                for change in self.changes
                if change.name.startswith("file ") == (what == "files")
            ]
            counted = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
            told += [f"{what}: {', '.join(counted)}"] if counted else []
        return visible("; ".join(told))


def compare(
    heading: str,
    before: Notebook,
    after: Notebook,
    files: Sequence[tuple[str, str | None, str | None]] = (),
) -> Comparison:
    """Compare two notebooks; their cells belong together by their ids.

    Parameters
    ----------
    files : sequence of (path, before, after)
        Texts of files; None where there is no such file.
    """
    old = {cell.id: cell for cell in before.cells}
    new = {cell.id: cell for cell in after.cells}
    kept = [*new, *(cell_id for cell_id in old if cell_id not in new)]
    moved = _moved([name for name in old if name in new], [name for name in new if name in old])
    changes = [_cell(old.get(name), new.get(name), name in moved) for name in kept]
    changes += [_file(*file) for file in files]
    return Comparison(heading, (_kernel(before), _kernel(after)), changes)


def unified(comparison: Comparison, context: int = 3) -> list[str]:
    """Whatever is not unchanged, line by line, marked as ``diff -u`` does."""
    lines: list[str] = []
    for change in comparison.changes:
        if change.kind == "unchanged" and not change.note:
            continue
        note = f" ({change.note})" if change.note else ""
        lines.append(visible(f"@@ {change.name}: {change.kind}{note}"))
        found = difflib.unified_diff(
            _split(change.before), _split(change.after), lineterm="", n=context
        )
        lines += [visible(line) for line in found if not line.startswith(("--- ", "+++ ", "@@ "))]
    return lines


def render(title: str, facts: dict[str, str], comparisons: Sequence[Comparison]) -> str:
    """The page.

    Parameters
    ----------
    facts : dict
        Shown above: release, inputs …
    """
    body = "".join(_compared(comparison) for comparison in comparisons)
    rows = "".join(f"<dt>{_shown(k)}</dt><dd>{_shown(v)}</dd>" for k, v in facts.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{_shown(title)}</title><style>{_STYLE}</style>"
        f"<h1>{_shown(title)}</h1><dl>{rows}</dl>{body}</html>\n"
    )


def _kernel(notebook: Notebook) -> str:
    return str(notebook.metadata.get("kernelspec", {}).get("name", "none"))


def _moved(old: list[str], new: list[str]) -> set[str]:
    """Those that stand in another order than before: order is meaning in a notebook."""
    blocks = difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_matching_blocks()
    in_order = {name for block in blocks for name in new[block.b : block.b + block.size]}
    return set(new) - in_order


def _cell(old: Notebook | None, new: Notebook | None, moved: bool) -> Change:
    cell = new if new is not None else old
    assert cell is not None
    before = old.source if old is not None else None
    after = new.source if new is not None else None
    kind, note = _kind(before, after), ""
    if old is not None and new is not None:
        note = "; ".join(_retyped(old, new))
        if kind == "unchanged" and moved:
            kind = "moved"
        if old.cell_type != new.cell_type:
            kind = "changed"
    name = f"{cell.cell_type} {cell.id}"
    return Change(name, kind, before or "", after or "", note, cell.cell_type == "code")


def _retyped(old: Notebook, new: Notebook) -> Iterator[str]:
    if old.cell_type != new.cell_type:
        yield f"{old.cell_type} → {new.cell_type}"
    had, has = (", ".join(cell.metadata.get("tags", [])) or "none" for cell in (old, new))
    if had != has:
        yield f"tags {had} → {has}"


def _kind(before: str | None, after: str | None) -> Kind:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    return "unchanged" if before == after else "changed"


def _file(path: str, before: str | None, after: str | None) -> Change:
    return Change(f"file {path}", _kind(before, after), before or "", after or "")


def _compared(comparison: Comparison) -> str:
    changes = "".join(_section(change) for change in comparison.changes)
    heading, summary = _shown(comparison.heading), escape(comparison.summary)
    return f"<h2>{heading}</h2><p>{summary}</p>{changes}"


def _section(change: Change) -> str:
    note = f" ({change.note})" if change.note else ""
    header = _shown(f"{change.name}: {change.kind}{note}")
    if change.before == change.after:
        lines = "".join(f"<span>{_shown(line)}</span>" for line in _split(change.after))
        opened = " open" if change.is_code else ""
        return (
            f"<section><details{opened}><summary>{header}</summary>"
            f"<pre>{lines}</pre></details></section>"
        )
    lines = "".join(_lines(_split(change.before), _split(change.after)))
    return f"<section><header>{header}</header><pre>{lines}</pre></section>"


def _lines(before: list[str], after: list[str]) -> Iterator[str]:
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    for _, first, last, start, end in matcher.get_opcodes():
        if before[first:last] == after[start:end]:
            yield from (_line(" ", "", line) for line in after[start:end])
            continue
        yield from (_line("-", ' class="del"', line) for line in before[first:last])
        yield from (_line("+", ' class="add"', line) for line in after[start:end])


def _split(text: str) -> list[str]:
    """Lines; not `str.splitlines`, which takes half a dozen invisible characters for line ends."""
    return text.split("\n") if text else []


def _line(mark: str, style: str, text: str) -> str:
    return f"<span{style}>{mark} {_shown(text)}</span>"


def _shown(text: str) -> str:
    return escape(visible(text))
