"""Statements are on record with the tables that they read and write, and without credentials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.capture.adapters.psycopg import postgresql_uri
from governed_kernel.capture.queries import deeds_of
from governed_kernel.lineage.events import Access, ObserverLost
from tests.benchmarks.corpus.services import SECRETS, PostgreSQL, postgresql

from .recording import Recording, record

SQLITE = {
    "made": """
import sqlite3
con = sqlite3.connect("cases.db")
con.execute("create table people (id int, name text)")
con.executemany("insert into people values (?, ?)", [(n, f"person {n}") for n in range(500)])
con.commit()
""",
    "many": """
rows = [(n, "x" * n) for n in range(3000)]
con.execute("select count(*) from people").fetchall()
con.executemany("insert into people values (?, ?)", rows)
con.execute("create table others as select * from people")
con.commit()
""",
    "after many": """
con.execute("select count(*) from others").fetchall()
""",
    "let go": """
import gc, weakref
class Connection(sqlite3.Connection):
    pass
other = sqlite3.connect("cases.db", factory=Connection)
other.execute("select count(*) from others").fetchall()
gone = weakref.ref(other)
del other
gc.collect()  # a connection and its statements know one another
assert gone() is None
""",
    "asked": """
con.execute("select * from people where id > ?", [3]).fetchall()
con.execute("select * from people where id > ?", [3]).fetchall()
con.execute("select 1").fetchall()
""",
    "in memory": """
nowhere = sqlite3.connect(":memory:")
nowhere.execute("create table mine (x)")
nowhere.execute("attach 'cases.db' as other")
nowhere.execute("insert into mine select id from other.people")
nowhere.commit()
""",
    "temporary": """
con.execute("create temp table scratch as select * from people")
con.execute("select * from scratch").fetchall()
""",
    "a trace of the user's own": """
seen = []
con.set_trace_callback(seen.append)
con.execute("select count(*) from people").fetchall()
con.set_trace_callback(None)
""",
    "wrong": """
import traceback
fresh = sqlite3.connect("cases.db")
try:
    fresh.execute("select * from nobody")
except sqlite3.OperationalError:
    assert "governed_kernel" not in traceback.format_exc()
fresh.execute("select name from people where 'token=tok-of-ada' <> ''").fetchall()
""",
    "forbidden": """
try:
    nowhere.execute("attach 'forbidden/cases.db' as secret")
except sqlite3.OperationalError as error:
    print(error)
""",
    "forbidden, with a space": """
def denied(work):
    try:
        work()
    except Exception as error:
        assert type(error).__name__ == "PolicyDenied", error
    else:
        raise AssertionError("it was opened")
denied(lambda: sqlite3.connect("forbidden/some cases.db"))
""",
    "alchemy": """
import sqlalchemy as sa
engine = sa.create_engine("sqlite:///cases.db")
with engine.begin() as bound:
    bound.execute(sa.text("update people set name = 'x' where id = 1"))
try:
    with engine.connect() as bound:
        bound.execute(sa.text("select * from nobody"))
except sa.exc.OperationalError:
    pass
fresh.execute("select max(id) from people").fetchall()
""",
    "adbc": """
import adbc_driver_sqlite.dbapi as adbc
with adbc.connect("cases.db") as bound, bound.cursor() as cursor:
    cursor.execute("select * from people")
    cursor.fetchall()
""",
}


class Asked:
    """A recording, and what each cell asked."""

    def __init__(self, recording: Recording, cells: dict[str, str], root: str) -> None:
        self.recording = recording
        self._cells = list(cells)
        self._root = root

    def by(self, cell: str) -> list[tuple[str, str, str]]:
        """Operation, database and table, and library."""
        return [
            (access.operation, access.uri.removeprefix(self._root), access.via)
            for access in self.accesses(cell)
        ]

    def accesses(self, cell: str) -> list[Access]:
        number = self._cells.index(cell) + 1
        return [access for access in self.recording.of(Access, number) if access.kind == "sql"]


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("sqlite")
    (folder / "forbidden").mkdir()
    recording = record(folder, SQLITE.values())
    return Asked(recording, SQLITE, f"sqlite://{recording.folder}/")


def _is_well(recording: Recording) -> None:
    assert not [recording.texts[lost.error] for lost in recording.of(ObserverLost)]
    assert not [error for error in recording.errors if error]


def test_sqlite_is_observed_without_a_failure(sqlite: Asked) -> None:
    _is_well(sqlite.recording)


def test_a_loop_of_insertions_is_one_write(sqlite: Asked) -> None:
    found = sqlite.by("made")
    assert found[:2] == [
        ("connect", "cases.db", "audit:sqlite3.connect"),
        ("write", "cases.db#people", "sqlite3"),
    ]
    assert 0 < found.count(("write", "cases.db#people", "sqlite3")) < 20
    assert set(found[1:]) == {("write", "cases.db#people", "sqlite3")}


def test_of_very_many_statements_the_first_and_the_last_are_told(sqlite: Asked) -> None:
    found = set(sqlite.by("many"))
    assert found == {
        ("read", "cases.db#people", "sqlite3"),
        ("write", "cases.db#people", "sqlite3"),
        ("write", "cases.db#others", "sqlite3"),
    }
    assert len(sqlite.by("many")) < 40
    assert sqlite.by("after many") == [("read", "cases.db#others", "sqlite3")]


def test_a_connection_lives_no_longer_than_its_user_wants(sqlite: Asked) -> None:
    assert sqlite.by("let go")[-1] == ("read", "cases.db#others", "sqlite3")


def test_a_statement_of_a_later_cell_is_a_read_of_that_cell(sqlite: Asked) -> None:
    (access,) = sqlite.accesses("asked")
    assert (access.operation, access.via) == ("read", "sqlite3")
    assert sqlite.recording.texts[access.detail] == "select * from people where id > 3"


def test_only_what_lies_in_a_file_is_outside(sqlite: Asked) -> None:
    assert sqlite.by("in memory") == [
        ("connect", "cases.db", "sqlite3"),
        ("read", "cases.db#people", "sqlite3"),
    ]
    assert sqlite.by("temporary") == [("read", "cases.db#people", "sqlite3")]


def test_the_user_may_have_the_trace(sqlite: Asked) -> None:
    assert sqlite.by("a trace of the user's own") == []


def test_secrets_in_statements_are_left_out(sqlite: Asked) -> None:
    assert ("read", "cases.db#people", "sqlite3") in sqlite.by("wrong")
    said = [*sqlite.recording.texts.values(), *map(str, sqlite.recording.events)]
    assert not [secret for secret in SECRETS for text in said if secret in text]


def test_a_forbidden_database_is_not_attached(sqlite: Asked) -> None:
    (access,) = sqlite.accesses("forbidden")
    assert access.decision == "denied"
    assert sqlite.recording.output[list(SQLITE).index("forbidden")] == "interrupted\n"
    assert not Path(sqlite.recording.folder, "forbidden", "cases.db").exists()


def test_policy_is_asked_about_the_path_and_not_about_how_a_uri_spells_it(sqlite: Asked) -> None:
    (access,) = sqlite.accesses("forbidden, with a space")
    assert access.decision == "denied"
    assert access.uri.endswith("/forbidden/some%20cases.db")


def test_sqlalchemy_lends_its_name_for_its_own_statements(sqlite: Asked) -> None:
    found = [access for access in sqlite.by("alchemy") if access[0] != "connect"]
    assert ("write", "cases.db#people", "sqlalchemy") in found
    assert found[-1] == ("read", "cases.db#people", "sqlite3")


def test_adbc_tells_of_the_connection_and_the_table(sqlite: Asked) -> None:
    assert sqlite.by("adbc") == [
        ("connect", "cases.db", "adbc"),
        ("read", "cases.db#people", "adbc"),
    ]


# --- PostgreSQL -------------------------------------------------------------------------------

SERVER = {
    "connected": """
import psycopg
con = psycopg.connect(DSN)
""",
    "asked": """
con.execute("select * from people where age > %s", [30]).fetchall()
con.execute(b"select * from people")
con.execute(psycopg.sql.SQL("select {} from people").format(psycopg.sql.Identifier("age")))
""",
    "made": """
with con.cursor() as cursor:
    cursor.execute("create table mine as select * from people")
    cursor.executemany("insert into mine (id) values (%s)", [(1,), (2,)])
    with cursor.copy("copy mine (id) from stdin") as copy:
        copy.write_row([3])
    for row in cursor.stream("select * from mine"):
        pass
con.commit()
""",
    "by a cursor of the server": """
with con.cursor("named") as cursor:
    cursor.execute("select * from people")
    cursor.fetchall()
""",
    "by a socket": """
with psycopg.connect(SOCKET) as other:
    other.execute("select * from people").fetchall()
""",
    "without waiting": """
import asyncio
async def ask():
    async with await psycopg.AsyncConnection.connect(DSN) as other:
        await (await other.execute("select * from people")).fetchall()
asyncio.run(ask())
""",
    "alchemy": """
import sqlalchemy as sa, pandas as pd
engine = sa.create_engine(DSN.replace("postgresql:", "postgresql+psycopg:"))
pd.read_sql("select * from people", engine)
engine.dispose()
""",
    "adbc": """
import adbc_driver_postgresql.dbapi as adbc, pyarrow as pa
with adbc.connect(DSN) as bound, bound.cursor() as cursor:
    cursor.execute("select * from people")
    cursor.fetch_arrow_table()
    cursor.adbc_ingest("made", pa.table({"x": [1]}))
""",
    "wrong": """
import traceback
try:
    con.execute("select * from nobody")
except psycopg.errors.UndefinedTable:
    assert "governed_kernel" not in traceback.format_exc()
con.close()
""",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    people = tmp_path_factory.mktemp("people") / "people.csv"
    people.write_text("id,name,age,ward\n1,ada,36,north\n")
    with postgresql(people) as running:
        if running is None:
            pytest.skip("NOT RUN: no PostgreSQL here")
        yield running


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory, server: PostgreSQL) -> Asked:
    names = f"DSN, SOCKET = {server.dsn!r}, {server.socket_dsn!r}\n"
    cells = {name: names + source for name, source in SERVER.items()}
    recording = record(tmp_path_factory.mktemp("postgres"), cells.values())
    return Asked(recording, SERVER, f"postgresql://127.0.0.1:{server.port}/")


def test_postgresql_is_observed_without_a_failure(postgres: Asked) -> None:
    _is_well(postgres.recording)


def test_a_connection_is_told_of_though_native_code_makes_it(postgres: Asked) -> None:
    assert postgres.by("connected") == [("connect", "corpus", "psycopg")]


def test_every_form_of_a_statement_names_its_table(postgres: Asked) -> None:
    assert postgres.by("asked") == [("read", "corpus#people", "psycopg")] * 3
    texts = [postgres.recording.texts[access.detail] for access in postgres.accesses("asked")]
    assert texts[0] == "select * from people where age > %s"


def test_what_is_made_filled_copied_and_streamed_is_told(postgres: Asked) -> None:
    assert postgres.by("made") == [
        ("read", "corpus#people", "psycopg"),
        ("write", "corpus#mine", "psycopg"),
        ("write", "corpus#mine", "psycopg"),
        ("write", "corpus#mine", "psycopg"),
        ("read", "corpus#mine", "psycopg"),
    ]
    assert postgres.by("by a cursor of the server") == [("read", "corpus#people", "psycopg")]


def test_a_socket_in_a_folder_is_named_by_it(postgres: Asked, server: PostgreSQL) -> None:
    uri = postgresql_uri(server.socket_folder, str(server.port), "corpus")
    assert postgres.by("by a socket")[-1] == ("read", f"{uri}#people", "psycopg")


def test_a_client_that_does_not_wait_is_observed_alike(postgres: Asked) -> None:
    assert postgres.by("without waiting") == [
        ("connect", "corpus", "psycopg"),
        ("read", "corpus#people", "psycopg"),
    ]


def test_a_frame_from_a_database_is_read_by_pandas(postgres: Asked) -> None:
    found = postgres.by("alchemy")
    assert ("read", "corpus", "pandas.read_sql") in found
    assert ("read", "corpus#people", "pandas.read_sql") in found


def test_adbc_reads_and_ingests(postgres: Asked) -> None:
    assert postgres.by("adbc") == [
        ("connect", "corpus", "adbc"),
        ("read", "corpus#people", "adbc"),
        ("write", "corpus#made", "adbc"),
    ]


def test_no_password_is_stored(postgres: Asked) -> None:
    said = [*postgres.recording.texts.values(), *map(str, postgres.recording.events)]
    assert not [secret for secret in SECRETS for text in said if secret in text]


@pytest.mark.parametrize(
    ("sql", "deeds"),
    [
        ("select a.x from public.a join b using (id)", [("read", "public.a"), ("read", "b")]),
        ("with t as (select * from people) select * from t", [("read", "people")]),
        ("insert into a select * from b", [("read", "b"), ("write", "a")]),
        ("drop table a", [("delete", "a")]),
        ("truncate a", [("write", "a")]),
        ("begin", []),
        ("set search_path to x", []),
        ("select 1", []),
        ("call refresh()", [("execute", "")]),
        ("this is no (sql", [("execute", "")]),
        ("insert into a values (1); delete from b", [("write", "a"), ("write", "b")]),
    ],
)
def test_a_statement_says_what_it_does_to_which_tables(
    sql: str, deeds: list[tuple[str, str]]
) -> None:
    found = [(deed.operation, ".".join(deed.table)) for deed in deeds_of(sql, "postgres")]
    assert found == deeds


def test_a_database_is_named_by_host_port_and_name() -> None:
    assert postgresql_uri("db", "5433", "cases") == "postgresql://db:5433/cases"
    assert postgresql_uri("::1", "", "a b") == "postgresql://[::1]:5432/a%20b"
    assert postgresql_uri("/run/pg", "5432", "x") == "postgresql://%2Frun%2Fpg:5432/x"
