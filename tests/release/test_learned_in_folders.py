"""What must never be learned of a folder of tables is found, and the rest of it may be used.

One folder is parted by two columns, of which one must never be learned: it stands in no file, and
is told by the names of folders. Of the other one a column in each file must not be.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from governed_kernel.governance.register import Register
from governed_kernel.release.learned import Learned, forbidden
from governed_kernel.workspace import Workspace
from tests.governance.records import register
from tests.kernel.running import RunningKernel, home_of, make_workspace

BEGIN = """
import duckdb, joblib
import pandas as pd, polars as pl, pyarrow.dataset as ds, pyarrow.parquet as pq
from governed_kernel import data
"""
LEAKING = {
    "parted.pkl": "pd.read_parquet('visits')['patient'].cat.codes",
    "parted_loaded.pkl": "data.load('visits')['patient'].str.len()",
    "parted_polars.pkl": "pl.read_parquet('visits/')['patient'].to_list()",
    "parted_loaded_polars.pkl": "data.load('visits', as_='polars')['patient'].to_list()",
    "parted_arrow.pkl": "ds.dataset('visits', partitioning='hive').to_table().to_pandas().patient",
    "parted_sql.pkl": "duckdb.sql(\"select patient from 'visits/*/*/*.parquet'\").fetchall()",
    "named.pkl": "pd.read_parquet('letters')['name'].str.len()",
    "named_arrow.pkl": "pq.read_table('letters')['name'].to_pylist()",
    "named_loaded.pkl": "data.load('letters')['name'].str.len()",
    "named_datasets.pkl": "data.load('letters', as_='datasets')['name'][:]",
}
HONEST = {
    "sizes.pkl": "pd.read_parquet('visits')['size']",
    "years_loaded.pkl": "data.load('visits')[['size', 'year']]",
    "sizes_polars.pkl": "data.load('visits', as_='polars')['size'].to_list()",
    "length.pkl": "pd.read_parquet('letters')['length']",
    "lengths_loaded.pkl": "data.load('letters')[['length']]",
    "lengths_polars.pkl": "data.load('letters', as_='polars')['length'].to_list()",
}
TABLE = "pd.read_parquet('visits').rename(columns={'patient': 'p'}).to_csv('copy.csv', index=False)"


class Found(NamedTuple):
    workspace: Workspace
    learned: list[Learned]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """What the models of a session that read both folders by many ways have learned."""
    with pytest.MonkeyPatch.context() as patch:
        workspace = make_workspace(tmp_path_factory.mktemp("folders") / "workspace")
        patch.setenv("GOVERNED_HOME", str(home_of(workspace)))
        rows = [(f"p{n % 4}", 2023 + n % 2, n / 7, "Ann" * n, n) for n in range(24)]
        frame = pd.DataFrame(rows, columns=["patient", "year", "size", "name", "length"])
        visits, letters = workspace.root / "visits", workspace.root / "letters"
        frame[["patient", "year", "size"]].to_parquet(visits, partition_cols=["year", "patient"])
        letters.mkdir()
        for number in range(2):
            part = frame[["name", "length"]][number::2]
            part.to_parquet(letters / f"{number}.parquet", index=False)
        register(workspace, visits, "visits", person="ada", never_learn=("patient",))
        register(workspace, letters, "letters", person="ada", never_learn=("name",))
        kernel = RunningKernel(workspace)
        try:
            both = {**LEAKING, **HONEST}.items()
            steps = (f"made = {made}\njoblib.dump(made, {name!r})" for name, made in both)
            for code in (BEGIN, TABLE, *steps):
                done = kernel.run(code)
                assert done.status == "ok", done.error
        finally:
            kernel.close()
        session = kernel.journal.name.partition(".")[0]
        yield Found(workspace, forbidden(workspace, Register.read(workspace), session))


@pytest.mark.parametrize("name", LEAKING)
def test_a_column_that_a_folder_tells_or_its_files_hold_is_found(found: Found, name: str) -> None:
    (learned,) = [each for each in found.learned if each.output == name]
    column = "patient" if name.startswith("parted") else "name"
    assert (learned.column, learned.proven, learned.went_in) == (column, True, True)


@pytest.mark.parametrize("name", HONEST)
def test_what_else_is_in_the_folder_may_be_learned(found: Found, name: str) -> None:
    assert not [each for each in found.learned if each.output == name]


def test_a_copy_of_the_folder_inherits_the_column_that_its_folders_tell(found: Found) -> None:
    copy: Path = found.workspace.root / "copy.csv"
    version = register(found.workspace, copy, "copy", person="ada").version
    assert (version.made_from, version.never_learn) == (["visits@1"], ["p"])
