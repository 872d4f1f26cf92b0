"""Steps over the rows and columns of one frame, and what they make columns owe to."""

from __future__ import annotations

import re

from tests.capture.programs.plans import Column, Frame, Program, Value, behind, listed
from tests.capture.programs.values import computed, condition

__all__ = ["STEPS", "compute", "distinct", "restrict", "select", "with_column"]


def select(program: Program, frame: Frame) -> Frame:
    """Some of the columns, in another order."""
    names, old, chance = list(frame.columns), frame.name, program.chance
    kept = chance.sample(names, max(1, len(names) - chance.randint(1, 3)))
    if len(names) > 1 and chance.random() < 0.3:
        kept = [name for name in names if name != kept[0]]
        gone = next(name for name in names if name not in kept)
        made = Frame("", {name: frame.columns[name] for name in kept}, frame.rows)
        pandas = chance.choice(
            (
                f'{old}.drop(columns="{gone}")',
                f'made = {old}.copy()\nmade.drop(columns=["{gone}"], inplace=True)',
            )
        )
        query = f"SELECT * EXCLUDE ({gone}) FROM {old}"
        return program.add("drop", made, pandas, f'{old}.drop("{gone}")', query)
    made = Frame("", {name: frame.columns[name] for name in kept}, frame.rows)
    forms = (
        f"[[{listed(kept)}]]",
        f".loc[:, [{listed(kept)}]]",
        f".filter(items=[{listed(kept)}])",
    )
    query = f"SELECT {', '.join(kept)} FROM {old}"
    polars = f"{old}.select({listed(kept)})"
    return program.add("select", made, old + chance.choice(forms), polars, query)


def rename(program: Program, frame: Frame) -> Frame:
    """One column by another name."""
    old, chance = frame.name, program.chance
    column, new = chance.choice(list(frame.columns)), program.new_name()
    columns = {new if name == column else name: each for name, each in frame.columns.items()}
    each = ", ".join(f"{n} AS {new}" if n == column else n for n in frame.columns)
    query = chance.choice((f"* RENAME ({column} AS {new})", each))
    pandas = chance.choice(
        (
            f'{old}.rename(columns={{"{column}": "{new}"}})',
            f"made = {old}.copy()\nmade.columns = [{listed(columns)}]",
            f"{old}.set_axis([{listed(columns)}], axis=1)",
        )
    )
    polars = f'{old}.rename({{"{column}": "{new}"}})'
    made = Frame("", columns, frame.rows)
    return program.add("rename", made, pandas, polars, f"SELECT {query} FROM {old}")


def compute(program: Program, frame: Frame) -> Frame:
    """A column more, or another one in the place of one."""
    value = computed(frame, program.chance)
    return with_column(program, frame, value, f"compute {value.duckdb}")


def constant(program: Program, frame: Frame) -> Frame:
    """The same value in each row: it is there because the rows are."""
    return with_column(program, frame, Value("i", frozenset(), "7", "pl.lit(7)", "7"), "constant")


def with_column(program: Program, frame: Frame, value: Value, word: str) -> Frame:
    """A column more, or a number in the place of another."""
    old, chance, column = frame.name, program.chance, program.new_name()
    if chance.random() < 0.2 and value.kind in "if" and frame.of_kind("f"):
        column = chance.choice(frame.of_kind("f"))
    origins = value.origins | frame.rows if value.is_bare else value.origins
    columns = {**frame.columns, column: Column(value.kind, origins)}
    forms = [
        f"{old}.assign({column}={value.pandas})",
        f'made = {old}.copy()\nmade["{column}"] = {value.pandas}',
    ]
    body = value.pandas.replace(f"{old}[", "d[")
    if "." not in body:  # what a method does is not read off a function's code
        forms.append(f"{old}.assign({column}=lambda d: {body})")
    polars = chance.choice(("{0}={1}", '({1}).alias("{0}")')).format(column, value.polars)
    replaced = f"* REPLACE ({value.duckdb} AS {column})"
    query = replaced if column in frame.columns else f"*, {value.duckdb} AS {column}"
    polars, query = f"{old}.with_columns({polars})", f"SELECT {query} FROM {old}"
    made = Frame("", columns, frame.rows)
    return program.add(word, made, chance.choice(forms), polars, query)


def assign_some(program: Program, frame: Frame) -> Frame:
    """Another value in some rows of a column, in place."""
    old, chance = frame.name, program.chance
    sure = {("visits.cost", "IDENTITY"), ("wards.share", "IDENTITY"), ("people.size", "IDENTITY")}
    numbers = [name for name in frame.of_kind("f") if sure & frame.columns[name].origins]
    if not numbers:  # pandas puts no fractions among whole numbers
        return compute(program, frame)
    column, test = chance.choice(numbers), condition(frame, chance)
    other = frame.value(chance.choice(frame.of_kind("if")))
    if chance.random() < 0.3:
        other = Value("f", frozenset(), "0.5", "0.5", "0.5")
    own = frame.columns[column].origins
    origins = own | other.origins | behind("CONDITIONAL", test.origins)
    made = Frame("", {**frame.columns, column: Column("f", origins)}, frame.rows)
    pandas = f'made.loc[{test.pandas}, "{column}"] = {other.pandas}'
    chosen = f'pl.when({test.polars}).then({other.polars}).otherwise("{column}")'
    query = f"CASE WHEN {test.duckdb} THEN {other.duckdb} ELSE {column} END"
    return program.add(
        "assign some",
        made,
        f"made = {old}.copy()\n{pandas}",
        f'{old}.with_columns({chosen}.alias("{column}"))',
        f"SELECT * REPLACE ({query} AS {column}) FROM {old}",
    )


def restrict(program: Program, frame: Frame) -> Frame:
    """Rows of which something is true."""
    test, old, chance = condition(frame, program.chance), frame.name, program.chance
    forms = [f"{old}[{test.pandas}]", f"{old}.loc[{test.pandas}]"]
    plain = re.fullmatch(r"\((\w+) ([<>=]+) (\d)\)", test.duckdb)
    if plain is not None and plain[1] != "floor":  # a function of numexpr's
        forms.append(f'{old}.query("{" ".join(plain.groups())}")')
        forms.append(f'made = {plain[3]}\nmade = {old}.query("{plain[1]} {plain[2]} @made")')
    polars, query = f"{old}.filter({test.polars})", f"SELECT * FROM {old} WHERE {test.duckdb}"
    made = frame.decided(behind("FILTER", test.origins))
    return program.add(f"filter {test.duckdb}", made, chance.choice(forms), polars, query)


def drop_missing(program: Program, frame: Frame) -> Frame:
    """Rows where a column has a value."""
    column, old = program.chance.choice(list(frame.columns)), frame.name
    made = frame.decided(behind("FILTER", frame.columns[column].origins))
    texts = f'{old}.dropna(subset=["{column}"])', f'{old}.drop_nulls("{column}")'
    query = f"SELECT * FROM {old} WHERE {column} IS NOT NULL"
    return program.add("drop missing", made, *texts, query)


def distinct(program: Program, frame: Frame) -> Frame:
    """Rows that differ, in all columns or in some."""
    old = frame.name
    if program.chance.random() < 0.5:
        made = frame.decided(behind("FILTER", frame.everything()))
        texts = f"{old}.drop_duplicates()", f"{old}.unique()"
        return program.add("distinct", made, *texts, f"SELECT DISTINCT * FROM {old}")
    key = program.chance.choice(list(frame.columns))
    made = frame.decided(behind("FILTER", frame.columns[key].origins))
    polars = f'{old}.unique("{key}", keep="first", maintain_order=True)'
    query = f"SELECT DISTINCT ON ({key}) * FROM {old}"
    return program.add("distinct on", made, f'{old}.drop_duplicates("{key}")', polars, query)


def order(program: Program, frame: Frame) -> Frame:
    """Rows in an order, and often the first of them."""
    old, chance, names = frame.name, program.chance, list(frame.columns)
    keys = chance.sample(names, min(len(names), chance.choice((1, 1, 2))))
    made = frame.decided(behind("SORT", frame.everything(keys)))
    pandas, polars = f"{old}.sort_values([{listed(keys)}])", f"{old}.sort({listed(keys)})"
    query = f"SELECT * FROM {old} ORDER BY {', '.join(keys)}"
    if chance.random() < 0.6:
        pandas += chance.choice((".head(5)", ".iloc[:5]"))
        polars += chance.choice((".head(5)", ".limit(5)"))
        query += " LIMIT 5"
    return program.add("sort", made, pandas, polars, query)


def largest(program: Program, frame: Frame) -> Frame:
    """The rows with the largest values of a column."""
    numbers, old = frame.of_kind("if"), frame.name
    if not numbers:
        return order(program, frame)
    key = program.chance.choice(numbers)
    origins = frame.columns[key].origins
    made = frame.decided(behind("FILTER", origins) | behind("SORT", origins))
    query = f"row_number() OVER (ORDER BY {key} DESC) <= 4 ORDER BY {key} DESC"
    texts = f'{old}.nlargest(4, "{key}")', f'{old}.top_k(4, by="{key}")'
    return program.add("largest", made, *texts, f"SELECT * FROM {old} QUALIFY {query}")


def melt(program: Program, frame: Frame) -> Frame:
    """Two columns of numbers in one, long for wide."""
    numbers, old = frame.of_kind("if"), frame.name
    if len(numbers) < 2 or len(numbers) == len(frame.columns):
        return select(program, frame)
    on = program.chance.sample(numbers, 2)
    index = [name for name in frame.columns if name not in numbers]
    word, value = program.new_name(), program.new_name()
    columns = {name: frame.columns[name] for name in index}
    columns |= {word: Column("s", frame.rows), value: Column("f", frame.everything(on))}
    names = f'var_name="{word}", value_name="{value}"'
    pandas = f"{old}.melt(id_vars=[{listed(index)}], value_vars=[{listed(on)}], {names})"
    names = f'variable_name="{word}", value_name="{value}"'
    polars = f"{old}.unpivot([{listed(on)}], index=[{listed(index)}], {names})"
    inner = f"(SELECT {', '.join([*index, *on])} FROM {old})"
    long = f"UNPIVOT INCLUDE NULLS ({value} FOR {word} IN ({', '.join(on)}))"
    query = f"SELECT {', '.join([*index, word, value])} FROM {inner} {long}"
    return program.add("melt", Frame("", columns, frame.rows), pandas, polars, query)


STEPS = (
    *(select, rename, compute, compute, compute, constant, assign_some, restrict, restrict),
    *(drop_missing, distinct, order, largest, melt),
)
