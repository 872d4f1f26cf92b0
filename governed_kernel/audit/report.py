"""What a verification found: one check a thing, each with its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from governed_kernel.errors import GovernedError

__all__ = ["Check", "Kind", "Outcome", "Report", "checked", "told"]

Outcome = Literal["ok", "broken", "unsealed", "doubt", "unread"]
Kind = Literal[
    "ledger",
    "torn",
    "signature",
    "checkpoint",
    "since",
    "policy",
    "journal",
    "erasure",
    "dataset",
    "card",
    "object",
    "release",
    "run",
    "bundle",
    "deployment",
    "store",
    "derived files",
]
"""What is verified."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was verified.

    Attributes
    ----------
    outcome : {'ok', 'broken', 'unsealed', 'doubt', 'unread'}
        ``unsealed``: whole as far as it goes, but nothing in the ledger says where it ends.
        ``doubt``: nothing is broken by it, and an auditor should know of it: an entry that does not
        count or is dated ahead, content that nobody registered, what a power cut tore.
        ``unread``: it verified before and its file is as it was then; it was not looked at now.
    """

    kind: Kind
    subject: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """The outcome of a verification."""

    checks: list[Check]

    @property
    def broken(self) -> list[Check]:
        """What is not what was recorded."""
        return [check for check in self.checks if check.outcome == "broken"]

    @property
    def unread(self) -> list[Check]:
        """What an earlier verification found whole and this one did not look at."""
        return [check for check in self.checks if check.outcome == "unread"]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is broken."""
        return not self.broken

    def counts(self) -> dict[str, dict[str, int]]:
        """Kind → outcome → number."""
        found: dict[str, dict[str, int]] = {}
        for check in self.checks:
            outcomes = found.setdefault(check.kind, {})
            outcomes[check.outcome] = outcomes.get(check.outcome, 0) + 1
        return found


def checked(kind: Kind, subject: str, action: Callable[[], object], said: str = "") -> Check:
    """`action` as a check: broken when it raises, with its reason."""
    try:
        action()
    except Exception as error:
        return Check(kind, subject, "broken", _reason(error))
    return Check(kind, subject, "ok", said)


def told(kind: Kind, subject: str, checks: Iterable[Check]) -> Iterator[Check]:
    """The checks of one subject; where to make them raises it is broken, with the reason."""
    try:
        yield from checks
    except Exception as error:
        yield Check(kind, subject, "broken", _reason(error))


def _reason(error: Exception) -> str:
    """Why something is broken: what a check falls over is not what was recorded."""
    if isinstance(error, GovernedError):
        return f"{error.what}: {error.why}" if error.why else error.what
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return f"{type(error).__name__}: {error}"
