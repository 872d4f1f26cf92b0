"""Programs made by chance owe to the same in every dialect, and to what changes them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.capture.programs.asking import answers, unsaid
from tests.capture.programs.writing import DIALECTS, program_of, write_tables

SEEDS = range(60)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_columns_owe_to_exactly_what_the_plan_says(dialect: str, tmp_path: Path) -> None:
    told = answers({seed: program_of(seed) for seed in SEEDS}, dialect, tmp_path)
    assert {seed: each.problem for seed, each in told.items() if each.problem} == {}
    assert {seed: each.missing for seed, each in told.items() if each.missing} == {}
    assert {seed: each.surplus for seed, each in told.items() if each.surplus} == {}
    assert sum(each.evidence["observed"] for each in told.values()) > 1_000


def test_whatever_changes_a_column_is_one_of_its_origins(tmp_path: Path) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        write_tables(connection, tmp_path)
        for seed in SEEDS[:20]:
            program = program_of(seed)
            columns = program.frames[-1].columns
            told = {n: {source for source, _ in each.origins} for n, each in columns.items()}
            assert list(unsaid(connection, program, told)) == [], program.words
