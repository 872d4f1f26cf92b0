"""Whose clock was ahead: signed entries that are dated after now, or after what follows them.

Each counts as it stands, since the ledger's order decides what came first. What ends on a day
(accepted risks, the retention of data) ends by the latest moment that a signature puts on record,
so that no clock which is set back revives it: a clock that is ahead ends it too early, and whoever
wonders why is told here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import Predicate
from governed_kernel.lineage.events import now

__all__ = ["TOLERANCE", "clocks_ahead"]

TOLERANCE = timedelta(minutes=5)
"""By which the clocks of machines that work together may differ."""


def clocks_ahead(entries: Sequence[Entry], at: datetime | None = None) -> dict[int, str]:
    """The number of each entry that counts and is dated ahead of others, and what is to be said.

    Parameters
    ----------
    at : datetime, optional
        Now.
    """
    present, found = at or now(), dict[int, str]()
    earliest, follows = present, 0
    for entry in reversed(entries):
        if not entry.valid or entry.predicate is None:
            continue
        time = max(entry.occurred_at, entry.predicate.signed_at)
        if time - present > TOLERANCE:
            ahead = f"{_span(time - present)} ahead of now: a clock was wrong"
            found[entry.number] = _said(entry.predicate, time, ahead)
        elif time - earliest > TOLERANCE:
            ahead = f"{_span(time - earliest)} ahead of record {follows}, which follows it: one of"
            ahead += " the two clocks was wrong"
            found[entry.number] = _said(entry.predicate, time, ahead)
        elif time < earliest:
            earliest, follows = time, entry.number
    return found


def _said(signed: Predicate, time: datetime, ahead: str) -> str:
    return (
        f"{signed.printed_name} signed it, dated {time:%Y-%m-%d %H:%M} UTC, {ahead}. "
        "It counts, in its place; accepted risks and retention may end too early by it"
    )


def _span(by: timedelta) -> str:
    """A span in its two largest units, such as ``3 days 2 h``."""
    hours, rest = divmod(by.seconds, 3600)
    units = [(by.days, "day" if by.days == 1 else "days"), (hours, "h"), (rest // 60, "min")]
    said = [f"{number} {unit}" for number, unit in units if number]
    return " ".join(said[:2])
