"""Whole notebooks of others: what changes with a column of a table is told to owe to it."""

from __future__ import annotations

import pytest

from tests.benchmarks.influence.__main__ import NOTEBOOKS, show

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", ["04", "13", "15", "25"])
def test_a_notebook_owes_to_whatever_changes_what_it_writes(
    number: str, capfd: pytest.CaptureFixture[str]
) -> None:
    counts = show(NOTEBOOKS / f"{number}.py")
    assert counts["influences"] > 50
    assert counts["missing"] == 0, capfd.readouterr().out
