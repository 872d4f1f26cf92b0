"""Queries and what a person says of their columns; DuckDB then looks for what is missing."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from governed_kernel.capture.sql import Known, Macro, Schemas, Table, lineage_of

from .oracle import missing_origins, schemas_of

TABLES = """
CREATE TABLE t AS
    SELECT (i % 5)::INT a, (i * 7 % 11)::INT b, (i * 3 % 4)::INT c, 'x' || (i % 3) s
    FROM range(20) r(i);
CREATE TABLE u AS SELECT (i % 6)::INT a, (i * 5 % 13)::INT d, [i, i + 1] l FROM range(15) r(i)
"""

CASES = {
    "SELECT a, b + 1 AS x, 7 AS k FROM t WHERE c > 1": """
        a <- t.a IDENTITY, t.c FILTER
        x <- t.b TRANSFORMATION, t.c FILTER
        k <- t.c FILTER""",
    "SELECT t.b, d FROM t JOIN u USING (a)": """
        b <- t.b IDENTITY, t.a JOIN, u.a JOIN
        d <- u.d IDENTITY, t.a JOIN, u.a JOIN""",
    "SELECT t.b, d FROM t, u WHERE t.a = u.a AND d > 1": """
        b <- t.b IDENTITY, t.a JOIN, u.a JOIN, u.d FILTER
        d <- u.d IDENTITY, t.a JOIN, u.a JOIN, u.d FILTER""",
    "SELECT a, sum(b) AS n, count(*) AS m FROM t GROUP BY a": """
        a <- t.a IDENTITY, t.a GROUP_BY
        n <- t.b AGGREGATION, t.a GROUP_BY
        m <- t.a GROUP_BY""",
    "SELECT a, sum(b) AS n FROM t GROUP BY ALL HAVING n > 3 ORDER BY n DESC LIMIT 2": """
        a <- t.a IDENTITY, t.a GROUP_BY, t.b FILTER, t.b SORT
        n <- t.b AGGREGATION, t.a GROUP_BY, t.b FILTER, t.b SORT""",
    "SELECT CASE WHEN a > 1 THEN b ELSE c END AS x, if(s = 'x1', a, 0) AS y FROM t": """
        x <- t.b IDENTITY, t.c IDENTITY, t.a CONDITIONAL
        y <- t.a IDENTITY, t.s CONDITIONAL""",
    "SELECT a::VARCHAR AS x, coalesce(nullif(b, 1), c) AS y FROM t": """
        x <- t.a TRANSFORMATION
        y <- t.b TRANSFORMATION, t.c TRANSFORMATION""",
    "SELECT b FROM t WHERE EXISTS (SELECT * FROM u WHERE u.a = t.a AND d > 9)": """
        b <- t.b IDENTITY, t.a FILTER, u.a FILTER, u.d FILTER""",
    "SELECT b FROM t WHERE c IN (SELECT d FROM u)": """
        b <- t.b IDENTITY, t.c FILTER, u.d FILTER""",
    "SELECT b, c IN (SELECT d FROM u WHERE a > 1) AS i, c NOT IN (1, 2) AS n FROM t": """
        b <- t.b IDENTITY
        i <- t.c TRANSFORMATION, u.d TRANSFORMATION AND MEMBERSHIP, u.a FILTER AND MEMBERSHIP
        n <- t.c TRANSFORMATION""",
    "SELECT CASE WHEN EXISTS (FROM u WHERE u.a = t.a AND d > 9) THEN b END AS x FROM t": """
        x <- t.b IDENTITY, t.a FILTER AND MEMBERSHIP, u.a FILTER AND MEMBERSHIP
        x <- u.d FILTER AND MEMBERSHIP""",
    "SELECT b > ANY (SELECT d FROM u WHERE a > 1) AS x, b = ALL (SELECT d FROM u) AS y FROM t": """
        x <- t.b TRANSFORMATION, u.d TRANSFORMATION AND MEMBERSHIP, u.a FILTER AND MEMBERSHIP
        y <- t.b TRANSFORMATION, u.d TRANSFORMATION AND MEMBERSHIP""",
    "SELECT list_contains((SELECT list(d) FROM u WHERE a > 1), c) AS x FROM t": """
        x <- t.c TRANSFORMATION, u.d AGGREGATION AND MEMBERSHIP, u.a FILTER AND MEMBERSHIP""",
    "SELECT list_contains(array(SELECT d FROM u WHERE a > 1), c) AS x FROM t": """
        x <- t.c TRANSFORMATION, u.d TRANSFORMATION AND MEMBERSHIP, u.a FILTER AND MEMBERSHIP""",
    "SELECT c IN (SELECT d FROM u) AS i, EXISTS (SELECT 1 FROM u WHERE u.a = q.a) AS e "
    "FROM (SELECT * FROM t WHERE s = 'x') q": """
        i <- t.c TRANSFORMATION, u.d TRANSFORMATION AND MEMBERSHIP, t.s FILTER
        e <- t.a FILTER AND MEMBERSHIP, u.a FILTER AND MEMBERSHIP, t.s FILTER""",
    "SELECT i, count(*) AS n FROM (SELECT c IN (SELECT d FROM u WHERE a > 1) AS i FROM t) "
    "GROUP BY i": """
        i <- t.c TRANSFORMATION, u.d TRANSFORMATION AND MEMBERSHIP, u.a FILTER AND MEMBERSHIP
        i <- t.c GROUP_BY, u.d GROUP_BY, u.a FILTER
        n <- t.c GROUP_BY, u.d GROUP_BY, u.a FILTER""",
    "SELECT b, (SELECT max(d) FROM u WHERE u.a = t.a) AS m FROM t": """
        b <- t.b IDENTITY
        m <- u.d AGGREGATION, u.a FILTER, t.a FILTER""",
    "SELECT b FROM t SEMI JOIN u USING (a)": "b <- t.b IDENTITY, t.a JOIN, u.a JOIN",
    "SELECT b, d FROM t LEFT JOIN u ON t.a = u.a AND d > 3": """
        b <- t.b IDENTITY, t.a JOIN, u.a JOIN, u.d JOIN
        d <- u.d IDENTITY, t.a JOIN, u.a JOIN, u.d JOIN""",
    "SELECT a FROM t FULL JOIN u USING (a)": """
        a <- t.a IDENTITY, u.a IDENTITY, t.a JOIN, u.a JOIN""",
    "SELECT t.b, u.d FROM t POSITIONAL JOIN u": "b <- t.b IDENTITY\nd <- u.d IDENTITY",
    "SELECT a FROM t UNION ALL SELECT d FROM u": "a <- t.a IDENTITY, u.d IDENTITY",
    "SELECT a FROM t UNION SELECT d FROM u": """
        a <- t.a IDENTITY, u.d IDENTITY, t.a FILTER, u.d FILTER""",
    "SELECT a FROM t EXCEPT SELECT d FROM u": "a <- t.a IDENTITY, t.a FILTER, u.d FILTER",
    "SELECT a, b FROM t UNION ALL BY NAME SELECT d AS b FROM u": """
        a <- t.a IDENTITY
        b <- t.b IDENTITY, u.d IDENTITY""",
    "SELECT DISTINCT a, c FROM t": """
        a <- t.a IDENTITY, t.a FILTER, t.c FILTER
        c <- t.c IDENTITY, t.a FILTER, t.c FILTER""",
    "SELECT DISTINCT ON (a) b FROM t ORDER BY c": "b <- t.b IDENTITY, t.a FILTER, t.c SORT",
    "SELECT * EXCLUDE (b, s) REPLACE (c * 2 AS c) RENAME (a AS z) FROM t": """
        z <- t.a IDENTITY
        c <- t.c TRANSFORMATION""",
    "SELECT COLUMNS('^[ab]$') + 1 FROM t": "a <- t.a TRANSFORMATION\nb <- t.b TRANSFORMATION",
    "SELECT min(COLUMNS(* EXCLUDE (s))) FROM t": """
        a <- t.a AGGREGATION
        b <- t.b AGGREGATION
        c <- t.c AGGREGATION""",
    "SELECT sum(b) OVER (PARTITION BY a ORDER BY c) AS w FROM t": """
        w <- t.b AGGREGATION, t.a PARTITION, t.c WINDOW""",
    "SELECT lag(b) OVER (ORDER BY c) AS l, first_value(b) OVER (PARTITION BY a) AS f, "
    "ntile(2) OVER (ORDER BY b) AS q, rank() OVER (PARTITION BY a ORDER BY b DESC) AS r FROM t": """
        l <- t.b TRANSFORMATION, t.c WINDOW
        f <- t.b AGGREGATION, t.a PARTITION
        q <- t.b WINDOW
        r <- t.a PARTITION, t.b WINDOW""",
    "SELECT avg(b) OVER (ORDER BY c, b ROWS 2 PRECEDING) AS w FROM t": """
        w <- t.b AGGREGATION, t.b WINDOW, t.c WINDOW""",
    "SELECT row_number() OVER w AS n FROM t WHERE c > 1 WINDOW w AS (PARTITION BY a)": """
        n <- t.a PARTITION, t.c FILTER""",
    "SELECT b FROM t QUALIFY row_number() OVER (PARTITION BY a ORDER BY c) = 1": """
        b <- t.b IDENTITY, t.a FILTER, t.c FILTER""",
    "SELECT sum(b) FILTER (c > 1) AS x, list(b ORDER BY s) AS l, arg_max(a, b) AS m FROM t": """
        x <- t.b AGGREGATION, t.c FILTER
        l <- t.b AGGREGATION, t.s SORT
        m <- t.a AGGREGATION, t.b CONDITIONAL""",
    "WITH x AS (SELECT a, sum(b) AS q FROM t GROUP BY a) SELECT q FROM x WHERE a > 1": """
        q <- t.b AGGREGATION, t.a GROUP_BY, t.a FILTER""",
    "WITH RECURSIVE r(n, k) AS (SELECT a, 1 FROM t UNION ALL "
    "SELECT n + c, k + 1 FROM r JOIN t ON t.b = r.n WHERE k < 3) SELECT n FROM r": """
        n <- t.a IDENTITY, t.a TRANSFORMATION, t.c TRANSFORMATION, t.a JOIN, t.b JOIN, t.c JOIN""",
    "SELECT a, e FROM u, unnest(l) x(e)": "a <- u.a IDENTITY\ne <- u.l TRANSFORMATION",
    "SELECT y FROM t, LATERAL (SELECT t.a + t.b AS y) WHERE c = 1": """
        y <- t.a TRANSFORMATION, t.b TRANSFORMATION, t.c FILTER""",
    "SELECT v.x, v FROM (SELECT {'x': a, 'y': b} AS v FROM t)": """
        x <- t.a IDENTITY
        v <- t.a TRANSFORMATION, t.b TRANSFORMATION""",
    "SELECT list_transform(l, lambda x: x + d) AS y FROM u": """
        y <- u.l TRANSFORMATION, u.d TRANSFORMATION""",
    "PIVOT t ON s USING sum(b) GROUP BY a": """
        a <- t.a IDENTITY, t.a GROUP_BY, t.s GROUP_BY
        x0 <- t.b AGGREGATION, t.a GROUP_BY, t.s GROUP_BY
        x1 <- t.b AGGREGATION, t.a GROUP_BY, t.s GROUP_BY
        x2 <- t.b AGGREGATION, t.a GROUP_BY, t.s GROUP_BY""",
    "SELECT * FROM (SELECT a, b, c FROM t) UNPIVOT INCLUDE NULLS (v FOR n IN (b, c))": """
        a <- t.a IDENTITY
        n <-
        v <- t.b IDENTITY, t.c IDENTITY""",
    "SELECT a AS z, z + 1 AS y FROM t WHERE z > 2": """
        z <- t.a IDENTITY, t.a FILTER
        y <- t.a TRANSFORMATION, t.a FILTER""",
    "SELECT t.b FROM t, u WHERE (t.a = u.a AND b > 3) OR (t.a = u.a AND d > 9)": """
        b <- t.b IDENTITY, t.a JOIN, u.a JOIN, t.b FILTER, u.d FILTER""",
    "SELECT a, grouping(a) AS g FROM t GROUP BY ROLLUP (a, c)": """
        a <- t.a IDENTITY, t.a GROUP_BY, t.c GROUP_BY
        g <- t.a AGGREGATION, t.a GROUP_BY, t.c GROUP_BY""",
    "SELECT a FROM t LIMIT (SELECT max(d) FROM u)": "a <- t.a IDENTITY, u.d FILTER",
    "SELECT b, d FROM t ASOF JOIN u ON t.a = u.a AND t.c >= u.d": """
        b <- t.b IDENTITY, t.a JOIN, u.a JOIN, t.c JOIN, u.d JOIN
        d <- u.d IDENTITY, t.a JOIN, u.a JOIN, t.c JOIN, u.d JOIN""",
    "SELECT a, c, sum(b) AS n FROM t GROUP BY GROUPING SETS ((a), (c), ())": """
        a <- t.a IDENTITY, t.a GROUP_BY, t.c GROUP_BY
        c <- t.c IDENTITY, t.a GROUP_BY, t.c GROUP_BY
        n <- t.b AGGREGATION, t.a GROUP_BY, t.c GROUP_BY""",
    "SELECT b FROM t ANTI JOIN u USING (a)": "b <- t.b IDENTITY, t.a JOIN, u.a JOIN",
    "SELECT b FROM t WHERE a NOT IN (SELECT a FROM u WHERE d > 1)": """
        b <- t.b IDENTITY, t.a FILTER, u.a FILTER, u.d FILTER""",
    "SELECT b FROM t WHERE b > (SELECT avg(b) FROM t AS o WHERE o.a = t.a)": """
        b <- t.b IDENTITY, t.b FILTER, t.a FILTER""",
    "SELECT l.n, r.d, 1 AS k FROM (SELECT a, count(*) AS n FROM t GROUP BY a) l "
    "JOIN (SELECT * FROM u WHERE d > 1) r USING (a)": """
        n <- t.a GROUP_BY, t.a JOIN, u.a JOIN, u.d FILTER
        d <- u.d IDENTITY, u.d FILTER, t.a JOIN, u.a JOIN, t.a GROUP_BY
        k <- t.a GROUP_BY, u.d FILTER, t.a JOIN, u.a JOIN""",
    "SELECT a FROM t GROUP BY a HAVING count(*) > 2": "a <- t.a IDENTITY, t.a GROUP_BY",
    "SELECT q.a AS k, q.x1 AS v, b FROM t JOIN (SELECT a, b AS d, s FROM t) "
    "PIVOT (sum(d) FOR s IN ('x0', 'x1') GROUP BY a) AS q USING (a)": """
        k <- t.a IDENTITY, t.a GROUP_BY, t.s GROUP_BY, t.a JOIN
        v <- t.b AGGREGATION, t.a GROUP_BY, t.s GROUP_BY, t.a JOIN
        b <- t.b IDENTITY, t.a JOIN, t.a GROUP_BY, t.s GROUP_BY""",
    "SELECT * REPLACE (1 AS b) FROM (SELECT a, b FROM t WHERE c > 1)": """
        a <- t.a IDENTITY, t.c FILTER
        b <- t.c FILTER""",
    "SELECT count(DISTINCT s) AS n, string_agg(s, '-' ORDER BY b) AS l FROM t": """
        n <- t.s AGGREGATION
        l <- t.s AGGREGATION, t.b SORT""",
    "SELECT [x * 2 FOR x IN l IF x > d] AS y, list_filter(l, lambda x: x > 1) AS z FROM u": """
        y <- u.l TRANSFORMATION, u.d TRANSFORMATION
        z <- u.l TRANSFORMATION""",
    "SELECT unnest(v) FROM (SELECT struct_pack(x := a, y := b + c) AS v FROM t)": """
        x <- t.a IDENTITY
        y <- t.b TRANSFORMATION, t.c TRANSFORMATION""",
    "SELECT b FROM t WINDOW w AS (PARTITION BY a ORDER BY c DESC) QUALIFY rank() OVER w <= 2": """
        b <- t.b IDENTITY, t.a FILTER, t.c FILTER""",
    "SELECT COLUMNS(lambda x: x LIKE '%a') FROM t": "a <- t.a IDENTITY",
    "SELECT b, y FROM t, LATERAL (SELECT max(d) AS y FROM u WHERE u.a = t.a)": """
        b <- t.b IDENTITY
        y <- u.d AGGREGATION, u.a FILTER, t.a FILTER""",
    "WITH x AS MATERIALIZED (SELECT a, b FROM t WHERE c > 1), y AS (SELECT a, max(b) AS m FROM x "
    "GROUP BY a) SELECT x.b, y.m FROM x JOIN y USING (a)": """
        b <- t.b IDENTITY, t.c FILTER, t.a JOIN, t.a GROUP_BY
        m <- t.b AGGREGATION, t.a GROUP_BY, t.c FILTER, t.a JOIN""",
    "SELECT a, b - lag(b) OVER (PARTITION BY a ORDER BY c) AS x FROM t": """
        a <- t.a IDENTITY
        x <- t.b TRANSFORMATION, t.a PARTITION, t.c WINDOW""",
    "SELECT avg(b) OVER (PARTITION BY s ORDER BY c RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING "
    "EXCLUDE CURRENT ROW) AS w FROM t": "w <- t.b AGGREGATION, t.s PARTITION, t.c WINDOW",
    "FROM (VALUES (1, 2)) v(a, x) JOIN t USING (a) SELECT x, b": """
        x <- t.a JOIN
        b <- t.b IDENTITY, t.a JOIN""",
}  # fmt: skip


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute(TABLES)
        yield made


def told(text: str) -> set[str]:
    """The lines of a case, one origin each."""
    found, name = set(), ""
    for part in text.replace("\n", ",").split(","):
        head, arrow, rest = part.rpartition("<-")
        name = head.strip() if arrow else name
        if rest.strip():
            found.add(f"{name} <- {rest.strip()}")
    return found


def said(sql: str, schemas: Schemas | dict[str, tuple[str, ...]], names: list[str]) -> set[str]:
    """The same of what the lineage says."""
    (lineage,) = lineage_of(sql, "duckdb", schemas)
    assert not lineage.reason
    return {
        f"{made.name} <- {'.'.join(origin.table.name) or origin.table.function}.{origin.column} "
        f"{origin.relation}{'' if origin.evidence == 'observed' else ' ' + origin.evidence}"
        for made in lineage.bind(names)
        for origin in made.origins
    }


@pytest.mark.parametrize("sql", CASES)
def test_a_query_has_exactly_the_origins_that_a_person_gives_it(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> None:
    names = [column[0] for column in connection.execute(sql).description]
    assert said(sql, schemas_of(connection), names) == told(CASES[sql])


@pytest.mark.parametrize("sql", CASES)
def test_what_changes_a_result_is_one_of_its_origins(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> None:
    assert not missing_origins(connection, sql)


def test_a_name_that_only_one_unknown_table_can_have_is_certain() -> None:
    assert said("SELECT x AS y FROM somewhere WHERE z > 1", {}, ["y"]) == {
        "y <- somewhere.x IDENTITY",
        "y <- somewhere.z FILTER",
    }


def test_a_name_that_two_unknown_tables_can_have_is_either_ones() -> None:
    assert said("SELECT x FROM one, two", {}, ["x"]) == {
        "x <- one.x IDENTITY conservative",
        "x <- two.x IDENTITY conservative",
    }


def test_a_star_over_an_unknown_table_takes_the_names_that_came() -> None:
    assert said("SELECT *, 1 AS k FROM somewhere", {}, ["p", "q", "k"]) == {
        "p <- somewhere.p IDENTITY",
        "q <- somewhere.q IDENTITY",
    }


def test_a_star_over_an_unknown_table_has_other_columns_in_the_places_of_its_own() -> None:
    assert said("SELECT * REPLACE (p + 1 AS q) FROM somewhere", {}, ["p", "q", "r"]) == {
        "p <- somewhere.p IDENTITY",
        "q <- somewhere.p TRANSFORMATION",
        "r <- somewhere.r IDENTITY",
    }
    renamed = "SELECT x, r FROM (SELECT * RENAME (p AS x) FROM somewhere)"
    assert said(renamed, {}, ["x", "r"]) == {
        "x <- somewhere.p IDENTITY",
        "r <- somewhere.r IDENTITY",
    }


def test_files_and_functions_are_tables() -> None:
    sql = "SELECT x.a, y.b FROM 'data/x.parquet' JOIN read_csv(['y.csv', 'z.csv']) y USING (k)"
    (lineage,) = lineage_of(sql)
    file, function = lineage.reads
    assert file == Table(("data/x.parquet",))
    assert (function.function, function.arguments) == ("read_csv", ("y.csv", "z.csv"))


def test_an_alias_that_an_unknown_table_may_have_as_a_column_is_uncertain() -> None:
    sql = "SELECT upper(name) AS name, name AS n FROM 'x.csv'"
    assert lineage_of(sql)[0].uncertain
    assert not lineage_of(sql, "duckdb", {"x.csv": ("name",)})[0].uncertain


class Catalog(Schemas):
    """A table, a view on it, macros."""

    def table(self, table: Table) -> Known | None:
        if table.name == ("v",):
            return Known(("p", "q"), "CREATE VIEW v (p, q) AS SELECT a, b FROM t WHERE c > 1")
        return Known(("a", "b", "c")) if table.name == ("t",) else None

    def macro(self, name: str) -> Macro | None:
        return {
            "twice": Macro(("x",), "x * 2"),
            "above": Macro(("least",), "SELECT a, b FROM t WHERE c > least"),
        }.get(name)


def test_lineage_goes_through_views_and_macros() -> None:
    assert said("SELECT q, twice(p) AS r FROM v", Catalog(), ["q", "r"]) == {
        "q <- t.b IDENTITY",
        "q <- t.c FILTER",
        "r <- t.a TRANSFORMATION",
        "r <- t.c FILTER",
    }
    assert said("SELECT a FROM above(3)", Catalog(), ["a"]) == {
        "a <- t.a IDENTITY",
        "a <- t.c FILTER",
    }


def test_a_wide_star_is_read_fast_enough_to_be_read_at_all() -> None:
    schemas = {"w": tuple(f"c{n}" for n in range(2000))}
    (lineage,) = lineage_of("SELECT * FROM w WHERE c1 > 0 AND c2 < 3", "duckdb", schemas)
    assert len(lineage.columns) == 2000


def test_other_dialects_are_read_too() -> None:
    (lineage,) = lineage_of('SELECT "a" FROM s.t WHERE b ~ $1', "postgres", {"s.t": ("a", "b")})
    assert {(o.column, o.relation) for o in lineage.columns[0].origins} == {
        ("a", "IDENTITY"),
        ("b", "FILTER"),
    }
    (lineage,) = lineage_of("SELECT `a` FROM t LIMIT 1", "mysql", {"t": ("a",)})
    assert lineage.reads == (Table(("t",)),)
