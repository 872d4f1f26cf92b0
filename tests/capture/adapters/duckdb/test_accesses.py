"""What DuckDB reads, writes, connects to and executes, in the cell that did it."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.lineage.events import Access, ObserverLost
from tests.capture.recording import Recording, record

START = """
import duckdb
import pandas as pd
con = duckdb.connect()
duckdb.sql("COPY (SELECT i % 3 AS p, i AS v FROM range(9) r(i)) TO 'parts' (PARTITION_BY (p))")
early = con.sql("FROM 'early.csv'")
later = early.filter("a > 1")
"""

CELLS = {
    "a file's name for a table": (
        """
con.sql("FROM 'a.csv'").df()
""",
        {"read a.csv"},
    ),
    "files of a pattern": (
        """
con.sql("FROM read_csv('?.csv', union_by_name = true)").fetchall()
""",
        {"read a.csv", "read b.csv"},
    ),
    "a list of files, by a reader": (
        """
con.read_csv(['a.csv', 'b.csv']).fetchall()
""",
        {"read a.csv", "read b.csv"},
    ),
    "only the partitions that a condition leaves": (
        """
con.sql("SELECT sum(v) FROM 'parts/**/*.csv' WHERE p = 1").fetchall()
""",
        {"read parts/p=1/data_0.csv"},
    ),
    "all partitions without one": (
        """
con.sql("SELECT sum(v) FROM 'parts/**/*.csv'").fetchall()
""",
        {f"read parts/p={n}/data_0.csv" for n in range(3)},
    ),
    "a relation is read when it is carried out": (
        """
later.df()
""",
        {"read early.csv"},
    ),
    "and again when it is shown": (
        """
print(early)
""",
        {"read early.csv"},
    ),
    "a view of a file": (
        """
con.execute("CREATE VIEW va AS FROM 'a.csv'")
con.execute('SELECT 1 FROM va').fetchall()
""",
        {"read a.csv"},
    ),
    "subqueries, unions and CTEs": (
        """
con.sql("WITH x AS (FROM 'a.csv') "
    "SELECT * FROM x WHERE a IN (SELECT a FROM 'b.csv')").df()
""",
        {"read a.csv", "read b.csv"},
    ),
    "COPY TO": (
        """
con.execute("COPY (FROM 'a.csv') TO 'out.parquet'")
""",
        {"read a.csv", "write out.parquet"},
    ),
    "COPY TO a folder": (
        """
con.execute("COPY (SELECT 1 AS k, 2 AS v) "
    "TO 'made' (FORMAT parquet, PARTITION_BY (k))")
""",
        {"write made/k=1/data_0.parquet"},
    ),
    "COPY FROM": (
        """
con.execute('CREATE TABLE copied (a INT, b INT)')
con.execute("COPY copied FROM 'a.csv'")
""",
        {"read a.csv"},
    ),
    "a relation's writers": (
        """
con.sql('SELECT 1 AS a').write_csv('w.csv')
con.sql('SELECT 1 AS a').to_parquet('w.parquet')
""",
        {"write w.csv", "write w.parquet"},
    ),
    "a database in a file": (
        """
with duckdb.connect('one.db') as one:
    one.execute('CREATE TABLE t AS SELECT 1 AS a')
""",
        {"connect one.db", "write one.db#t", "write one.db"},
    ),
    "its tables read": (
        """
one = duckdb.connect('one.db', read_only=True)
one.sql('SELECT a FROM main.t').fetchall()
""",
        {"connect one.db", "read one.db#t"},
    ),
    "an attached database": (
        """
con.execute("ATTACH 'two.db' AS two")
con.execute('CREATE TABLE two.t AS FROM range(3)')
con.sql('FROM two.t').fetchall()
""",
        {"connect two.db", "write two.db#t", "read two.db#t"},
    ),
    "its schemas and indexes": (
        """
con.execute('CREATE SCHEMA two.s')
con.execute('CREATE TABLE two.s.x (a INT)')
con.execute('CREATE INDEX i ON two.s.x (a)')
con.execute('DROP TABLE two.s.x')
""",
        {"write two.db", "write two.db#s.x", "delete two.db#s.x"},
    ),
    "a transaction begun here": (
        """
con.begin()
con.execute('INSERT INTO two.t VALUES (7)')
""",
        {"write two.db#t"},
    ),
    "and committed there": ("con.commit()", {"write two.db"}),
    "nothing to commit": (
        """
con.begin()
con.sql('SELECT 1').fetchall()
con.execute('COMMIT')
""",
        set(),
    ),
    "a database sent out and taken back": (
        """
con.execute('CREATE TABLE sent AS SELECT 1 AS a')
con.execute("USE memory")
other = duckdb.connect()
other.execute('CREATE TABLE sent AS SELECT 1 AS a')
other.execute("EXPORT DATABASE 'folder'")
back = duckdb.connect()
back.execute("IMPORT DATABASE 'folder'")
""",
        {
            f"{what} folder/{name}"
            for what in ("read", "write")
            for name in ("schema.sql", "load.sql", "sent.csv")
        },
    ),
    "memory and the user's variables are no accesses": (
        """
frame = pd.DataFrame({'a': [1]})
con.execute('CREATE TABLE inside AS FROM frame')
con.sql('FROM inside JOIN frame USING (a)').df()
""",
        set(),
    ),
    "several statements": (
        """
con.execute("CREATE OR REPLACE TABLE m AS FROM 'a.csv'; "
    "COPY m TO 'm.csv'; FROM 'b.csv'").df()
""",
        {"read a.csv", "write m.csv", "read b.csv"},
    ),
    "a prepared statement": (
        """
con.execute("PREPARE p AS SELECT * FROM 'a.csv' WHERE a > ?")
con.execute('EXECUTE p(1)').df()
""",
        {"read a.csv"},
    ),
    "metadata of a file": (
        """
con.sql("FROM parquet_schema('out.parquet')").df()
""",
        {"read out.parquet"},
    ),
    "a thread": (
        """
import threading
ask = lambda: con.cursor().execute("FROM 'a.csv'").df()
t = threading.Thread(target=ask)
t.start()
t.join()
""",
        {"read a.csv"},
    ),
    "a library that uses DuckDB": (
        """
pd.read_sql("FROM 'a.csv'", con)
""",
        {"read a.csv"},
    ),
}
FAILING = {
    "a file that isn't there": ("con.sql(\"FROM 'missing.csv'\")", set()),
    "a file that is there, and a column that isn't": (
        "con.sql(\"SELECT nothing FROM 'a.csv'\")",
        {"read a.csv"},
    ),
    "what is forbidden is refused before it is read": (
        "con.sql(\"FROM 'forbidden/x.csv'\")",
        {"read forbidden/x.csv denied"},
    ),
    "also as one of many": (
        "con.sql(\"FROM read_csv('*/x.csv')\").df()",
        {"read forbidden/x.csv denied"},
    ),
    "also to be written": (
        "con.sql(\"COPY (SELECT 1) TO 'forbidden/y.csv'\")",
        {"write forbidden/y.csv denied"},
    ),
    "an extension that isn't there": ("con.load_extension('./nothing.duckdb_extension')", set()),
}


FAILING = {
    "a file that isn't there": ("con.sql(\"FROM 'missing.csv'\")", set()),
    "a file that is there, and a column that isn't": (
        "con.sql(\"SELECT nothing FROM 'a.csv'\")",
        {"read a.csv"},
    ),
    "what is forbidden is refused before it is read": (
        "con.sql(\"FROM 'forbidden/x.csv'\")",
        {"read forbidden/x.csv denied"},
    ),
    "also as one of many": (
        "con.sql(\"FROM read_csv('*/x.csv')\").df()",
        {"read forbidden/x.csv denied"},
    ),
    "also to be written": (
        "con.sql(\"COPY (SELECT 1) TO 'forbidden/y.csv'\")",
        {"write forbidden/y.csv denied"},
    ),
    "an extension that isn't there": ("con.load_extension('./nothing.duckdb_extension')", set()),
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("accesses")
    for name in ("a.csv", "b.csv", "early.csv"):
        (folder / name).write_text("a,b\n1,2\n2,3\n")
    (folder / "forbidden").mkdir()
    (folder / "forbidden" / "x.csv").write_text("a\n1\n")
    cells = [START, *[cell for cell, _ in [*CELLS.values(), *FAILING.values()]]]
    return record(folder, cells)


def accesses(recording: Recording, number: int) -> set[str]:
    """Operation, place relative to the folder, and the decision if it was a refusal."""
    found = set()
    for access in recording.of(Access, number):
        place = access.uri.partition("://")[2].removeprefix(f"{recording.folder}/")
        denied = " denied" if access.decision == "denied" else ""
        found.add(f"{access.operation} {place}{denied}")
    return found


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_accesses_what_it_says(recording: Recording, name: str) -> None:
    number = 2 + list(CELLS).index(name)
    assert recording.errors[number - 1] == ""
    assert accesses(recording, number) == CELLS[name][1]


@pytest.mark.parametrize("name", FAILING)
def test_a_cell_that_fails_has_accessed_what_was_there(recording: Recording, name: str) -> None:
    number = 2 + len(CELLS) + list(FAILING).index(name)
    assert recording.errors[number - 1]
    assert accesses(recording, number) == FAILING[name][1]


def test_no_observer_failed(recording: Recording) -> None:
    lost = recording.of(ObserverLost)
    assert not lost, [(each.observer, recording.texts[each.error]) for each in lost]


def test_an_access_carries_the_call_and_the_statement(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    sql = "SELECT a FROM 'a.csv' WHERE a = 'secret person'"
    done = record(tmp_path, [f"import duckdb\nduckdb.sql({sql!r})"])
    (access,) = done.of(Access)
    assert (access.via, access.kind) == ("duckdb.sql", "file")
    assert done.texts[access.detail] == sql


def test_no_secret_comes_into_the_record(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        [
            """
import duckdb
con = duckdb.connect()
for sql in (
    "CREATE SECRET s (TYPE http, BEARER_TOKEN 'hunter2')",
    "SET s3_secret_access_key = 'hunter2'",
    "ATTACH 'host=127.0.0.1 port=1 user=me password=hunter2' AS p (TYPE postgres)",
    "ATTACH 'postgresql://me:hunter2@127.0.0.1:1/x' AS p (TYPE postgres)",
    "FROM 'https://127.0.0.1:1/x.parquet?token=hunter2'",
):
    try:
        con.execute(sql)
    except duckdb.Error:
        pass
"""
        ],
    )
    assert done.errors == [""]
    assert not [text for text in done.texts.values() if "hunter2" in text]
    assert not [event for event in done.events if "hunter2" in repr(event)]


def test_what_many_queries_read_again_is_known_in_each_cell(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    start = "import duckdb\nr = duckdb.read_csv('a.csv')"
    done = record(tmp_path, [start, "r.df(); r.df()", "r.filter('a > 0').fetchall()"])
    assert [len(done.of(Access, number)) for number in (1, 2, 3)] == [1, 1, 1]
