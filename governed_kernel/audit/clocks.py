"""Whose clock was ahead: signed entries that are dated after now, or after what follows them.

Each counts as it stands, since the ledger's order decides what came first. What ends on a day
(accepted risks, the retention of data) ends by the latest moment that a signature puts on record,
so that no clock which is set back revives it: a clock that is ahead ends it too early, and whoever
wonders why is told here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.events import now

__all__ = ["TOLERANCE", "clocks_ahead"]

TOLERANCE = timedelta(minutes=5)
"""By which the clocks of machines that work together may differ."""


def clocks_ahead(entries: Iterable[Entry], at: datetime | None = None) -> dict[int, str]:
    """The number of each entry that counts and is dated ahead of others, and what is to be said.

    Parameters
    ----------
    at : datetime, optional
        Now.
    """
    present, found = at or now(), dict[int, str]()
    latest: tuple[datetime, Entry] | None = None
    for entry in entries:
        if not entry.valid or entry.predicate is None:
            continue
        time = max(entry.occurred_at, entry.predicate.signed_at)
        if time - present > TOLERANCE:
            found[entry.number] = _said(entry, time, time - present, "now")
            continue
        if latest is not None and latest[0] - time > TOLERANCE:
            what = f"record {entry.number}, which follows it"
            said = _said(latest[1], latest[0], latest[0] - time, what)
            found.setdefault(latest[1].number, said)
        if latest is None or time > latest[0]:
            latest = time, entry
    return found


def _said(entry: Entry, time: datetime, by: timedelta, what: str) -> str:
    who = entry.predicate.printed_name if entry.predicate else ""
    return (
        f"{who} signed it, dated {time:%Y-%m-%d %H:%M} UTC, {_span(by)} ahead of {what}: a clock "
        "was wrong. It counts, in its place; accepted risks and retention may end too early by it"
    )


def _span(by: timedelta) -> str:
    """A span in its two largest units, such as ``3 days 2 h``."""
    hours, rest = divmod(by.seconds, 3600)
    units = [(by.days, "day" if by.days == 1 else "days"), (hours, "h"), (rest // 60, "min")]
    return " ".join(f"{number} {unit}" for number, unit in units if number) or "a moment"
