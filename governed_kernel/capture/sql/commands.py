"""Statements that sqlglot doesn't know, by their first words: LOAD, EXPORT, PREPARE, EXPLAIN …"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from governed_kernel.capture.sql.model import Lineage, Schemas, Table

__all__ = ["command_of"]

_Lineages = Callable[[str, str, Schemas], tuple[Lineage, ...]]

_COMMENTS = re.compile(r"(?s)^(?:\s+|--[^\n]*\n|/\*.*?\*/|;)+")
_NAME = r"(\"(?:[^\"]|\"\")+\"|'(?:[^']|'')+'|[\w./-]+)"
_LOAD = re.compile(rf"(?is)^load\s+{_NAME}\s*;?\s*$")
_INSTALL = re.compile(
    rf"(?is)^(?:force\s+)?install\s+{_NAME}(?:\s+from\s+{_NAME})?(?:\s+version\s+{_NAME})?\s*;?\s*$"
)
_EXPORT = re.compile(rf"(?is)^export\s+database\s+(?:(\w+)\s+to\s+)?{_NAME}\s*(\(.*\))?\s*;?\s*$")
_IMPORT = re.compile(rf"(?is)^import\s+database\s+{_NAME}\s*;?\s*$")
_EXPLAIN = re.compile(r"(?is)^explain\s+(analyze\s+)?(?:\(([^)]*)\)\s*)?(.+)$")
_PREPARE = re.compile(rf"(?is)^prepare\s+{_NAME}\s+as\s+(.+)$")
_EXECUTE = re.compile(rf"(?is)^execute\s+{_NAME}\b")
_SECRET = re.compile(r"(?is)^(?:create|drop|alter)\s+(?:or\s+replace\s+)?(?:\w+\s+)?secret\b")
_OTHER = re.compile(r"(?is)^(call|checkpoint|force\s+checkpoint|vacuum|analyze|deallocate|reset)\b")
_RESET = re.compile(rf"(?is)^reset\s+variable\s+{_NAME}\s*;?\s*$")
_FORMAT = re.compile(r"(?is)\bformat\s+'?(\w+)")
_FIRST = re.compile(
    r"(?i)(load|install|force|export|import|explain|prepare|execute|create|drop|alter|call"
    r"|checkpoint|vacuum|analyze|deallocate|reset)\b"
)


def command_of(
    sql: str, dialect: str, schemas: Schemas, lineages: _Lineages
) -> tuple[Lineage, ...] | None:
    """The lineage of a single such statement; None for everything else.

    Parameters
    ----------
    lineages : callable
        Reads the statement inside another one.
    """
    text = _COMMENTS.sub("", sql)
    if dialect != "duckdb" or _FIRST.match(text) is None:
        return None
    if (found := _EXPLAIN.match(text)) is not None:
        inner = lineages(found[3], dialect, schemas)
        runs = found[1] is not None or "analyze" in (found[2] or "").lower()
        # Without ANALYZE a plan is made and nothing is read but what names and types need.
        kind = "explain analyze" if runs else "explain"
        first = inner[0]
        made = replace(first, kind=kind, sql=sql, columns=(), target=None, result=True, keeps=False)
        return (made, *inner[1:])
    if (found := _PREPARE.match(text)) is not None:
        inner = lineages(found[2], dialect, schemas)
        options = {"name": _unquoted(found[1]), "statement": found[2]}
        return (replace(inner[0], kind="prepare", sql=sql, options=options, result=False),)
    single = _place(text, sql)
    return None if single is None else (single,)


def _place(text: str, sql: str) -> Lineage | None:
    """Commands that name an extension, a folder or a prepared statement."""
    if (found := _LOAD.match(text)) is not None:
        return Lineage("load", sql, target=Table((_unquoted(found[1]),)))
    if (found := _INSTALL.match(text)) is not None:
        options = {"from": _unquoted(found[2])} if found[2] else {}
        return Lineage("install", sql, target=Table((_unquoted(found[1]),)), options=options)
    if (found := _EXPORT.match(text)) is not None:
        kind = _FORMAT.search(found[3] or "")
        options = {"format": kind[1].lower() if kind else "csv", "database": found[1] or ""}
        return Lineage("export", sql, target=Table((_unquoted(found[2]),)), options=options)
    if (found := _IMPORT.match(text)) is not None:
        return Lineage("import", sql, target=Table((_unquoted(found[1]),)))
    if (found := _EXECUTE.match(text)) is not None:
        return Lineage("execute", sql, options={"name": _unquoted(found[1])}, result=True)
    if (found := _RESET.match(text)) is not None:
        return Lineage("set variable", sql, options={"name": _unquoted(found[1])})
    if _SECRET.match(text) is not None:
        return Lineage("secret", sql)
    if _OTHER.match(text) is not None and ";" not in text.rstrip("; \n\t"):
        return Lineage("other", sql)
    return None


def _unquoted(name: str) -> str:
    if name[:1] in ("'", '"'):
        return name[1:-1].replace(name[0] * 2, name[0])
    return name
