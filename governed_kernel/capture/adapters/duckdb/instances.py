"""DuckDB's databases and connections as far as the record needs them.

Several connections share one instance, and with it the tables in memory. Tables of files and
servers are known by URI; a table in memory is a thing in memory, and each change makes another.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Macro

__all__ = ["Connected", "Instance", "Key", "connected", "is_last", "new_instance"]

Key: TypeAlias = tuple[str, str, str]
"""Catalog, schema and table, in lower case."""


@dataclass
class Instance:
    """One DuckDB."""

    uri: str = ""
    """Of the database it was opened with; empty in memory."""
    version: int = 0
    """Grows with every change of what there is."""
    written: set[str] = field(default_factory=set)
    """Databases outside that were written since they were last closed or checkpointed."""
    tables: dict[Key, Node] = field(default_factory=dict)
    """Tables in memory as they are now."""
    views: dict[Key, str] = field(default_factory=dict)
    """Definitions of views that were seen being made."""
    generated: dict[Key, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Tables that make columns of others: these, with their expressions."""
    functions: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    """What Python functions have within reach, by their names in lower case."""
    catalogs: dict[str, str] | None = None
    """Name → URI of what is attached; None until it is asked."""
    macros: dict[str, Macro] | None = None
    absent: set[tuple[str, ...]] = field(default_factory=set)
    """Names that were no table's when DuckDB was asked, and nothing was made since."""
    missed: set[Any] = field(default_factory=set)
    """Tables that nobody found though DuckDB did; each is on record once."""
    last: Node | None = None
    """The result of the statement that was executed last, by whichever connection."""
    readings: dict[Any, Any] = field(default_factory=dict)
    """Statements that were read already, with what they rested on."""

    scans: dict[str, Any] = field(default_factory=dict)
    """How DuckDB writes that it scans an object → what that is (`catalog.Source`)."""

    def changed(self) -> None:
        """Macros or databases came or went: what was read may mean something else now."""
        self.version += 1
        self.catalogs = None
        self.macros = None
        self.absent.clear()


@dataclass
class Connected:
    """One connection."""

    instance: Instance
    number: int
    reference: Callable[[], Any]
    """The connection itself, weakly."""
    registered: dict[str, tuple[Any, Node | None]] = field(default_factory=dict)
    """View → weak reference to the object behind it, and its node when it was registered."""
    relations: dict[str, Node] = field(default_factory=dict)
    """Views that were made of relations."""
    prepared: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Node] = field(default_factory=dict)
    """What ``SET VARIABLE`` has kept of data, by names in lower case."""
    path: tuple[tuple[str, str], ...] | None = None
    """Catalogs and schemas where names without one are looked for; None until it is asked."""
    moved: bool = False
    """Something that may have set the path was carried out."""
    result: Node | None = None
    """What the last statement gave."""
    before: dict[Key, Node] | None = None
    """Tables as they were when a transaction began."""
    pending: set[str] = field(default_factory=set)
    """Databases outside that a transaction has written, and will when it is committed."""
    is_closed: bool = False
    said: tuple[int, set[Any]] = (-1, set())
    """A cell, and the accesses that are on record in it already."""

    @property
    def connection(self) -> Any:
        """The connection; when it is gone or closed, one that knows nothing."""
        found = self.reference()
        if found is None or self.is_closed:
            import duckdb

            found = duckdb.connect()
        return found


def is_last(known: Connected) -> bool:
    """Whether no other connection keeps an instance open."""
    return not any(
        other.instance is known.instance and other is not known and not other.is_closed
        for other in list(_connections.values())
    )


_instances: weakref.WeakValueDictionary[str, Instance] = weakref.WeakValueDictionary()
_connections: dict[int, Connected] = {}
_numbers = iter(range(1, 1 << 62))


def new_instance(uri: str | None) -> Instance:
    """The instance that a new connection leads to: a file has one in a process."""
    known = _instances.get(uri) if uri else None
    if known is None:
        known = Instance(uri or "")
        if uri:
            _instances[uri] = known
    return known


def connected(connection: Any, instance: Instance | None = None) -> Connected:
    """What is known of a connection; one that nobody saw being made leads to its own instance."""
    entry = _connections.get(id(connection))
    if entry is not None and entry.reference() is connection:
        return entry
    identity = id(connection)

    def forget(_: Any) -> None:
        gone = _connections.get(identity)
        if gone is not None and gone.reference() is None:
            del _connections[identity]

    reference = weakref.ref(connection, forget)
    made = Connected(instance or Instance(), next(_numbers), reference)
    _connections[identity] = made
    return made
