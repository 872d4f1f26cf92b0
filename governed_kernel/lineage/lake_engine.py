"""DuckDB with DuckLake's extensions, and the lake that the settings name attached to it.

The extensions come as Python packages (extra ``scale``) and are loaded from there: nothing is
downloaded, and nothing is written into the person's home. Passwords are libpq's business: it takes
them from ``PGPASSWORD``, ``~/.pgpass`` or a service file.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from governed_kernel.configuration import LAKE, Configuration
from governed_kernel.errors import GovernedError, MissingExtra, ResourceMissing
from governed_kernel.lineage.binding import literal, writing_literals

__all__ = ["LAKE_NAME", "Engine", "extension"]

LAKE_NAME = "lake"
_METADATA = f"__ducklake_metadata_{LAKE_NAME}"
_LOCKS = "locks"
_OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_KEEPALIVE = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10"}
"""So that PostgreSQL finds out within a minute that a machine that held a lock is gone."""


def extension(name: str) -> Path:
    """The file of one of DuckDB's extensions.

    Raises
    ------
    MissingExtra
        Its package is not installed, or is one for another DuckDB.
    """
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder, "extensions", f"v{duckdb.__version__}", f"{name}.duckdb_extension")
        if path.is_file():
            return path
    raise MissingExtra(f"DuckDB's extension {name} for {duckdb.__version__}", "scale")


class Engine:
    """Opens the lake of a workspace's settings.

    Parameters
    ----------
    settings : Configuration
        Checked: its ``store`` names a lake.
    """

    def __init__(self, settings: Configuration) -> None:
        self.connection_string = settings.store.removeprefix(LAKE)
        self.data = settings.lake.data.rstrip("/") + "/"
        self.schema = settings.lake.schema

    @property
    def location(self) -> str:
        """The lake, for people; there is no password in it."""
        return f"{LAKE}{self.connection_string} (schema {self.schema}, files in {self.data})"

    def open(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """A connection whose default database is the lake.

        Raises
        ------
        ResourceMissing
            The database or the folder can't be reached, or there is no lake yet to be read.
        """
        connection = self._loaded()
        try:
            try:
                connection.execute(self._attach(read_only=read_only))
            except duckdb.InvalidInputException as error:
                if not read_only or "creating a new DuckLake" not in str(error):
                    raise
                self._begin()
                connection.execute(self._attach(read_only=True))
            connection.execute(f"USE {LAKE_NAME}")
        except duckdb.Error as error:
            connection.close()
            raise self._unreachable(error) from error
        return connection

    def _loaded(self) -> duckdb.DuckDBPyConnection:
        """A connection that knows the extensions, and nothing of the lake."""
        files = [extension(name) for name in ("ducklake", "postgres_scanner")]
        if "://" in self.data:
            files.append(extension("httpfs"))
        connection = writing_literals(duckdb.connect(config=_OFFLINE))
        try:
            for file in files:
                connection.execute(f"LOAD {literal(str(file))}")
            if "://" in self.data:
                _allow_bucket(connection)
        except duckdb.Error as error:
            connection.close()
            raise self._unreachable(error) from error
        return connection

    def _begin(self) -> None:
        """Make the lake's catalog; one of those who do so at once."""
        with (
            contextlib.closing(self._loaded()) as connection,
            self.holding(connection, "", exclusive=True, patience=30),
        ):
            connection.execute(self._attach(read_only=False))

    def lock_down(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection read the lake's files and no others, and change no setting."""
        connection.execute(f"SET allowed_directories = [{literal(self.data)}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")

    @contextlib.contextmanager
    def holding(
        self, connection: duckdb.DuckDBPyConnection, own: str, *, exclusive: bool, patience: float
    ) -> Iterator[None]:
        """Hold the locks of those who write; they go with the connection, however it ends.

        One workspace is written by one process at a time; all workspaces are written at once, but
        for what removes rows.

        Parameters
        ----------
        own : str
            Identity of the workspace.
        exclusive : bool
            Whether no other workspace may be written meanwhile.

        Raises
        ------
        ResourceMissing
            Others held them for longer than `patience` seconds.
        """
        locks = connection.cursor()
        kind = "" if exclusive else "_shared"
        settings = {**_KEEPALIVE, "lock_timeout": f"{max(1, round(patience * 1000))}ms"}
        statements = [f"set_config('{name}', '{value}', true)" for name, value in settings.items()]
        statements += [
            f"pg_advisory_xact_lock({_key(self.schema, own)})::text",
            f"pg_advisory_xact_lock{kind}({_key(self.schema)})::text",
        ]
        try:
            # A database of its own: a transaction that waits for a lock reads what was before.
            attached = f"ATTACH IF NOT EXISTS {literal(self.connection_string)} AS {_LOCKS}"
            locks.execute(f"{attached} (TYPE postgres, READ_ONLY)")
            locks.execute("BEGIN")
            for statement in statements:
                asked = f"SELECT {statement}"
                locks.execute(f"FROM postgres_query('{_LOCKS}', {literal(asked)})").fetchall()
        except duckdb.Error as error:
            locks.close()
            if "lock timeout" in str(error):
                raise self._held(patience) from error
            raise self._unreachable(error) from error
        try:
            yield
        finally:
            with contextlib.suppress(duckdb.Error):
                locks.execute("ROLLBACK")
            locks.close()

    def _attach(self, *, read_only: bool) -> str:
        options = [f"METADATA_SCHEMA {literal(self.schema)}", "DATA_INLINING_ROW_LIMIT 0"]
        if read_only:
            options.append("READ_ONLY")
        else:
            options.append(f"DATA_PATH {literal(self.data)}")
        attached = literal(LAKE + self.connection_string)
        return f"ATTACH {attached} AS {LAKE_NAME} ({', '.join(options)})"

    def _held(self, patience: float) -> ResourceMissing:
        return ResourceMissing(
            f"the lineage store {self.location} is in use",
            why=f"others held its locks for longer than {patience:g} s",
            next="let them finish, then again; nothing recorded is lost",
        )

    def _unreachable(self, error: duckdb.Error) -> GovernedError:
        return ResourceMissing(
            f"the lineage store {self.location} can't be opened",
            why=str(error).strip().splitlines()[0],
            next="start PostgreSQL, or mend store and lake.data in governed.toml, or what libpq "
            "looks for (PGPASSWORD, ~/.pgpass); nothing recorded is lost meanwhile",
        )


def _allow_bucket(connection: duckdb.DuckDBPyConnection) -> None:
    """Take the keys of an object store from where its own tools take them: the environment."""
    known = {
        "KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID"),
        "SECRET": os.environ.get("AWS_SECRET_ACCESS_KEY"),
        "SESSION_TOKEN": os.environ.get("AWS_SESSION_TOKEN"),
        "REGION": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        parts = urlsplit(endpoint)
        known |= {"ENDPOINT": parts.netloc + parts.path.rstrip("/"), "URL_STYLE": "path"}
    options = [f"{name} {literal(value)}" for name, value in known.items() if value]
    if endpoint:
        options.append(f"USE_SSL {str(endpoint.startswith('https:')).lower()}")
    connection.execute(f"CREATE SECRET lake_files (TYPE s3{''.join(', ' + o for o in options)})")


def _key(*names: str) -> str:
    """A number that PostgreSQL knows a lock by, as SQL for it."""
    text = literal("governed lineage " + " ".join(names))
    return f"hashtextextended({text}, 0)"
