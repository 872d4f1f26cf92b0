r"""The rules of a controlled transformation: a file in TOML that people read, review and version.

.. code-block:: toml

    [transform]
    into = "biopsies-minimal"
    description = "What the model needs, and no more"

    [keep]                        # every other column is left out
    size = "the model predicts from it"

    [[filter]]
    where = "size > 0"            # rows for which this does not hold are left out
    reason = "a biopsy without a size was not measured"

    [[deduplicate]]
    by = ["size", "shape"]        # of rows that are alike in these one stays: the first
    reason = "the same slide was scanned twice"

    [[redact]]
    columns = ["note"]            # "*": every column of text; then no column may match
    pattern = '\d{3}-\d{4}'
    with = "[telephone]"
    reason = "notes hold telephone numbers"

    [synthesise]                  # each column drawn anew, so that rows belong to nobody
    rows = 1000
    seed = 7
    reason = "shown to suppliers"

    [[criterion]]
    name = "few are lost"
    sql = "(select count(*) from after) / (select count(*) from before)"
    minimum = 0.9
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from governed_kernel import toml
from governed_kernel.errors import UsageError
from governed_kernel.files import read_regular

__all__ = ["Criterion", "Deduplicate", "Filter", "Redact", "Rules", "Synthesise", "read_rules"]

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Columns = Annotated[list[_Text], msgspec.Meta(min_length=1)]


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Transform(_Rule, frozen=True):
    """``[transform]``: what is made."""

    into: str = ""
    """Name of what is made; the name of the rules' file, behind that of the data, when empty."""
    description: str = ""
    """What it is for."""
    data_class: str = msgspec.field(default="", name="class")
    """Its class; that of what it is made from when empty."""


class Filter(_Rule, frozen=True):
    """``[[filter]]``: rows stay for which an expression of SQL holds."""

    where: _Text
    reason: _Text


class Deduplicate(_Rule, frozen=True):
    """``[[deduplicate]]``: of rows that are alike the first stays."""

    reason: _Text
    by: list[_Text] = []
    """All columns that are kept when empty."""


class Redact(_Rule, frozen=True):
    """``[[redact]]``: what matches a regular expression (RE2) is replaced."""

    columns: _Columns
    pattern: _Text
    reason: _Text
    with_: str = msgspec.field(default="[redacted]", name="with")


class Synthesise(_Rule, frozen=True):
    """``[synthesise]``: rows whose columns are drawn independently from those of the data."""

    rows: Annotated[int, msgspec.Meta(ge=1)]
    seed: int
    reason: _Text


class Criterion(_Rule, frozen=True):
    """``[[criterion]]``: a number, computed from ``before`` and ``after``, and its bounds."""

    name: _Text
    sql: _Text
    minimum: float | None = None
    maximum: float | None = None


class Rules(_Rule, frozen=True):
    """A whole file of rules; they are carried out in the order in which they stand here."""

    transform: Transform = Transform()
    filter: list[Filter] = []
    deduplicate: list[Deduplicate] = []
    redact: list[Redact] = []
    keep: dict[_Text, _Text] = {}
    """Column → reason to keep it; all columns are kept when there is none."""
    synthesise: Synthesise | None = None
    criterion: list[Criterion] = []


def read_rules(path: Path) -> tuple[Rules, bytes]:
    """The rules at `path`, checked, and the bytes they were read from.

    Raises
    ------
    UsageError
        There are none, or they say something that has no meaning.
    """
    try:
        data = read_regular(path)
        rules = msgspec.convert(toml.parse(data.decode()), Rules)
    except (OSError, UnicodeDecodeError, toml.NotToml) as error:
        raise _unusable(path, str(error)) from error
    except msgspec.ValidationError as error:
        raise _unusable(path, str(error)) from error
    if not (rules.filter or rules.deduplicate or rules.redact or rules.keep or rules.synthesise):
        raise _unusable(path, "they change nothing")
    for criterion in rules.criterion:
        if criterion.minimum is None and criterion.maximum is None:
            raise _unusable(path, f"the criterion {criterion.name!r} has no bound")
    return rules, data


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path.name} holds no rules of a transformation",
        why=why,
        next="mend the file; 'governed data transform --help' shows what it may say",
    )
