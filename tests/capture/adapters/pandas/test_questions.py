"""What the columns of small programs in pandas owe to: as ``questions/*.toml`` say it by hand."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.capture.asking import Answers, facts

START = """
import numpy as np
import pandas as pd

def keep(made, path):
    if isinstance(made, (pd.Series, pd.Index)):
        made = made.to_frame()
    made.to_csv(path, index=False)
"""
READ = "f, g = pd.read_csv('cases.csv'), pd.read_csv('other.csv')"
TABLES: dict[str, dict[str, Any]] = {
    path.stem: tomllib.loads(path.read_text())
    for path in sorted((Path(__file__).parent / "questions").glob("*.toml"))
}
CASES = [(table, name) for table in TABLES for name in TABLES[table]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    questions = {(table, name): TABLES[table][name]["ask"] for table, name in CASES}
    folder = tmp_path_factory.mktemp("pandas")
    return Answers(folder, questions, start=START, read=READ, suffix="csv")


@pytest.mark.parametrize(("table", "name"), CASES)
def test_columns_owe_to_what_a_person_says(answers: Answers, table: str, name: str) -> None:
    assert answers[table, name] == facts(TABLES[table][name]["owes"])
