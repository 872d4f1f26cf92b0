"""Steps over groups of rows: summaries, windows, a column for each value."""

from __future__ import annotations

from tests.capture.programs.plans import SCHEMAS, Column, Frame, Program, Value, behind, listed
from tests.capture.programs.steps import compute, with_column
from tests.capture.programs.values import day_part

__all__ = ["STEPS"]

_SUMMARIES = (
    ("sum", "sum()", "sum({0})"),
    ("mean", "mean()", "avg({0})"),
    ("min", "min()", "min({0})"),
    ("max", "max()", "max({0})"),
    ("median", "median()", "median({0})"),
    ("std", "std()", "stddev_samp({0})"),
    ("count", "count()", "count({0})"),
    ("nunique", "n_unique()", "count(DISTINCT {0})"),
    ("first", "first()", "first({0})"),
)
"""In pandas, polars and SQL; the last three are of texts and days as well."""


def group(program: Program, frame: Frame) -> Frame:
    """One row for each group, with several figures; sometimes only groups with enough of one."""
    old, chance = frame.name, program.chance
    keys = chance.sample(list(frame.columns), min(len(frame.columns), chance.choice((1, 1, 2))))
    by = behind("GROUP_BY", frame.everything(keys))
    columns = {key: frame.columns[key].also(by) for key in keys}
    figures: dict[str, tuple[str, str, str]] = {}
    for _ in range(chance.randint(1, 3)):
        new = program.new_name()
        if chance.random() < 0.25:
            columns[new] = Column("i", frame.rows | by)
            figures[new] = f'("{keys[0]}", "size")', "pl.len()", "count(*)"
            continue
        of = chance.choice(frame.of_kind("if") or list(frame.columns))
        kind, origins = frame.columns[of]
        pandas, polars, duckdb = chance.choice(_SUMMARIES if kind in "if" else _SUMMARIES[-3:])
        columns[new] = Column(
            kind if pandas == "first" else "f", behind("AGGREGATION", origins) | by
        )
        told = f'("{of}", "{pandas}")'
        told = chance.choice((told, f"pd.NamedAgg{told}"))
        figures[new] = told, f'pl.col("{of}").{polars}', duckdb.format(of)
    made = Frame("", columns, frame.rows | by)
    pandas = ", ".join(f"{new}={text}" for new, (text, _, _) in figures.items())
    polars = ", ".join(f"{new}={text}" for new, (_, text, _) in figures.items())
    pandas = chance.choice(
        (
            f"{old}.groupby([{listed(keys)}], as_index=False).agg({pandas})",
            f"{old}.groupby([{listed(keys)}]).agg({pandas}).reset_index()",
        )
    )
    polars = f"{old}.group_by({listed(keys)}, maintain_order=True).agg({polars})"
    told = ", ".join(f"{text} AS {new}" for new, (_, _, text) in figures.items())
    places = ", ".join(str(place + 1) for place in range(len(keys)))
    query = f"SELECT {', '.join(keys)}, {told} FROM {old} GROUP BY "
    query += chance.choice((", ".join(keys), "ALL", places))
    counted = [new for new in figures if columns[new].kind in "if"]
    if counted and chance.random() < 0.3:
        having = counted[0]
        made = made.decided(behind("FILTER", columns[having].origins))
        pandas, polars = (
            f'{pandas}.query("{having} > 2")',
            f'{polars}.filter(pl.col("{having}") > 2)',
        )
        query += f" HAVING {chance.choice((figures[having][2], having))} > 2"
    return program.add("group", made, pandas, polars, query)


def summary(program: Program, frame: Frame) -> Frame:
    """One row for each group of a single column's figure, as a series makes it."""
    old, chance, numbers = frame.name, program.chance, frame.of_kind("if")
    keys = [key for key in frame.columns if key not in numbers[:1]]
    if not numbers or not keys:
        return group(program, frame)
    key, of, new = chance.choice(keys), numbers[0], program.new_name()
    by = behind("GROUP_BY", frame.columns[key].origins)
    pandas, polars, duckdb = chance.choice(_SUMMARIES)
    figure = Column("f", behind("AGGREGATION", frame.columns[of].origins) | by)
    made = Frame("", {key: frame.columns[key].also(by), new: figure}, frame.rows | by)
    renamed = f'.rename(columns={{"{of}": "{new}"}})'
    pandas = chance.choice(
        (
            f'{old}.groupby("{key}")["{of}"].{pandas}().rename("{new}").reset_index()',
            f'{old}["{of}"].groupby({old}["{key}"]).{pandas}().reset_index(name="{new}")',
            f'{old}.groupby("{key}").agg({{"{of}": "{pandas}"}}).reset_index(){renamed}',
            f'{old}.groupby("{key}", as_index=False)[["{of}"]].{pandas}(){renamed}',
        )
    )
    polars = f'{old}.group_by("{key}", maintain_order=True).agg({new}=pl.col("{of}").{polars})'
    query = f"SELECT {key}, {duckdb.format(of)} AS {new} FROM {old} GROUP BY {key}"
    return program.add("group series", made, pandas, polars, query)


def by_part(program: Program, frame: Frame) -> Frame:
    """Groups by a part of a day."""
    old, chance = frame.name, program.chance
    numbers, days = frame.of_kind("if"), frame.of_kind("d")
    if not numbers or not days:
        return group(program, frame)
    value, of = day_part(frame, chance.choice(days), chance), chance.choice(numbers)
    key, new = program.new_name(), program.new_name()
    by = behind("GROUP_BY", value.origins)
    pandas, polars, duckdb = chance.choice(_SUMMARIES)
    figure = Column("f", behind("AGGREGATION", frame.columns[of].origins) | by)
    made = Frame("", {key: Column(value.kind, value.origins | by), new: figure}, frame.rows | by)
    pandas = f'{old}.groupby({value.pandas}.rename("{key}"))["{of}"].{pandas}()'
    groups = f'{old}.group_by(({value.polars}).alias("{key}"), maintain_order=True)'
    query = f"SELECT {value.duckdb} AS {key}, {duckdb.format(of)} AS {new} FROM {old}"
    return program.add(
        "group by part",
        made,
        f'{pandas}.reset_index(name="{new}")',
        f'{groups}.agg({new}=pl.col("{of}").{polars})',
        f"{query} GROUP BY {chance.choice((value.duckdb, '1', 'ALL', key))}",
    )


def counts(program: Program, frame: Frame) -> Frame:
    """How often there is each value."""
    old, chance = frame.name, program.chance
    key, new = chance.choice(list(frame.columns)), program.new_name()
    by = behind("GROUP_BY", frame.columns[key].origins)
    rows = frame.rows | by
    made = Frame("", {key: frame.columns[key].also(by), new: Column("i", rows)}, rows)
    pandas = chance.choice(
        (
            f'{old}.groupby("{key}").size().reset_index(name="{new}")',
            f'{old}["{key}"].value_counts().reset_index(name="{new}")',
        )
    )
    polars = f'{old}.group_by("{key}", maintain_order=True).len("{new}")'
    query = f"SELECT {key}, count(*) AS {new} FROM {old} GROUP BY {key}"
    return program.add("counts", made, pandas, polars, query)


def firsts(program: Program, frame: Frame) -> Frame:
    """The first row of each group."""
    old, key = frame.name, program.chance.choice(list(frame.columns))
    made = frame.decided(behind("FILTER", frame.columns[key].origins))
    query = f"SELECT * FROM {old} QUALIFY row_number() OVER (PARTITION BY {key}) <= 1"
    polars = f'{old}.filter(pl.int_range(pl.len()).over("{key}") < 1)'
    return program.add("firsts", made, f'{old}.groupby("{key}").head(1)', polars, query)


_WINDOWS = (
    ("AGGREGATION", 'transform("sum")', "sum()", "sum({c}) OVER (PARTITION BY {k})"),
    ("AGGREGATION", 'transform("mean")', "mean()", "avg({c}) OVER (PARTITION BY {k})"),
    (
        "AGGREGATION",
        "cumsum()",
        "cum_sum()",
        "sum({c}) OVER (PARTITION BY {k} ROWS UNBOUNDED PRECEDING)",
    ),
    (
        "AGGREGATION",
        'transform("nunique")',
        "n_unique()",
        "count(DISTINCT {c}) OVER (PARTITION BY {k})",
    ),
    ("TRANSFORMATION", "shift(1)", "shift(1)", "lag({c}) OVER (PARTITION BY {k})"),
    ("TRANSFORMATION", "diff()", "diff()", "{c} - lag({c}) OVER (PARTITION BY {k})"),
    (
        "WINDOW",
        'rank(method="min")',
        'rank("min")',
        "rank() OVER (PARTITION BY {k} ORDER BY {c})",
    ),
)
_ROLLS = (
    ("AGGREGATION", "cumsum()", "cum_sum()", "sum({c}) OVER (ROWS UNBOUNDED PRECEDING)"),
    ("AGGREGATION", "cummax()", "cum_max()", "max({c}) OVER (ROWS UNBOUNDED PRECEDING)"),
    ("AGGREGATION", "rolling(2).mean()", "rolling_mean(2)", "avg({c}) OVER (ROWS 1 PRECEDING)"),
    (
        "AGGREGATION",
        "rolling(3, min_periods=1).max()",
        "rolling_max(3, min_samples=1)",
        "max({c}) OVER (ROWS 2 PRECEDING)",
    ),
    ("TRANSFORMATION", "shift(1)", "shift(1)", "lag({c}) OVER ()"),
    ("TRANSFORMATION", "diff()", "diff()", "{c} - lag({c}) OVER ()"),
    ("WINDOW", 'rank(method="dense")', 'rank("dense")', "dense_rank() OVER (ORDER BY {c})"),
)


def window(program: Program, frame: Frame) -> Frame:
    """A value for each row from rows around it, of its group or of all."""
    chance, old, numbers = program.chance, frame.name, frame.of_kind("if")
    if not numbers:
        return compute(program, frame)
    column = chance.choice(numbers)
    origins, keys = frame.columns[column].origins, [key for key in frame.columns if key != column]
    if not keys or chance.random() < 0.4:
        relation, pandas, polars, duckdb = chance.choice(_ROLLS)
        texts = (
            f'{old}["{column}"].{pandas}',
            f'pl.col("{column}").{polars}',
            duckdb.format(c=column),
        )
        value = Value("f", behind(relation, origins), *texts)
        return with_column(program, frame, value, f"window {texts[2]}")
    key = chance.choice(keys)
    by, groups = behind("PARTITION", frame.columns[key].origins), f'{old}.groupby("{key}")'
    if chance.random() < 0.2:
        query = f"row_number() OVER (PARTITION BY {key}) - 1"
        texts = f"{groups}.cumcount()", f'pl.int_range(pl.len()).over("{key}")', query
        return with_column(program, frame, Value("f", by, *texts), f"window {query}")
    relation, pandas, polars, duckdb = chance.choice(_WINDOWS)
    query = duckdb.format(k=key, c=column)
    texts = f'{groups}["{column}"].{pandas}', f'pl.col("{column}").{polars}.over("{key}")', query
    value = Value("f", behind(relation, origins) | by, *texts)
    return with_column(program, frame, value, f"window {query}")


def pivot(program: Program, frame: Frame) -> Frame:
    """A column for each of some texts of a table."""
    chance = program.chance
    frame = chance.choice(program.frames[: len(SCHEMAS) - 1])
    on, (key, value) = frame.of_kind("s")[0], chance.sample(frame.of_kind("i"), 2)
    old, by = frame.name, behind("GROUP_BY", frame.everything([key, on]))
    word, duckdb = chance.choice((("sum", "sum"), ("max", "max"), ("mean", "avg")))
    found = Column("f", behind("AGGREGATION", frame.columns[value].origins) | by)
    made = Frame("", {key: frame.columns[key].also(by), "a": found, "b": found}, by)
    pandas = f'{old}.pivot_table(index="{key}", columns="{on}", values="{value}", aggfunc="{word}")'
    pandas = f'{pandas}.reset_index()[["{key}", "a", "b"]]'
    polars = f'"{on}", on_columns=["a", "b"], index="{key}", values="{value}"'
    polars = f'{old}.pivot({polars}, aggregate_function="{word}")'
    query = f"PIVOT ({duckdb}({value}) FOR {on} IN ('a', 'b') GROUP BY {key})"
    query = f"FROM (SELECT {key}, {on}, {value} FROM {old}) {query}"
    return program.add("pivot", made, pandas, polars, query)


def total(program: Program, frame: Frame) -> Frame:
    """One row with a figure of all rows for some columns."""
    old, chance, numbers = frame.name, program.chance, frame.of_kind("if")
    if not numbers or chance.random() < 0.5:
        return group(program, frame)
    kept = chance.sample(numbers, min(len(numbers), 2))
    pandas, polars, duckdb = chance.choice(_SUMMARIES[:4])
    columns = {n: Column("f", behind("AGGREGATION", frame.columns[n].origins)) for n in kept}
    told = ", ".join(f"{duckdb.format(name)} AS {name}" for name in kept)
    return program.add(
        "total",
        Frame("", columns, frame.rows),
        f'{old}[[{listed(kept)}]].agg(["{pandas}"]).reset_index(drop=True)',
        f"{old}.select(pl.col({listed(kept)}).{polars})",
        f"SELECT {told} FROM {old}",
    )


STEPS = (group, group, summary, by_part, counts, firsts, window, window, pivot, total)
