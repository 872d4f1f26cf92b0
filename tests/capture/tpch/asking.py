"""Runs the queries of TPC-H in each dialect under the observers, and compares the answers."""

from __future__ import annotations

import functools
import tomllib
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record
from tests.capture.tpch import EXPECTED, QUERIES, Origins, agreement, tables, write_files

__all__ = ["DIALECTS", "Answer", "agreed", "answers", "differences", "same_rows"]

ADAPTERS = Path(__file__).parents[1] / "adapters"
DIALECTS = ("DuckDB SQL", "pandas", "polars", "polars lazy", "polars SQL")
EQUAL = (
    ("c_custkey", "o_custkey"),
    ("l_orderkey", "o_orderkey"),
    ("l_suppkey", "s_suppkey", "ps_suppkey"),
    ("p_partkey", "l_partkey", "ps_partkey"),
    ("n_nationkey", "c_nationkey", "s_nationkey"),
    ("n_regionkey", "r_regionkey"),
)
"""Keys that the joins make equal: values may be said to come from either."""
_POLARS = "import polars as pl\nfrom datetime import date\nfrom polars import col"
_STARTS = {
    "DuckDB SQL": "import duckdb",
    "pandas": "import numpy as np\nimport pandas as pd\nfrom datetime import date",
    "polars": _POLARS,
    "polars lazy": _POLARS,
    "polars SQL": _POLARS,
}
_READS = {
    "DuckDB SQL": "duckdb.sql(\"CREATE OR REPLACE VIEW {0} AS FROM '{0}.parquet'\")",
    "pandas": "{0} = pd.read_parquet('{0}.parquet', dtype_backend='pyarrow')",
    "polars": "{0} = pl.read_parquet('{0}.parquet')",
    "polars lazy": "{0} = pl.scan_parquet('{0}.parquet')",
    "polars SQL": "{0} = pl.scan_parquet('{0}.parquet')",
}
_WRITES = {
    "DuckDB SQL": "made.write_parquet('q{0}.parquet')",
    "pandas": "made.to_parquet('q{0}.parquet', index=False)",
    "polars": "made.write_parquet('q{0}.parquet')",
    "polars lazy": "made.sink_parquet('q{0}.parquet')",
    "polars SQL": "made.sink_parquet('q{0}.parquet')",
}


class Answer(NamedTuple):
    """What the record says of one query in one dialect."""

    origins: Origins
    evidence: Counter[str]
    """How often origins are known in which way."""
    rows: list[tuple[Any, ...]]
    problem: str = ""
    """Why there is no answer."""


def programs(dialect: str) -> dict[int, str]:
    """The queries as they are written in a dialect."""
    if dialect in ("pandas", "polars", "polars lazy"):
        text = (ADAPTERS / dialect.split()[0] / "tpch.toml").read_text()
        return {int(name[1:]): program for name, program in tomllib.loads(text).items()}
    function = "duckdb.sql" if dialect == "DuckDB SQL" else "pl.sql"
    texts = {number: sql.strip().rstrip(";") for number, sql in QUERIES.items()}
    return {number: f"made = {function}({sql!r})" for number, sql in texts.items()}


def answers(dialect: str, folder: Path) -> dict[int, Answer]:
    """Run every query of a dialect in one process, each in a cell of its own."""
    with duckdb.connect() as connection:
        tables(connection)
        names = write_files(connection, folder)
    written = sorted(programs(dialect).items())
    read = "\n".join(_READS[dialect].format(name) for name in names)
    cells = [_STARTS[dialect]] + [
        f"{read}\n{program}\n{_WRITES[dialect].format(number)}" for number, program in written
    ]
    recording = record(folder, cells)
    return {number: _answer(recording, cell, number) for cell, (number, _) in enumerate(written, 2)}


def _answer(recording: Recording, cell: int, number: int) -> Answer:
    problem = recording.errors[cell - 1]
    lost = [recording.texts[each.error] for each in recording.of(ObserverLost, cell)]
    if problem or lost:
        return Answer({}, Counter(), [], problem or lost[0])
    steps = recording.of(Transformation, cell)
    path = Path(recording.folder) / f"q{number}.parquet"
    uri = f"file://{path}"
    (names,) = [each.columns for step in steps for each in step.outputs if each.entity == uri]
    found: Origins = {}
    evidence: Counter[str] = Counter()
    for name in names:
        origins = origins_of(steps, uri, name)
        evidence.update(how for *_, how in origins)
        found[name] = {(f"{Path(source).stem}.{into}", word) for source, into, word, _ in origins}
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT {_listed(number)} FROM '{path}'").fetchall()
    return Answer(found, evidence, rows)


def _listed(number: int) -> str:
    if number == 18:  # polars gives the sum another name
        return "*"
    return ", ".join(f'"{name}"' for name in EXPECTED[number])


def by_one_name(origins: Origins) -> Origins:
    """Values of keys that are equal go by the first of their names."""
    first = {name: names[0] for names in EQUAL for name in names}
    return {
        column: {
            (name if word == "decides rows" else first.get(name.partition(".")[2], name), word)
            for name, word in found
        }
        for column, found in origins.items()
    }


def differences(answer: Answer, number: int) -> tuple[list[str], list[str]]:
    """What an answer lacks of what a person says of the query, and what it has too much."""
    expected, origins = EXPECTED[number], answer.origins
    if number == 18:
        origins = dict(zip(expected, origins.values(), strict=True))
    found, told = by_one_name(agreement(origins)), by_one_name(agreement(expected))
    columns = dict.fromkeys([*told, *found])
    missing = [
        f"{column} < {name} {word}"
        for column in columns
        for name, word in sorted(told.get(column, set()) - found.get(column, set()))
    ]
    surplus = [
        f"{column} < {name} {word}"
        for column in columns
        for name, word in sorted(found.get(column, set()) - told.get(column, set()))
    ]
    return missing, surplus


def agreed(answer: Answer, number: int) -> bool:
    """Whether an answer is what a person says of the query."""
    return not answer.problem and differences(answer, number) == ([], [])


def same_rows(answer: Answer, number: int) -> bool:
    """Whether a program finds what the query finds: only then it asks the same."""
    return _plain(_rows()[number]) == _plain(answer.rows)


@functools.cache
def _rows() -> dict[int, list[tuple[Any, ...]]]:
    with duckdb.connect() as connection:
        tables(connection)
        return {number: connection.execute(sql).fetchall() for number, sql in QUERIES.items()}


def _plain(rows: Iterable[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """In one order (of rows with the same sort keys programs choose their own), and rounded."""
    return sorted(tuple(_rounded(value) for value in row) for row in rows)


def _rounded(value: Any) -> str:
    return f"{float(value):.4f}" if isinstance(value, (int, float, Decimal)) else str(value)
