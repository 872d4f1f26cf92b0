"""Which files a pattern of DuckDB's means, asked of DuckDB itself."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from governed_kernel.capture.adapters.duckdb.addresses import is_remote
from governed_kernel.capture.uris import file_uri, url_uri

__all__ = ["FILE_FUNCTIONS", "common_folder", "is_file_name", "kept_files", "matching", "uri_of"]

FILE_FUNCTIONS = frozenset(
    [
        *("read_csv", "read_csv_auto", "sniff_csv", "read_parquet", "parquet_scan", "read_text"),
        *("parquet_metadata", "parquet_schema", "parquet_file_metadata", "parquet_kv_metadata"),
        *("read_json", "read_json_auto", "read_json_objects", "read_json_objects_auto"),
        *("read_ndjson", "read_ndjson_auto", "read_ndjson_objects", "read_blob", "read_xlsx"),
        *("read_avro", "delta_scan", "iceberg_scan", "st_read", "parquet_bloom_probe"),
    ]
)
"""Table functions whose first argument names files."""

_ENDINGS = re.compile(
    r"(?i)\.(csv|tsv|parquet|json|jsonl|ndjson|geojson|xlsx|avro|arrows?|duckdb|db|txt|shp|gpkg)"
    r"(\.(gz|zst|bz2|xz|snappy))?$"
)
_WILD = re.compile(r"[*?\[]")
_MOST_FILES = 10_000


def is_file_name(name: str) -> bool:
    """Whether DuckDB takes a name that is no table's for a file."""
    return _ENDINGS.search(name) is not None or is_remote(name) or "*" in name


def uri_of(path: str) -> str:
    """The canonical URI of one file."""
    if is_remote(path):
        return url_uri(path)
    return file_uri(Path(path.removeprefix("file://")).expanduser())


def matching(pattern: str, connection: Any) -> list[str]:
    """The files that a pattern means now; a name without a pattern is itself.

    Patterns that lead away from this machine are not followed: that would be an access.
    """
    if is_remote(pattern) or _WILD.search(pattern) is None or os.path.exists(pattern):  # noqa: PTH110
        return [pattern]
    cursor = connection.cursor()
    found = cursor.execute("SELECT file FROM glob($1) LIMIT $2", [pattern, _MOST_FILES])
    return [path for (path,) in found.fetchall()] or [pattern]


def common_folder(uris: list[str]) -> str:
    """The innermost folder that all lie in."""
    first, last = min(uris), max(uris)
    length = next(
        (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    return first[: first.rindex("/", 0, length) + 1]


_PARTITION = re.compile(r"/([^/=]+)=([^/]*)(?=/)")


def kept_files(paths: list[str], sql: str, connection: Any) -> list[str]:
    """Those of partitioned files that a statement reads after all, as DuckDB plans it.

    The plan says by which conditions files are left out and how many remain (0.7 ms). Which, say
    the same conditions asked of the files' names. Where anything doesn't fit, it may be all.
    """
    if len(paths) < 2 or not all(_PARTITION.search(path) for path in paths[:3]):
        return paths
    import duckdb

    try:
        cursor = connection.cursor()
        plan = cursor.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()[0][1]
        for filters, kept in _scans(json.loads(plan), len(paths)):
            found = _fitting(paths, filters, cursor)
            if len(found) == kept:
                return found
    except (duckdb.Error, ValueError, IndexError, KeyError):
        pass  # the statement needs what only its own call has: parameters, variables
    return paths


def _scans(nodes: list[Any], total: int) -> Iterator[tuple[str, int]]:
    """Conditions and number of remaining files of each scan of that many files in a plan."""
    for node in nodes:
        facts = node.get("extra_info", {})
        kept, _, of = str(facts.get("Scanning Files", "")).partition("/")
        if of == str(total) and "File Filters" in facts:
            yield str(facts["File Filters"]), int(kept)
        yield from _scans(node.get("children", []), total)


def _fitting(paths: list[str], filters: str, cursor: Any) -> list[str]:
    """The files whose name and partition fulfil conditions that stand one after the other."""
    columns: dict[str, list[str]] = {"filename": paths}
    for place, path in enumerate(paths):
        for name, value in _PARTITION.findall(path):
            columns.setdefault(name, [""] * len(paths))[place] = unquote(value)
    numbered = enumerate(columns, 1)
    lists = ", ".join(f'unnest(${number}) AS "{name}"' for number, name in numbered)
    condition = filters.replace(")(", ") AND (")
    query = f"SELECT filename FROM (SELECT {lists}) WHERE {condition}"  # noqa: S608 - DuckDB's own
    return [path for (path,) in cursor.execute(query, list(columns.values())).fetchall()]
