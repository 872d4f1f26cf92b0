"""Labels of rows in the files that pandas writes: which columns these have, and of what."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.lineage.events import Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import record, well_ended

READ = """
import pandas as pd
sums = pd.read_csv("in.csv").groupby("town")[["paid"]].sum()
"""


@pytest.mark.parametrize(
    ("write", "file", "columns"),
    [
        ("sums.to_csv('out')", "out", {"town": "town", "paid": "paid"}),
        ("sums.to_csv('out', index=False)", "out", {"paid": "paid"}),
        ("sums['paid'].to_csv('out', index=False)", "out", {"paid": "paid"}),
        ("sums.to_csv('out', index_label='at')", "out", {"at": "town", "paid": "paid"}),
        ("sums.to_csv('out', index_label=['at'])", "out", {"at": "town", "paid": "paid"}),
        ("sums['paid'].to_csv('out', index_label='at')", "out", {"at": "town", "paid": "paid"}),
        ("sums.rank().to_csv('out')", "out", {"town": "town", "paid": "paid"}),
        ("(sums / sums.sum()).to_csv('out')", "out", {"town": "town", "paid": "paid"}),
        ("sums.to_parquet('out')", "out", {"town": "town", "paid": "paid"}),
        ("sums.to_parquet('out', index=False)", "out", {"paid": "paid"}),
        ("sums.to_excel('out.xlsx')", "out.xlsx", {"town": "town", "paid": "paid"}),
        ("sums.to_json('out')", "out", {"town": "town", "paid": "paid"}),
        ("sums.to_json('out', orient='records')", "out", {"paid": "paid"}),
        ("sums.to_stata('out.dta', write_index=False)", "out.dta", {"paid": "paid"}),
        ("sums.to_stata('out.dta')", "out.dta", {"town": "town", "paid": "paid"}),
    ],
)
def test_a_file_has_the_labels_of_rows_that_pandas_writes_there(
    tmp_path: Path, write: str, file: str, columns: dict[str, str]
) -> None:
    (tmp_path / "in.csv").write_text("town,paid\nOslo,1\nRome,2\nOslo,4\n")
    done = well_ended(record(tmp_path, [READ, write]))
    steps, uri = done.of(Transformation), (tmp_path / file).as_uri()
    written = [out for step in steps for out in step.outputs if out.entity == uri]
    assert {column for out in written for column in out.columns} == set(columns)
    for column, source in columns.items():
        found = origins_of(steps, uri, column)
        by_value = {name for _, name, relation, _ in found if relation != "GROUP_BY"}
        assert by_value == {source}
