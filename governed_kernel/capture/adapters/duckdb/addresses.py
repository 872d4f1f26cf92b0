"""What a database is called on record: canonical, and without its password."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

from governed_kernel.capture.uris import is_url, sqlite_uri, url_uri

__all__ = ["attached_uri", "duckdb_uri", "is_remote", "postgres_uri"]

_SAFE = "/:@!$&'()*+,;=~-._"
_PAIR = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s']+)")
_PREFIX = re.compile(
    r"(?i)^(sqlite|postgres|postgresql|mysql|duckdb|md|motherduck|ducklake):(?!//)"
)


def duckdb_uri(path: object) -> str | None:
    """``duckdb:///…`` of what ``duckdb.connect`` was given; None for databases in memory."""
    if isinstance(path, os.PathLike):
        path = os.fspath(path)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str) or path in ("", ":memory:", ":default:"):
        return None
    if path.startswith(":memory:"):
        return None
    if is_remote(path):
        return url_uri(path)
    if path.lower().startswith(("md:", "motherduck:")):
        return f"motherduck://{quote(path.partition(':')[2].partition('?')[0], safe=_SAFE)}"
    path = str(Path(path.removeprefix("file://")).expanduser())
    return "duckdb://" + quote(os.path.realpath(path), safe=_SAFE)


def is_remote(path: str) -> bool:
    """Whether a path leads away from this machine."""
    return is_url(path) and not path.startswith("file://")


def attached_uri(path: str, kind: str) -> str | None:
    """The URI of what ``ATTACH`` names; None for a database in memory.

    Parameters
    ----------
    path : str
        As in the statement, or as DuckDB tells it.
    kind : str
        ``TYPE`` of the statement; empty where only the path tells.
    """
    prefix = _PREFIX.match(path)
    if prefix is not None and not kind:
        kind, path = prefix[1], path[prefix.end() :]
    kind = kind.lower()
    if kind.startswith("postgres") or path.startswith(("postgres://", "postgresql://")):
        return postgres_uri(path)
    if kind in ("sqlite", "sqlite_scanner"):
        return sqlite_uri(path)
    if kind.startswith("mysql"):
        return _from_pairs("mysql", path, 3306, "database")
    if kind in ("", "duckdb"):
        return duckdb_uri(path)
    if is_remote(path):
        return url_uri(path)
    return f"{kind}://" + quote(os.path.realpath(path.partition("?")[0]), safe=_SAFE)


def postgres_uri(address: str) -> str:
    """``postgresql://host:port/database`` of a connection string in either form."""
    if address.startswith(("postgres://", "postgresql://")):
        return url_uri(address.replace("postgres://", "postgresql://", 1))
    return _from_pairs("postgresql", address, 5432, "dbname")


def _from_pairs(scheme: str, address: str, port: int, database: str) -> str:
    pairs = {name.lower(): value.strip("'") for name, value in _PAIR.findall(address)}
    host = pairs.get("hostaddr") or pairs.get("host") or "localhost"
    name = pairs.get(database) or pairs.get("dbname") or pairs.get("db") or ""
    if host.startswith("/"):
        host = "localhost"  # a folder with the server's socket
    return f"{scheme}://{host}:{pairs.get('port') or port}/{quote(name, safe=_SAFE)}"
