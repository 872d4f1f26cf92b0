"""What a promotion check finds, as facts that can describe themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

__all__ = ["Finding", "is_blocked"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a check found.

    Attributes
    ----------
    code : str
        Stable name of the kind of finding, such as ``cells-out-of-order``.
    severity : {'blocking', 'warning', 'note'}
        Blocking findings refuse promotion; warnings are shown to reviewers.
    what, why, next : str
        The finding, its reason, and what to do.
    cell_index : int
        Position of the cell in the notebook from 0; -1 when it concerns no cell.
    subject : str
        The path, or the line, that it is about; empty where there is no one thing.
    """

    code: str
    severity: Literal["blocking", "warning", "note"]
    what: str
    why: str
    next: str
    cell_index: int = -1
    cell_id: str = ""
    subject: str = ""


def is_blocked(findings: Iterable[Finding]) -> bool:
    """Whether any finding refuses promotion."""
    return any(finding.severity == "blocking" for finding in findings)
