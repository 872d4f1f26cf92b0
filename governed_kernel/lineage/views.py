"""The public views of the lineage store: names, columns, types and meaning, written down once.

This is a contract: `schema` makes the views and the comments in the database from it, and
`documentation` the page ``VIEWS.md`` beside this file. Moments are UTC without a zone; what is not
known is NULL.
"""

from __future__ import annotations

from governed_kernel.lineage.ledger_views import LEDGER_VIEWS
from governed_kernel.lineage.session_views import SESSION_VIEWS
from governed_kernel.lineage.view import View

__all__ = ["VIEWS", "documentation"]

VIEWS: tuple[View, ...] = SESSION_VIEWS + LEDGER_VIEWS
"""Every public view, in the order of the documentation."""


def documentation() -> str:
    """The views as a page of Markdown; ``python -m governed_kernel.lineage.views`` prints it."""
    lines = [
        "# Public views of the lineage store",
        "",
        "Made by `python -m governed_kernel.lineage.views`. Ask with",
        '`governed lineage sql "select …"`. Moments are UTC; what is not known is NULL.',
    ]
    for view in VIEWS:
        lines += ["", f"## {view.name}", "", view.comment, "", "| column | type | meaning |"]
        lines.append("|---|---|---|")
        lines += [f"| `{c.name}` | {c.type} | {c.comment} |" for c in view.columns]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(documentation(), end="")  # noqa: T201 (this is the page)
