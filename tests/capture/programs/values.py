"""Expressions over the columns of a frame, in each dialect."""

from __future__ import annotations

import random

from tests.capture.programs.plans import Frame, Value, behind

__all__ = ["changed", "computed", "condition", "day_part"]


def changed(kind: str, pandas: str, polars: str, duckdb: str, *parts: Value) -> Value:
    """An expression of one row's values: ``{0}`` is the first part."""
    return Value(
        kind,
        behind("TRANSFORMATION", *[part.origins for part in parts]),
        pandas.format(*[part.pandas for part in parts]),
        polars.format(*[part.polars for part in parts]),
        duckdb.format(*[part.duckdb for part in parts]),
    )


_NUMBERS = (
    ("({0} * 2 - 1)", "({0} * 2 - 1)", "({0} * 2 - 1)"),
    ("({0} / 4)", "({0} / 4)", "({0} / 4)"),
    ("{0}.abs()", "{0}.abs()", "abs({0})"),
    ("np.sqrt({0}.abs())", "{0}.abs().sqrt()", "sqrt(abs({0}))"),
    ("{0}.round(1)", "{0}.round(1)", "round({0}, 1)"),
    ("{0}.clip(lower=3)", "{0}.clip(lower_bound=3)", "greatest({0}, 3)"),
    ("{0}.fillna(0)", "{0}.fill_null(0)", "coalesce({0}, 0)"),
    ("{0}.astype(float)", "{0}.cast(pl.Float64)", "{0}::DOUBLE"),
    ("{0}.pow(2)", "({0} ** 2)", "pow({0}, 2)"),
)
_PAIRS = (
    ("({0} + {1})", "({0} + {1})", "({0} + {1})"),
    ("({0} * {1})", "({0} * {1})", "({0} * {1})"),
    ("{0}.sub({1})", "({0} - {1})", "({0} - {1})"),
    ("np.maximum({0}, {1})", "pl.max_horizontal({0}, {1})", "greatest({0}, {1})"),
    ("{0}.fillna({1})", "{0}.fill_null({1})", "coalesce({0}, {1})"),
    ("{0}.combine_first({1})", "pl.coalesce({0}, {1})", "coalesce({0}, {1})"),
)
_TEXTS = (
    ("s", "{0}.str.upper()", "{0}.str.to_uppercase()", "upper({0})"),
    ("s", "{0}.str.strip()", "{0}.str.strip_chars()", "trim({0})"),
    ("s", "{0}.str[:1]", "{0}.str.slice(0, 1)", "left({0}, 1)"),
    ("s", "{0}.str.slice(0, 2)", "{0}.str.head(2)", "substring({0}, 1, 2)"),
    (
        "s",
        '{0}.str.replace("a", "o", regex=False)',
        '{0}.str.replace_all("a", "o", literal=True)',
        "replace({0}, 'a', 'o')",
    ),
    ("s", '({0} + "-x")', '({0} + "-x")', "({0} || '-x')"),
    ("i", "{0}.str.len()", "{0}.str.len_chars()", "length({0})"),
    ("s", '{0}.fillna("none")', '{0}.fill_null("none")', "coalesce({0}, 'none')"),
)
_DAYS = (
    ("i", "{0}.dt.year", "{0}.dt.year()", "year({0})"),
    ("i", "{0}.dt.month", "{0}.dt.month()", "extract(month FROM {0})"),
    ("i", "({0}.dt.dayofweek + 1)", "{0}.dt.weekday()", "isodow({0})"),
    ("s", '{0}.dt.strftime("%Y-%m")', '{0}.dt.strftime("%Y-%m")', "strftime({0}, '%Y-%m')"),
)
_TESTS = {
    "i": (("{0}.isin([1, 2, 3, 5])", "{0}.is_in([1, 2, 3, 5])", "({0} IN (1, 2, 3, 5))"),),
    "if": (
        ("({0} > 4)", "({0} > 4)", "({0} > 4)"),
        ("({0} <= 6)", "({0} <= 6)", "({0} <= 6)"),
        ("{0}.between(2, 7)", "{0}.is_between(2, 7)", "({0} BETWEEN 2 AND 7)"),
        ("{0}.notna()", "{0}.is_not_null()", "({0} IS NOT NULL)"),
        ("{0}.gt(3)", "({0} > 3)", "({0} > 3)"),
    ),
    "s": (
        ('({0} == "a")', '({0} == "a")', "({0} = 'a')"),
        ('({0} != "b")', '({0} != "b")', "({0} <> 'b')"),
        ('{0}.isin(["a", "c"])', '{0}.is_in(["a", "c"])', "({0} IN ('a', 'c'))"),
        ('{0}.str.startswith("a")', '{0}.str.starts_with("a")', "starts_with({0}, 'a')"),
        (
            '{0}.str.contains("a", regex=False)',
            '{0}.str.contains("a", literal=True)',
            "contains({0}, 'a')",
        ),
        ("{0}.isna()", "{0}.is_null()", "({0} IS NULL)"),
    ),
    "d": (
        (
            "({0} > pd.Timestamp(2026, 1, 9))",
            "({0} > pl.datetime(2026, 1, 9))",
            "({0} > TIMESTAMP '2026-01-09')",
        ),
        ("({0}.dt.month == 1)", "({0}.dt.month() == 1)", "(month({0}) = 1)"),
    ),
    "b": (("{0}", "{0}", "{0}"),),
}


def day_part(frame: Frame, column: str, chance: random.Random) -> Value:
    """A part of a day."""
    return changed(*chance.choice(_DAYS), frame.value(column))


def condition(frame: Frame, chance: random.Random, depth: int = 1) -> Value:
    """Something that is true or not of each row."""
    if depth and chance.random() < 0.35:
        one, two = condition(frame, chance, 0), condition(frame, chance, 0)
        sign, word = chance.choice((("&", "AND"), ("|", "OR")))
        texts = (f"({{0}} {sign} {{1}})", f"({{0}} {sign} {{1}})", f"({{0}} {word} {{1}})")
        return changed("b", *texts, one, two)
    numbers, draw = frame.of_kind("if"), chance.random()
    if len(numbers) > 1 and draw < 0.15:
        one, two = (frame.value(name) for name in chance.sample(numbers, 2))
        return changed("b", "({0} > {1})", "({0} > {1})", "({0} > {1})", one, two)
    if numbers and draw < 0.25:
        one = frame.value(chance.choice(numbers))
        least = f"({{0}} > (SELECT avg({{0}}) FROM {frame.name}))"
        made = changed("b", "({0} > {0}.mean())", "({0} > {0}.mean())", least, one)
        return made._replace(origins=made.origins | behind("AGGREGATION", one.origins))
    value = frame.value(chance.choice(list(frame.columns)))
    forms = [each for kinds, several in _TESTS.items() if value.kind in kinds for each in several]
    return changed("b", *chance.choice(forms), value)


def computed(frame: Frame, chance: random.Random) -> Value:
    """A value for each row."""
    draw, numbers, days = chance.random(), frame.of_kind("if"), frame.of_kind("d")
    if numbers and draw < 0.3:
        return _chosen(frame, numbers, chance)
    if len(numbers) > 1 and draw < 0.5:
        one, two = (frame.value(name) for name in chance.sample(numbers, 2))
        return changed("f", *chance.choice(_PAIRS), one, two)
    if numbers and draw < 0.58:
        one = frame.value(chance.choice(numbers))
        made = changed(
            "f", "({0} - {0}.mean())", "({0} - {0}.mean())", "({0} - avg({0}) OVER ())", one
        )
        return made._replace(origins=made.origins | behind("AGGREGATION", one.origins))
    if len(days) > 1 and draw < 0.7:
        texts = ("({0} - {1}).dt.days", "({0} - {1}).dt.total_days()", "date_diff('day', {1}, {0})")
        return changed("f", *texts, *[frame.value(name) for name in chance.sample(days, 2)])
    value = frame.value(chance.choice(list(frame.columns)))
    if value.kind in "if":
        made = changed("f", *chance.choice(_NUMBERS), value)
        return changed("f", *chance.choice(_NUMBERS), made) if chance.random() < 0.3 else made
    if value.kind in "sd":
        return changed(*chance.choice(_TEXTS if value.kind == "s" else _DAYS), value)
    return changed("f", "{0}.astype(float)", "{0}.cast(pl.Float64)", "{0}::INT::DOUBLE", value)


def _chosen(frame: Frame, numbers: list[str], chance: random.Random) -> Value:
    """One value where a condition holds, another where it doesn't."""
    test, other = condition(frame, chance), condition(frame, chance, 0)
    one, two, three = (frame.value(chance.choice(numbers)) for _ in range(3))
    if chance.random() < 0.4:
        two = Value("f", frozenset(), "0.5", "pl.lit(0.5)", "0.5")
    origins = one.origins | two.origins | behind("CONDITIONAL", test.origins)
    if chance.random() < 0.25:
        origins |= three.origins | behind("CONDITIONAL", other.origins)
        pandas = "np.select([{2}, {4}], [{0}, {3}], default={1})"
        polars = "pl.when({2}).then({0}).when({4}).then({3}).otherwise({1})"
        duckdb = "CASE WHEN {2} THEN {0} WHEN {4} THEN {3} ELSE {1} END"
    else:
        pandas, duckdb = chance.choice(
            (
                ("np.where({2}, {0}, {1})", "CASE WHEN {2} THEN {0} ELSE {1} END"),
                ("{0}.where({2}, {1})", "CASE WHEN {2} THEN {0} ELSE {1} END"),
                ("{0}.mask(~{2}, {1})", "if({2}, {0}, {1})"),
            )
        )
        polars = "pl.when({2}).then({0}).otherwise({1})"
    made = changed("f", pandas, polars, duckdb, one, two, test, three, other)
    return made._replace(origins=origins)
