"""Groups and windows: values are aggregated, keys decide which belong together."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
from pandas.core.groupby import DataFrameGroupBy, SeriesGroupBy
from pandas.core.groupby.indexing import GroupByNthSelector

from governed_kernel.capture.adapters.pandas.operators import word_of
from governed_kernel.capture.adapters.pandas.parts import Parts
from governed_kernel.capture.adapters.pandas.selection import weighed
from governed_kernel.capture.adapters.pandas.subjects import (
    Apart,
    Work,
    decisive,
    given,
    is_label,
    is_number,
    labels_of,
    levels,
    levels_meant,
    look,
    own_values,
    size,
    text,
)
from governed_kernel.capture.enclosed import functions_in, owe_to_enclosed
from governed_kernel.capture.functions import speaks_of
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Influence, Node
from governed_kernel.capture.steps import Step
from governed_kernel.lineage.events import Relation

__all__ = ["arm"]


class Group(NamedTuple):
    """What a group-by, rolling or resampling object is made of."""

    parent: Node
    values: tuple[str, ...]
    """Columns that are aggregated."""
    keys: tuple[str, ...]
    """Columns of the parent that are keys."""
    decided_by: tuple[Influence, ...]
    rows: int
    buckets: tuple[str, ...] = ()
    """Those of the keys that are cut into buckets of time."""


AGGREGATE = [
    "agg",
    "aggregate",
    "sum",
    "mean",
    "median",
    "min",
    "max",
    "std",
    "var",
    "sem",
    "count",
    "nunique",
    "first",
    "last",
    "prod",
    "quantile",
    "skew",
    "kurt",
    "any",
    "all",
    "size",
    "describe",
    "ohlc",
    "idxmin",
    "idxmax",
    "value_counts",
    "unique",
    "cov",
    "corr",
    "corrwith",
    "apply",
    "pipe_",
]
ROWWISE = [
    "transform",
    "rank",
    "shift",
    "diff",
    "pct_change",
    "cumsum",
    "cumprod",
    "cummin",
    "cummax",
    "ffill",
    "bfill",
    "nearest",
    "fillna",
    "interpolate",
    "asfreq",
    "ngroup",
    "cumcount",
]
PICK = ["head", "tail", "nth", "sample", "filter", "get_group", "nlargest", "nsmallest", "take"]
_COUNTS = ("size", "ngroup", "cumcount")
_SIZES = ("window", "min_periods", "com", "span", "halflife", "alpha")
"""Arguments that say how far a window reaches."""


def group_by(observation: Observation, observed: Observed) -> None:
    """``groupby``, ``rolling``, ``resample`` …: no step yet, but what the next one rests on."""
    work = Work(observation, observed)
    subject, result = observed.subject, observed.result
    _open(observation, type(result))
    if isinstance(subject, (DataFrameGroupBy, SeriesGroupBy)):
        _window_of_group(observation, observed)
        return
    node = work.of(subject)
    if node is None:
        return
    kind = observed.target.name
    relation: Relation = "GROUP_BY" if kind in ("groupby", "resample") else "WINDOW"
    by = observed["by"] if kind == "groupby" else observed["on"]
    decided: list[Influence] = []
    keys: list[str] = []
    buckets: list[str] = []
    listed = _values_as_keys(work, by, node)
    decided += [(other.entity, each, relation, "observed") for other, each in listed]
    for key in () if listed else by if isinstance(by, list) else [by]:
        if isinstance(key, pd.Grouper):
            level = getattr(key, "level", None)
            own = key.key is not None
            named = (text(key.key),) if own else levels_meant(subject.index, level)
            buckets += named if getattr(key, "freq", None) is not None else ()
            keys += [name for name in named if name in node.columns]
        elif is_label(key) and text(key) in node.columns:
            keys.append(text(key))
        elif (other := work.of(key)) is not None:
            decided += [
                (other.entity, column, relation, "observed")
                for column in own_values(other, key) or ("*",)
            ]
        elif (told := decisive(work, key, (node,))) is not None:
            decided += [
                (other.entity, each, relation, "observed")
                for other, names in told
                for each in names
            ]
        elif key is not None:
            decided += [(node.entity, column, relation, "conservative") for column in node.columns]
    if observed.arguments.get("level") is not None or not (keys or decided):
        level = observed.arguments.get("level")
        keys += [name for name in levels_meant(subject.index, level) if name not in keys]
    buckets += keys if kind == "resample" else ()
    decided = [(node.entity, key, relation, "observed") for key in keys] + decided
    decided += _reach(work)
    values = tuple(column for column in own_values(node, subject) if column not in keys)
    extra = Group(node, values, tuple(keys), tuple(decided), size(subject), tuple(buckets))
    observation.registry.put(result, Node(node.entity, "group", node.columns, node.rows, extra))


def _reach(work: Work) -> Iterator[Influence]:
    """``frame.rolling(n)``: what the numbers owe to that say how far a window reaches."""
    for number in map(work.observed.arguments.get, _SIZES):
        for node, columns in given(work, number) if is_number(number) else ():
            for column in columns or ("*",):
                yield node.entity, column, "WINDOW", "observed"


def _values_as_keys(work: Work, by: Any, node: Node) -> list[tuple[Node, str]]:
    """``groupby([n // 10 for n in numbers])``: the list is no list of keys, but one."""
    if not isinstance(by, list) or len(by) != size(work.observed.subject):
        return []
    if any(not is_label(key) or text(key) in node.columns for key in by):
        return []
    return [(other, each) for other, names in decisive(work, by, (node,)) or () for each in names]


def _group_of(observation: Observation, thing: Any) -> Group | None:
    node = observation.registry.get(thing)
    return node.extra if node is not None and isinstance(node.extra, Group) else None


def _window_of_group(observation: Observation, observed: Observed) -> None:
    """``groups.rolling(3)``, ``groups.resample("D")``: by the keys, and by the times."""
    group = _group_of(observation, observed.subject)
    if group is None:
        return
    relation: Relation = "GROUP_BY" if observed.target.name == "resample" else "WINDOW"
    parted: Relation = "PARTITION" if relation == "WINDOW" else relation
    decided: list[Influence] = [
        (entity, column, parted, evidence) for entity, column, _, evidence in group.decided_by
    ]
    on = text(observed["on"]) if observed["on"] is not None else ""
    if not on and isinstance(getattr(observed.subject, "obj", None), (pd.DataFrame, pd.Series)):
        times = levels(observed.subject.obj.index)
        on = times[0] if times and not isinstance(observed["window"], int) else ""
    decided += _reach(Work(observation, observed))
    made = group._replace(values=tuple(column for column in group.values if column != on))
    if on in group.parent.columns:
        decided.append((group.parent.entity, on, relation, "observed"))
        buckets = (on,) if relation == "GROUP_BY" else ()
        made = made._replace(keys=(*group.keys, on), buckets=(*group.buckets, *buckets))
    _keep(observation, observed.result, made._replace(decided_by=tuple(decided)))


def _keep(observation: Observation, thing: Any, group: Group) -> None:
    node = group.parent
    observation.registry.put(thing, Node(node.entity, "group", node.columns, node.rows, group))


def choose_columns(observation: Observation, observed: Observed) -> None:
    """``groups[columns]`` and ``groups.column``."""
    group = _group_of(observation, observed.subject)
    if group is None or type(observed.result).__name__ not in _GROUPS:
        return
    _open(observation, type(observed.result))
    values = labels_of(observed.call.arguments[1])
    _keep(observation, observed.result, group._replace(values=values))


_RESAMPLERS = [f"{kind}IndexResampler" for kind in ("Datetime", "Period", "Timedelta")]
_WINDOWS = ["Rolling", "Expanding", "ExponentialMovingWindow", "Window"]
_GROUPS = frozenset(
    (
        *("DataFrameGroupBy", "SeriesGroupBy", *_WINDOWS, *_RESAMPLERS),
        # pandas 2 spells them otherwise than pandas 3.
        *(f"{kind}Group{by}" for kind in (*_WINDOWS, *_RESAMPLERS) for by in ("By", "by")),
    )
)


def _sources(
    group: Group, named: dict[str, str], labels: list[Any], one: bool
) -> list[tuple[str, str | None]]:
    """For each label of the result the column it was made of; None when that is not clear."""
    pairs: list[tuple[str, str | None]] = []
    for label in labels:
        name = text(label)
        head = text(label[0]) if isinstance(label, tuple) and label else name
        if name in named:
            pairs.append((name, named[name]))
        elif head in group.values or head in group.keys:
            pairs.append((name, head))
        else:
            pairs.append((name, group.values[0] if one and group.values else None))
    return pairs


def _named(observed: Observed) -> dict[str, str]:
    """Output name → input column of named aggregation."""
    given = observed["kwargs"]
    if not isinstance(given, dict):
        return {}
    pairs = {name: _pair(value) for name, value in given.items()}
    return {text(name): text(pair[0]) for name, pair in pairs.items() if pair is not None}


def _pair(told: Any) -> tuple[Any, Any] | None:
    """Column and function of a named aggregation, as a tuple or as pandas' own `NamedAgg`."""
    if isinstance(told, pd.NamedAgg) and not isinstance(told, tuple):
        return told.column, told.aggfunc
    return told if isinstance(told, tuple) and len(told) == 2 else None


def _counted(observed: Observed) -> set[str]:
    """Outputs of named aggregation that only say how many rows there are."""
    given = observed["kwargs"]
    if not isinstance(given, dict):
        return set()
    told = {name: pair[1] for name, value in given.items() if (pair := _pair(value)) is not None}
    told = {**given, **told}
    return {text(name) for name, function in told.items() if function in ("size", len)}


def _sizes(observed: Observed, made: list[Any]) -> set[str]:
    """The same of ``agg({"age": "size"})`` and ``agg(["size", "mean"])``."""

    def holds_size(told: Any) -> bool:
        return isinstance(told, (list, tuple)) and any(_is_size(each) for each in told)

    asked = observed.arguments.get("func")
    if isinstance(asked, dict):
        whole = {text(column) for column, told in asked.items() if _is_size(told)}
        return whole | {f"{text(name)}.size" for name, told in asked.items() if holds_size(told)}
    if not holds_size(asked):
        return set()
    ends = ((label, label[-1] if isinstance(label, tuple) else label) for label in made)
    return {text(label) for label, end in ends if _is_size(end)}


def _is_size(told: Any) -> bool:
    return isinstance(told, str) and told == "size"


def aggregate(observation: Observation, observed: Observed) -> None:
    """``groups.mean()``, ``groups.agg(…)``, ``frame.rolling(3).sum()``."""
    _summarise(observation, observed, "AGGREGATION")


def rowwise(observation: Observation, observed: Observed) -> None:
    """``groups.transform(…)``: a value for each row, from the rows of its group."""
    # the number of a group is a place in the order of keys
    asked = observed.target.name, observed.arguments.get("func")
    by: Relation = "WINDOW" if "ngroup" in asked else "PARTITION"
    as_they_are = observed.target.name == "asfreq"
    _summarise(observation, observed, "IDENTITY" if as_they_are else word_of(observed), by)


def pick(observation: Observation, observed: Observed) -> None:
    """``groups.head(2)``: rows of each group, as they are."""
    _summarise(observation, observed, "IDENTITY", "FILTER")


def _summarise(
    observation: Observation, observed: Observed, relation: Relation, by: Relation | None = None
) -> None:
    group, output = _group_of(observation, observed.subject), look(observed.result)
    if group is not None and isinstance(observed.result, GroupByNthSelector):
        _keep(observation, observed.result, group)  # it is called for the rows
    if group is None or output is None:
        return
    work, result = Work(observation, observed), observed.result
    made = result.columns.tolist() if isinstance(result, pd.DataFrame) else [result.name]
    work.take(group.parent)
    figures: set[str] = set()
    if _only_counts(observed):
        work.same(group.parent, tuple(text(label) for label in made if text(label) in group.keys))
    elif observed.target.name != "value_counts":
        _values(work, group, observed, made, relation)
        figures = {text(label) for label in made}
    for level in output[1][: len(output[1]) - len(made)]:
        if level not in figures:  # of one name, the figure is what is asked for
            _level(work, group, level, observed.target.name, relation)
    for entity, column, kind, evidence in group.decided_by:
        if by in ("WINDOW", "PARTITION") or kind in ("WINDOW", "PARTITION"):
            # The values look at their group; which rows there are it does not decide.
            looking = tuple([(text(label), column) for label in made])
            word = kind if kind == "WINDOW" or by is None else by
            work.links.append((entity, word, evidence, looking))
        else:
            work.rows.append((entity, column, by or kind, evidence))
        if entity != group.parent.entity:
            work.take(Node(entity, "series", (column,)))
    if isinstance(result, (pd.DataFrame, pd.Series)) and observed.target.name in ("corr", "cov"):
        for thing in observed.call.arguments[1:]:
            if look(thing) is not None and (other := work.of(thing)) is not None:
                work.product(output[1][-len(made) :], other, own_values(other, thing), relation)
    _values_decide(work, group, observed)
    work.finish(result, *output, rows_in=group.rows, rows_out=size(result))
    named = output[1][: len(output[1]) - len(made)]
    apart = tuple(level for level in named if level in figures)
    if apart:
        _labels_apart(work, group, named, apart)


def _labels_apart(work: Work, group: Group, named: tuple[str, ...], apart: tuple[str, ...]) -> None:
    """Labels that are called what a figure is: ``groups["age"].mean()`` by parts of ``age``."""
    observed = work.observed
    labels = Work(work.observation, observed)
    for level in apart:
        _level(labels, group, level, observed.target.name, "TRANSFORMATION")
    labels.rows = [row for row in work.rows if row[0] in work.inputs]
    for entity, *_ in labels.rows:
        labels.take(work.inputs[entity])
    Step.finish(labels, observed.result.index, "index", named, extra=Apart(apart))


def _only_counts(observed: Observed) -> bool:
    """``groups.size()``, ``groups.transform("size")``: how many rows, whatever is in them."""
    function = observed.arguments.get("func")
    return observed.target.name in _COUNTS or (isinstance(function, str) and function in _COUNTS)


def _values_decide(work: Work, group: Group, observed: Observed) -> None:
    """Which rows of a group there are, where its values say so."""
    match observed.target.name:
        case "value_counts":
            counted = labels_of(observed.arguments.get("subset")) or group.values
            work.decides(group.parent, counted, "GROUP_BY")
        case "nlargest" | "nsmallest":
            work.decides(group.parent, group.values, "FILTER")
            work.decides(group.parent, group.values, "SORT")
        case "sample":
            weighed(work, group.parent, observed)
        case "filter":
            work.decides(group.parent, group.values, "FILTER", "conservative")
            owe_to_enclosed(work, observed.call.arguments[1:], (), "FILTER")
        case _:
            pass


def go_through(observation: Observation, observed: Observed) -> None:
    """``for key, part in groups``: the parts are rows of each group, as they are."""
    group, parts = _group_of(observation, observed.subject), _parts.get(observation)
    output = look(getattr(observed.subject, "_selected_obj", None))
    if group is None or output is None or parts is None:
        return
    work = Work(observation, observed)
    work.same(group.parent, output[1])
    for entity, column, kind, evidence in group.decided_by:
        work.rows.append((entity, column, kind, evidence))
        if entity != group.parent.entity:
            work.take(Node(entity, "series", (column,)))
    # What comes of the call is no frame yet, but the trail goes on from there.
    parts.begin(observed.subject, Step.finish(work, observed.result, *output, rows_in=group.rows))


def _level(work: Work, group: Group, level: str, name: str, relation: Relation) -> None:
    """A level of the result's index is the key of that name, from wherever the key came.

    Others are of the rows that are still there, or of what an own function gave for a group.
    """
    if level in group.keys:
        cut = level in group.buckets and name not in (*PICK, "transform")
        work.same(group.parent, (level,), "TRANSFORMATION" if cut else "IDENTITY")
        return
    of_keys = [each for each in group.decided_by if each[1] == level]
    for entity, column, _, evidence in of_keys:
        work.links.append((entity, "IDENTITY", evidence, ((level, column),)))
    if of_keys:
        return
    if name == "apply":
        own = (level,) if level in group.parent.columns else ()
        inputs = dict.fromkeys((*group.values, *own))
        work.product((level,), group.parent, tuple(inputs), relation, "conservative")
    elif level in group.parent.columns:
        work.same(group.parent, (level,))


def _values(
    work: Work, group: Group, observed: Observed, made: list[Any], relation: Relation
) -> None:
    """Each column of the result from the column it summarises; an own function sees them all."""
    one = len(group.values) == 1
    unknown: list[str] = []
    counted, named = _counted(observed) | _sizes(observed, made), _named(observed)
    # Where keys become an index, whatever is a column is one of the figures.
    figures = {*group.values, *(made if getattr(observed.subject, "as_index", False) else ())}
    for name, source in _sources(group, named, made, one):
        if name in counted:
            continue
        if source is None:
            unknown.append(name)
        elif source in group.keys and name not in named and source not in figures:
            work.pairs(
                group.parent,
                [(name, source)],
                "TRANSFORMATION"
                if source in group.buckets and relation != "IDENTITY"
                else "IDENTITY",
            )
        else:
            work.pairs(group.parent, [(name, source)], relation)
    if observed.target.name == "apply" and not one:
        work.links.clear()
        unknown = [text(label) for label in made]
    work.product(tuple(unknown), group.parent, group.values, relation, "conservative")
    _enclosed(work, observed, made, relation)
    is_user_file = work.observation.is_user_file
    functions = functions_in(observed.call.arguments[1:])
    if any(speaks_of(function, "name", is_user_file) for function in functions):
        # pandas tells a function by `part.name` which group it sees: the keys' values
        columns = tuple(text(label) for label in made)
        for entity, column, _, _ in group.decided_by:
            pairs = tuple([(each, column) for each in columns])
            work.links.append((entity, "TRANSFORMATION", "conservative", pairs))


def _enclosed(work: Work, observed: Observed, made: list[Any], relation: Relation) -> None:
    """What the user's functions use besides: of named aggregation, each for its own column."""
    columns, given = tuple(text(label) for label in made), observed["kwargs"]
    named = given if isinstance(given, dict) else {}
    for name, told in named.items():
        owe_to_enclosed(
            work, (_pair(told) or told,), (name,) if name in columns else columns, relation
        )
    rest = [each for each in observed.call.arguments[1:] if each is not given]
    owe_to_enclosed(work, rest, columns, relation)


def arm(observation: Observation) -> None:
    """Observe grouping, windows and summaries."""

    def see(owner: Any, names: Any, rule: Any) -> None:
        for name in names:
            observe(observation, "pandas", owner, name, rule)

    for owner in (pd.DataFrame, pd.Series):
        see(owner, ("groupby", "rolling", "expanding", "ewm", "resample"), group_by)
    see(GroupByNthSelector, ("__call__", "__getitem__"), pick)
    _parts[observation] = Parts(observation)


def _open(observation: Observation, group: Any) -> None:
    """Observe the methods of a kind of group from its first use on."""
    if group in _armed or group.__name__ not in _GROUPS:
        return
    _armed.add(group)
    for names, rule in (
        (("rolling", "expanding", "ewm", "resample"), group_by),
        (("__getitem__", "__getattr__"), choose_columns),
        (AGGREGATE, aggregate),
        (ROWWISE, rowwise),
        (PICK, pick),
        (("__iter__",), go_through),
    ):
        for name in names:
            observe(observation, "pandas", group, name, rule)


_armed: set[type] = set()
_parts: weakref.WeakKeyDictionary[Observation, Parts] = weakref.WeakKeyDictionary()
