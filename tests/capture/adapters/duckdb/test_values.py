"""Values that statements are given, keep, or have written into their text."""

from __future__ import annotations

import pytest

from tests.capture.adapters.duckdb.written import Cases, Written

CASES: Cases = {
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
    "a number of rows that its own statement computed": (
        """
con = fresh()
con.read_csv("t.csv").limit(int(con.read_csv("u.csv").max("c").fetchone()[0])).write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
a <- t.csv.a IDENTITY
b <- t.csv.b IDENTITY
id <- u.csv.c FILTER inferred
a <- u.csv.c FILTER inferred
b <- u.csv.c FILTER inferred
""",
    ),
    "an array of values": (
        """
other = pd.read_csv("u.csv")
values = [np.array([other["c"].mean(), 2.5])]
con = fresh()
con.execute("SELECT id FROM t WHERE b IN (SELECT unnest(?))", values)
con.fetch_df().to_csv(OUT, index=False)
""",
        """
id <- t.csv.id IDENTITY
id <- t.csv.b FILTER
id <- u.csv.c FILTER inferred
""",
    ),
    "a value that its own statement computed, given by its place": (
        """
con = fresh()
text = "SELECT id, a * ? AS more FROM t"
con.sql(text, params=[2 * con.sql("FROM u").max("c").fetchone()[0]]).write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
more <- t.csv.a TRANSFORMATION
more <- u.csv.c AGGREGATION inferred
""",
    ),
    "a text that its own statement computed, given by its place": (
        """
con = fresh()
other = pd.read_csv("u.csv")
con.execute("SELECT id FROM t WHERE a::VARCHAR = ?", [other["c"].astype(str).max()])
con.fetch_df().to_csv(OUT, index=False)
con.execute("SELECT id FROM t WHERE a::VARCHAR = ?", ["1"])
""",
        """
id <- t.csv.id IDENTITY
id <- t.csv.a FILTER
id <- u.csv.c FILTER inferred
""",
    ),
    "a computed text in the condition of a relation": (
        """
most = pd.read_csv("u.csv")["c"].astype(str).max()
con = fresh()
con.sql("FROM t").filter(f"a::VARCHAR = '{most}'").project("id").write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
id <- t.csv.a FILTER
id <- u.csv.c FILTER inferred
""",
    ),
    "a text in the condition of a relation that a constant gives": (
        """
name, other = "1", pd.read_csv("u.csv")["c"].astype(str).max()
fresh().sql("FROM t").filter(f"a::VARCHAR = '{name}'").project("id").write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
id <- t.csv.a FILTER
""",
    ),
    "a computed number in a text that says its equal as well": (
        """
con = fresh()
def scaled(con):
    n = con.execute("SELECT max(c) FROM u").fetchone()[0]
    return con.sql(f"SELECT id, a * {n} AS more, a + 9 AS plain FROM t")
scaled(con).write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
more <- t.csv.a TRANSFORMATION
more <- u.csv.c AGGREGATION inferred
plain <- t.csv.a TRANSFORMATION
""",
    ),
    "the same in a statement that makes a table, by a variable's name": (
        """
con = fresh()
def scaled(con):
    n = con.execute("SELECT max(c) FROM u").fetchone()[0]
    text = f"CREATE TABLE scaled AS SELECT id, a * {n} AS more, a + 9 AS plain FROM t"
    con.execute(text)
scaled(con)
con.sql("FROM scaled").write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
more <- t.csv.a TRANSFORMATION
more <- u.csv.c AGGREGATION inferred
plain <- t.csv.a TRANSFORMATION
""",
    ),
    "the same in a cell, where it is computed of a name": (
        """
con = fresh()
n = con.execute("SELECT max(c) FROM u").fetchone()[0]
con.sql(f"SELECT id, a * {n - 1} AS more, a + 8 AS plain, a * {n} AS most FROM t").write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
more <- t.csv.a TRANSFORMATION
more <- u.csv.c AGGREGATION inferred
plain <- t.csv.a TRANSFORMATION
most <- t.csv.a TRANSFORMATION
most <- u.csv.c AGGREGATION inferred
""",
    ),
    "a constant that is put into a text, which equals a number that was computed": (
        """
con = fresh()
most = con.execute("SELECT max(c) FROM u").fetchone()[0]
limit = 9
def scaled(con, times):
    more = 9
    return con.sql(f"SELECT id, a * {times} + {more} AS b, a + {limit} AS plain FROM t")
scaled(con, 9).write_csv(OUT)
""",
        """
id <- t.csv.id IDENTITY
b <- t.csv.a TRANSFORMATION
plain <- t.csv.a TRANSFORMATION
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
    "values that were computed, in a part of the text that an earlier statement put together": (
        """
con = fresh()
least = pd.read_csv("u.csv")["c"].mean() / 100
where = f"b > {least:.3f}"
con.sql(f"SELECT id, a + 7 AS k FROM t WHERE {where}").write_csv(OUT)
""",
        """
* <- t.csv.b FILTER
* <- u.csv.c FILTER inferred
id <- t.csv.id IDENTITY
k <- t.csv.a TRANSFORMATION
""",
    ),
    "values that were computed, somewhere in a text that an earlier statement put together": (
        """
con = fresh()
least = pd.read_csv("u.csv")["c"].mean() / 100
text = f"SELECT id FROM t WHERE b > {least:.3f} AND a < 99"
con.sql(text).write_csv(OUT)
""",
        """
* <- t.csv.a FILTER
* <- t.csv.b FILTER
* <- u.csv.c FILTER conservative
id <- t.csv.id IDENTITY
""",
    ),
    "a Python function that closes over a value": (
        """
con = fresh()
most = pd.read_csv("u.csv")["c"].mean()
def less(a: float) -> float:
    return a - most
con.create_function("less", less, ["DOUBLE"], "DOUBLE")
con.create_function("twice", lambda a: 2 * a, ["DOUBLE"], "DOUBLE")
con.sql("SELECT Less(a) AS x, twice(b) AS y FROM t WHERE id > 0").write_csv(OUT)
""",
        """
* <- t.csv.id FILTER
x <- t.csv.a TRANSFORMATION
x <- u.csv.c AGGREGATION conservative
y <- t.csv.b TRANSFORMATION
""",
    ),
    "a Python function that is another one now": (
        """
con = fresh()
most = pd.read_csv("u.csv")["c"].mean()
con.create_function("less", lambda a: a - most, ["DOUBLE"], "DOUBLE")
con.sql("SELECT less(a) AS x FROM t").fetchall()
con.remove_function("less")
con.create_function("less", lambda a: a - 1, ["DOUBLE"], "DOUBLE")
con.sql("SELECT less(a) AS x FROM t").write_csv(OUT)
""",
        "x <- t.csv.a TRANSFORMATION",
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
* <- u.csv.id FILTER inferred
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
    "a row that a connection gives": (
        """
con = fresh()
most = con.execute("SELECT max(c) FROM u").fetchone()[0]
con.sql("SELECT id FROM t WHERE b < ? AND a <> 3", params=[most]).write_csv(OUT)
""",
        "id <- t.csv.id IDENTITY\nid <- t.csv.b FILTER\nid <- t.csv.a FILTER\n"
        "id <- u.csv.c FILTER inferred",
    ),
    "rows that a connection gives later, one by one": (
        """
con = fresh()
con.execute("SELECT c FROM u")
most = 0
while row := con.fetchone():
    most = max(most, row[0])
con.sql("SELECT id FROM t WHERE b < ?", params=[most]).write_csv(OUT)
""",
        "id <- t.csv.id IDENTITY\nid <- t.csv.b FILTER\nid <- u.csv.c FILTER inferred",
    ),
    "all rows, of a statement before": (
        """
con = fresh()
con.execute("SELECT c FROM u")
rows = con.fetchall()
con.execute("SELECT id FROM t WHERE b < ?", [rows[0][0]]).fetch_df().to_csv(OUT, index=False)
""",
        "id <- t.csv.id IDENTITY\nid <- t.csv.b FILTER\nid <- u.csv.c FILTER inferred",
    ),
    "the row of another statement than the one before": (
        """
con = fresh()
con.execute("SELECT c FROM u").fetchone()
least = con.execute("SELECT 4").fetchone()[0]
con.sql("SELECT id FROM t WHERE b < ?", params=[least]).write_csv(OUT)
""",
        "id <- t.csv.id IDENTITY\nid <- t.csv.b FILTER",
    ),
    "a number in the text of what the connection keeps": (
        """
con = fresh()
most = con.execute("SELECT max(c) FROM u").fetchone()[0]
con.execute(f"SET VARIABLE limit_of_b = {most}")
con.sql("SELECT id FROM t WHERE b < getvariable('limit_of_b')").write_csv(OUT)
""",
        "id <- t.csv.id IDENTITY\nid <- t.csv.b FILTER\nid <- u.csv.c FILTER inferred",
    ),
    "values written out are nobody's": (
        """
con = fresh()
con.execute("SELECT id FROM t WHERE b < ?", [4]).fetch_df().to_csv(OUT, index=False)
""",
        "id <- t.csv.id IDENTITY\nid <- t.csv.b FILTER",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("values"), CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_written_column_owes_to_exactly_what_it_should(written: Written, name: str) -> None:
    assert written.error(name) == ""
    found, told = written.facts(name)
    assert sorted(found - told) == [], "origins that are not true"
    assert sorted(told - found) == [], "origins that are missing"


def test_no_observer_failed(written: Written) -> None:
    assert not written.lost
