"""Statements on their way to a database: one access a table that one reads or writes.

The address of an access is the database's, with the table behind ``#``; the statement is its
detail. A statement that is repeated in a cell is told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.uris import what_decides
from governed_kernel.errors import PolicyDenied
from governed_kernel.lineage.events import Operation

__all__ = ["Deed", "Queries", "deeds_of"]

_MOST = 2_000
_QUIET_KINDS = ("transaction", "set", "select", "attach", "detach", "use")
_QUIET_WORDS = frozenset(
    {
        *("analyze", "begin", "checkpoint", "close", "commit", "deallocate", "describe"),
        *("discard", "end", "explain", "fetch", "listen", "lock", "move", "notify", "pragma"),
        *("reindex", "release", "reset", "rollback", "savepoint", "set", "show", "start"),
        *("unlisten", "vacuum"),
    }
)
_CATALOGS = ("pg_catalog", "information_schema", "sys", "mysql")
"""Schemas in which databases describe themselves; drivers look there all the time."""
_REMOVALS = ("drop table", "drop view")


class Deed(NamedTuple):
    """What a statement does to one table."""

    operation: Operation
    table: tuple[str, ...]
    """``(catalog, schema, table)``, or the last of them; empty where nobody can tell."""


@lru_cache(maxsize=500)
def deeds_of(sql: str, dialect: str) -> tuple[Deed, ...]:
    """What `sql` does to which tables; it may be one statement or several."""
    from governed_kernel.capture.sql import lineage_of

    found: dict[Deed, None] = {}
    for made in lineage_of(sql, dialect):
        tables = [table.name for table in made.reads if table.name and not table.function]
        found |= dict.fromkeys(Deed("read", table) for table in tables)
        target = made.target
        if made.kind == "attach":
            continue
        if target is not None and target.name and not target.function:
            name = ("temp", target.name[-1]) if "temporary" in made.options else target.name
            found[Deed("delete" if made.kind in _REMOVALS else "write", name)] = None
        elif not tables and made.kind not in _QUIET_KINDS and not _is_quiet(made.sql or sql):
            found[Deed("execute", ())] = None
    return tuple(found)


def _is_quiet(sql: str) -> bool:
    """Whether a statement that names no table changes none and reads none."""
    words = sql.lstrip(" \t\r\n(;").split(None, 1)
    return not words or words[0].rstrip(";").lower() in _QUIET_WORDS


class Queries:
    """Reports the statements of one process.

    Parameters
    ----------
    observation : Observation
    """

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._told: set[tuple[str, str]] = set()
        self._temporary: set[tuple[str, str]] = set()
        observation.at_end.append(self._told.clear)

    @classmethod
    def of(cls, observation: Observation) -> Queries:
        """The one that all adapters share."""
        found = observation.__dict__.get("_queries")
        if found is None:
            found = observation.__dict__["_queries"] = cls(observation)
        return found

    def execute(
        self,
        uri: str,
        sql: str,
        dialect: str,
        via: str,
        places: Mapping[str, str] | None = None,
        *,
        can_refuse: bool = True,
        late: bool = False,
    ) -> None:
        """Before a statement is executed.

        Parameters
        ----------
        uri : str
            Of the database.
        dialect : str
            The name that sqlglot has for it.
        via : str
            Whose call it is, when nobody asked in another's name.
        places : mapping, optional
            Names of attached databases and where they are.
        can_refuse : bool
            Whether an error raised here keeps the statement from being executed.
        late : bool
            It was executed already, and an observer at work tells of it now.

        Raises
        ------
        PolicyDenied
            Policy forbids it; the attempt is on record.
        """
        observation = self._observation
        state = observation.state
        if (state.busy and not late) or (uri, sql) in self._told:
            return
        with observation.at_work():
            if len(self._told) < _MOST:
                self._told.add((uri, sql))
            for operation, table in deeds_of(sql, dialect):
                if table and table[0] == "temp":
                    self._temporary.add((uri, table[-1]))
                    continue
                if _is_catalog(table):
                    continue
                place, name = _placed(uri, table, places or {})
                if place and (place, name) not in self._temporary:
                    self._report(operation, place, name, sql, via, can_refuse=can_refuse)

    def _report(
        self, operation: Operation, uri: str, table: str, sql: str, via: str, *, can_refuse: bool
    ) -> None:
        observation = self._observation
        state, call = observation.state, observation.state.call
        owner = call.claimed(operation, uri) if call is not None else None
        via = state.client or via if owner is None else owner.target.title
        whole = f"{uri}#{quote(table, safe='.')}" if table else uri
        decision = observation.decide(operation, what_decides(whole))
        try:
            observation.access(operation, "sql", whole, via, decision, sql)
        except PolicyDenied:
            if can_refuse:
                raise


def _is_catalog(table: tuple[str, ...]) -> bool:
    """Whether a table is one in which the database describes itself."""
    schema, name = ("", *table)[-2:] if table else ("", "")
    return schema.lower() in _CATALOGS or name.lower().startswith(("pg_", "sqlite_"))


def _placed(uri: str, table: tuple[str, ...], places: Mapping[str, str]) -> tuple[str, str]:
    """The database and the name in it of a table."""
    if len(table) > 1 and table[0].lower() in places:
        return places[table[0].lower()], ".".join(table[1:])
    return uri, ".".join(table)
