"""What the relations between columns mean, in every dialect alike.

The words are OpenLineage's (column lineage facet). *Direct*: the value was derived from the
column's values: as they are (IDENTITY), from one row's value (TRANSFORMATION), from those of
several rows (AGGREGATION). *Indirect*: the column has an influence on the value, which is not
made of it: it decides which rows meet (JOIN), are together (GROUP_BY), remain (FILTER), come
first (SORT), are looked at for each row (WINDOW), or which of several values is taken
(CONDITIONAL).

**Windows.** A function over a window owes

- to its argument directly, by what the function does to it and whatever the window is:
  AGGREGATION if the function is an aggregate (``sum``, ``count``, ``first`` … with or without a
  frame of rows, so running sums and ``rolling`` too), else TRANSFORMATION (``lag``, ``shift``,
  ``diff``, filled gaps);
- to the keys that part the rows and to those that order them: WINDOW. Within a record the former
  are called PARTITION: they tell which rows are looked at together, as GROUP_BY does, where a place
  in an order is a value. Everything that is shown says WINDOW, as OpenLineage does.

**Ranks** (``rank``, ``dense_rank``, ``percent_rank``, ``cume_dist``, ``ntile``, ``row_number``,
positions in a sorted order) have no argument: of what they are ordered by nothing is left in them
but the order. They owe to it and to the keys by WINDOW, and to nothing directly.
``series.rank()`` is ``rank() over (order by series)``, so it owes to the series by WINDOW as
well.

**Buckets of time** (``resample``, ``group_by_dynamic``) make one row of many, as ``group by
time_bucket(…)`` does: GROUP_BY. A window that moves with each row (``rolling`` on a column of
times) is a WINDOW by that column.

**Labels that meet.** Where pandas puts several things together by their labels of rows (``a + b``,
``pd.concat(axis=1)``, ``frame["new"] = series``, ``where``, ``fillna`` …), values owe to the labels
of all of them by JOIN, as after a merge on the index. Not so to labels that are the same ones (two
columns of a frame, figures of the same groups), nor to those that only count rows.

**Columns that are chosen** by what an estimator has learned (``SelectKBest``, ``RFE`` …) are the
columns that they were (IDENTITY), and owe to all that it was fitted on by CONDITIONAL: that decides
which of several columns is taken. Columns that a program names owe to nothing besides.

**Memberships** (``isin``, ``in (select …)``, ``exists``, a merge's indicator, Python's ``in``) ask
which values or rows there are of another input. What comes of it is made of that input's values,
and tells as well what chose its rows: whether a patient is among ``patients[hiv == 1]`` owes to
``hiv`` by a value. Within a record such a relation says AND MEMBERSHIP, and so does what it leads
to; shown is CONDITIONAL for what chose rows (FILTER), and else the word without it: whether a city
is among the most frequent ones of a table says nothing of the keys by which that was joined, put
together or sorted before. What was decided is kept: rows that remain since they are among others
owe to it as rows do. What a left join, a look-up or a single number of a query (``(select max(…) …
where …)``) does not find is not.

**Steps compose** (`lineage.relations.combined`) along the path from a column back to its origin.
What decided rows has decided rows, whatever is done with them afterwards: of JOIN, GROUP_BY, FILTER
and SORT the one nearest to the origin counts, and else PARTITION. Without one it is the indirect
relation nearest to the column, and without that the strongest direct one. So a condition over rows
that a key joined owes to the key by JOIN alone, and whether rows are filtered before they are
joined or afterwards is the same.
"""

from __future__ import annotations

from governed_kernel.lineage.events import Relation

__all__ = ["asks_membership", "of_arguments", "of_method"]

_RANKS = frozenset(("rank", "argsort", "arg_sort", "cumcount", "ngroup"))
_AGGREGATES = frozenset(
    (
        *("sum", "mean", "median", "min", "max", "std", "var", "sem", "count", "nunique", "prod"),
        *("size", "first", "last", "nth", "quantile", "skew", "kurt", "any", "all", "idxmin"),
        *("idxmax", "average", "ptp", "product", "amin", "amax", "nansum", "nanmean", "nanmin"),
        *("nanmax", "nanstd", "nanvar", "nanmedian", "cumsum", "cumprod", "cummin", "cummax"),
        *("cum_sum", "cum_prod", "cum_min", "cum_max", "cum_count", "n_unique"),
    )
)
_MEMBERSHIPS = frozenset(("isin", "is_in", "in1d", "BooleanFunction.IsIn"))


def asks_membership(name: str) -> bool:
    """Whether a method of that name asks whether values are among others."""
    return name in _MEMBERSHIPS


def of_arguments(name: str) -> Relation:
    """How what a method gives for each row owes to its arguments, beside the column it works on.

    Parameters
    ----------
    name : str
        As a dataframe library spells it, or a plan: ``isin``, ``is_in``, ``fillna`` …
    """
    return "TRANSFORMATION AND MEMBERSHIP" if asks_membership(name) else "TRANSFORMATION"


def of_method(name: str) -> Relation:
    """How a value for each row owes to the column that a method of that name works on.

    Parameters
    ----------
    name : str
        As a dataframe library spells it: ``rank``, ``cumsum``, ``cum_sum``, ``mean`` (``transform``
        or ``over``), ``shift`` …
    """
    if name in _RANKS:
        return "WINDOW"
    return "AGGREGATION" if name in _AGGREGATES else "TRANSFORMATION"
