"""Dates as people write them, as the moments that the store and the ledger know."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from governed_kernel.errors import UsageError

__all__ = ["moment"]


def moment(text: str, *, end_of_day: bool = False) -> datetime:
    """The moment meant by an ISO 8601 date or date and time, in UTC.

    Parameters
    ----------
    text : str
        ``2026-11-21``, ``2026-11-21T14:30`` or ``2026-11-21T14:30:00+01:00``; without an offset
        it is UTC.
    end_of_day : bool
        A date alone means its last microsecond, not its first.

    Raises
    ------
    UsageError
        It is no date.

    Examples
    --------
    >>> moment("2026-11-21T14:30:00+01:00")
    datetime.datetime(2026, 11, 21, 13, 30, tzinfo=datetime.timezone.utc)
    """
    try:
        if "T" not in text and " " not in text:
            day = date.fromisoformat(text)
            return datetime.combine(day, time.max if end_of_day else time.min, UTC)
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no date",
            why=str(error),
            next="write it as 2026-11-21 or 2026-11-21T14:30:00+01:00 (UTC without an offset)",
        ) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
