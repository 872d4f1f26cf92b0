"""Relations: each made of others, all read when one is carried out.

DuckDB writes the query of a relation, and the queries of what it was made of stand in it word for
word. So no method needs a rule of its own: what a new relation does to the old ones is the text
around theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from governed_kernel.capture.adapters.duckdb.catalog import Claim, Source, file_claim
from governed_kernel.capture.adapters.duckdb.changes import apply
from governed_kernel.capture.adapters.duckdb.files import matching
from governed_kernel.capture.adapters.duckdb.instances import Connected, connected
from governed_kernel.capture.adapters.duckdb.objects import Seen, caller, seen
from governed_kernel.capture.adapters.duckdb.plans import Plan, announce_all, plan_of, report
from governed_kernel.capture.adapters.duckdb.queries import (
    Lazy,
    connection_of,
    given,
    relation_node,
    say,
)
from governed_kernel.capture.adapters.duckdb.recording import record_query
from governed_kernel.capture.adapters.duckdb.results import executing, fetched
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe_native
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step

__all__ = ["arm"]

READERS = ("read_csv", "from_csv_auto", "read_json", "read_parquet", "from_parquet")
OBJECTS = ("from_df", "from_arrow")
NAMED = ("table", "view", "values", "table_function")
OF_FRAMES = ("project", "filter", "aggregate", "distinct", "order", "limit", "alias", "df", "arrow")
"""Functions of the module that take a dataframe first."""
WRITERS = {
    **dict.fromkeys(("to_parquet", "write_parquet", "to_csv", "write_csv"), "COPY {0} TO {1}"),
    **dict.fromkeys(("create", "to_table"), "CREATE TABLE {1} AS FROM {0}"),
    "insert_into": "INSERT INTO {1} FROM {0}",
}
"""Method → the statement that does the same with a relation and a name."""
_SCAN = re.compile(r"\b(?:pandas|arrow|polars|python)_scan(?:_dumb)?\([^()]*\)")
_WHOLE = "SELECT * FROM "
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


def _source(node: Node) -> Source:
    cells = {column: ((node, column),) for column in node.columns}
    claims = node.extra.claims if isinstance(node.extra, Lazy) else ()
    return Source(Seen(node.columns, cells), kind="relation", claims=claims)


def _around(text: str, known: Connected, parents: Sequence[Node]) -> tuple[str, dict[str, Source]]:
    """The query with names where its parents' queries and Python's objects stand."""
    bound: dict[str, Source] = {}
    for name, (query, node) in _bound(parents).items():
        if f"({query})" in text:
            text = text.replace(f"({query})", f'(FROM "{name}")')
            bound[name] = _source(node)
    for scan in set(_SCAN.findall(text)):
        scanned = known.instance.scans.get(scan)
        if scanned is not None:
            name = f"@{scan}"
            text = text.replace(scan, f'"{name}"')
            bound[name] = _source(scanned)
    return text, bound


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
    plan = plan_of(observation, step, known, connection, around, None, bound)
    claims = tuple(dict.fromkeys([*plan.claims, *_claims_of(parents)]))
    ancestors = _ancestors(parents)
    extra = Lazy(known, claims, text, ancestors)
    lineage = plan.lineages[-1] if plan.lineages else None
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


def _claims_of(parents: Iterable[Node]) -> Iterator[Claim]:
    for node in parents:
        if isinstance(node.extra, Lazy):
            yield from node.extra.claims


def _ancestors(parents: Iterable[Node]) -> tuple[tuple[str, Node], ...]:
    found: dict[str, Node] = {}
    for node in parents:
        if isinstance(node.extra, Lazy):
            found[node.extra.text] = node
            found.update(node.extra.ancestors)
    return tuple(found.items())[:_MOST_ANCESTORS]


def _parents(observation: Observation, call: Call) -> list[Node]:
    args, kwargs = call.arguments
    nodes = [relation_node(observation, each) for each in (*args, *kwargs.values())]
    return [node for node in nodes if node is not None]


def _derived(observation: Observation, observed: Observed) -> None:
    """``filter``, ``project``, ``join`` and sixty more."""
    parents = _parents(observation, observed.call)
    if not parents or not isinstance(parents[0].extra, Lazy):
        return
    known = parents[0].extra.known
    report(observation, observed.call, "")
    relate(observation, observed, known, known.connection, parents)


def _mapped(observation: Observation, observed: Observed) -> None:
    """``map``: what the user's function makes of the columns nobody can tell."""
    parents = _parents(observation, observed.call)
    result = observed.result
    if not parents or not isinstance(parents[0].extra, Lazy):
        return
    node = _conservative(observation, observed, parents, result, result.columns)
    extra = parents[0].extra._replace(text=result.sql_query(), ancestors=_ancestors(parents))
    observation.registry.put(result, node._replace(extra=extra))


def _asked(observation: Observation, observed: Observed) -> None:
    """``relation.query("name", "SELECT … FROM name")``."""
    parents = _parents(observation, observed.call)
    name = given(observed.call, "virtual_table_name", 1)
    sql = given(observed.call, "sql_query", 2)
    if not parents or not isinstance(parents[0].extra, Lazy) or observed.result is None:
        return
    known = parents[0].extra.known
    step = Step(observation, observed)
    bound = {str(name): _source(parents[0])}
    plan = plan_of(observation, step, known, known.connection, str(sql), None, bound)
    if not plan.lineages:
        return
    names, last = observed.result.columns, plan.lineages[-1]
    node = record_query(observation, observed, plan, last, observed.result, "relation", names)
    text = observed.result.sql_query()
    extra = Lazy(known, parents[0].extra.claims, text, _ancestors(parents))
    observation.registry.put(observed.result, node._replace(extra=extra))


def _same(observation: Observation, observed: Observed) -> None:
    """``execute``, ``to_view``: the relation itself, or one that is the same."""
    parents = _parents(observation, observed.call)
    if not parents or not isinstance(parents[0].extra, Lazy):
        return
    report(observation, observed.call, parents[0].extra.text)
    result, parent = observed.result, parents[0]
    known = parents[0].extra.known
    if observed.target.name in ("create_view", "to_view"):
        known.relations[str(given(observed.call, "view_name", 1)).lower()] = parent
    if type(result).__name__ == "DuckDBPyRelation" and observation.registry.get(result) is None:
        step = Step(observation, observed)
        step.same(parent)
        node = step.finish(result, "relation", parent.columns)
        extra = parents[0].extra._replace(text=result.sql_query())
        observation.registry.put(result, node._replace(extra=extra))


# --- relations that begin something ----------------------------------------------------------


def _paths(call: Call, place: int) -> list[str]:
    given_paths = given(call, "path_or_buffer", place)
    if given_paths is None:
        given_paths = given(call, "file_glob", place)
    listed = given_paths if isinstance(given_paths, (list, tuple)) else [given_paths]
    return [str(each) for each in listed if isinstance(each, str) or hasattr(each, "__fspath__")]


def _before_reading(*, method: bool) -> Any:
    def before(observation: Observation, call: Call) -> None:
        connection = connection_of(call, method=method)
        paths = [p for path in _paths(call, int(method)) for p in matching(path, connection)]
        claims = tuple(file_claim(path) for path in paths)
        known = connected(observation, connection)
        announce_all(observation, call, claims)
        say(observation, known, claims)
        call.note = known, connection

    return before


def _begun(observation: Observation, observed: Observed) -> None:
    """``read_csv``, ``table``, ``values``: their queries say what they are."""
    if not isinstance(observed.call.note, tuple):
        return
    known, connection = observed.call.note
    report(observation, observed.call, "")
    relate(observation, observed, known, connection, ())


def _before_naming(*, method: bool) -> Any:
    def before(observation: Observation, call: Call) -> None:
        connection = connection_of(call, method=method)
        call.note = connected(observation, connection), connection

    return before


def _before_object(*, method: bool) -> Any:
    def before(observation: Observation, call: Call) -> None:
        connection = connection_of(call, method=method)
        args, _ = call.arguments
        if not method and not args:
            return
        step = Step(observation, Observed(call, None))
        names = ("df", "arrow_object")
        thing = next(
            (t for name in names if (t := given(call, name, int(method))) is not None), None
        )
        call.note = connected(observation, connection), seen(observation, step, thing)

    return before


def _from_object(observation: Observation, observed: Observed) -> None:
    """``from_df``, ``from_arrow``, and the module's functions of dataframes."""
    if not isinstance(observed.call.note, tuple):
        if observed.target.name in ("df", "arrow"):
            fetched(observation, observed)
        return
    known, found = observed.call.note
    result = observed.result
    if found is None or type(result).__name__ != "DuckDBPyRelation":
        return
    text = result.sql_query()
    scans = _SCAN.findall(text)
    source = Source(found, kind="frame")
    step = Step(observation, observed)
    around = text.replace(scans[0], '"@object"') if scans else text
    bound = {"@object": source}
    plan = plan_of(observation, step, known, known.connection, around, None, bound)
    if not plan.lineages:
        return
    node = record_query(
        observation, observed, plan, plan.lineages[-1], result, "relation", result.columns
    )
    node = node._replace(extra=Lazy(known, (), text))
    observation.registry.put(result, node)
    if len(scans) == 1 and text.startswith(_WHOLE + scans[0]):
        known.instance.scans[scans[0]] = node


# --- relations that are written --------------------------------------------------------------


def _before_writing(observation: Observation, call: Call) -> None:
    executing(observation, call)
    args, kwargs = call.arguments
    parents = _parents(observation, call)
    place = next((kwargs[name] for name in ("file_name", "table_name") if name in kwargs), None)
    place = args[1] if len(args) > 1 else place
    if not parents or not isinstance(parents[0].extra, Lazy) or place is None:
        return
    file = call.target.name.startswith(("to_csv", "to_parquet", "write_"))
    target = "'" + str(place).replace("'", "''") + "'" if file else str(place)
    sql = WRITERS[call.target.name].format('"@0"', target)
    step = Step(observation, Observed(call, None))
    bound = {"@0": _source(parents[0])}
    known = parents[0].extra.known
    plan = plan_of(observation, step, known, known.connection, sql, caller(), bound)
    announce_all(observation, call, say(observation, known, plan.claims))
    call.note = plan


def _written(observation: Observation, observed: Observed) -> None:
    plan = observed.call.note
    parents = _parents(observation, observed.call)
    if not isinstance(plan, Plan) or not parents:
        return
    extra = parents[0].extra
    report(observation, observed.call, extra.text if isinstance(extra, Lazy) else "")
    for lineage in plan.lineages:
        apply(observation, observed, plan, lineage)


def arm(observation: Observation, modules: Sequence[Any], connection: type, relation: type) -> None:
    """Observe relations."""

    def see(name: str, rule: Any, before: Any = None) -> None:
        label = f"DuckDBPyRelation.{name}"
        observe_native(observation, "duckdb", [relation], name, rule, label=label, before=before)

    def begin(names: Iterable[str], rule: Any, before: Any) -> None:
        for name in names:
            label = f"DuckDBPyConnection.{name}"
            made = before(method=True)
            observe_native(
                observation, "duckdb", [connection], name, rule, label=label, before=made
            )
            observe_native(observation, "duckdb", modules, name, rule, before=before(method=False))

    begin(READERS, _begun, _before_reading)
    begin(NAMED, _begun, _before_naming)
    begin(OBJECTS, _from_object, _before_object)
    for name in OF_FRAMES:
        before = _before_object(method=False)
        observe_native(observation, "duckdb", modules, name, _from_object, before=before)
    for name in WRITERS:
        see(name, _written, _before_writing)
    for name in dir(relation):
        if not name.startswith("_") and name not in _LEAVE and name not in WRITERS:
            see(name, _derived, executing)
    for name in ("__getitem__", "__getattr__"):
        see(name, _derived)
    see("map", _mapped, executing)
    see("query", _asked, executing)
    for name in ("execute", "create_view", "to_view"):
        see(name, _same, executing)
