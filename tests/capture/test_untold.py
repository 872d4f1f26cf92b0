"""A computed number that equals one which is written out nearby, and the other way round.

The largest ``b`` is 3, and Python has one object for all threes.
"""

from __future__ import annotations

import duckdb
import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record

TABLE = "(values (1, 1, 0.5), (2, 3, 3.0), (5, 2, 2.5), (7, 1, 1.0)) t(a, b, c)"
START = "import numpy as np, pandas as pd, polars as pl"
READ = {
    "pandas": "df = pd.read_parquet('t.parquet'); n = int(df.b.max())",
    "polars": "df = pl.read_parquet('t.parquet'); n = df['b'].max()",
    "lazy": "df = pl.scan_parquet('t.parquet'); n = df.select(pl.col('b').max()).collect().item()",
}
WRITE = {
    "pandas": "df.to_parquet(OUT)",
    "polars": "df.write_parquet(OUT)",
    "lazy": "df.sink_parquet(OUT)",
}

OWING = {
    "pandas": {
        "a name": "df = df[df.a > n]",
        "a name beside the literal": "df = df[(df.a > n) & (df.a != 3)]",
        "a sum with the literal": "df = df.assign(a=df.a * n + 3)",
        "a call beside the literal": "df['a'] = df.a * int(df.b.max()) + 3",
        "a list with the literal": "df = df.assign(a=[n, 3, 3, 3])",
        "in a function that says the number": """
def few(df):
    n = int(df.b.max())
    return df[(df.a > n) & (df.a != 3)]
df = few(df)""",
        "in a function within one": """
def few(df):
    n = int(df.b.max())
    return df.assign(a=df.a.map(lambda v: v * n if v != 3 else 0))
df = few(df)""",
        "in the place of a default": """
def few(df, most=3):
    return df[df.a > most]
df = few(df, n)""",
        "in a container beside the literal": """
limits = {"low": n, "high": 3}
df = df[df.a > limits["low"]]""",
    },
    "polars": {
        "a name beside the literal": "df = df.filter((pl.col('a') > n) & (pl.col('a') != 3))",
        "an expression that was made before": """
condition = pl.col('a') > n
other = df.filter(pl.col('a') != 3)
df = df.filter(condition & (pl.col('a') != 3))""",
        "a call beside the literal": "df = df.filter(pl.col('a') > df['b'].max(), a=3)",
        "in a function that says the number": """
def few(df):
    n = df['b'].max()
    return df.filter((pl.col('a') > n) & (pl.col('a') != 3))
df = few(df)""",
    },
    "lazy": {
        "before the literal": """
df = df.filter(pl.col('a') > n)
df = df.filter(pl.col('a') != 3)""",
        "after the literal": """
df = df.filter(pl.col('a') != 3)
df = df.filter(pl.col('a') > n)""",
        "an expression that was made before": """
condition = pl.col('a') > n
other = df.filter(pl.col('a') != 3)
df = df.filter(condition & (pl.col('a') != 3))""",
        "in a loop beside the literal": """
for _ in range(2):
    df = df.filter(pl.col('a') > n)
    df = df.filter(pl.col('a') != 3)""",
        "in a function that says the number": """
def few(df):
    n = df.select(pl.col('b').max()).collect().item()
    return df.filter((pl.col('a') > n) & (pl.col('a') != 3))
df = few(df)""",
    },
}
WRITTEN_OUT = {
    "pandas": {
        "the literal": "df = df[df.a > 3]",
        "the name of another literal": "n = 3; df = df[df.a > n]",
        "a list of literals": "df = df.assign(a=[3, 3, 3, 3])",
        "in a function that computes the number": """
def few(df):
    print(int(df.b.max()))
    return df[df.a > 3]
df = few(df)""",
        "assigned in a function that computes the number": """
def few(df):
    n = int(df.b.max())
    return df.assign(a=3)
df = few(df)""",
        "a default": """
def few(df, most=3):
    return df[df.a > most]
df = few(df)""",
    },
    "polars": {
        "the literal": "df = df.filter(pl.col('a') > 3)",
        "the name of another literal": "n = 3; df = df.filter(pl.col('a') > n)",
        "in a container": "limits = {'low': 3}; df = df.filter(pl.col('a') > limits['low'])",
        "in a function that computes the number": """
def few(df):
    n = df['b'].max()
    return df.filter(pl.col('a') != 3)
df = few(df)""",
    },
    "lazy": {
        "the literal": "df = df.filter(pl.col('a') > 3)",
        "beside another plan with the number": """
other = df.filter(pl.col('a') > n)
df = df.filter(pl.col('a') > 3)""",
        "the name of another literal": "n = 3; df = df.filter(pl.col('a') > n)",
        "a default": """
def few(df, most=3):
    return df.filter(pl.col('a') > most)
df = few(df)""",
    },
}  # fmt: skip


def _all(cases: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    return [(library, name) for library, names in cases.items() for name in names]


CASES = [
    *((*case, OWING[case[0]][case[1]]) for case in _all(OWING)),
    *((*case, WRITTEN_OUT[case[0]][case[1]]) for case in _all(WRITTEN_OUT)),
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("untold")
    duckdb.sql(f"copy (from {TABLE}) to '{folder}/t.parquet'")
    cells = [START]
    for number, (library, _, does) in enumerate(CASES, 2):
        last = "df = df[['a']]" if library == "pandas" else "df = df.select('a')"
        wrote = WRITE[library].replace("OUT", f"'{number}.parquet'")
        # What an earlier case has bound must tell nothing of this one.
        cells.append(f"n = other = None\n{READ[library]}\n{does}\n{last}\n{wrote}")
    return record(folder, cells)


def sources(recording: Recording, library: str, name: str, does: str) -> set[str]:
    number = CASES.index((library, name, does)) + 2
    assert recording.errors[number - 1] == ""
    assert recording.of(ObserverLost, number) == []
    steps = recording.of(Transformation, number)
    found = origins_of(steps, f"file://{recording.folder}/{number}.parquet", "a")
    return {column for _, column, _, _ in found}


@pytest.mark.parametrize(("library", "name"), _all(OWING))
def test_a_computed_number_is_told_though_its_value_is_written_out_nearby(
    recording: Recording, library: str, name: str
) -> None:
    assert "b" in sources(recording, library, name, OWING[library][name])


@pytest.mark.parametrize(("library", "name"), _all(WRITTEN_OUT))
def test_a_literal_owes_to_nothing_though_such_a_number_was_computed_nearby(
    recording: Recording, library: str, name: str
) -> None:
    assert "b" not in sources(recording, library, name, WRITTEN_OUT[library][name])
