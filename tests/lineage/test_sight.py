"""Names are found without reading all of them, and what is found is what reading all finds."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from governed_kernel.lineage.graph_tables import LONGEST
from governed_kernel.lineage.sight import Sight, within
from governed_kernel.lineage.store import Store
from tests.lineage.sessions import Session, workspace_at

DEEP = "file:///deep" + "/x" * 300
LONG = f"file:///long/{'y' * LONGEST}"
NAMES = [
    "file:///models/a",
    "file:///models/a/part-1/weights",
    "file:///models/a/part-2",
    "file:///models/a//odd",
    "file:///models/ab",
    "file:///models/%_/one",
    "https://host:8080/models/a?version=1/2",
    "s3://bucket",
    "s3://bucket/key/",
    f"{DEEP}/one",
    f"{DEEP}/two",
    f"{LONG}/below/it",
    f"file:///long/beside/{'z' * (LONGEST - 21)}/edge",
]
ASKED = [*NAMES, "file:///models", "file://", "file:///model", "https://host:8080", "s3:",
         "s3://bucket/key", DEEP, "file:///deep", "file:///models/a/part-1", LONG, f"{LONG}/below",
         "file:///long", "file:///long/beside", NAMES[-1].removesuffix("/edge")]  # fmt: skip


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Store:
    workspace = workspace_at(tmp_path_factory.mktemp("names"))
    for number, half in enumerate((NAMES[::2], NAMES[1::2])):  # what comes later joins the tree
        session = Session(workspace, f"s{number}", start=number)
        session.cell("x")
        for name in half:
            session.write_file(session.read_file(NAMES[0], ["c"]), ["c"], name)
        session.end()
        Store(workspace).ingest()
    return Store(workspace)


@pytest.mark.parametrize("asked", ASKED)
def test_what_lies_in_a_folder_is_what_all_names_say(named: Store, asked: str) -> None:
    with named.read() as connection:
        condition, values = within([asked])
        sql = f"SELECT uri FROM base.resources WHERE {condition}"
        expected = {uri for (uri,) in connection.execute(sql, values).fetchall()}
        assert Sight(connection).within(asked) == expected


@pytest.mark.parametrize("table", ["resources", "access"])
def test_a_name_is_found_by_an_index(named: Store, table: str, tmp_path: Path) -> None:
    copy = tmp_path / "store.duckdb"  # few rows are read as quickly: the index is for many
    copy.write_bytes(named.path.read_bytes())
    names = "'file:///others/' || i || '.parquet' FROM range(200000) r(i)"
    with duckdb.connect(copy) as connection:
        connection.execute(f"INSERT INTO base.{table} (uri) SELECT {names}")
        found = connection.execute(
            f"EXPLAIN ANALYZE SELECT * FROM base.{table} WHERE uri IN (?, ?)", [NAMES[0], "x"]
        ).fetchall()
    assert "Index Scan" in found[0][1]
    assert "Sequential Scan" not in found[0][1]


def test_the_tree_of_names_is_the_same_whatever_came_first(named: Store, tmp_path: Path) -> None:
    again = Store(named.workspace, path=tmp_path / "again.duckdb")
    again.rebuild()
    tree = "SELECT folder, name FROM base.folders ORDER BY ALL"
    with named.read() as one, again.read() as other:
        kept = one.execute(tree).fetchall()
        assert kept == other.execute(tree).fetchall()
        assert len(kept) == len(set(kept)) > len(NAMES)
        assert max(len(name) for _, name in kept) <= LONGEST
