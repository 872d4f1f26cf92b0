"""Through tables in memory, relations, views and frames: what a file's columns owe to."""

from __future__ import annotations

import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record

FILES = {"t.csv": "id,a,b\n1,2,3\n2,3,4\n", "u.csv": "id,c\n1,9\n2,8\n"}
START = """
import duckdb
import numpy as np, pandas as pd, polars as pl, pyarrow as pa, pyarrow.parquet as pq
def fresh():
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS FROM 't.csv'")
    con.execute("CREATE TABLE u AS FROM 'u.csv'")
    return con
frame = pd.read_csv("t.csv")
lazy = pl.scan_csv("u.csv")
"""
ID = "id <- t.csv.id IDENTITY"

CASES = {
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
b <- u.csv.c CONDITIONAL
""",
    ),
    "a value that was computed, given by its place": (
        """
con = fresh()
most = pd.read_csv("u.csv")["c"].mean()
con.execute("SELECT id, a + ? AS more FROM t WHERE b < ? AND a > ?", [most, 99, 0])
con.fetch_df().to_csv(OUT, index=False)
""",
        """
id <- t.csv.id IDENTITY
id <- t.csv.b FILTER
id <- t.csv.a FILTER
more <- t.csv.a TRANSFORMATION
more <- u.csv.c AGGREGATION
more <- t.csv.b FILTER
more <- t.csv.a FILTER
""",
    ),
    "a value that was computed, given by its name": (
        """
most = pd.read_csv("u.csv")["c"].mean()
fresh().sql("SELECT id FROM t WHERE b < $most", params={"most": most}).write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
id <- t.csv.b FILTER
id <- u.csv.c FILTER
""",
    ),
    "small numbers and lists that were computed": (
        """
con = fresh()
other = pd.read_csv("u.csv")
values = [int(other["c"].max()), other["id"].tolist()]
con.execute("SELECT id FROM t WHERE b < ? AND a IN (SELECT unnest(?))", values)
con.fetch_df().to_csv(OUT, index=False)
""",
        """
id <- t.csv.id IDENTITY
id <- t.csv.b FILTER
id <- t.csv.a FILTER
id <- u.csv.c FILTER inferred
id <- u.csv.id FILTER inferred
""",
    ),
    "many rows of values": (
        """
con = fresh()
con.execute("CREATE TABLE v (x INT, y INT)")
con.executemany("INSERT INTO v VALUES (?, ?)", pd.read_csv("u.csv").values.tolist())
con.executemany("INSERT INTO v VALUES (?, ?)", [[1, 2], [3, 4]])
con.sql("SELECT y FROM v").write_csv(OUT)
""",
        "y <- u.csv.id TRANSFORMATION inferred\ny <- u.csv.c TRANSFORMATION inferred",
    ),
    "a value that the connection keeps": (
        """
con = fresh()
con.execute("SET VARIABLE most = (SELECT max(c) FROM u WHERE id > 1)")
con.sql("SET VARIABLE more = getvariable('MOST') + 1")
con.sql("SET VARIABLE more_yet = 7")
made = con.sql("SELECT id, a + getvariable('more') AS z FROM t WHERE b < getvariable('more_yet')")
made.write_csv(OUT)
""",
        """
* <- t.csv.b FILTER
id <- t.csv.id IDENTITY
z <- t.csv.a TRANSFORMATION
z <- u.csv.c AGGREGATION
z <- u.csv.id FILTER
""",
    ),
    "a value that was kept, and is another now": (
        """
con = fresh()
con.execute("SET VARIABLE v = (SELECT max(c) FROM u); SET VARIABLE w = (SELECT max(c) FROM u)")
con.execute("RESET VARIABLE v; SET VARIABLE w = (SELECT min(id) FROM u)")
con.sql("SELECT id, getvariable('v') AS x FROM t WHERE b > getvariable('w')").write_csv(OUT)
""",
        """
* <- t.csv.b FILTER
* <- u.csv.id FILTER
id <- t.csv.id IDENTITY
""",
    ),
    "a list that was kept, in a view": (
        """
con = fresh()
con.execute("SET VARIABLE ids = (SELECT list(id) FROM u)")
con.execute("CREATE VIEW v AS SELECT a FROM t WHERE id IN getvariable('ids')")
con.sql("FROM v").write_csv(OUT)
""",
        "a <- t.csv.a IDENTITY\na <- t.csv.id FILTER\na <- u.csv.id FILTER",
    ),
    "a macro's default": (
        """
con = fresh()
con.execute("CREATE MACRO plus(x, y := 2) AS x + y")
con.sql("SELECT plus(a) AS p, plus(a, y := b) AS q FROM t").write_csv(OUT)
""",
        "p <- t.csv.a TRANSFORMATION\nq <- t.csv.a TRANSFORMATION\nq <- t.csv.b TRANSFORMATION",
    ),
    "values that were computed, written into the text": (
        """
con = fresh()
other = pd.read_csv("u.csv")
least, other_one = -other["c"].mean(), 3
made = con.sql(f"SELECT id, a * {least} AS z FROM t WHERE b > {least:.1f} AND a < {other_one + 96}")
made.filter("id > 0").write_csv(OUT)
""",
        """
* <- t.csv.b FILTER
* <- t.csv.a FILTER
* <- t.csv.id FILTER
* <- u.csv.c FILTER inferred
id <- t.csv.id IDENTITY
z <- t.csv.a TRANSFORMATION
z <- u.csv.c AGGREGATION inferred
""",
    ),
    "days that were computed, written into the text": (
        """
con = fresh()
last = pd.to_datetime(pd.read_csv("u.csv")["c"], unit="D").max()
con.execute("CREATE TABLE d AS SELECT id, DATE '1970-01-01' + a::INT AS day FROM t")
con.execute(f"CREATE TABLE v AS SELECT id FROM d WHERE day < DATE '{last:%Y-%m-%d}'")
con.sql("FROM v").write_csv(OUT)
""",
        "id <- t.csv.id IDENTITY\nid <- t.csv.a FILTER\nid <- u.csv.c FILTER inferred",
    ),
    "a place of a column that reads as a computed value": (
        """
con = fresh()
limit = pd.read_csv("u.csv")["id"].min()
con.sql(f"SELECT id, sum(b) AS s FROM t WHERE a > {limit} GROUP BY 1 ORDER BY 1").write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
s <- t.csv.b AGGREGATION
* <- t.csv.a FILTER
* <- t.csv.id GROUP_BY
* <- t.csv.id SORT
* <- t.csv.a GROUP_BY
* <- t.csv.a SORT
* <- u.csv.id FILTER inferred
* <- u.csv.id GROUP_BY inferred
* <- u.csv.id SORT inferred
""",
    ),
    "a place that owes nothing to the value that it reads as": (
        """
con = fresh()
limit = pd.read_csv("u.csv")["id"].min()
con.sql(
    f"SELECT id, {limit} AS l, b FROM t GROUP BY GROUPING SETS ((1, 3)) ORDER BY 1"
).write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
l <- u.csv.id AGGREGATION inferred
b <- t.csv.b IDENTITY
* <- t.csv.id GROUP_BY
* <- t.csv.b GROUP_BY
* <- t.csv.id SORT
* <- t.csv.b SORT
""",
    ),
    "a column that is called as the computed value which it is": (
        """
con = fresh()
limit = pd.read_csv("u.csv")["id"].min()
con.sql(
    f'SELECT {limit}, a FROM t UNION ALL BY NAME SELECT b AS "1", a FROM t'
).write_csv(OUT)
""",
        "1 <- t.csv.b IDENTITY\na <- t.csv.a IDENTITY\n* <- u.csv.id AGGREGATION inferred",
    ),
    "values written out are nobody's": (
        """
con = fresh()
con.execute("SELECT id FROM t WHERE b < ?", [4]).fetch_df().to_csv(OUT, index=False)
""",
        "id <- t.csv.id IDENTITY\nid <- t.csv.b FILTER",
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
    "rows without any of a query made for each are not there": (
        """
con = fresh()
con.sql(
    "SELECT t.b, l.x FROM t, LATERAL (SELECT c + t.a AS x FROM u WHERE u.id = t.id) l"
).write_csv(OUT)
""",
        """
b <- t.csv.b IDENTITY
b <- t.csv.id JOIN
b <- u.csv.id JOIN
x <- t.csv.a TRANSFORMATION
x <- u.csv.c TRANSFORMATION
x <- t.csv.id FILTER
x <- u.csv.id FILTER
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
    "relations: filter, project, aggregate, order": (
        """
r = duckdb.read_csv("t.csv").filter("a > 1").aggregate("id, sum(b) AS s", "id")
r.order("s").project("s").to_csv(OUT)
""",
        """
s <- t.csv.b AGGREGATION
s <- t.csv.id GROUP_BY
s <- t.csv.a GROUP_BY
s <- t.csv.a FILTER
s <- t.csv.b SORT
s <- t.csv.id SORT
s <- t.csv.a SORT
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
* <- t.csv.id SORT
* <- u.csv.id SORT
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
k <- t.csv.b JOIN
k <- t.csv.id JOIN
k <- u.csv.id JOIN
c <- u.csv.c IDENTITY
c <- t.csv.b JOIN
c <- t.csv.id JOIN
c <- u.csv.id JOIN
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
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("lineage")
    for name, content in FILES.items():
        (folder / name).write_text(content)
    cells = [START]
    for number, (cell, _) in enumerate(CASES.values()):
        out = f"out{number}.csv"
        cells.append(f"OUT = {out!r}\n{cell}".replace("TO OUT", f"TO '{out}'"))
    return record(folder, cells)


@pytest.mark.parametrize("name", CASES)
def test_a_written_column_owes_to_exactly_what_it_should(recording: Recording, name: str) -> None:
    number = list(CASES).index(name)
    assert recording.errors[number + 1] == ""
    steps = recording.of(Transformation)
    folder = f"file://{recording.folder}/"
    out = f"{folder}out{number}.csv"
    columns = next(o.columns for s in steps for o in s.outputs if o.entity == out)
    found = {
        f"{column} <- {source.removeprefix(folder)}.{into} {relation}"
        + ("" if evidence == "observed" else f" {evidence}")
        for column in columns
        for source, into, relation, evidence in origins_of(steps, out, column)
    }
    told = set()
    for line in CASES[name][1].strip().splitlines():
        left, _, right = line.partition(" <- ")
        told |= {f"{column} <- {right}" for column in (columns if left == "*" else [left])}
    assert sorted(found - told) == [], "origins that are not true"
    assert sorted(told - found) == [], "origins that are missing"


def test_no_observer_failed(recording: Recording) -> None:
    assert recording.errors[0] == ""
    lost = recording.of(ObserverLost)
    assert not lost, [(each.observer, recording.texts[each.error]) for each in lost]
