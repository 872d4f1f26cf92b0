"""Computed values that are written into the text of a statement: ``f"… where a > {limit}"``.

They are no parameters, so nothing says what they are but that they read as a value that is known.
So that is inferred.
"""

from __future__ import annotations

import ast
import datetime
import itertools
import re
from collections.abc import Container, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from typing import Any

from governed_kernel.capture.adapters.duckdb.catalog import Source
from governed_kernel.capture.adapters.duckdb.objects import Seen
from governed_kernel.capture.formatted import Part, parts_put_in
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Column, Lineage, Origins, Table
from governed_kernel.capture.sql.model import EVERY, VALUE, column, parameter
from governed_kernel.capture.untold import untold, untold_value
from governed_kernel.lineage.events import Evidence

__all__ = ["taken_in", "united", "with_computed"]

_LONGEST = 20_000
_INFERRED: Evidence = "inferred"
_SHORTEST = 4
"""Of a part of a statement's text that is looked for in it."""
_QUERY = re.compile(
    r"(?is)\s*(select|with|from|insert|update|delete|copy|merge|pivot"
    r"|set\s+((session|global|local)\s+)?variable"
    r"|create\s+(or\s+replace\s+)?(temp\w*\s+)?table)\b"
)
_NUMBER = re.compile(r"(?i)(?<![\w.$])\d+(?:\.\d*)?(?:e[+-]?\d+)?(?![\w.])")
_WRITTEN = re.compile(
    rf"(?i)(?:\b(?:date|timestamp)\s+)?'(?:[^']|'')*'|\"[^\"]*\"|{_NUMBER.pattern[4:]}"
)
_FILE = re.compile(
    r"(?i)(\b(from|join|into|to|attach|using|pivot)|(\bread_\w+|\w_scan)\s*\([^()]*)\s*\Z"
)
"""What stands before the name of a file."""
_NEAR = 200


def taken_in(observation: Observation, things: Iterable[Any]) -> list[tuple[Any, Node]]:
    """The values that a relation's method was given, itself or in a text, and whose they are.

    Those that are written out are nobody's.
    """
    found: list[tuple[Any, Node]] = []
    if observation.variables is None or not observation.doings:
        return found
    for thing in things:
        node = None
        if isinstance(thing, int) and not isinstance(thing, bool):
            node = observation.scalars.get(thing) or untold_value(observation, thing)
            numbers: list[Any] = [thing]
        elif isinstance(thing, str):
            told = observation.variables.text.literals(_WRITTEN.findall)
            literals = [text for text in _NUMBER.findall(thing) if not _is_told(text, told)]
            numbers = [*map(ast.literal_eval, literals)]
            node = untold(observation, thing) if numbers else None
            found += _texts_in(observation, thing)
        if node is not None:
            found += [(number, node) for number in numbers]
    return found


class _Quoted(str):
    """A text that was put into another one, between quotes."""

    __slots__ = ()


def _texts_in(observation: Observation, text: str) -> Iterator[tuple[_Quoted, Node]]:
    for part in parts_put_in(observation, text) or ():
        start, stop = part.start, part.stop
        if part.is_constant or not text[start - 1 : start] == text[stop : stop + 1] == "'":
            continue
        node = part.node or untold(observation, text)
        if node is not None:
            yield _Quoted(text[start:stop]), node


def with_computed(
    observation: Observation,
    sql: str,
    *,
    is_users: bool = False,
    taken: Sequence[tuple[Any, Node]] = (),
) -> tuple[str, dict[Table, Source]]:
    """A statement with parameters in the places of computed values, and what these are.

    Of the user's own text, what no other text says is such a value as well; so are the numbers
    that a relation's method has `taken` (`taken_in`).
    A number that says which column is meant (``GROUP BY 1``) is no value.
    """
    variables, doings = observation.variables, observation.doings
    if variables is None or not doings or len(sql) > _LONGEST:
        return sql, {}
    if variables.text.writes_out(sql) or _QUERY.match(sql) is None or ";" in sql.rstrip("; \n"):
        return sql, {}
    values = [*taken, *(variables.computed() if doings[-1].computed else ())]
    told = variables.text.literals(_WRITTEN.findall) if is_users else None
    parts = parts_put_in(observation, sql) if is_users else None
    if told is not None and parts is not None:
        told -= {text for own in _between(sql, parts) for text in _WRITTEN.findall(own)}
    if told is not None and all(_is_told(text, told) for text in _asked_about(sql, parts)):
        told = None  # a text that a variable holds is among them
    if not values and told is None and not any(each.node for each in parts or ()):
        return sql, {}
    rest = untold(observation, sql) if told is not None else None
    told = told if told is not None and rest is not None else frozenset()
    replaced, found = _replaced(sql, values, rest, told, parts)
    if found:
        from governed_kernel.capture.sql.parsing import ordinals  # brings sqlglot

        if places := ordinals(replaced, "duckdb"):
            replaced, found = _replaced(sql, values, rest, told, parts, places)
    return replaced, found


def _replaced(
    sql: str,
    values: list[tuple[Any, Node]],
    rest: Node | None,
    told: Set[str],
    put_in: Sequence[Part] | None,
    but: Container[str] = (),
) -> tuple[str, dict[Table, Source]]:
    """With parameters for all that reads as one of `values`, `but` for those of these names.

    Where the text was put together, what no text has `told` owes to whatever that did (`rest`);
    where it is known which parts were `put_in`, no other part is such a value.
    """
    found: dict[Table, Source] = {}
    count = itertools.count()
    texts = list(_parts_of(sql, values))

    def parameter_for(match: re.Match[str]) -> str:
        text = match[0]
        if text[0] == '"':
            return text
        part = _part_at(match, put_in) if put_in is not None else None
        if put_in is not None and (part is None or part.is_constant):
            return text
        node, sure = part.node if part is not None else None, _INFERRED
        if node is None:
            node = next(_reading_as(text, values), None)
        if node is None:
            within = ((each, how) for span, each, how in texts if match.start() in span)
            node, sure = next(within, (None, _INFERRED))
        is_file = _FILE.search(sql, max(0, match.start() - _NEAR), match.start()) is not None
        if node is None and rest is not None and not is_file and not _is_told(text, told):
            node = rest
        if node is None:
            return text
        name = f"computed_{next(count)}"
        if name in but:
            return text
        cells = {VALUE: ((node, (node.columns or (EVERY,))[0]),)}
        found[parameter(name)] = Source(Seen((VALUE,), cells, sure), kind="value")
        return f"${name} "  # sqlglot takes what stands between two dollar signs for a text

    return _WRITTEN.sub(parameter_for, sql), found


def _between(text: str, parts: Iterable[Part]) -> Iterator[str]:
    """What a text says itself, beside the parts that were put in."""
    start = 0
    for part in parts:
        yield text[start : part.start]
        start = part.stop
    yield text[start:]


def _asked_about(sql: str, parts: Sequence[Part] | None) -> Iterator[str]:
    """The literals of a statement of which nothing is known yet."""
    for match in _WRITTEN.finditer(sql):
        part = _part_at(match, parts) if parts is not None else None
        if parts is None or (part is not None and part.node is None and not part.is_constant):
            yield match[0]


def _part_at(match: re.Match[str], put_in: Iterable[Part]) -> Part | None:
    """The part of a text that was put in where a literal stands."""
    return next(
        (each for each in put_in if each.start < match.end() and match.start() < each.stop), None
    )


def _is_told(text: str, told: Set[str]) -> bool:
    """Whether a literal stands in a text of the user's, as it is or between other quotes."""
    quoted = text.partition("'")[2][:-1]
    return text[0] == '"' or text in told or (bool(quoted) and quoted in told)


def _parts_of(sql: str, values: list[tuple[Any, Node]]) -> Iterator[tuple[range, Node, Evidence]]:
    """Where texts that earlier statements put together stand in a statement.

    What was written into them can't be told from what they say of themselves: of several literals
    each may be it.
    """
    for value, node in values:
        if isinstance(value, str) and len(value) >= _SHORTEST:
            literals = [text for text in _WRITTEN.findall(value) if text[0] != '"']
            sure: Evidence = "conservative" if len(literals) > 1 else _INFERRED
            for match in re.finditer(re.escape(value), sql) if literals else ():
                yield range(*match.span()), node, sure


def united(
    plain: tuple[Lineage, ...], inferred: tuple[Lineage, ...], computed: Container[Table]
) -> tuple[Lineage, ...]:
    """What a statement does as it is written, and what of it owes to computed values as well.

    A reading with parameters may see less (which columns a pivot makes, what a column of a
    constant is called), so what is inferred only adds.
    """
    if len(plain) != len(inferred) or any(each.reason for each in (*plain, *inferred)):
        return plain
    return tuple([_added(*pair, computed) for pair in zip(plain, inferred, strict=True)])


def _added(plain: Lineage, inferred: Lineage, computed: Container[Table]) -> Lineage:
    def values(origins: Origins) -> Origins:
        return frozenset(origin for origin in origins if origin.table in computed)

    rows = values(inferred.rows)
    more: list[Origins] = [values(made.origins) for made in inferred.columns]
    if len(more) != len(plain.columns):
        # Which column is which nobody can tell: each may owe to any of them.
        more = [frozenset().union(*more)] * len(plain.columns)
    columns: list[Column] = [
        column(made.name, made.origins | added, made)
        for made, added in zip(plain.columns, more, strict=True)
    ]
    return replace(plain, columns=tuple(columns), rows=plain.rows | rows)


def _reading_as(text: str, values: list[tuple[Any, Node]]) -> Iterator[Node]:
    """What is known of the values that a literal may be."""
    quoted = text.partition("'")[2][:-1]
    for value, node in values:
        if isinstance(value, _Quoted):
            if quoted == value:
                yield node
        elif isinstance(value, datetime.date):
            if quoted and quoted in (str(value), value.isoformat(), str(value)[:10]):
                yield node
        elif not quoted and _is_number(text, value):
            yield node


def _is_number(text: str, value: Any) -> bool:
    """Whether a number is written so, perhaps with fewer decimals; its sign stands before it."""
    if text in (str(value), str(value).removeprefix("-")):
        return True
    decimals = len(text.partition(".")[2])
    try:
        return 0 < decimals < len(str(value)) and round(abs(float(value)), decimals) == float(text)
    except (TypeError, ValueError):
        return False
