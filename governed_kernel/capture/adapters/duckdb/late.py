"""Relations are read when they are carried out: what their names mean by then.

A relation keeps its query, and DuckDB looks up its tables anew each time that it is carried out.
What was on record when it was made is told again if a table is another by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governed_kernel.capture.adapters.duckdb.catalog import Catalog, Source
from governed_kernel.capture.adapters.duckdb.instances import Connected
from governed_kernel.capture.adapters.duckdb.plans import Plan, plan_of
from governed_kernel.capture.adapters.duckdb.queries import SCAN, Lazy
from governed_kernel.capture.adapters.duckdb.recording import record_query
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Table
from governed_kernel.capture.steps import Step

__all__ = ["by_now", "made_lazy", "relation_node", "scanned"]


def relation_node(observation: Observation, call: Call, relation: Any) -> Node | None:
    """The node of a relation as it is by now; None of one that nobody saw being made."""
    node = observation.registry.get(relation)
    if node is None or not isinstance(node.extra, Lazy):
        return None
    found = by_now(observation, Observed(call, None), node)
    if found is not node:
        observation.registry.put(relation, found)
    return found


def made_lazy(lazy: Lazy, plan: Plan) -> Lazy:
    """What is known of a relation, with the tables that its plan found and those below."""
    rests: dict[Table, tuple[str, ...]] = {}
    named: dict[str, Source] = {}
    for table, source in plan.sources.items():
        if source.kind == "table":
            rests[table] = _identity(source)
        if source.seen is None or source.kind not in ("frame", "relation"):
            continue
        if table.name and not table.function:
            named[table.name[0]] = source
        for node in _relations(source):
            rests.update(node.extra.rests)
    return lazy._replace(rests=tuple(rests.items()), named=tuple(named.items()))


def _identity(source: Source) -> tuple[str, ...]:
    if source.seen is None:
        return source.uris
    return tuple({node.entity: None for cells in source.seen.cells.values() for node, _ in cells})


def _relations(source: Source) -> Iterator[Node]:
    cells = next(iter(source.seen.cells.values()), ()) if source.seen is not None else ()
    yield from (node for node, _ in cells if isinstance(node.extra, Lazy))


def by_now(observation: Observation, observed: Observed, node: Node) -> Node:
    """The node of a relation; another one, if a table that it reads is another than it was."""
    lazy = node.extra
    if not isinstance(lazy, Lazy) or not lazy.text or not _is_stale(observation, observed, lazy):
        return node
    around, bound = scanned(lazy.text, lazy.known)
    for name, source in lazy.named:
        bound[name] = _renewed(observation, observed, source)
    step, known = Step(observation, observed), lazy.known
    plan = plan_of(observation, step, known, known.connection, around, None, bound)
    extra = made_lazy(lazy._replace(ancestors=()), plan)
    if lazy.unreadable or not plan.lineages or plan.lineages[-1].reason:
        made = _any(observation, observed, node, plan)
    else:
        made = record_query(
            observation, observed, plan, plan.lineages[-1], None, "relation", node.columns
        )
    if lazy.held:
        # It was carried out before, and the rows that it holds since may be those.
        made = _either(observation, observed, node, made)
    return made._replace(extra=extra)


def _is_stale(observation: Observation, observed: Observed, lazy: Lazy) -> bool:
    known = lazy.known
    if known.is_closed or known.reference() is None:
        return False
    step = Step(observation, observed)
    catalog = Catalog(observation, step, known, known.connection, None)
    for table, identity in lazy.rests:
        there = catalog.table(table)
        source = catalog.sources.get(table)
        if there is not None and (source is None or _identity(source) != identity):
            return True
    return False


def _renewed(observation: Observation, observed: Observed, source: Source) -> Source:
    for node in _relations(source):
        assert source.seen is not None
        fresh = by_now(observation, observed, node)
        cells = {column: ((fresh, column),) for column in source.seen.columns}
        return source._replace(seen=source.seen._replace(cells=cells))
    return source


def _any(observation: Observation, observed: Observed, node: Node, plan: Plan) -> Node:
    """A query that can't be read: what it was, or whatever the tables are now."""
    step = Step(observation, observed)
    step.same(node, evidence="conservative")
    for source in plan.sources.values():
        cells = source.seen.cells.values() if source.seen is not None else ()
        for other in {n.entity: n for each in cells for n, _ in each}.values():
            step.product(node.columns, other, other.columns, "TRANSFORMATION", "conservative")
    return step.finish(None, "relation", node.columns)


def _either(observation: Observation, observed: Observed, before: Node, now: Node) -> Node:
    step = Step(observation, observed)
    step.same(before, evidence="conservative")
    step.same(now, evidence="conservative")
    return step.finish(None, "relation", now.columns)


def scanned(text: str, known: Connected) -> tuple[str, dict[str, Source]]:
    """A query with names where DuckDB scans Python's objects, and what these are."""
    bound: dict[str, Source] = {}
    for scan in set(SCAN.findall(text)):
        source = known.instance.scans.get(scan)
        if source is not None:
            name = f"@{scan}"
            text = text.replace(scan, f'"{name}"')
            bound[name] = source
    return text, bound
