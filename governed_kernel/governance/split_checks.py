"""What must hold of a division: nothing invented, nothing twice, nothing shared between parts."""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governed_kernel.errors import CheckFailed, UsageError
from governed_kernel.governance.frames import read_pandas
from governed_kernel.governance.leaks import in_words

__all__ = ["Beside", "Checked", "check_beside", "check_parts"]

_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*")


@dataclass(frozen=True)
class Checked:
    """The rows of each part, the rows the code left out, and what was looked for and not found."""

    rows: dict[str, int]
    dropped: int
    leaks: dict[str, int]


@dataclass(frozen=True)
class Beside:
    """A holdout, ``NAME@VERSION``, and the version that it was divided off."""

    name: str
    holdout: Path
    whole: Path


def check_parts(
    parent: Path,
    parts: Mapping[str, Path],
    *,
    keys: Sequence[str] = (),
    targets: Sequence[str] = (),
    locked: Sequence[Path] = (),
) -> Checked:
    """Hold the written parts against their parent.

    Parameters
    ----------
    keys : sequence of str
        Columns that name an entity (a patient); an entity may be in one part only.
    targets : sequence of str
        Columns that are predicted; rows that differ only there or in `keys` are duplicates.
    locked : sequence of Path
        Earlier locked holdouts; their rows may not come into another part.

    Raises
    ------
    CheckFailed
        A row was invented or is in two parts, or something leaks; with counts.
    UsageError
        A column named does not exist.
    """
    whole = _as_written(parent)
    columns = list(whole.columns)
    unknown = [name for name in (*keys, *targets) if name not in columns]
    if unknown:
        raise UsageError(
            f"the dataset has no column {', '.join(map(repr, unknown))}",
            why=f"its columns are {', '.join(columns)}",
            next="name columns of the dataset with --key and --target",
        )
    tables = {part: _text_table(path.read_text(encoding="utf-8")) for part, path in parts.items()}
    dropped = _check_rows(whole, tables)
    features = [name for name in columns if name not in {*keys, *targets}]
    leaks = {"duplicate rows": _shared(tables, features)}
    for key in keys:
        leaks[f"entities by {key}"] = _shared(tables, [key])
    if locked:
        leaks["rows of an earlier holdout"] = _of_locked(tables, locked, features)
    if any(leaks.values()):
        raise CheckFailed(
            "the parts share what they must not share",
            why="; ".join([in_words(leaks), *_of_nobody(tables, keys)]),
            next="keep everything of one entity, and all copies of a row, in one part",
        )
    return Checked({part: len(table) for part, table in tables.items()}, dropped, leaks)


def check_beside(
    parts: Mapping[str, Path],
    parent: Path,
    holdouts: Sequence[Beside],
    keys: Sequence[str],
    targets: Sequence[str],
) -> dict[str, int]:
    """Hold what is trained on against holdouts of other versions that were made from the same.

    An entity tells for itself, where both have its key; else all columns do that both have. Who
    is not found at all may be there under another writing, so that both sides must not have such.

    Raises
    ------
    CheckFailed
        They share an entity or a row, or it can't be told whether they do.
    """
    if not holdouts:
        return {}
    train, whole = _text_table(parts["train"].read_text(encoding="utf-8")), _as_written(parent)
    for beside in holdouts:
        held = _text_table(beside.holdout.read_text(encoding="utf-8"))
        both = [column for column in train.columns if column in held.columns]
        by = [[key] for key in keys if key in both]
        features = [column for column in both if column not in targets]
        why = (
            ""
            if by or features
            else "both were made from the same data, and have no column in common"
        )
        tables = (train, held, whole, _as_written(beside.whole))
        for columns in by or [features]:
            what = f"{'entities' if by else 'rows'} by {', '.join(columns)}"
            why = why or _doubt(what, *_told(columns, *tables))
        if why:
            raise CheckFailed(
                f"what would be trained on can't be told apart from the holdout {beside.name}",
                why=why,
                next="keep the column that names an entity in both, as it is and with all its "
                "rows (leave rows out of the parts), and divide by it in the same way, with the "
                "same seed: --key COLUMN",
            )
    return {"rows of holdouts made from the same": 0}


_Told = set[tuple[object, ...]]


def _doubt(what: str, train: _Told, held: _Told, whole: _Told, other: _Told) -> str:
    """Why what is trained on may be of the holdout; empty where it is not."""
    if shared := len(train & held):
        return f"{shared} {what} are in both, which were made from the same data"
    named = {row for row in whole | other if any(value is not None for value in row)}
    new, gone = train - (other & named), held - (whole & named)  # without a key it may be anybody
    if new and gone:
        return (
            f"{len(new)} {what} of the training part are not in what that was divided off, and "
            f"{len(gone)} of the holdout not in what is divided now: they may be the same, "
            "written otherwise"
        )
    return ""


def _told(columns: Sequence[str], *tables: Any) -> list[_Told]:
    """What each table's rows say there, comparable: other versions may write 8.0 where one has 8.

    Whole numbers keep all their digits, where a column has no others.
    """
    read = {}
    for column in columns:
        texts = {text for table in tables if column in table.columns for text in table[column]}
        number = int if all(_WHOLE.fullmatch(text) for text in texts if text) else float
        read[column] = {text: _value(text.strip(), number) for text in texts}
    found = []
    for table in tables:
        values = ([read[column][text] for text in table[column]] for column in columns)
        found.append(set(zip(*values, strict=True)))
    return found


def _value(text: str, number: type[int | float]) -> object:
    """A number, another text as it is, or None for nothing."""
    try:
        value = number(text)
    except ValueError:
        return text or None
    return text if isinstance(value, float) and math.isnan(value) else value


def _as_written(path: Path) -> Any:
    """The parent as text, passed through the same writer as the parts."""
    text: str = read_pandas(path).to_csv(index=False, lineterminator="\n")
    return _text_table(text)


def _text_table(text: str) -> Any:
    import pandas as pd

    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, na_filter=False)


def _rows(table: Any, columns: Sequence[str]) -> list[tuple[str, ...]]:
    return list(table[list(columns)].itertuples(index=False, name=None))


def _check_rows(whole: Any, tables: Mapping[str, Any]) -> int:
    """Every row of a part is a row of the parent, taken once; the number left out."""
    columns = list(whole.columns)
    there = Counter(_rows(whole, columns))
    taken: Counter[tuple[str, ...]] = Counter()
    for table in tables.values():
        taken.update(_rows(table, columns))
    invented = sum(count for row, count in taken.items() if row not in there)
    twice = sum(max(count - there[row], 0) for row, count in taken.items() if row in there)
    if invented or twice:
        raise CheckFailed(
            "the parts are no division of the dataset",
            why=f"{invented} rows are not in the dataset as they are, "
            f"{twice} were taken more often than they are there",
            next="a split only divides: give each row to one part, and change no value or type",
        )
    return int(sum(there.values()) - sum(taken.values()))


def _shared(tables: Mapping[str, Any], columns: Sequence[str]) -> int:
    """How many different values of `columns` occur in more than one part."""
    if not columns:
        return 0
    seen: Counter[tuple[str, ...]] = Counter()
    for table in tables.values():
        seen.update(set(_rows(table, columns)))
    return sum(count > 1 for count in seen.values())


def _of_nobody(tables: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Of each key that is empty in several parts: such rows count as one entity's."""
    return [
        f"one of these has no {key}: such rows may be of one and the same, so leave them out or "
        "keep them in one part"
        for key in keys
        if sum((table[key].str.strip() == "").any() for table in tables.values()) > 1
    ]


def _of_locked(tables: Mapping[str, Any], locked: Sequence[Path], columns: Sequence[str]) -> int:
    """How many rows outside the new holdout lie in an earlier one."""
    read = [_text_table(path.read_text(encoding="utf-8")) for path in locked]
    earlier = [table for table in read if set(columns) <= set(table.columns)]
    later = [table for part, table in tables.items() if part != "holdout"]
    told = _told(columns, *earlier, *later)
    before = set().union(*told[: len(earlier)])
    return sum(len(before & rows) for rows in told[len(earlier) :])
