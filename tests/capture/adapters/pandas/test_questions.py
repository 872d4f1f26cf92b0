"""What the columns of small programs in pandas owe to: as ``questions/*.toml`` say it by hand."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.capture.adapters.polars.asking import facts

from .asking import Answers

TABLES: dict[str, dict[str, Any]] = {
    path.stem: tomllib.loads(path.read_text())
    for path in sorted((Path(__file__).parent / "questions").glob("*.toml"))
}
CASES = [(table, name) for table in TABLES for name in TABLES[table]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    questions = {(table, name): TABLES[table][name]["ask"] for table, name in CASES}
    return Answers(tmp_path_factory.mktemp("pandas"), questions)


@pytest.mark.parametrize(("table", "name"), CASES)
def test_columns_owe_to_what_a_person_says(answers: Answers, table: str, name: str) -> None:
    assert answers[table, name] == facts(TABLES[table][name]["owes"])
