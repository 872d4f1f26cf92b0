"""SQL: SQLite in a file, PostgreSQL in another process."""

from __future__ import annotations

from .idiom import Idiom, connects, executes, group, reads, writes

__all__ = ["IDIOMS"]

_FILE = ("sqlite://*/people.db*", "file://*/people.db*")
_OUT = ("sqlite://*/out/*.db*", "file://*/out/*.db*")
_SERVER = (
    "{postgresql}",
    "tcp://127.0.0.1:*",
    "tcp://[[]::1]:*",
    "file://*/.pgpass",
    "file://*/.postgresql/*",
)

SQLITE = group(
    "SQLite",
    Idiom(
        "sqlite3",
        "sqlite3",
        "import sqlite3; sqlite3.connect('people.db').execute('select * from people').fetchall()",
        (reads("sqlite:people.db#people", kind="sql"),),
        incidental=_FILE,
        in_notes=True,
    ),
    Idiom(
        "sqlite3, write",
        "sqlite3",
        """
        import sqlite3
        with sqlite3.connect('out/made.db') as con:
            con.execute('create table a (x)')
            con.executemany('insert into a values (?)', [(n,) for n in range(1000)])
        con.close()
        """,
        (writes("sqlite:out/made.db#a", kind="sql"),),
        incidental=_OUT,
    ),
    Idiom(
        "sqlite3, connection from an earlier cell",
        "sqlite3",
        "early_sqlite.execute('select * from people').fetchall(); early_sqlite.close()",
        (reads("sqlite:people.db#people", kind="sql"),),
        before="import sqlite3; early_sqlite = sqlite3.connect('people.db')",
        incidental=_FILE,
    ),
    Idiom(
        "sqlite3, read-only URI",
        "sqlite3",
        """
        import sqlite3
        con = sqlite3.connect('file:people.db?mode=ro', uri=True)
        con.execute('select count(*) from people').fetchall(); con.close()
        """,
        (reads("sqlite:people.db#people", kind="sql"),),
        incidental=_FILE,
    ),
    Idiom(
        "sqlite3, ATTACH",
        "sqlite3",
        """
        import sqlite3
        con = sqlite3.connect(':memory:')
        con.execute("attach 'people.db' as other")
        con.execute('create table mine as select * from other.people'); con.close()
        """,
        (reads("sqlite:people.db#people", kind="sql"),),
        incidental=_FILE,
    ),
    Idiom(
        "sqlite3, backup",
        "sqlite3",
        """
        import sqlite3
        source, target = sqlite3.connect('people.db'), sqlite3.connect('out/backup.db')
        source.backup(target); source.close(); target.close()
        """,
        (connects("sqlite:people.db", "sql"), connects("sqlite:out/backup.db", "sql")),
        incidental=(*_FILE, *_OUT),
    ),
    Idiom(
        "SQLAlchemy, SQLite",
        "sqlalchemy",
        """
        import sqlalchemy as sa
        engine = sa.create_engine('sqlite:///people.db')
        with engine.connect() as con:
            con.execute(sa.text('select * from people')).fetchall()
        engine.dispose()
        """,
        (reads("sqlite:people.db#people", kind="sql"),),
        needs=("sqlalchemy",),
        incidental=_FILE,
    ),
    Idiom(
        "SQLAlchemy, SQLite, write",
        "sqlalchemy",
        """
        import sqlalchemy as sa
        engine = sa.create_engine('sqlite:///out/alchemy.db')
        table = sa.Table('a', sa.MetaData(), sa.Column('x', sa.Integer))
        with engine.begin() as con:
            table.create(con); con.execute(table.insert(), [{'x': 1}, {'x': 2}])
        engine.dispose()
        """,
        (writes("sqlite:out/alchemy.db#a", kind="sql"),),
        needs=("sqlalchemy",),
        incidental=_OUT,
    ),
    Idiom(
        "ADBC, SQLite",
        "adbc",
        """
        import adbc_driver_sqlite.dbapi as adbc
        with adbc.connect('people.db') as con, con.cursor() as cursor:
            cursor.execute('select * from people'); cursor.fetch_arrow_table()
        """,
        (reads("sqlite:people.db#people", kind="sql"),),
        needs=("adbc_driver_sqlite", "pyarrow"),
        incidental=_FILE,
    ),
)

POSTGRESQL = group(
    "PostgreSQL",
    Idiom(
        "psycopg",
        "psycopg",
        """
        import psycopg
        with psycopg.connect(POSTGRESQL) as con:
            con.execute('select * from people where age > %s', [30]).fetchall()
        """,
        (reads("{postgresql}#people", kind="sql"),),
        needs=("psycopg",),
        incidental=_SERVER,
    ),
    Idiom(
        "psycopg, write",
        "psycopg",
        """
        import psycopg
        with psycopg.connect(POSTGRESQL) as con, con.cursor() as cursor:
            cursor.execute('create table a (x int)')
            cursor.executemany('insert into a values (%s)', [(1,), (2,)])
        """,
        (writes("{postgresql}#a", kind="sql"),),
        needs=("psycopg",),
        incidental=_SERVER,
    ),
    Idiom(
        "psycopg, COPY",
        "psycopg",
        """
        import psycopg
        with psycopg.connect(POSTGRESQL) as con, con.cursor() as cursor:
            with cursor.copy('copy people to stdout') as copy:
                b''.join(copy)
        """,
        (reads("{postgresql}#people", kind="sql"),),
        needs=("psycopg",),
        incidental=_SERVER,
    ),
    Idiom(
        "psycopg, connection from an earlier cell",
        "psycopg",
        "early_psycopg.execute('select * from people').fetchall(); early_psycopg.close()",
        (reads("{postgresql}#people", kind="sql"),),
        before="import psycopg; early_psycopg = psycopg.connect(POSTGRESQL)",
        needs=("psycopg",),
        incidental=_SERVER,
    ),
    Idiom(
        "psycopg, a socket in a folder",
        "psycopg",
        """
        import psycopg
        with psycopg.connect(POSTGRESQL_SOCKET) as con:
            con.execute('select * from people').fetchall()
        """,
        (reads("{postgresql_socket}#people", kind="sql"),),
        needs=("psycopg",),
        incidental=(*_SERVER, "{postgresql_socket}", "unix://*"),
    ),
    Idiom(
        "psycopg.AsyncConnection",
        "psycopg",
        """
        import psycopg
        async with await psycopg.AsyncConnection.connect(POSTGRESQL) as con:
            await (await con.execute('select * from people')).fetchall()
        """,
        (reads("{postgresql}#people", kind="sql"),),
        needs=("psycopg",),
        incidental=_SERVER,
    ),
    Idiom(
        "SQLAlchemy, PostgreSQL",
        "sqlalchemy",
        """
        import sqlalchemy as sa
        engine = sa.create_engine(POSTGRESQL.replace('postgresql:', 'postgresql+psycopg:'))
        with engine.connect() as con:
            con.execute(sa.text('select * from people')).fetchall()
        engine.dispose()
        """,
        (reads("{postgresql}#people", kind="sql"),),
        needs=("sqlalchemy", "psycopg"),
        incidental=_SERVER,
    ),
    Idiom(
        "pd.read_sql, PostgreSQL",
        "pandas",
        """
        import pandas as pd
        url = POSTGRESQL.replace('postgresql:', 'postgresql+psycopg:')
        pd.read_sql('select * from people', url)
        """,
        (reads("{postgresql}", kind="sql"),),
        needs=("pandas", "sqlalchemy", "psycopg"),
        incidental=(*_SERVER, "{postgresql}[#]*"),
    ),
    Idiom(
        "ADBC, PostgreSQL",
        "adbc",
        """
        import adbc_driver_postgresql.dbapi as adbc
        with adbc.connect(POSTGRESQL) as con, con.cursor() as cursor:
            cursor.execute('select * from people'); cursor.fetch_arrow_table()
        """,
        (reads("{postgresql}#people", kind="sql"),),
        needs=("adbc_driver_postgresql", "pyarrow"),
        incidental=_SERVER,
    ),
    Idiom(
        "ADBC, ingestion",
        "adbc",
        """
        import adbc_driver_postgresql.dbapi as adbc, pyarrow as pa
        with adbc.connect(POSTGRESQL) as con, con.cursor() as cursor:
            cursor.adbc_ingest('b', pa.table({'x': [1, 2]})); con.commit()
        """,
        (writes("{postgresql}#b", kind="sql"),),
        needs=("adbc_driver_postgresql", "pyarrow"),
        incidental=_SERVER,
    ),
    Idiom(
        "polars.read_database_uri",
        "polars",
        "import polars as pl\n"
        "pl.read_database_uri('select * from people', POSTGRESQL, engine='adbc')",
        (reads("{postgresql}#people", kind="sql"),),
        needs=("polars", "adbc_driver_postgresql"),
        incidental=_SERVER,
    ),
    Idiom(
        "psql",
        "subprocess",
        "import subprocess; subprocess.run(['psql', POSTGRESQL, '-c', 'select * from people'], "
        "capture_output=True)",
        (executes("psql"), connects("{postgresql_address}")),
        needs=("program:psql",),
        # Debian's psql is a script that looks for the newest one
        incidental=(
            *(*_SERVER, "file://*/.psql*", "file:///var/lib/postgresql/*"),
            "file:///usr/share/postgresql-common/*",
        ),
    ),
    needs=("service:postgresql",),
)

IDIOMS = SQLITE + POSTGRESQL
