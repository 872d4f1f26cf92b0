"""sqlite3: what statements read and write, by the connection's own trace of them.

A trace is told of every statement when it begins, whoever executes it. A user who sets another
takes this one away, and no more than it: that the file was opened is on record.
"""

from __future__ import annotations

import ctypes
import re
import sys
import weakref
from collections import deque
from types import ModuleType
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from governed_kernel.capture import native
from governed_kernel.capture.adapters.sqlite_tables import Tables
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.queries import Queries
from governed_kernel.capture.rewriting import Hooks, NotRewritable
from governed_kernel.capture.uris import sqlite_uri
from governed_kernel.errors import PolicyDenied

__all__ = ["arm"]

_MANY = 1_000
"""Statements of one cell after which a connection is no longer listened to one by one."""
_RECENT = 2_000
_ENOUGH = 10
_CHANGES = ("insert", "replac", "update", "delete")
_BEFORE_VALUES = re.compile(r"[^('=<>]{0,200}")
_VALUES = re.compile(r"'[^']*'|\b\d[\d.]*")


class _Database:
    """Where one connection leads, and what of it was told in the cell.

    A loop executes one statement with other values each time, and the trace shows the values. So
    what has been told ten times of statements of one shape is not told again in the cell.
    """

    def __init__(self, observation: Observation, uri: str | None) -> None:
        self.observation = observation
        self._queries = Queries.of(observation)
        self._uri = uri or ""
        self._tables = None if uri else Tables(observation)
        self._places = {"temp": "", "main": self._uri}
        self._shapes: dict[str, int] = {}
        self._moment = 0

    def forget(self) -> None:
        """Another cell begins."""
        self._shapes.clear()

    def executes(self, sql: str, *, late: bool = False) -> bool:
        """Report a statement; false when it must not go on."""
        if sql.startswith("-- "):  # the body of a trigger
            return True
        shape = _shape(sql)
        count = self._shapes.get(shape, 0)
        if self._tables is not None and not late and sql.lstrip()[:6].lower() != "pragma":
            self._follow(self._tables, sql, count)
        if count >= _ENOUGH:
            return True
        self._shapes[shape] = count + 1
        try:
            if sql.lstrip()[:6].lower() == "attach":
                with self.observation.at_work():
                    return self._attaches(sql)
            self._queries.execute(
                self._uri,
                sql,
                "sqlite",
                "sqlite3",
                self._places,
                can_refuse=False,
                late=late,
            )
        except Exception as error:
            self.observation.lost("sqlite3", error)
        return True

    def _follow(self, tables: Tables, sql: str, count: int) -> None:
        """Of a database in memory it is told statement by statement what they do."""
        moment = self.observation.moment
        if count >= _ENOUGH and moment == self._moment:
            return
        self._moment = moment
        with self.observation.guarded("sqlite3"):
            tables.follow(sql)

    def _attaches(self, sql: str) -> bool:
        from governed_kernel.capture.sql import lineage_of

        for made in lineage_of(sql, "sqlite"):
            if made.kind != "attach" or made.target is None:
                continue
            uri = sqlite_uri(made.target.name[-1])
            self._places[made.options.get("alias", "").lower()] = uri or ""
            if uri is None:
                continue
            decision = self.observation.decide("connect", unquote(urlsplit(uri).path))
            try:
                self.observation.access("connect", "sql", uri, "sqlite3", decision, sql)
            except PolicyDenied:
                return False
        return True


_Busy: TypeAlias = "list[tuple[weakref.ref[deque[str]], _Database]]"
"""Recent statements of connections that execute many."""


class _Trace:
    """The trace of one connection, which it does not keep alive.

    After many statements in one cell its place is taken by a native one that only keeps the most
    recent texts, for the cell's end: then a statement costs 0.4 µs, of which SQLite spends most
    on writing it down. An unused trace can't be put back, since the user may have set another.
    """

    def __init__(self, database: _Database, connection: Any, busy: _Busy) -> None:
        self._database = database
        self._address = id(connection)
        self._busy = busy
        self._cell: Any = None
        self._count = 0

    def __call__(self, sql: str) -> None:
        observation = self._database.observation
        if observation.state.busy:
            return
        cell = observation.cell()
        if cell != self._cell:
            self._cell, self._count = cell, 0
            self._database.forget()
        self._count += 1
        # While its trace is called a connection is alive, so there is something at its address.
        if not self._database.executes(sql):
            # An error raised here would be ignored; an interrupted statement is not executed.
            ctypes.cast(self._address, ctypes.py_object).value.interrupt()
        elif self._count > _MANY:
            recent: deque[str] = deque(maxlen=_RECENT)
            self._busy.append((weakref.ref(recent), self._database))
            ctypes.cast(self._address, ctypes.py_object).value.set_trace_callback(recent.append)


def _shape(sql: str) -> str:
    """A statement without its values; of one that changes a table, what stands before them."""
    if sql[:6].lower() in _CHANGES:
        found = _BEFORE_VALUES.match(sql)
        return found.group() if found else ""
    return _VALUES.sub("", sql[:1000])


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe ``sqlite3.connect``, which is native."""
    if not native.works():
        raise NotRewritable("native functions can't be observed in this interpreter")
    busy: _Busy = []

    def enter(values: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        positional, keywords = values
        return None if observation.state.busy else (*positional, keywords.get("database"))[0]

    def leave(target: Any, connection: Any) -> Any:
        with observation.guarded("sqlite3"):
            uri = sqlite_uri(target)
            path = unquote(urlsplit(uri).path) if uri else ""
            # IPython keeps its history in such a file.
            if uri is None or not observation.is_environment(path, write=True):
                database = _Database(observation, uri)
                connection.set_trace_callback(_Trace(database, connection, busy))
        return connection

    def settle() -> None:
        busy[:] = [pair for pair in busy if pair[0]() is not None]
        for reference, database in busy:
            if recent := reference():
                database.forget()
                for sql in dict.fromkeys(recent):
                    database.executes(sql, late=True)
                recent.clear()

    connect = native.observed(module.connect, Hooks(enter, leave, lambda _: None))
    for name in ("sqlite3.dbapi2", "sqlite3"):
        if name in sys.modules and hasattr(sys.modules[name], "connect"):
            sys.modules[name].connect = connect  # type: ignore[attr-defined]
    # The statements that it tells of are told once a cell, so it comes before that is forgotten.
    observation.at_end.insert(0, settle)
