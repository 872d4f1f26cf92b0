"""What must hold of a division: nothing invented, nothing twice, nothing shared between parts."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governed_kernel.errors import CheckFailed, UsageError
from governed_kernel.governance.frames import read_pandas

__all__ = ["Checked", "check_beside", "check_parts"]


@dataclass(frozen=True)
class Checked:
    """The rows of each part, the rows the code left out, and what was looked for and not found."""

    rows: dict[str, int]
    dropped: int
    leaks: dict[str, int]


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
        found = ", ".join(f"{count} {check}" for check, count in leaks.items() if count)
        raise CheckFailed(
            "the parts share what they must not share",
            why=f"{found} in more than one part",
            next="keep everything of one entity, and all copies of a row, in one part",
        )
    return Checked({part: len(table) for part, table in tables.items()}, dropped, leaks)


def check_beside(
    parts: Mapping[str, Path],
    holdouts: Sequence[tuple[str, Path]],
    keys: Sequence[str],
    targets: Sequence[str],
) -> dict[str, int]:
    """Hold what is trained on against holdouts of other versions that were made from the same.

    An entity tells for itself, where both have its key; else all columns do that both have.

    Parameters
    ----------
    holdouts : sequence of (NAME@VERSION, Path)

    Raises
    ------
    CheckFailed
        They share an entity or a row, or no column by which that could be told.
    """
    train = _text_table(parts["train"].read_text(encoding="utf-8"))
    for name, path in holdouts:
        held = _text_table(path.read_text(encoding="utf-8"))
        both = [column for column in train.columns if column in held.columns]
        by = [key for key in keys if key in both]
        columns = by or [column for column in both if column not in targets]
        shared = len(set(_rows(train, columns)) & set(_rows(held, columns))) if columns else 0
        if shared or not columns:
            what = f"{'entities' if by else 'rows'} by {', '.join(columns)}" if columns else ""
            raise CheckFailed(
                f"what would be trained on can't be told apart from the holdout {name}",
                why=f"{shared} {what} are in both, which were made from the same data"
                if columns
                else "both were made from the same data, and they have no column in common",
                next="keep the column that names an entity in both, and divide by it in the same "
                "way, with the same seed: --key COLUMN",
            )
    return {"rows of holdouts made from the same": 0} if holdouts else {}


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


def _of_locked(tables: Mapping[str, Any], locked: Sequence[Path], columns: Sequence[str]) -> int:
    """How many rows outside the new holdout lie in an earlier one."""
    before: set[tuple[str, ...]] = set()
    for path in locked:
        table = _text_table(path.read_text(encoding="utf-8"))
        if set(columns) <= set(table.columns):
            before.update(_rows(table, columns))
    return sum(
        len(before & set(_rows(table, columns)))
        for part, table in tables.items()
        if part != "holdout"
    )
