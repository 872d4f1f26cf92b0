"""Values written into a statement mean what they would if DuckDB bound them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governed_kernel.lineage.binding import writing_literals

PLAIN = st.none() | st.booleans() | st.integers(-(2**100), 2**100) | st.text(
    st.characters(exclude_categories=["Cs"])
)  # fmt: skip


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection]]:
    with duckdb.connect() as connection:
        yield connection, writing_literals(connection)


@settings(max_examples=200)
@given(values=st.lists(PLAIN, min_size=1, max_size=4))
def test_a_value_comes_back_as_it_was(values: list[Any]) -> None:
    with duckdb.connect() as connection:
        asked = "SELECT " + ", ".join("?" * len(values))
        found = writing_literals(connection).execute(asked, values).fetchone()
    assert found == tuple(values)


@settings(max_examples=100)
@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=20))
def test_so_does_a_list_of_texts(names: list[str]) -> None:
    with duckdb.connect() as connection:
        rows = writing_literals(connection).execute("SELECT unnest(?::VARCHAR[])", [names])
        assert [name for (name,) in rows.fetchall()] == names


@pytest.mark.parametrize(
    "text",
    ["'; DROP TABLE kept; --", "?", "''", "\\'", "a\0b", "$1", "/* */ ? --", "{}", "%s", "\n?"],
)
def test_no_text_leaves_its_place(text: str) -> None:
    with duckdb.connect() as connection:
        writing = writing_literals(connection)
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        asked = """SELECT ?, 'is ? it''s ?', one AS "?" FROM kept -- and ?
            WHERE ? = ?"""
        assert writing.execute(asked, [text, text, text]).fetchall() == [(text, "is ? it's ?", 1)]


@pytest.mark.parametrize("value", [1.5, b"bytes", ["x"] * 2_000, {"a": 1}, 2**126])
def test_what_is_not_plain_is_bound_as_ever(
    pair: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection], value: Any
) -> None:
    bound, writing = pair
    asked = "SELECT ?, ?"
    expected = bound.execute(asked, [value, "x"]).fetchall()
    assert writing.execute(asked, [value, "x"]).fetchall() == expected


def test_too_few_values_are_refused(
    pair: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection],
) -> None:
    with pytest.raises(duckdb.InvalidInputException):
        pair[1].execute("SELECT ?, ?", [1])


def test_what_is_no_text_is_refused_as_it_was(
    pair: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection],
) -> None:
    for connection in pair:
        with pytest.raises((UnicodeEncodeError, RuntimeError)):
            connection.execute("SELECT ?", ["\udcff"]).fetchall()


def test_pandas_stays_where_it_is() -> None:
    program = """
import sys, duckdb
from governed_kernel.lineage.binding import writing_literals
writing_literals(duckdb.connect()).execute("SELECT ?, ?, ?", ["a", 1, ["b", None]]).fetchall()
sys.exit("pandas" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
