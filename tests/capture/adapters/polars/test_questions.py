"""What columns owe to, question by question: see the tables in ``questions``."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.capture.asking import Answers, facts

START = """
import polars as pl
import polars.selectors as cs
import numpy as np
col, when, lit = pl.col, pl.when, pl.lit

def read(eager):
    if eager:
        return pl.read_csv("cases.csv"), pl.read_csv("other.csv"), pl.read_ndjson("nested.ndjson")
    return pl.scan_csv("cases.csv"), pl.scan_csv("other.csv"), pl.scan_ndjson("nested.ndjson")

def keep(made, path):
    if isinstance(made, pl.Series):
        made = made.to_frame()
    if isinstance(made, pl.LazyFrame):
        made.sink_parquet(path)
    else:
        made.write_parquet(path)
"""
FOLDER = Path(__file__).parent / "questions"
TABLES = {path.stem: tomllib.loads(path.read_text()) for path in sorted(FOLDER.glob("*.toml"))}
EAGER = ("plans", "joins", "frames", "series", "conversion")
LAZY = ("plans", "joins", "lazy")
CASES = [(way, table, name) for way, tables in (("eager", EAGER), ("lazy", LAZY))
         for table in tables for name in TABLES[table]]  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answers]:
    found = {}
    for way, tables in (("eager", EAGER), ("lazy", LAZY)):
        folder = tmp_path_factory.mktemp(way)
        questions = {(table, name): case["ask"]
                     for table in tables for name, case in TABLES[table].items()}  # fmt: skip
        read = f"f, g, h = read({way == 'eager'})"
        found[way] = Answers(folder, questions, start=START, read=read)
    return found


@pytest.mark.parametrize(("way", "table", "name"), CASES)
def test_columns_owe_to_what_a_person_says(
    answers: dict[str, Answers], way: str, table: str, name: str
) -> None:
    assert answers[way][table, name] == facts(TABLES[table][name]["owes"])
