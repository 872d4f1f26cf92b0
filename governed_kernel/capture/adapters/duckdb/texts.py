"""Computed values that are written into the text of a statement: ``f"… where a > {limit}"``.

They are no parameters, so nothing says what they are but that they read as a value that is known.
So that is inferred.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

from governed_kernel.capture.adapters.duckdb.catalog import Source
from governed_kernel.capture.adapters.duckdb.objects import Seen
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Table
from governed_kernel.capture.sql.model import EVERY, VALUE, parameter

__all__ = ["with_computed"]

_LONGEST = 20_000
_QUERY = re.compile(
    r"(?is)\s*(select|with|from|insert|update|delete|copy|merge|pivot"
    r"|create\s+(or\s+replace\s+)?(temp\w*\s+)?table)\b"
)
_WRITTEN = re.compile(
    r"(?i)(?:\b(?:date|timestamp)\s+)?'(?:[^']|'')*'|\"[^\"]*\""
    r"|(?<![\w.$])\d+(?:\.\d*)?(?:e[+-]?\d+)?(?![\w.])"
)


def with_computed(observation: Observation, sql: str) -> tuple[str, dict[Table, Source]]:
    """A statement with parameters in the places of computed values, and what these are."""
    variables, doings = observation.variables, observation.doings
    if variables is None or not doings or not doings[-1].computed or len(sql) > _LONGEST:
        return sql, {}
    if variables.writes_out(sql) or _QUERY.match(sql) is None or ";" in sql.rstrip("; \n"):
        return sql, {}
    values = list(variables.computed())
    found: dict[Table, Source] = {}

    def replaced(match: re.Match[str]) -> str:
        text = match[0]
        node = None if text[0] == '"' else next(_reading_as(text, values), None)
        if node is None:
            return text
        name = f"computed_{len(found)}"
        cells = {VALUE: ((node, (node.columns or (EVERY,))[0]),)}
        found[parameter(name)] = Source(Seen((VALUE,), cells, "inferred"), kind="value")
        return f"${name}"

    return _WRITTEN.sub(replaced, sql) if values else sql, found


def _reading_as(text: str, values: list[tuple[Any, Node]]) -> Iterator[Node]:
    """What is known of the values that a literal may be."""
    quoted = text.partition("'")[2][:-1]
    for value, node in values:
        if isinstance(value, datetime.date):
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
