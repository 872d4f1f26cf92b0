"""Statements that make, fill and change tables, and those that move files."""

from __future__ import annotations

import pytest

from governed_kernel.capture.sql import Lineage, Table, lineage_of

SCHEMAS = {"t": ("a", "b", "c"), "u": ("a", "d")}


def one(sql: str) -> Lineage:
    (lineage,) = lineage_of(sql, "duckdb", SCHEMAS)
    assert not lineage.reason
    return lineage


def columns(sql: str) -> dict[str, set[str]]:
    return {
        made.name: {f"{'.'.join(o.table.name)}.{o.column} {o.relation}" for o in made.origins}
        for made in one(sql).columns
    }


def test_a_table_made_of_a_query_has_its_columns() -> None:
    assert one("CREATE OR REPLACE TEMP TABLE x AS SELECT a FROM t").target == Table(("x",))
    assert columns("CREATE TABLE x (p, q) AS SELECT a, b FROM t WHERE c > 1") == {
        "p": {"t.a IDENTITY", "t.c FILTER"},
        "q": {"t.b IDENTITY", "t.c FILTER"},
    }
    assert columns("CREATE TABLE x (p INT, q TEXT)") == {"p": set(), "q": set()}


def test_inserted_columns_are_those_of_the_table_by_place_or_by_name() -> None:
    assert columns("INSERT INTO t SELECT d, a, 1 FROM u") == {
        "a": {"u.d IDENTITY"},
        "b": {"u.a IDENTITY"},
        "c": set(),
    }
    assert columns("INSERT INTO t (c, a) SELECT d, a FROM u") == {
        "c": {"u.d IDENTITY"},
        "a": {"u.a IDENTITY"},
    }
    assert columns("INSERT INTO t BY NAME SELECT d AS b FROM u") == {"b": {"u.d IDENTITY"}}
    assert columns("WITH x AS (FROM u) INSERT INTO t (a) SELECT d FROM x") == {
        "a": {"u.d IDENTITY"}
    }


def test_a_conflict_lets_a_column_owe_to_its_old_value() -> None:
    sql = "INSERT INTO t (a, b) SELECT a, d FROM u ON CONFLICT DO UPDATE SET b = t.b + excluded.b"
    assert columns(sql)["b"] == {"u.d IDENTITY", "u.d TRANSFORMATION", "t.b TRANSFORMATION"}


def test_an_update_changes_what_it_names_where_its_condition_says() -> None:
    assert columns("UPDATE t SET a = b + d FROM u WHERE t.a = u.a") == {
        "a": {"t.b TRANSFORMATION", "u.d TRANSFORMATION", "t.a CONDITIONAL", "u.a CONDITIONAL"}
    }
    assert one("UPDATE t SET a = 1").keeps


def test_a_deletion_filters() -> None:
    assert not one("DELETE FROM t").keeps
    lineage = one("DELETE FROM t USING u WHERE t.a = u.a")
    assert {(o.table.name, o.column, o.relation) for o in lineage.rows} == {
        (("t",), "a", "FILTER"),
        (("u",), "a", "FILTER"),
    }


def test_a_merge_updates_and_inserts() -> None:
    sql = """MERGE INTO t USING u ON t.a = u.a WHEN MATCHED AND t.c > 1 THEN UPDATE SET b = d
        WHEN NOT MATCHED THEN INSERT (a, b) VALUES (u.a, u.d)"""
    assert columns(sql) == {
        "a": {"u.a IDENTITY", "u.a JOIN", "t.a JOIN"},
        "b": {"u.d IDENTITY", "u.a JOIN", "t.a JOIN", "t.c CONDITIONAL"},
    }


def test_copies_go_to_files_and_come_from_them() -> None:
    lineage = one("COPY (SELECT a FROM t) TO 'x.parquet' (FORMAT parquet, PARTITION_BY (a))")
    assert lineage.kind == "copy to"
    assert lineage.target == Table(("x.parquet",), "copy")
    assert columns("COPY t (a, b) TO 'x.csv'") == {"a": {"t.a IDENTITY"}, "b": {"t.b IDENTITY"}}
    assert columns("COPY t FROM 'x.csv' (HEADER)")["b"] == {"x.csv.b IDENTITY"}


@pytest.mark.parametrize(
    ("sql", "kind", "target"),
    [
        ("ATTACH 'other.db' AS o (READ_ONLY)", "attach", "other.db"),
        ("ATTACH IF NOT EXISTS 'x.sqlite' (TYPE sqlite)", "attach", "x.sqlite"),
        ("LOAD httpfs;", "load", "httpfs"),
        ("FORCE INSTALL spatial FROM community", "install", "spatial"),
        ("EXPORT DATABASE 'out' (FORMAT parquet)", "export", "out"),
        ("-- back again\nIMPORT DATABASE 'out'", "import", "out"),
        ("DROP TABLE IF EXISTS t", "drop table", "t"),
        ("ALTER TABLE t RENAME COLUMN a TO z", "alter", "t"),
    ],
)
def test_a_command_names_what_it_is_about(sql: str, kind: str, target: str) -> None:
    lineage = one(sql)
    assert (lineage.kind, lineage.target and lineage.target.name[0]) == (kind, target)


def test_a_plan_reads_nothing_unless_it_is_carried_out() -> None:
    assert one("EXPLAIN SELECT a FROM t").kind == "explain"
    assert one("EXPLAIN ANALYZE SELECT a FROM t").kind == "explain analyze"
    assert one("EXPLAIN (ANALYZE) SELECT a FROM t").reads == (Table(("t",)),)


def test_several_statements_are_read_one_by_one() -> None:
    sql = "CREATE TABLE x AS SELECT 1 AS k; LOAD httpfs; SELECT * FROM t;"
    found = lineage_of(sql, "duckdb", SCHEMAS)
    assert [each.kind for each in found] == ["create table", "load", "select"]


@pytest.mark.parametrize("sql", ["SELEC 1", "", ";;", "SELECT '", "x" * 200_000, "((((", "\0"])
def test_what_is_no_statement_raises_nothing(sql: str) -> None:
    assert all(each.kind in ("unknown", "other", "select") for each in lineage_of(sql))


def test_a_column_that_no_table_has_is_said_to_be_missing() -> None:
    (lineage,) = lineage_of("SELECT z FROM t", "duckdb", SCHEMAS)
    assert "z" in lineage.reason
