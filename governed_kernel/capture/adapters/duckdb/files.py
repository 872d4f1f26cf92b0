"""Which files a pattern of DuckDB's means, asked of DuckDB itself."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from governed_kernel.capture.adapters.duckdb.addresses import is_remote
from governed_kernel.capture.uris import file_uri, url_uri

__all__ = ["FILE_FUNCTIONS", "common_folder", "is_file_name", "matching", "uri_of"]

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
