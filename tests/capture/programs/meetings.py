"""Steps over two frames: joins, membership, rows under each other, a number of the other."""

from __future__ import annotations

from tests.capture.programs.plans import (
    SCHEMAS,
    Column,
    Frame,
    Program,
    Value,
    behind,
    listed,
    members,
)
from tests.capture.programs.steps import distinct, restrict, with_column
from tests.capture.programs.values import changed

__all__ = ["STEPS"]


def _keys(program: Program, left: Frame, right: Frame) -> tuple[str, str] | None:
    """A column of each, of one kind; rather of one name."""
    pairs = [
        (mine, other)
        for mine in left.of_kind("is")
        for other in right.of_kind("is")
        if left.columns[mine].kind == right.columns[other].kind
    ]
    same = [pair for pair in pairs if pair[0] == pair[1]]
    if same and program.chance.random() < 0.7:
        return program.chance.choice(same)
    return program.chance.choice(pairs) if pairs else None


def join(program: Program, left: Frame, right: Frame) -> Frame:
    """Two frames by keys of one name or of two."""
    chance, one, two = program.chance, left.name, right.name
    pair = _keys(program, left, right)
    if pair is None or program.joins >= 2:
        return restrict(program, left)
    mine, other = pair
    how = chance.choice(("inner", "inner", "left", "left", "right", "outer"))
    by = behind("JOIN", left.columns[mine].origins, right.columns[other].origins)
    columns, told = dict(left.columns), [f"l.{each}" for each in left.columns]
    if mine == other:
        told[list(left.columns).index(mine)] = mine
        theirs, ours = right.columns[other].origins, left.columns[mine].origins
        owner = {"right": theirs, "outer": ours | theirs}.get(how, ours)
        columns[mine] = Column(left.columns[mine].kind, owner)
    for each, column in right.columns.items():
        if each == other == mine:
            continue
        new = f"{each}_r" if each in left.columns else each
        if new in columns or (new in right.columns and new != each):
            return restrict(program, left)
        columns[new] = column
        told.append(f"r.{each} AS {new}")
    program.joins += 1
    rows = left.rows | right.rows | by
    made = Frame("", {name: column.also(by) for name, column in columns.items()}, rows)
    keys = f'on="{mine}"' if mine == other else f'left_on="{mine}", right_on="{other}"'
    kind, word = ("full", "FULL") if how == "outer" else (how, how.upper())
    met = f"USING ({mine})" if mine == other else f"ON l.{mine} = r.{other}"
    return program.add(
        f"join {how} {mine} {other}",
        made,
        f'{one}.merge({two}, {keys}, how="{how}", suffixes=("", "_r"))',
        f'{one}.join({two}, {keys}, how="{kind}", suffix="_r", coalesce={mine == other})',
        f"SELECT {', '.join(told)} FROM {one} AS l {word} JOIN {two} AS r {met}",
    )


def join_computed(program: Program, left: Frame, right: Frame) -> Frame:
    """By a key that is computed on one side."""
    mine, one, two = left.of_kind("i"), left.name, right.name
    other = [name for name in right.of_kind("i") if name not in left.columns]
    if not mine or not other or program.joins >= 2:
        return restrict(program, left)
    program.joins += 1
    key, met = program.chance.choice(mine), program.chance.choice(other)
    kept = {name: each for name, each in right.columns.items() if name not in left.columns}
    by = behind("JOIN", left.columns[key].origins, right.columns[met].origins)
    rows = left.rows | right.rows | by
    columns = {name: each.also(by) for name, each in {**left.columns, **kept}.items()}
    theirs = f'{two}[[{listed(kept)}]].assign(met={two}["{met}"] + 1)'
    told = ", ".join(f"r.{name} AS {name}" for name in kept)
    on = f'left_on="{key}", right_on=pl.col("{met}") + 1, how="left", coalesce=False'
    return program.add(
        f"join left {key} {met} + 1",
        Frame("", columns, rows),
        f'{one}.merge({theirs}, left_on="{key}", right_on="met", how="left").drop(columns="met")',
        f"{one}.join({two}.select({listed(kept)}), {on})",
        f"SELECT l.*, {told} FROM {one} AS l LEFT JOIN {two} AS r ON l.{key} = r.{met} + 1",
    )


def among(program: Program, left: Frame, right: Frame) -> Frame:
    """Rows whose key another frame has, or has not."""
    chance, one, two = program.chance, left.name, right.name
    pair = _keys(program, left, right)
    if pair is None:
        return restrict(program, left)
    mine, other = pair
    both = left.columns[mine].origins, right.columns[other].origins
    if chance.random() < 0.5:
        made = left.decided(behind("FILTER", *both))
        sign, word = chance.choice((("", ""), ("~", "NOT ")))
        pandas = f'{one}[{sign}{one}["{mine}"].isin({two}["{other}"])]'
        theirs = f'{two}.select("{other}").to_series()'
        polars = f'{one}.filter({sign}pl.col("{mine}").is_in({theirs}))'
        inner = f"(SELECT {other} FROM {two} WHERE {other} IS NOT NULL)"
        query = f"SELECT * FROM {one} WHERE {mine} {word}IN {inner}"
        return program.add(f"in {mine} {other}", made, pandas, polars, query)
    made = left.decided(behind("JOIN", *both))
    keys = f'on="{mine}"' if mine == other else f'left_on="{mine}", right_on="{other}"'
    kept, suffixes = listed(left.columns), 'suffixes=("", "_other")'
    pandas = f'{one}.merge({two}[["{other}"]], {keys}, how="left_anti", {suffixes})[[{kept}]]'
    query = f"SELECT l.* FROM {one} AS l ANTI JOIN {two} AS r ON l.{mine} = r.{other}"
    polars = f'{one}.join({two}, {keys}, how="anti")'
    return program.add(f"anti {mine} {other}", made, pandas, polars, query)


def marked(program: Program, left: Frame, right: Frame) -> Frame:
    """A column that says which keys another frame has, as it is or by what it chooses."""
    chance, one, two = program.chance, left.name, right.name
    pair = _keys(program, left, right)
    if pair is None:
        return restrict(program, left)
    mine, other = pair
    origins = behind("TRANSFORMATION", left.columns[mine].origins)
    origins |= members(right.columns[other].origins)
    sign, word = chance.choice((("", ""), ("~", "NOT ")))
    pandas = f'({sign}{one}["{mine}"].isin({two}["{other}"]))'
    polars = f'({sign}pl.col("{mine}").is_in({two}.select("{other}").to_series()))'
    query = f"({mine} {word}IN (SELECT {other} FROM {two}))"
    value, numbers = Value("b", origins, pandas, polars, query), left.of_kind("if")
    draw = chance.random()
    if draw < 0.3:
        value = changed("i", "{0}.astype(int)", "{0}.cast(pl.Int64)", "{0}::INT::BIGINT", value)
    elif draw < 0.6 and numbers:
        number = left.value(chance.choice(numbers))
        forms = (
            ("np.where({0}, {1}, 0.5)", "pl.when({0}).then({1}).otherwise(0.5)"),
            ("{1}.where({0}, 0.5)", "pl.when({0}).then({1}).otherwise(0.5)"),
        )
        texts = (*chance.choice(forms), "CASE WHEN {0} THEN {1} ELSE 0.5 END")
        origins = number.origins | behind("CONDITIONAL", origins)
        value = changed("f", *texts, value, number)._replace(origins=origins)
    return with_column(program, left, value, f"marked {mine} {other}")


def under(program: Program, one: Frame, two: Frame) -> Frame:
    """Rows of one frame under those of another, with repetitions or without."""
    chance = program.chance
    kinds = {name: column.kind for name, column in two.columns.items()}
    names = [name for name, column in one.columns.items() if kinds.get(name) == column.kind]
    if not names:
        return distinct(program, one)
    columns = {name: one.columns[name].also(two.columns[name].origins) for name in names}
    made = Frame("", columns, one.rows | two.rows)
    parts = ", ".join(f"{each.name}[[{listed(names)}]]" for each in (one, two))
    pandas = f"pd.concat([{parts}], ignore_index=True)"
    parts = ", ".join(f"{each.name}.select({listed(names)})" for each in (one, two))
    polars, word = f'pl.concat([{parts}], how="vertical_relaxed")', "UNION ALL"
    if chance.random() < 0.3:
        made = made.decided(behind("FILTER", made.everything()))
        pandas, polars, word = f"{pandas}.drop_duplicates()", f"{polars}.unique()", "UNION"
    told = ", ".join(names)
    query = f"SELECT {told} FROM {one.name} {word} SELECT {told} FROM {two.name}"
    return program.add(word.lower(), made, pandas, polars, query)


def by_number(program: Program, one: Frame, two: Frame) -> Frame:
    """A column divided by the greatest number of a table's."""
    two = program.chance.choice(program.frames[: len(SCHEMAS)])
    mine, other = one.of_kind("if"), two.of_kind("if")
    if not mine or not other:
        return restrict(program, one)
    value, most = one.value(program.chance.choice(mine)), program.chance.choice(other)
    origins = behind("TRANSFORMATION", value.origins)
    origins |= behind("AGGREGATION", two.columns[most].origins)
    pandas = f'({value.pandas} / {two.name}["{most}"].max())'
    polars = f'({value.polars} / {two.name}.select(pl.col("{most}").max()).item())'
    duckdb = f"({value.duckdb} / (SELECT max({most}) FROM {two.name}))"
    return with_column(program, one, Value("f", origins, pandas, polars, duckdb), "by a number")


STEPS = (join, join, join, join_computed, among, marked, marked, under, by_number)
