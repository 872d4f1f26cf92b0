"""Extensions are native code: installing one fetches it, loading one executes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from governed_kernel.capture.adapters.duckdb.catalog import Claim
from governed_kernel.capture.sql import Lineage
from governed_kernel.capture.uris import file_uri, is_url, url_uri

__all__ = ["extension_claims"]

_REPOSITORIES = {
    "": "http://extensions.duckdb.org",
    "core": "http://extensions.duckdb.org",
    "core_nightly": "http://nightly-extensions.duckdb.org",
    "community": "http://community-extensions.duckdb.org",
}


def extension_claims(connection: Any, name: str, lineage: Lineage) -> Iterator[Claim]:
    """The accesses of ``LOAD`` and ``INSTALL``."""
    yield from claims_of(connection, name, lineage.kind, lineage.options.get("from", ""))


def claims_of(connection: Any, name: str, kind: str, source: str = "") -> Iterator[Claim]:
    """The accesses of loading or installing the extension `name`.

    Parameters
    ----------
    kind : str
        ``load`` or ``install``.
    source : str
        The repository's name or address, or a folder.
    """
    path = _path(connection, name)
    if kind == "load":
        if path:
            yield Claim("execute", "file", file_uri(path), os.path.realpath(path))
        return
    if is_url(name):
        yield Claim("read", "http", url_uri(name), url_uri(name))
    elif "/" in name or os.path.exists(name):  # noqa: PTH110 - the same test as DuckDB's
        yield Claim("read", "file", file_uri(name), os.path.realpath(name))
    else:
        address = source if is_url(source) else _REPOSITORIES.get(source.lower())
        if address is not None:
            yield Claim("read", "http", url_uri(address), url_uri(address))
    if path:
        yield Claim("write", "file", file_uri(path), os.path.realpath(path))


def _path(connection: Any, name: str) -> str:
    """Where an extension lies, or will lie; empty for one that is part of DuckDB."""
    if "/" in name or name.endswith(".duckdb_extension"):
        if not is_url(name):
            return os.path.realpath(name)
        name = name.rpartition("/")[2].partition(".")[0]
    row = (
        connection.cursor()
        .execute(
            "SELECT extension_name, install_path, loaded, current_setting('extension_directory'), "
            "version(), (SELECT platform FROM pragma_platform()) FROM duckdb_extensions() "
            "WHERE extension_name = $1 OR list_contains(aliases, $1)",
            [name.lower()],
        )
        .fetchone()
    )
    if row is None or row[1] == "(BUILT-IN)":
        return ""
    full, path, _, folder, version, platform = row
    if path:
        return str(path)
    folder = folder or os.path.expanduser("~/.duckdb/extensions")  # noqa: PTH111
    return f"{folder}/{version}/{platform}/{full}.duckdb_extension"
