"""Tables that are made, filled, changed and renamed, and the schemas that they are in."""

from __future__ import annotations

import pytest

from tests.capture.adapters.duckdb.written import Cases, Written

CASES: Cases = {
    "a table made, filled, changed": (
        """
con = fresh()
con.execute("INSERT INTO t SELECT id, c, c FROM u WHERE c > 8")
con.execute("UPDATE t SET b = a + 1 WHERE id = 1")
con.execute("COPY (SELECT a, b FROM t) TO OUT")
""",
        """
a <- t.csv.a IDENTITY
a <- u.csv.c IDENTITY
a <- u.csv.c FILTER
b <- t.csv.a TRANSFORMATION
b <- u.csv.c TRANSFORMATION
b <- u.csv.c IDENTITY
b <- u.csv.c FILTER
b <- t.csv.b IDENTITY
b <- t.csv.id CONDITIONAL
b <- u.csv.id CONDITIONAL
""",
    ),
    "a constant of a table's rows, written to a file": (
        """
con = fresh()
con.execute("CREATE TABLE s AS SELECT id, a FROM t WHERE b > 3")
con.execute("COPY (SELECT a, 7 AS k FROM s) TO OUT")
""",
        "a <- t.csv.a IDENTITY\na <- t.csv.b FILTER\nk <- t.csv.b FILTER",
    ),
    "rows taken away": (
        """
con = fresh()
con.execute("DELETE FROM t WHERE a > 2")
con.sql("SELECT b FROM t").write_csv(OUT)
""",
        "b <- t.csv.b IDENTITY\nb <- t.csv.a FILTER",
    ),
    "a transaction taken back": (
        """
con = fresh()
con.begin()
con.execute("UPDATE t SET a = id")
con.rollback()
con.sql("SELECT a FROM t").write_csv(OUT)
""",
        "a <- t.csv.a IDENTITY",
    ),
    "a table renamed, and a column of it": (
        """
con = fresh()
con.execute("ALTER TABLE t RENAME COLUMN a TO z")
con.execute("ALTER TABLE t RENAME TO s")
con.sql("SELECT z FROM s").write_csv(OUT)
""",
        "z <- t.csv.a IDENTITY",
    ),
    "a temporary table hides another": (
        """
con = fresh()
con.execute("CREATE TEMP TABLE t AS SELECT c AS a FROM u")
con.sql("SELECT a FROM t").write_csv(OUT)
""",
        "a <- u.csv.c IDENTITY",
    ),
    "a temporary table is main's as well": (
        """
con = fresh()
con.execute("CREATE TEMP TABLE t AS SELECT c AS a FROM u")
con.sql("SELECT a FROM main.t").write_csv(OUT)
""",
        "a <- u.csv.c IDENTITY",
    ),
    "a bare name after USE is the schema's": (
        """
con = fresh()
con.sql("CREATE SCHEMA s")
con.sql("CREATE TABLE s.t AS SELECT c AS a, id FROM u")
con.sql("USE s")
con.sql("SELECT a FROM t").write_csv(OUT)
""",
        "a <- u.csv.c IDENTITY",
    ),
    "a bare name is the first's on the search path that has it": (
        """
con = fresh()
con.execute("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT c AS a FROM u; CREATE SCHEMA r")
con.execute("SET search_path = 'r,s,main'")
con.execute("UPDATE u SET id = 0")
con.execute("COPY (SELECT t.a, u.c FROM t, u) TO OUT")
""",
        "a <- u.csv.c IDENTITY\nc <- u.csv.c IDENTITY",
    ),
    "a text of several statements that goes to a schema and back": (
        """
con = fresh()
con.execute("CREATE SCHEMA s; USE s; CREATE TABLE t AS SELECT c AS a FROM u; USE main")
con.execute("USE s; COPY (SELECT a FROM t) TO OUT; USE main")
""",
        "a <- u.csv.c IDENTITY",
    ),
    "a table is made in the first schema, and dropped from there": (
        """
con = fresh()
con.sql("CREATE SCHEMA s")
con.sql("USE s")
con.sql("CREATE TABLE t AS SELECT c AS a FROM u")
con.sql("DROP TABLE t")
con.sql("SELECT a FROM t").write_csv(OUT)
""",
        "a <- t.csv.a IDENTITY",
    ),
    "a view's names are its own schema's": (
        """
con = fresh()
con.sql("CREATE SCHEMA s")
con.sql("CREATE TABLE s.t AS SELECT c AS a FROM u")
con.sql("USE s")
con.sql("CREATE VIEW v AS SELECT a FROM t")
con.sql("USE main")
con.sql("SELECT a FROM s.v").write_csv(OUT)
""",
        "a <- u.csv.c IDENTITY",
    ),
    "a schema dropped with what was in it": (
        """
con = fresh()
con.sql("CREATE SCHEMA s")
con.sql("CREATE TABLE s.t AS SELECT c AS a FROM u")
con.sql("SET search_path = 's,main'")
con.sql("DROP SCHEMA s CASCADE")
con.sql("RESET search_path")
con.sql("SELECT a FROM t").write_csv(OUT)
""",
        "a <- t.csv.a IDENTITY",
    ),
    "columns of all rows set anew, each from what the other was": (
        """
con = fresh()
con.execute("UPDATE t SET a = b, b = a")
con.sql("SELECT a, b, id FROM t").write_csv(OUT)
""",
        """
a <- t.csv.b IDENTITY
b <- t.csv.a IDENTITY
id <- t.csv.id IDENTITY
""",
    ),
    "columns renamed without the word": (
        """
con = fresh()
con.sql("ALTER TABLE t RENAME a TO z")
con.sql("ALTER TABLE t RENAME b TO a")
con.sql("SELECT a, z FROM t").write_csv(OUT)
""",
        "a <- t.csv.b IDENTITY\nz <- t.csv.a IDENTITY",
    ),
    "rows that are there already are found by their keys": (
        """
con = fresh()
con.sql("CREATE TABLE h (k INT PRIMARY KEY, x INT)")
con.sql("INSERT INTO h SELECT id, c FROM u")
con.sql("INSERT INTO h SELECT a, b FROM t ON CONFLICT (k) DO UPDATE SET x = excluded.x")
con.sql("SELECT x FROM h").write_csv(OUT)
""",
        """
x <- u.csv.c IDENTITY
x <- t.csv.b IDENTITY
x <- t.csv.a JOIN
x <- u.csv.id JOIN
""",
    ),
    "columns that a table makes of others": (
        """
con = fresh()
con.sql("CREATE TABLE h (v INT, twice INT GENERATED ALWAYS AS (v * 2), w INT)")
con.sql("INSERT INTO h SELECT a, b FROM t")
con.sql("SELECT twice, w FROM h").write_csv(OUT)
""",
        "twice <- t.csv.a TRANSFORMATION\nw <- t.csv.b IDENTITY",
    ),
    "columns that a table makes of others, which are set": (
        """
con = fresh()
con.sql("CREATE TABLE h (v INT, w INT, more INT AS (v + w))")
con.sql("INSERT INTO h (v, w) SELECT a, b FROM t")
con.sql("UPDATE h SET v = (SELECT max(c) FROM u)")
con.sql("SELECT more FROM h").write_csv(OUT)
""",
        "more <- u.csv.c AGGREGATION\nmore <- t.csv.b TRANSFORMATION",
    ),
    "a cursor sees the same tables": (
        """
con = fresh()
con.cursor().sql("SELECT a FROM t").write_csv(OUT)
""",
        "a <- t.csv.a IDENTITY",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("tables"), CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_written_column_owes_to_exactly_what_it_should(written: Written, name: str) -> None:
    assert written.error(name) == ""
    found, told = written.facts(name)
    assert sorted(found - told) == [], "origins that are not true"
    assert sorted(told - found) == [], "origins that are missing"


def test_no_observer_failed(written: Written) -> None:
    assert not written.lost
