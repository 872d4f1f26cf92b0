"""Queries, views and relations, and what goes out of DuckDB and back into it."""

from __future__ import annotations

import pytest

from tests.capture.adapters.duckdb.written import Cases, Written

CASES: Cases = {
    "several aggregates of a pivot are told apart by nobody": (
        """
con = fresh()
con.sql('FROM (PIVOT t ON id USING sum(a) AS x, max(b) AS y) SELECT "1_x" AS a').write_csv(OUT)
""",
        """
a <- t.csv.a AGGREGATION conservative
a <- t.csv.b AGGREGATION conservative
a <- t.csv.id GROUP_BY
""",
    ),
    "a relation whose table was replaced reads the one that is there": (
        """
con = fresh()
r = con.sql("SELECT a AS x FROM t")
con.sql("CREATE OR REPLACE TABLE t AS SELECT id, c AS a FROM u")
r.write_csv(OUT)
""",
        "x <- u.csv.c IDENTITY",
    ),
    "a chain of relations whose table was filled meanwhile": (
        """
con = fresh()
r = con.table("t").filter("id > 0").project("a")
con.sql("INSERT INTO t SELECT id, c, c FROM u")
r.df().to_csv(OUT, index=False)
""",
        """
a <- t.csv.a IDENTITY
a <- u.csv.c IDENTITY
a <- t.csv.id FILTER
a <- u.csv.id FILTER
""",
    ),
    "a relation of a relation and a frame, whose table was replaced": (
        """
con = fresh()
r = con.sql("SELECT id, a AS x FROM t")
s = con.sql("SELECT x, frame.b FROM r JOIN frame USING (id)")
con.sql("CREATE OR REPLACE TABLE t AS SELECT id, c AS a FROM u")
con.sql("SELECT x FROM s").write_csv(OUT)
""",
        """
x <- u.csv.c IDENTITY
x <- u.csv.id JOIN
x <- t.csv.id JOIN
""",
    ),
    "a view made of a relation, whose table was replaced": (
        """
con = fresh()
con.sql("SELECT a AS x FROM t").create_view("v")
con.sql("CREATE OR REPLACE TABLE t AS SELECT id, c AS a FROM u")
con.sql("SELECT x FROM v").write_csv(OUT)
""",
        "x <- u.csv.c IDENTITY",
    ),
    "a relation carried out before its table was replaced may hold the rows of before": (
        """
con = fresh()
r = con.sql("SELECT a AS x FROM t")
r.execute()
con.sql("CREATE OR REPLACE TABLE t AS SELECT id, c AS a FROM u")
pd.DataFrame(r.df()).to_csv(OUT, index=False)
""",
        """
x <- t.csv.a IDENTITY conservative
x <- u.csv.c IDENTITY conservative
""",
    ),
    "rows without any of a query made for each are not there": (
        """
con = fresh()
con.sql(
    "SELECT t.b, l.x FROM t, LATERAL (SELECT c + t.a AS x FROM u WHERE u.id = t.id) l"
).write_csv(OUT)
""",
        """
b <- t.csv.b IDENTITY
b <- t.csv.id FILTER
b <- u.csv.id FILTER
x <- t.csv.a TRANSFORMATION
x <- u.csv.c TRANSFORMATION
x <- t.csv.id FILTER
x <- u.csv.id FILTER
""",
    ),
    "relations: filter, project, aggregate, order": (
        """
r = duckdb.read_csv("t.csv").filter("a > 1").aggregate("id, sum(b) AS s", "id")
r.order("s").project("s").to_csv(OUT)
""",
        """
s <- t.csv.b AGGREGATION
s <- t.csv.id GROUP_BY
s <- t.csv.a FILTER
s <- t.csv.b SORT
""",
    ),
    "relations: join, union, distinct": (
        """
t, u = duckdb.read_csv("t.csv").set_alias("t"), duckdb.read_csv("u.csv").set_alias("u")
t.join(u, "id").project("c").union(t.project("a")).write_csv(OUT)
""",
        """
c <- u.csv.c IDENTITY
c <- t.csv.a IDENTITY
c <- t.csv.id JOIN
c <- u.csv.id JOIN
""",
    ),
    "relations: window, limit, query, expressions": (
        """
r = duckdb.read_csv("t.csv").row_number("over (partition by a order by b)", "id").limit(1)
r = r.query("v", "SELECT * RENAME (id AS k) FROM v")
r.select(duckdb.ColumnExpression("k")).write_parquet(OUT)
""",
        "k <- t.csv.id IDENTITY",
    ),
    "a relation made of variables, used in SQL": (
        """
con = duckdb.connect()
base = con.sql("SELECT id, a * 2 AS d FROM frame")
con.sql("SELECT d FROM base WHERE id > 0").write_csv(OUT)
""",
        "d <- t.csv.a TRANSFORMATION\nd <- t.csv.id FILTER",
    ),
    "a relation limited, of a variable": (
        "duckdb.sql('FROM frame').limit(1).project('b').write_csv(OUT)",
        "b <- t.csv.b IDENTITY",
    ),
    "out into pandas and on": (
        """
made = duckdb.sql("SELECT a, count(*) AS n FROM frame GROUP BY a").df()
made["m"] = made["n"] * 2
made[["m"]].to_csv(OUT, index=False)
""",
        "m <- t.csv.a GROUP_BY",
    ),
    "into polars, arrow and numpy, and back": (
        """
con = duckdb.connect()
first = con.execute("SELECT id, a FROM 't.csv'").pl()
second = con.sql("SELECT a + 1 AS b FROM first").to_arrow_table()
arrays = con.sql("SELECT b * 2 AS c FROM second").fetchnumpy()
third = arrays["c"]
con.sql("SELECT column0 AS d FROM third").write_csv(OUT)
""",
        "d <- t.csv.a TRANSFORMATION",
    ),
    "a lazy frame of polars": (
        "duckdb.sql('SELECT c FROM lazy WHERE id > 0').write_csv(OUT)",
        "c <- u.csv.c IDENTITY\nc <- u.csv.id FILTER",
    ),
    "registered objects, and a view over them": (
        """
con = duckdb.connect()
con.register("r", frame)
con.execute("CREATE TEMP VIEW v AS SELECT a AS k, b FROM r WHERE id > 0")
con.sql("SELECT k FROM v").write_csv(OUT)
""",
        "k <- t.csv.a IDENTITY\nk <- t.csv.id FILTER",
    ),
    "a frame appended to a table": (
        """
con = fresh()
con.append("u", frame[["a", "id"]])
con.sql("SELECT c FROM u").write_csv(OUT)
""",
        "c <- u.csv.c IDENTITY\nc <- t.csv.id IDENTITY",
    ),
    "relations into tables": (
        """
con = fresh()
r = con.sql("SELECT id, c FROM u WHERE c > 0")
r.create("made")
con.sql("SELECT id, a FROM t").insert_into("made")
con.table("made").update({"c": duckdb.SQLExpression("c + id")})
con.sql("SELECT c FROM made").write_csv(OUT)
""",
        """
c <- u.csv.c FILTER
c <- u.csv.c TRANSFORMATION
c <- u.csv.id TRANSFORMATION
c <- t.csv.a TRANSFORMATION
c <- t.csv.id TRANSFORMATION
""",
    ),
    "views, macros, prepared statements": (
        """
con = fresh()
con.execute("CREATE VIEW v (k, l) AS SELECT id, a FROM t WHERE b > 1")
con.execute("CREATE MACRO twice(x) AS x * 2")
con.execute("CREATE MACRO above(least) AS TABLE SELECT * FROM v WHERE k > least")
con.execute("PREPARE q AS SELECT twice(l) AS d FROM above(0) WHERE l > ?")
con.execute("EXECUTE q(0)").df().to_csv(OUT, index=False)
""",
        """
d <- t.csv.a TRANSFORMATION
d <- t.csv.b FILTER
d <- t.csv.id FILTER
d <- t.csv.a FILTER
""",
    ),
    "a recursive query, and unnesting": (
        """
duckdb.sql(\"\"\"
    COPY (
        WITH RECURSIVE r(n) AS (SELECT a FROM 't.csv' UNION ALL SELECT n + 1 FROM r WHERE n < 9)
        SELECT unnest([n, n * 2]) AS n FROM r
    ) TO 'OUT'
\"\"\".replace("OUT", OUT))
""",
        "n <- t.csv.a TRANSFORMATION\nn <- t.csv.a FILTER",
    ),
    "what a function of the user makes of rows is conservative": (
        """
con = duckdb.connect()
con.sql("SELECT a, b FROM frame").map(lambda df: df[["a"]]).write_csv(OUT)
""",
        "a <- t.csv.a TRANSFORMATION conservative\na <- t.csv.b TRANSFORMATION conservative",
    ),
    "what it makes of values is known": (
        """
con = fresh()
con.create_function("own", lambda x: x + 1, ["BIGINT"], "BIGINT")
con.sql("SELECT own(a) AS o FROM t").write_csv(OUT)
""",
        "o <- t.csv.a TRANSFORMATION",
    ),
    "the same file on both sides": (
        """
duckdb.sql("SELECT x.a, y.b FROM 't.csv' x JOIN 't.csv' y ON x.id = y.a").write_csv(OUT)
""",
        "a <- t.csv.a IDENTITY\na <- t.csv.id JOIN\na <- t.csv.a JOIN\n"
        "b <- t.csv.b IDENTITY\nb <- t.csv.id JOIN\nb <- t.csv.a JOIN",
    ),
    "columns that only the files' headers can tell apart": (
        """
duckdb.sql("SELECT a, c, b AS id FROM 't.csv' JOIN 'u.csv' USING (id) ORDER BY id").write_csv(OUT)
""",
        """
a <- t.csv.a IDENTITY
c <- u.csv.c IDENTITY
id <- t.csv.b IDENTITY
* <- t.csv.id JOIN
* <- u.csv.id JOIN
* <- t.csv.b SORT
""",
    ),
    "through pandas' and polars' own readers": (
        """
con = fresh()
one = pd.read_sql("SELECT id, a + 1 AS k FROM t WHERE b > 0", con)
two = pl.read_database("SELECT id, c FROM u", con)
con.sql("SELECT k, c FROM one JOIN two USING (id)").write_csv(OUT)
""",
        """
k <- t.csv.a TRANSFORMATION
k <- t.csv.b FILTER
k <- t.csv.id JOIN
k <- u.csv.id JOIN
c <- u.csv.c IDENTITY
c <- t.csv.id JOIN
c <- u.csv.id JOIN
c <- t.csv.b FILTER
""",
    ),
    "many files as one": (
        """
duckdb.sql("COPY (FROM 't.csv') TO 'many1.parquet'")
duckdb.sql("COPY (FROM 't.csv') TO 'many2.parquet'")
duckdb.sql("SELECT a FROM 'many*.parquet'").write_csv(OUT)
""",
        "a <- many1.parquet.a IDENTITY\na <- many2.parquet.a IDENTITY",
    ),
    "a summary": (
        "duckdb.sql('SUMMARIZE SELECT a, b FROM frame').project('min').write_csv(OUT)",
        "min <- t.csv.a AGGREGATION\nmin <- t.csv.b AGGREGATION",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("queries"), CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_written_column_owes_to_exactly_what_it_should(written: Written, name: str) -> None:
    assert written.error(name) == ""
    found, told = written.facts(name)
    assert sorted(found - told) == [], "origins that are not true"
    assert sorted(told - found) == [], "origins that are missing"


def test_no_observer_failed(written: Written) -> None:
    assert not written.lost
