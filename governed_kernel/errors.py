"""The errors of the product: one tree, each leaf with an exit code of the command line.

::

    GovernedError                 1
    ├── UsageError                2  the command or call was not meaningful
    │   ├── ConfigurationError    2  governed.toml (file and line are named)
    │   └── UnknownName           2  no such dataset, person, release, run …
    ├── CheckFailed               1  a check or verification says no
    ├── Refused                   3  a gate or a policy says no
    │   ├── NotApproved           3  an approval is missing or does not count
    │   ├── PolicyDenied          3  an access that policy forbids
    │   ├── SignatureRefused      3  wrong passphrase, revoked or unknown key
    │   └── ParameterRefused      3  a parameter outside its approved schema
    ├── IntegrityBroken           4  bytes are not what was recorded
    ├── RunFailed                 5  a run started and did not finish well
    ├── ResourceMissing           6  disk, GPU, package, database
    │   ├── MissingExtra          6  an optional library; names the extra
    │   └── LockHeld              6  another process does not let go of a lock
    └── RecorderLost              6  the session can no longer be recorded

Every message has three parts: what happened, why, and what to do next.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CheckFailed",
    "ConfigurationError",
    "GovernedError",
    "IntegrityBroken",
    "LockHeld",
    "MissingExtra",
    "NotApproved",
    "ParameterRefused",
    "PolicyDenied",
    "RecorderLost",
    "Refused",
    "ResourceMissing",
    "RunFailed",
    "SignatureRefused",
    "UnknownName",
    "UsageError",
]


class GovernedError(Exception):
    """Base of every error the product raises on purpose.

    Parameters
    ----------
    what : str
        What happened, in one sentence.
    why : str
        The reason, with the facts (names, digests, numbers).
    next : str
        What the reader can do about it.
    """

    exit_code: ClassVar[int] = 1
    on_record = False
    """Whether the ledger tells of this attempt already."""

    def __init__(self, what: str, why: str = "", next: str = "") -> None:
        self.what = what
        self.why = why
        self.next = next
        super().__init__(what, why, next)

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"why:  {self.why}")
        if self.next:
            lines.append(f"next: {self.next}")
        return "\n".join(lines)

    def describe(self) -> dict[str, object]:
        """The error as a JSON object, for ``--json`` and for the REST routes."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "why": self.why,
            "next": self.next,
            "exit_code": self.exit_code,
        }


class UsageError(GovernedError):
    """The command or call was not meaningful."""

    exit_code = 2


class ConfigurationError(UsageError):
    """``governed.toml`` is wrong; the message names file and line."""


class UnknownName(UsageError):
    """No dataset, person, release, run … of that name."""


class CheckFailed(GovernedError):
    """A check or a verification says no."""

    exit_code = 1


class Refused(GovernedError):
    """A gate or a policy says no. Nothing was started."""

    exit_code = 3


class NotApproved(Refused):
    """An approval is missing, or one that exists does not count."""


class PolicyDenied(Refused):
    """An access or an action that policy forbids."""

    policies: tuple[str, ...] = ()
    """Ids of the policies that decided."""


class SignatureRefused(Refused):
    """A signature could not be made or does not count."""


class ParameterRefused(Refused):
    """A parameter outside its approved schema."""


class IntegrityBroken(GovernedError):
    """Bytes are not what was recorded."""

    exit_code = 4


class RunFailed(GovernedError):
    """A run started and did not finish well."""

    exit_code = 5


class ResourceMissing(GovernedError):
    """Something outside the product is missing: disk, GPU, package, database."""

    exit_code = 6


class MissingExtra(ResourceMissing):
    """An optional library is not installed; the message names the extra."""

    def __init__(self, library: str, extra: str) -> None:
        self.library = library
        self.extra = extra
        super().__init__(
            f"{library} is not installed",
            why="it is an optional part of governed-notebooks",
            next=f"pip install 'governed-notebooks[{extra}]'",
        )

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        return type(self), (self.library, self.extra)


class LockHeld(ResourceMissing):
    """Another process does not let go of a lock."""


class RecorderLost(ResourceMissing):
    """The recorder of this session is gone, so nothing may run any more."""
