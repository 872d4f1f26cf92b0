"""Bring data from where it lies: object stores and addresses (fsspec), results of queries.

What is brought is written into a folder for a moment and registered from there, with where it is
from; a credential is never kept, so none may stand in an address: drivers take them from the
environment (``PGPASSWORD``, ``AWS_SECRET_ACCESS_KEY`` …).
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import duckdb

from governed_kernel.capture.uris import is_url, redacted, url_uri
from governed_kernel.errors import GovernedError, MissingExtra, ResourceMissing, UsageError

__all__ = ["fetch", "is_remote", "on_this_machine", "run_query", "source_of", "typed"]

_PARAMETERS = {"sqlite": ":NAME", "duckdb": "$NAME"}
_IN_ORDER = "$1, $2 … in the order given"
_CREDENTIALS = dict.fromkeys(
    ("postgresql", "postgres"),
    "; user and password come from the environment (PGUSER, PGPASSWORD, PGPASSFILE)",
)
_DATABASES = ("sqlite", "duckdb", "postgresql", "postgres")
_AT_ONCE = 10_000
_INTEGER = re.compile("-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(rf"{_INTEGER.pattern}(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LOCAL = ("file://", "local://")
"""Schemes that fsspec has for paths of this machine."""


def is_remote(source: str) -> bool:
    """Whether a source is an address, and no path of this machine."""
    return is_url(source)


def on_this_machine(source: str) -> str:
    """The path that an address of this machine's files means; anything else as it is.

    As a path it is held to what holds of every file here: no link, nothing that is being written.
    """
    scheme = next((scheme for scheme in _LOCAL if source.lower().startswith(scheme)), "")
    return source[len(scheme) :]


def source_of(source: str) -> str:
    """An address as it is kept.

    Raises
    ------
    UsageError
        It holds a credential.
    """
    parts = urlsplit(source)
    if parts.username or parts.password or redacted(source) != source:
        raise UsageError(
            "an address with a credential in it is not taken",
            why=f"what is registered stays in the ledger for ever: {redacted(source)}",
            next="leave it out; the driver takes it from the environment (PGUSER, PGPASSWORD, "
            "AWS_ACCESS_KEY_ID …)",
        )
    return source if parts.scheme in _DATABASES else url_uri(source)


def typed(text: str) -> int | float | str:
    """A parameter as people type it: a number where it is written as one.

    What only resembles a number stays text: a code such as ``00123`` is another value than 123.
    """
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def fetch(source: str, folder: Path) -> Path:
    """Bring a file, or a folder, of an object store or a server into `folder`; where it lies.

    Raises
    ------
    ResourceMissing
        It is not there, or can't be reached, or what fsspec needs for it is not installed.
    UsageError
        The address holds a credential, nobody knows its scheme, or nothing is in it.
    """
    if urlsplit(source_of(source)).scheme in _DATABASES:
        raise UsageError(
            f"{source} is a database",
            why="what is registered of one is the result of a query",
            next="give it with --query",
        )
    fsspec = _library("fsspec", "demo")
    try:
        system, path = fsspec.core.url_to_fs(source)
        target = folder / (PurePosixPath(str(path).rstrip("/")).name or "content")
        if system.isdir(path):
            target.mkdir()
            for found in sorted(system.find(path)):
                relative = PurePosixPath(str(found)).relative_to(PurePosixPath(str(path)))
                if ".." in relative.parts:
                    raise UsageError(
                        f"{found} can't be brought", why="it leaves its folder", next="rename it"
                    )
                place = target / relative
                place.parent.mkdir(parents=True, exist_ok=True)
                system.get_file(found, str(place))
        else:
            system.get_file(path, str(target))
    except ImportError as error:
        raise ResourceMissing(
            f"{source} can't be reached",
            why=str(error),
            next="install what fsspec needs for it (s3fs, gcsfs, adlfs …)",
        ) from error
    except GovernedError:
        raise
    except Exception as error:  # each driver has errors of its own, of whatever kind
        raise ResourceMissing(
            f"{source} can't be brought",
            why=_said(error),
            next="check the address, the network and the credentials in the environment, then run "
            "the same command again",
        ) from error
    if not any(path.is_file() and path.stat().st_size for path in (target, *target.rglob("*"))):
        raise UsageError(
            f"{source} is empty",
            why="no byte came from there",
            next="check that it was written completely",
        )
    return target


def _said(error: Exception) -> str:
    """What a driver says; of a file that is not there some say no more than its name."""
    said = redacted(str(error)) or type(error).__name__
    return f"there is no such file: {said}" if isinstance(error, FileNotFoundError) else said


def run_query(source: str, statement: str, parameters: Mapping[str, Any], target: Path) -> int:
    """Write the result of a query into a Parquet file, piece by piece; returns its rows.

    Parameters
    ----------
    source : str
        ``sqlite:///PATH``, ``duckdb:///PATH`` or ``postgresql://HOST/DATABASE``.
    parameters : mapping
        ``:name`` in SQLite, ``$name`` in DuckDB; PostgreSQL's ``$1`` in the order given.

    Raises
    ------
    UsageError
        It is no query, a credential stands in the address, or its result is no table that can be
        kept: two columns of one name, or a type that Parquet has not.
    ResourceMissing
        The database can't be reached.
    """
    scheme = urlsplit(source_of(source)).scheme
    if scheme not in _DATABASES:
        raise UsageError(
            f"{scheme or source} is no database that is known",
            why="a query is asked of sqlite:///PATH, duckdb:///PATH or postgresql://HOST/DATABASE",
            next="name one of them",
        )
    _check_statement(statement, scheme)
    parquet = _library("pyarrow.parquet", "demo")
    ask = {"sqlite": _ask_sqlite, "duckdb": _ask_duckdb}.get(scheme, _ask_postgresql)
    rows, writer = 0, None
    try:
        for batch in ask(source, statement, dict(parameters)):
            if writer is None:
                _check_columns(batch.schema)
                writer = parquet.ParquetWriter(target, batch.schema)
            writer.write_batch(batch)
            rows += batch.num_rows
    except (sqlite3.OperationalError, duckdb.IOException, OSError) as error:
        raise ResourceMissing(
            f"{source} can't be asked",
            why=redacted(str(error).strip()),
            next="check address and statement" + _CREDENTIALS.get(scheme, ""),
        ) from error
    except (sqlite3.Error, duckdb.Error, ArithmeticError, ValueError, TypeError) as error:
        raise UsageError(
            "the query has no result",
            why=redacted(str(error).strip()),
            next="mend it; cast mixed types; a parameter is written "
            f"{_PARAMETERS.get(scheme, _IN_ORDER)}, cast to the type of what it is held against",
        ) from error
    except NotImplementedError as error:  # Arrow's, of a type that Parquet has not
        raise UsageError(
            "the query's result can't be kept",
            why=redacted(str(error).strip()),
            next="cast such columns to text or to numbers in the query",
        ) from error
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise UsageError("the query has no rows", why="nothing was selected", next="check it")
    return rows


def _check_columns(schema: Any) -> None:
    """Each column has a name of its own: no reader could ask for one of two."""
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise UsageError(
            f"the query has two columns called {', '.join(twice)}",
            why="a table is read by the names of its columns",
            next="name them in the query: … as NAME",
        )


def _check_statement(statement: str, scheme: str) -> None:
    """One statement that only asks."""
    import sqlglot
    from sqlglot import exp

    try:
        found = sqlglot.parse(statement, dialect="postgres" if "postgres" in scheme else scheme)
    except sqlglot.errors.SqlglotError as error:
        raise UsageError(
            "the query can't be read", why=str(error).splitlines()[0], next="mend it"
        ) from error
    changes = (exp.DML, exp.DDL, exp.Into)  # also within WITH
    asked = found[0] if len(found) == 1 else None
    if not isinstance(asked, exp.Query) or asked.find(*changes):
        raise UsageError(
            "only a single query is asked",
            why="registering data changes none",
            next="write one SELECT",
        )


def _path_in(source: str) -> Path:
    path = Path(unquote(urlsplit(source).path))
    if not path.is_file():
        raise ResourceMissing(
            f"{source} can't be asked",
            why="no such file",
            next="name the database by its full path",
        )
    return path


def _ask_sqlite(source: str, statement: str, parameters: dict[str, Any]) -> Iterator[Any]:
    pyarrow = _library("pyarrow", "demo")
    uri = f"{_path_in(source).as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        cursor = connection.execute(statement, parameters)
        names = [described[0] for described in cursor.description]
        schema = None
        while rows := cursor.fetchmany(_AT_ONCE):
            columns = [list(column) for column in zip(*rows, strict=True)]
            arrays = [
                pyarrow.array(column, type=None if schema is None else schema.field(number).type)
                for number, column in enumerate(columns)
            ]
            if schema is None:
                arrays = [
                    array.cast(pyarrow.string()) if pyarrow.types.is_null(array.type) else array
                    for array in arrays
                ]
            batch = pyarrow.record_batch(arrays, names=names)
            schema = batch.schema
            yield batch


def _ask_duckdb(source: str, statement: str, parameters: dict[str, Any]) -> Iterator[Any]:
    with contextlib.closing(duckdb.connect(str(_path_in(source)), read_only=True)) as connection:
        connection.execute("SET enable_external_access = false")
        yield from connection.execute(statement, parameters).to_arrow_reader(_AT_ONCE)


def _ask_postgresql(source: str, statement: str, parameters: dict[str, Any]) -> Iterator[Any]:
    driver = _library("adbc_driver_postgresql.dbapi", "corpus")
    try:
        with driver.connect(source) as connection, connection.cursor() as cursor:
            # Of this very transaction, which is never committed either: what holds by default would
            # only hold for the next one.
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(statement, list(parameters.values()) or None)
            yield from cursor.fetch_record_batch()
    except driver.OperationalError as error:
        raise OSError(str(error)) from error
    except driver.Error as error:
        raise ValueError(str(error)) from error


def _library(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(name.partition(".")[0], extra) from error
