"""Where a database connection leads, as a canonical URI."""

from __future__ import annotations

import sys
from typing import Any

from governed_kernel.capture.uris import sqlite_uri, url_uri

__all__ = ["database_uri"]


def database_uri(connection: Any) -> str | None:
    """Canonical URI of a connection, a cursor, an engine or a URL; None for one in memory."""
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is not None and isinstance(connection, sqlite3.Cursor):
        connection = connection.connection
    if sqlite3 is not None and isinstance(connection, sqlite3.Connection):
        rows = connection.execute("PRAGMA database_list").fetchall()
        return next((sqlite_uri(path) for _, name, path in rows if name == "main"), None)
    url = connection if isinstance(connection, str) else getattr(connection, "engine", None)
    if url is None and hasattr(connection, "get_bind"):
        url = connection.get_bind().engine  # a session of SQLAlchemy
    if url is not None and not isinstance(url, str):
        url = url.url.render_as_string(hide_password=True)
    if not isinstance(url, str):
        return None
    if url.startswith("sqlite"):
        return sqlite_uri(url.partition(":///")[2])
    scheme, separator, rest = url.partition("://")
    # Which driver leads to a database says nothing of where it is.
    return url_uri(scheme.partition("+")[0] + separator + rest)
