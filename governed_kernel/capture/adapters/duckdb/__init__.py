"""DuckDB: native code, observed natively; statements and relations by their SQL.

What a statement does is read off its text before it runs (`plans`), with names resolved as DuckDB
will resolve them (`catalog`): so policy can refuse in time. Afterwards the accesses and the
lineage are put on record (`queries`, `relations`, `results`, `changes`, `connections`).

DuckDB's own log (``CALL enable_logging('FileSystem')``) would tell every file, but it is a setting
of the user's instance, seen by him, written for every read, and comes after the fact. The files of
a pattern are asked of DuckDB instead (``glob``), before they are read; what it opens beyond that is
the witness's to see.
"""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture import native
from governed_kernel.capture.observation import Observation

__all__ = ["arm"]


def arm(observation: Observation, name: str, module: ModuleType) -> None:  # noqa: ARG001
    """Observe DuckDB, the module and the classes of connections and relations."""
    import _duckdb

    from governed_kernel.capture.adapters.duckdb import (
        beginnings,
        connections,
        queries,
        relations,
        results,
        writing,
    )

    if not native.works():
        raise RuntimeError("this interpreter's native functions can't be observed")
    modules = [_duckdb, module]
    connection, relation = _duckdb.DuckDBPyConnection, _duckdb.DuckDBPyRelation
    observation.handles[connection] = queries.waiting
    queries.arm(observation, modules, connection)
    connections.arm(observation, modules, connection)
    results.arm(observation, modules, connection, relation)
    beginnings.arm(observation, modules, connection)
    writing.arm(observation, relation)
    relations.arm(observation, relation)
