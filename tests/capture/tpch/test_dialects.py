"""The 22 queries of TPC-H in each dialect: held to what a person says, and so to each other."""

from __future__ import annotations

import pytest

from . import EXPECTED, QUERIES
from .asking import DIALECTS, Answer, agreed, answers, differences, programs, same_rows


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, Answer]]:
    return {dialect: answers(dialect, tmp_path_factory.mktemp("tpch")) for dialect in DIALECTS}


@pytest.mark.parametrize("number", QUERIES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_columns_owe_to_what_a_person_says_of_the_query(
    told: dict[str, dict[int, Answer]], dialect: str, number: int
) -> None:
    answer = told[dialect][number]
    assert not answer.problem
    assert differences(answer, number) == ([], [])
    assert agreed(answer, number)


@pytest.mark.parametrize("number", QUERIES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_program_asks_what_the_query_asks(
    told: dict[str, dict[int, Answer]], dialect: str, number: int
) -> None:
    assert told[dialect][number].rows
    assert same_rows(told[dialect][number], number)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_guessed(told: dict[str, dict[int, Answer]], dialect: str) -> None:
    guessed = {
        number: dict(answer.evidence)
        for number, answer in told[dialect].items()
        if set(answer.evidence) - {"observed"}
    }
    if dialect == "pandas":
        # Arithmetic of single numbers is Python's own: the statement tells what goes into it.
        assert all(set(found) == {"inferred"} for found in guessed.values())
        assert sorted(guessed) == [14, 17]
    else:
        assert not guessed


def test_a_person_has_worked_out_every_query() -> None:
    assert sorted(EXPECTED) == sorted(QUERIES) == list(range(1, 23))
    assert all(sorted(programs(dialect)) == sorted(QUERIES) for dialect in DIALECTS)
