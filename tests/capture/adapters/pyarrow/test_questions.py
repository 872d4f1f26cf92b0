"""What columns owe to in pyarrow, question by question: see the tables in ``questions``."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.capture.asking import Answers, facts

START = """
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
field = pc.field
pq.write_table(csv.read_csv("other.csv"), "other.parquet")
pq.write_table(csv.read_csv("other.csv"), "third.parquet")

def keep(made, path):
    if isinstance(made, (pa.Array, pa.ChunkedArray)):
        made = pa.table({"made": made})
    pq.write_table(made, path)
"""
READ = (
    'f, g = csv.read_csv("cases.csv"), csv.read_csv("other.csv"); d = ds.dataset("other.parquet")'
)
FOLDER = Path(__file__).parent / "questions"
TABLES = {path.stem: tomllib.loads(path.read_text()) for path in sorted(FOLDER.glob("*.toml"))}
CASES = [(table, name) for table, cases in TABLES.items() for name in cases]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    questions = {(table, name): TABLES[table][name]["ask"] for table, name in CASES}
    return Answers(tmp_path_factory.mktemp("pyarrow"), questions, start=START, read=READ)


@pytest.mark.parametrize(("table", "name"), CASES)
def test_columns_owe_to_what_a_person_says(answers: Answers, table: str, name: str) -> None:
    assert answers[table, name] == facts(TABLES[table][name]["owes"])
