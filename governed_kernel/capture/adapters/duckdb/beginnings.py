"""Relations that begin something: of files, of tables, of Python's objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from governed_kernel.capture.adapters.duckdb.catalog import Source, file_claim
from governed_kernel.capture.adapters.duckdb.files import matching
from governed_kernel.capture.adapters.duckdb.instances import connected
from governed_kernel.capture.adapters.duckdb.late import made_lazy
from governed_kernel.capture.adapters.duckdb.objects import seen
from governed_kernel.capture.adapters.duckdb.plans import announce_all, plan_of, report
from governed_kernel.capture.adapters.duckdb.queries import (
    SCAN,
    Lazy,
    connection_of,
    given,
    say,
)
from governed_kernel.capture.adapters.duckdb.recording import record_query
from governed_kernel.capture.adapters.duckdb.relations import WHOLE, relate
from governed_kernel.capture.adapters.duckdb.results import fetched
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe_native
from governed_kernel.capture.steps import Step

__all__ = ["arm"]

READERS = ("read_csv", "from_csv_auto", "read_json", "read_parquet", "from_parquet")
OBJECTS = ("from_df", "from_arrow")
NAMED = ("table", "view", "values", "table_function")
OF_FRAMES = ("project", "filter", "aggregate", "distinct", "order", "limit", "alias", "df", "arrow")
"""Functions of the module that take a dataframe first."""
_ASKED = ("virtual_table_name", 1), ("sql_query", 2)


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
        known = connected(connection)
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
    def before(_: Observation, call: Call) -> None:
        connection = connection_of(call, method=method)
        call.note = connected(connection), connection

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
        call.note = connected(connection), seen(observation, step, thing)

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
    scans = SCAN.findall(text)
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
    if len(scans) == 1 and text.startswith(WHOLE + scans[0]):
        known.instance.scans[scans[0]] = source


def _asked_frame(observation: Observation, observed: Observed) -> None:
    """``duckdb.query_df(frame, "name", "SELECT … FROM name")``."""
    if not isinstance(observed.call.note, tuple) or observed.result is None:
        return
    known, found = observed.call.note
    name, sql = (str(given(observed.call, *each)) for each in _ASKED)
    if found is None:
        return
    step, bound = Step(observation, observed), {name: Source(found, kind="frame")}
    plan = plan_of(observation, step, known, known.connection, sql, None, bound)
    if plan.lineages:
        names, last = observed.result.columns, plan.lineages[-1]
        node = record_query(observation, observed, plan, last, observed.result, "relation", names)
        extra = made_lazy(Lazy(known, (), observed.result.sql_query()), plan)
        observation.registry.put(observed.result, node._replace(extra=extra))


def arm(observation: Observation, modules: Sequence[Any], connection: type) -> None:
    """Observe what makes relations of something else."""

    def begin(names: Iterable[str], rule: Any, before: Any) -> None:
        for name in names:
            label = f"DuckDBPyConnection.{name}"
            made = before(method=True)
            owners = [connection]
            observe_native(observation, "duckdb", owners, name, rule, label=label, before=made)
            observe_native(observation, "duckdb", modules, name, rule, before=before(method=False))

    begin(READERS, _begun, _before_reading)
    begin(NAMED, _begun, _before_naming)
    begin(OBJECTS, _from_object, _before_object)
    before = _before_object(method=False)
    for name in OF_FRAMES:
        observe_native(observation, "duckdb", modules, name, _from_object, before=before)
    observe_native(observation, "duckdb", modules, "query_df", _asked_frame, before=before)
