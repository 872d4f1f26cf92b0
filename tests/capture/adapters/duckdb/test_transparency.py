"""DuckDB behaves as before: each cell prints and raises the same with observers and without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from governed_kernel.lineage.events import ObserverLost
from tests.capture.recording import Recording, record

START = """
import duckdb, inspect, pickle, pydoc, warnings
import pandas as pd, polars as pl, pyarrow as pa, numpy as np
frame = pd.DataFrame({"id": [1, 2, 3], "z": [4, 5, 6]})
con = duckdb.connect()
con.execute("CREATE TABLE t AS FROM range(5) r(i)")
"""

CELLS = {
    "variables of the caller are tables, local ones first": """
print(duckdb.sql("SELECT sum(z) FROM frame").fetchall())
def inside():
    frame = pd.DataFrame({"z": [10]})
    local = pl.DataFrame({"z": [20]})
    return duckdb.sql("SELECT frame.z, local.z FROM frame, local").fetchall()
print(inside())
class Holder:
    def ask(self, handed):
        return con.execute("FROM handed").fetchall()
print(Holder().ask(pa.table({"q": [1]})))
print([con.sql("SELECT count(*) FROM frame").fetchone() for _ in range(2)])
print((lambda given: con.sql("FROM given").fetchall())(frame))
""",
    "a variable named like ours is still the user's": """
call = name = connection = observation = table = values = frame
print(duckdb.sql("SELECT count(*) FROM call, name, values").fetchall())
for each in ("catalog", "known", "step", "sql"):
    try:
        con.execute(f"FROM {each}")
    except duckdb.CatalogException as error:
        print(str(error).splitlines()[0])
""",
    "classes, names and documentation stay": """
print(isinstance(con, duckdb.DuckDBPyConnection), type(con), type(con.execute))
print(type(con.sql("FROM t")))
print(con.execute.__name__, con.execute.__doc__ == duckdb.DuckDBPyConnection.execute.__doc__)
print(duckdb.sql.__doc__[:60], duckdb.sql.__name__, duckdb.sql.__module__)
print(inspect.isbuiltin(duckdb.sql), inspect.isroutine(duckdb.sql), callable(duckdb.sql))
print(pydoc.render_doc(duckdb.sql)[:300])
print(sorted(name for name in dir(duckdb.DuckDBPyRelation) if not name.startswith("__")))
print(sorted(name for name in dir(duckdb) if not name.startswith("__")) == sorted(
    {name for name in vars(duckdb) if not name.startswith("__")}))
for function in (duckdb.sql, con.execute, duckdb.DuckDBPyConnection.execute):
    try:
        print(inspect.signature(function))
    except ValueError as error:
        print(type(error).__name__, str(error)[:30])
print(type(duckdb.DuckDBPyRelation.shape), duckdb.DuckDBPyRelation.shape.__doc__)
""",
    "functions are pickled as before": """
print(pickle.loads(pickle.dumps(duckdb.sql))("SELECT 42").fetchall())
try:
    pickle.dumps(con)
except TypeError as error:
    print(error)
""",
    "subclasses and unbound methods": """
class Mine(duckdb.DuckDBPyConnection):
    pass
print(issubclass(Mine, duckdb.DuckDBPyConnection))
print(duckdb.DuckDBPyConnection.execute(con, "SELECT 1").fetchall())
print(list(map(con.execute, ["SELECT 1"]))[0] is con, con.execute("SELECT 2") is con)
""",
    "a result that waits is not disturbed": """
con.execute("SELECT i FROM range(10000) r(i)")
print(con.fetchone(), con.table("t").columns, con.fetchone())
other = con.sql("SELECT * FROM t")
print(con.fetchmany(2), other.columns, con.fetchone(), len(con.fetchall()))
""",
    "transactions are the user's": """
con.begin()
con.execute("CREATE TABLE x (a INT)")
con.execute("INSERT INTO x VALUES (1)")
print(con.sql("FROM x").fetchall())
con.rollback()
try:
    con.execute("FROM x")
except duckdb.CatalogException as error:
    print(str(error).splitlines()[0])
con.execute("BEGIN")
try:
    con.execute("SELECT nonsense FROM t")
except duckdb.BinderException as error:
    print("failed")
try:
    print(con.execute("SELECT count(*) FROM t").fetchall())
except duckdb.TransactionException as error:
    print(str(error)[:40])
con.execute("ROLLBACK")
""",
    "relations": """
r = con.sql("FROM t")
print(r.filter("i > 1").project("i * 2 AS d").order("d DESC").limit(2).fetchall())
print(r.i.fetchall(), r["i"].columns, len(r), r.shape, r.sum("i").fetchone(), "i" in r)
print(r.set_alias("a").join(r.set_alias("b"), "i").columns, r.union(r).count("i").fetchall())
print(r.aggregate("max(i)").df().to_dict(), r.pl().shape, r.to_arrow_table().num_rows)
print(hasattr(r, "_repr_html_"), hasattr(r, "nothing"), getattr(r, "missing", None))
print(str(r)[:30], repr(r.limit(1)))
r.show(max_rows=1)
print(pl.from_arrow(r).shape)
""",
    "results of all kinds": """
q = "SELECT i, i::VARCHAR AS s FROM t"
print(con.execute(q).df().dtypes.tolist(), con.execute(q).fetchnumpy()["i"].tolist())
print(con.execute(q).pl().schema, con.execute(q).to_arrow_table().schema.names)
print(sum(batch.num_rows for batch in con.execute(q).to_arrow_reader(2)))
print(con.execute(q).fetchone(), con.fetchmany(2), con.description, con.rowcount)
with duckdb.connect() as inner:
    print(inner.execute("SELECT ?, $2", [1, "x"]).fetchall())
print(con.execute("SELECT $a + $b", {"a": 1, "b": 2}).fetchall())
con.executemany("INSERT INTO t VALUES (?)", [[7], [8]])
print(con.sql("SELECT max(i) FROM t", alias="m").alias)
print(con.query("SELECT 1 WHERE ? = 1", params=[1]).fetchall())
""",
    "functions of the user run in their own place": """
def twice(x: int) -> int:
    return x * 2
con.create_function("twice", twice)
print(con.sql("SELECT twice(i) FROM t LIMIT 2").fetchall())
print(con.sql("FROM t").map(lambda df: df.assign(j=df.i + 1)).limit(1).fetchall())
""",
    "warnings point at the user's line": """
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    con.execute("SELECT 1").fetch_record_batch()
    con.execute("SELECT 1").fetch_arrow_table()
print([(str(w.message)[:40], w.lineno, w.filename) for w in caught])
""",
    "names that come late": """
from duckdb import sql, connect
import _duckdb
print(sql("SELECT 1").fetchall(), connect().sql("SELECT 2").fetchall())
print(_duckdb.sql("SELECT 3").fetchall())
print(duckdb.default_connection() is duckdb.default_connection(), sql is duckdb.sql)
""",
    "the user's settings and log are his": """
query = "SELECT name, value FROM duckdb_settings() WHERE name LIKE '%log%' ORDER BY 1"
print(con.sql(query).fetchall())
print(con.sql("SELECT count(*) FROM duckdb_logs()").fetchall())
print(con.sql("SELECT table_name FROM duckdb_tables()").fetchall())
print(con.sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall())
""",
    "statements given as objects": """
first, second = con.extract_statements("CREATE TABLE st AS SELECT 1 AS a; SELECT a FROM st")
con.execute(first)
print(con.execute(second).fetchall(), second.query, sorted(con.get_table_names("FROM a, b")))
""",
    "interrupts": """
import _thread, threading
timer = threading.Timer(0.5, con.interrupt)
timer.start()
try:
    con.execute("SELECT count(*) FROM range(100000000000) a, range(1000) b").fetchall()
except duckdb.InterruptException as error:
    print(type(error).__name__)
print(con.execute("SELECT 1").fetchall())
""",
}
FAILING = {
    "a syntax error": "duckdb.sql('SELEC 1')",
    "a missing table": "con.execute('FROM nowhere')",
    "a missing column": "con.sql('SELECT nothing FROM t')",
    "a missing file": "duckdb.read_csv('missing.csv')",
    "a missing file in a query": "duckdb.sql(\"FROM 'missing.parquet'\").df()",
    "a wrong type of argument": "duckdb.sql(3)",
    "no argument": "con.execute()",
    "an unknown keyword": "con.execute('SELECT 1', wrong=2)",
    "an error while it runs": "con.sql('SELECT CAST(x AS INT) FROM (VALUES (\\'x\\')) v(x)').df()",
    "a missing attribute": "con.sql('FROM t').nothing",
    "a closed connection": "c = duckdb.connect()\nc.close()\nc.execute('SELECT 1')",
    "a failing function": "con.sql('FROM t').map(lambda df: 1 / 0).fetchall()",
    "a table that is no table": "number = 3\nduckdb.sql('FROM number')",
    "inside functions": """
def f():
    return con.sql("FROM t").filter("missing > 1")
def g():
    return f()
g()""",
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, Recording]:
    folder = tmp_path_factory.mktemp("transparent")
    cells = [START, *CELLS.values(), *FAILING.values()]
    return record(folder, cells), record(folder, cells, observed=False)


def without_addresses(text: str) -> str:
    return re.sub("0x[0-9a-f]+", "0x…", text)


@pytest.mark.parametrize("name", CELLS)
def test_it_behaves_as_without_observers(both: tuple[Recording, Recording], name: str) -> None:
    observed, plain = both
    place = 1 + list(CELLS).index(name)
    assert plain.errors[place] == ""
    assert plain.output[place]
    assert observed.errors[place] == ""
    assert observed.output[place] == plain.output[place]


@pytest.mark.parametrize("name", FAILING)
def test_an_error_has_the_same_traceback(both: tuple[Recording, Recording], name: str) -> None:
    observed, plain = both
    place = 1 + len(CELLS) + list(FAILING).index(name)
    assert plain.errors[place]
    assert without_addresses(observed.errors[place]) == without_addresses(plain.errors[place])


def test_no_observer_failed(both: tuple[Recording, Recording]) -> None:
    observed, _ = both
    lost = observed.of(ObserverLost)
    assert not lost, [(each.observer, observed.texts[each.error]) for each in lost]


def test_a_failing_observer_leaves_the_users_result_and_a_trace(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        [
            """
import duckdb
from governed_kernel.capture.adapters.duckdb import queries
queries.plan_of = None  # sabotage
print(duckdb.sql("SELECT 1").fetchall())
"""
        ],
    )
    assert done.errors == [""]
    assert done.output == ["[(1,)]\n"]
    assert {each.error_name for each in done.of(ObserverLost)} == {"TypeError"}


def test_importing_duckdb_imports_neither_sqlglot_nor_a_dataframe_library(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        [
            """
import sys, duckdb
duckdb.connect().close()
print({"sqlglot", "pandas", "polars", "pyarrow"} & set(sys.modules))
"""
        ],
    )
    assert done.errors == [""]
    assert done.output == ["set()\n"]
