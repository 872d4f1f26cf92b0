"""What is changed by one name is changed for the names that hold it, in the same statement."""

from __future__ import annotations

import ast

import pytest

from governed_kernel.capture.aliases import Aliases
from governed_kernel.capture.statements import flow_of


def owed_by(name: str, statement: str) -> set[str]:
    """The names that something owes to which a statement changes in place."""
    flow = flow_of(ast.parse(statement).body[0])
    made = flow.touches.get(name)
    return {reference.name for reference in made.all} - {name} if made else set()


@pytest.mark.parametrize(
    "turn",
    [
        "part = totals[row.key]; part['paid'] += row.paid",
        "part = totals.get(row.key); part['paid'] += row.paid",
        "part = totals.setdefault(row.key, {'paid': 0}); part['paid'] += row.paid",
        "part = totals[row.key]['paid']; part.append(row.paid)",
        "part = totals.setdefault(row.key, []) or []; same = part; same.append(row.paid)",
        "part = {}; totals[row.key] = part; part['paid'] = row.paid",
        "part = {}; totals.append(part); part['paid'] = row.paid",
        "part = {}; totals.append((row.key, part)); part['paid'] = row.paid",
        "part = Part(); totals[row.key] = part; part.paid = row.paid",
    ],
)
def test_a_thing_owes_to_what_goes_into_a_part_of_it_by_another_name(turn: str) -> None:
    assert "rows" in owed_by("totals", f"for row in rows.itertuples(): {turn}")


def test_what_a_loop_changes_turn_by_turn_changes_what_it_goes_through() -> None:
    assert owed_by("rows", "for row, value in zip(rows, values): row['paid'] = value") >= {"values"}


@pytest.mark.parametrize(
    "statement",
    [
        "for row in rows: part = list(totals); part.append(row.paid)",
        "for row in rows: part = totals.copy(); part.append(row.paid)",
        "for row in rows: part = totals[0]; part = []; part.append(row.paid)",
        "for row in rows: part = totals[0] + 1; part += row.paid",
    ],
)
def test_a_copy_and_another_thing_change_nothing_else(statement: str) -> None:
    assert owed_by("totals", statement) == set()


def test_names_that_hold_each_other_come_to_an_end() -> None:
    aliases = Aliases()
    aliases.bind("one", ast.parse("other['part']", mode="eval").body)
    aliases.put("one", [ast.Name("other", ast.Load())])
    assert aliases.holders("one") == {"other"}
    assert aliases.holders("other") == {"one"}
