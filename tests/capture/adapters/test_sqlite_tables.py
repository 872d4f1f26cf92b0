"""Tables of SQLite databases in memory: what comes out of them owes to what went in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governed_kernel.lineage.events import Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Begun, Recording, well_ended

READ = """
import sqlite3
import pandas as pd
frame = pd.read_csv("in.csv")
connection = sqlite3.connect(":memory:")
frame.to_sql("t", connection, index=False)
"""
Run = Callable[..., Recording]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Records cells that go on from `READ`."""
    folder = tmp_path_factory.mktemp("sqlite")
    (folder / "in.csv").write_text("a,b,g,secret\n1,2,u,5\n3,4,v,6\n")
    begun = Begun(folder, [READ])

    def recorded(*cells: str) -> Recording:
        (folder / "out.csv").unlink(missing_ok=True)
        return well_ended(begun.record(cells))

    yield recorded
    begun.end()


def behind(done: Recording, column: str) -> set[str]:
    """``a IDENTITY``: what a column of out.csv owes to."""
    found = origins_of(done.of(Transformation), (Path(done.folder) / "out.csv").as_uri(), column)
    return {f"{name} {relation}" for _, name, relation, _ in found}


@pytest.mark.parametrize(
    ("statement", "query", "owing"),
    [
        ("", "select a, b from t", {"a IDENTITY"}),
        ("", "select * from t", {"a IDENTITY"}),
        ("", "select a from t where b > 2", {"a IDENTITY", "b FILTER"}),
        ("", "select g, max(b) as a from t group by g", {"b AGGREGATION", "g GROUP_BY"}),
        ("create table u as select b as a from t", "select a from u", {"b IDENTITY"}),
        ("create view u as select b as a from t", "select a from u", {"b IDENTITY"}),
        (
            "update t set a = a + (select max(b) from t)",
            "select a from t",
            {"a IDENTITY", "a TRANSFORMATION", "b AGGREGATION"},
        ),
        ("update t set a = 0 where b > 2", "select a from t", {"a IDENTITY", "b CONDITIONAL"}),
        ("delete from t where b > 2", "select a from t", {"a IDENTITY", "b FILTER"}),
        ("delete from t where b > 2", "select g as a from t", {"g IDENTITY", "b FILTER"}),
        ("update t set b = 0 where g > 2", "select a from t", {"a IDENTITY"}),
    ],
)
def test_a_frame_owes_to_the_columns_that_its_query_takes(
    run: Run, statement: str, query: str, owing: set[str]
) -> None:
    done = run(
        f"connection.execute({statement!r})",
        f"made = pd.read_sql({query!r}, connection)",
        "made.to_csv('out.csv', index=False)",
    )
    assert behind(done, "a") == owing


@pytest.mark.parametrize(
    ("before", "number"),
    [
        ("", "connection.execute('select max(b) from t').fetchone()[0]"),
        ("", "list(connection.execute('select max(b) as m from t'))[0][0]"),
        ("n = connection.execute('select max(b) from t').fetchone()[0]", "n"),
        ("cursor = connection.cursor()\ncursor.execute('select max(b) from t')", "next(cursor)[0]"),
    ],
)
def test_a_number_that_is_fetched_owes_to_its_column(run: Run, before: str, number: str) -> None:
    done = run(before, f"made = frame[['a']] * {number}", "made.to_csv('out.csv', index=False)")
    assert behind(done, "a") == {"a TRANSFORMATION", "b AGGREGATION"}


def test_rows_that_are_inserted_owe_to_what_they_are_made_of(run: Run) -> None:
    done = run(
        "connection.execute('create table u (a int)')",
        "rows = [(b,) for b in frame['b']]",
        "connection.executemany('insert into u values (?)', rows)",
        "connection.execute('create table w (a int)')",
        "connection.execute('insert into w select a from u')",
        "pd.read_sql('select a from w', connection).to_csv('out.csv', index=False)",
    )
    assert behind(done, "a") == {"b TRANSFORMATION"}


def test_a_table_that_the_code_writes_out_owes_to_nothing(run: Run) -> None:
    done = run(
        "connection.execute('create table u (k int)')",
        "connection.execute('insert into u values (3)')",
        "k = connection.execute('select k from u').fetchone()[0]",
        "(frame[['a']] * k).to_csv('out.csv', index=False)",
    )
    assert behind(done, "a") == {"a TRANSFORMATION"}


@pytest.mark.parametrize(
    "statement",
    ["delete from t where g > ?", "update t set a = ?", "update t set a = 0 where g > ?"],
)
def test_what_is_removed_or_changed_by_a_parameter_owes_to_that(run: Run, statement: str) -> None:
    done = run(
        "limit = float(frame['b'].max())",
        f"connection.execute({statement!r}, (limit,))",
        "pd.read_sql('select a from t', connection).to_csv('out.csv', index=False)",
    )
    assert "b AGGREGATION" in behind(done, "a")


@pytest.mark.parametrize(
    ("before", "query", "owing"),
    [
        ("most = frame['b'].max()", "f'select a from t where a < {most}'", {"b AGGREGATION"}),
        ("", """f"select a from t where a < {frame['b'].max()}\"""", {"b AGGREGATION"}),
        ("asked = f\"select a from t where a < {frame['b'].max()}\"", "asked", {"b AGGREGATION"}),
        ("most = 3", "f'select a from t where a < {most}'", set()),
        ("asked = 'select a from t where a < 3'", "asked", set()),
    ],
)
def test_a_computed_number_in_the_text_of_a_query_is_an_origin(
    run: Run, before: str, query: str, owing: set[str]
) -> None:
    done = run(f"{before}\npd.read_sql({query}, connection).to_csv('out.csv', index=False)")
    assert behind(done, "a") == {"a IDENTITY", "a FILTER", *owing}
