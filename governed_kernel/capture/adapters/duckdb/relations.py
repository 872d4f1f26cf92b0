"""Relations: each made of others, all read when one is carried out.

DuckDB writes the query of a relation, and the queries of what it was made of stand in it word for
word. So no method needs a rule of its own: what a new relation does to the old ones is the text
around theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from governed_kernel.capture.adapters.duckdb.catalog import Claim, Source
from governed_kernel.capture.adapters.duckdb.changes import apply
from governed_kernel.capture.adapters.duckdb.instances import Connected
from governed_kernel.capture.adapters.duckdb.late import made_lazy, relation_node, scanned
from governed_kernel.capture.adapters.duckdb.objects import Seen
from governed_kernel.capture.adapters.duckdb.plans import plan_of, report
from governed_kernel.capture.adapters.duckdb.queries import (
    Lazy,
    given,
)
from governed_kernel.capture.adapters.duckdb.recording import record_query
from governed_kernel.capture.adapters.duckdb.results import executing, hold
from governed_kernel.capture.adapters.duckdb.texts import taken_in
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe_native
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step

__all__ = ["WHOLE", "arm", "parents_of", "relate", "source_of"]

WHOLE = "SELECT * FROM "
"""How the query of a relation that is a table or an object begins."""
_MOST_ANCESTORS = 20
_LEAVE = {
    *("alias", "close", "columns", "create_view", "description", "df", "dtypes", "execute"),
    *("explain", "insert", "map", "shape", "show", "sql_query", "to_view", "type", "types"),
    *("update", "query", "_pybind11_conduit_v1_"),
    *("fetch_arrow_reader", "fetch_arrow_table", "fetch_df_chunk", "fetch_record_batch"),
    *("fetchall", "fetchdf", "fetchmany", "fetchnumpy", "fetchone", "pl", "arrow", "tf", "torch"),
    *("to_arrow_reader", "to_arrow_table", "to_df"),
}
"""Methods that make no relation, or have a rule of their own."""


# --- a relation that was made ----------------------------------------------------------------


def _bound(parents: Iterable[Node]) -> dict[str, tuple[str, Node]]:
    """Name in our text → query in DuckDB's text and node, the longest query first."""
    found: dict[str, Node] = {}
    for node in parents:
        if isinstance(node.extra, Lazy):
            found.setdefault(node.extra.text, node)
            for text, ancestor in node.extra.ancestors:
                found.setdefault(text, ancestor)
    texts = sorted((text for text in found if text), key=len, reverse=True)
    return {f"@{place}": (text, found[text]) for place, text in enumerate(texts)}


def source_of(node: Node) -> Source:
    """A relation as a table of a statement."""
    cells = {column: ((node, column),) for column in node.columns}
    claims = node.extra.claims if isinstance(node.extra, Lazy) else ()
    return Source(Seen(node.columns, cells), kind="relation", claims=claims)


def _around(text: str, known: Connected, parents: Sequence[Node]) -> tuple[str, dict[str, Source]]:
    """The query with names where its parents' queries and Python's objects stand."""
    bound: dict[str, Source] = {}
    for name, (query, node) in _bound(parents).items():
        if f"({query})" in text:
            text = text.replace(f"({query})", f'(FROM "{name}")')
            bound[name] = source_of(node)
    text, objects = scanned(text, known)
    return text, bound | objects


def relate(
    observation: Observation,
    observed: Observed,
    known: Connected,
    connection: Any,
    parents: Sequence[Node],
) -> None:
    """Put on record what a new relation owes to what it was made of."""
    result = observed.result
    if type(result).__name__ != "DuckDBPyRelation":
        return
    text = result.sql_query()
    names = result.columns
    around, bound = _around(text, known, parents)
    step = Step(observation, observed)
    args, kwargs = observed.call.arguments
    taken = taken_in(observation, (*args[1:], *kwargs.values()))
    plan = plan_of(observation, step, known, connection, around, None, bound, taken=taken)
    claims = tuple(dict.fromkeys([*plan.claims, *_claims_of(parents)]))
    ancestors = _ancestors(parents)
    lineage = plan.lineages[-1] if plan.lineages else None
    unreadable = lineage is None or bool(lineage.reason) or _are_unreadable(parents)
    extra = made_lazy(Lazy(known, claims, text, ancestors, unreadable=unreadable), plan)
    extra = _with_parents(extra, parents)
    if lineage is None or (lineage.reason and not bound):
        node = _conservative(observation, observed, parents, result, names)
    else:
        node = record_query(observation, observed, plan, lineage, result, "relation", names)
    observation.registry.put(result, node._replace(extra=extra))


def _conservative(
    observation: Observation,
    observed: Observed,
    parents: Sequence[Node],
    result: Any,
    names: Sequence[str],
) -> Node:
    step = Step(observation, observed)
    for node in parents:
        step.product(tuple(names), node, node.columns, "TRANSFORMATION", "conservative")
    return step.finish(result, "relation", tuple(names))


def _are_unreadable(parents: Iterable[Node]) -> bool:
    return any(isinstance(node.extra, Lazy) and node.extra.unreadable for node in parents)


def _with_parents(lazy: Lazy, parents: Iterable[Node]) -> Lazy:
    """With the tables and things that a relation reads through those that it was made of."""
    rests, named = dict(lazy.rests), dict(lazy.named)
    for node in parents:
        if isinstance(node.extra, Lazy):
            rests = dict(node.extra.rests) | rests
            named = dict(node.extra.named) | named
    own = {name: source for name, source in named.items() if not name.startswith("@")}
    return lazy._replace(rests=tuple(rests.items()), named=tuple(own.items()))


def _claims_of(parents: Iterable[Node]) -> Iterator[Claim]:
    for node in parents:
        if isinstance(node.extra, Lazy):
            yield from node.extra.claims


def _ancestors(parents: Iterable[Node]) -> tuple[tuple[str, Node], ...]:
    found: dict[str, Node] = {}
    for node in parents:
        if isinstance(node.extra, Lazy):
            # Without theirs, or a chain would be kept as often as it is long.
            found[node.extra.text] = node._replace(extra=node.extra._replace(ancestors=()))
            found.update(node.extra.ancestors)
    return tuple(found.items())[:_MOST_ANCESTORS]


def parents_of(observation: Observation, call: Call) -> list[Node]:
    """The nodes of the relations among a call's arguments, ``self`` first."""
    args, kwargs = call.arguments
    nodes = [relation_node(observation, call, each) for each in (*args, *kwargs.values())]
    return [node for node in nodes if node is not None]


def _derived(observation: Observation, observed: Observed) -> None:
    """``filter``, ``project``, ``join`` and sixty more."""
    parents = parents_of(observation, observed.call)
    if not parents or not isinstance(parents[0].extra, Lazy):
        return
    known = parents[0].extra.known
    report(observation, observed.call, "")
    relate(observation, observed, known, known.connection, parents)


def _mapped(observation: Observation, observed: Observed) -> None:
    """``map``: what the user's function makes of the columns nobody can tell."""
    parents = parents_of(observation, observed.call)
    result = observed.result
    if not parents or not isinstance(parents[0].extra, Lazy):
        return
    node = _conservative(observation, observed, parents, result, result.columns)
    extra = parents[0].extra._replace(
        text=result.sql_query(), ancestors=_ancestors(parents), unreadable=True
    )
    observation.registry.put(result, node._replace(extra=extra))


def _asked(observation: Observation, observed: Observed) -> None:
    """``relation.query("name", "SELECT … FROM name")``."""
    parents = parents_of(observation, observed.call)
    name = given(observed.call, "virtual_table_name", 1)
    sql = given(observed.call, "sql_query", 2)
    if not parents or not isinstance(parents[0].extra, Lazy):
        return
    known = parents[0].extra.known
    report(observation, observed.call, str(sql))
    step = Step(observation, observed)
    bound = {str(name): source_of(parents[0])}
    plan = plan_of(observation, step, known, known.connection, str(sql), None, bound)
    if not plan.lineages:
        return
    if observed.result is None:
        for lineage in plan.lineages:
            apply(observation, observed, plan, lineage)
        return
    names, last = observed.result.columns, plan.lineages[-1]
    node = record_query(observation, observed, plan, last, observed.result, "relation", names)
    text = observed.result.sql_query()
    extra = made_lazy(Lazy(known, parents[0].extra.claims, text, _ancestors(parents)), plan)
    extra = _with_parents(extra, parents)
    observation.registry.put(observed.result, node._replace(extra=extra))


def _same(observation: Observation, observed: Observed) -> None:
    """``execute``, ``to_view``: the relation itself, or one that is the same."""
    parents = parents_of(observation, observed.call)
    if not parents or not isinstance(parents[0].extra, Lazy):
        return
    report(observation, observed.call, parents[0].extra.text)
    result, parent = observed.result, parents[0]
    known = parents[0].extra.known
    if observed.target.name == "execute":
        hold(observation, observed.call.arguments[0][0], parent)
    if observed.target.name in ("create_view", "to_view"):
        known.instance.absent.clear()
        known.relations[str(given(observed.call, "view_name", 1)).lower()] = parent
    if type(result).__name__ == "DuckDBPyRelation" and observation.registry.get(result) is None:
        step = Step(observation, observed)
        step.same(parent)
        node = step.finish(result, "relation", parent.columns)
        extra = parents[0].extra._replace(text=result.sql_query())
        observation.registry.put(result, node._replace(extra=extra))


def arm(observation: Observation, relation: type) -> None:
    """Observe relations that are made of relations."""

    def see(name: str, rule: Any, before: Any = None) -> None:
        label = f"DuckDBPyRelation.{name}"
        observe_native(observation, "duckdb", [relation], name, rule, label=label, before=before)

    see("map", _mapped, executing)
    see("query", _asked, executing)
    for name in ("execute", "create_view", "to_view"):
        see(name, _same, executing)
    for name in dir(relation):
        if not name.startswith("_") and name not in _LEAVE:
            see(name, _derived, executing)
    for name in ("__getitem__", "__getattr__"):
        see(name, _derived)
