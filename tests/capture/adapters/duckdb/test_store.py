"""In the store a table of a database keeps its columns' origins from session to session."""

from __future__ import annotations

from pathlib import Path

import msgspec

from governed_kernel.lineage.events import Transformation
from governed_kernel.lineage.store import Store
from tests.capture.recording import record
from tests.lineage.sessions import Session, workspace_at

CELLS = {
    "first": """
import duckdb
with duckdb.connect("f.db") as con:
    con.execute("CREATE TABLE t AS SELECT id, a * 2 AS b FROM 'x.csv'")
    con.execute("INSERT INTO t SELECT id, b FROM t WHERE id > 1")
    con.execute("UPDATE t SET b = 0 WHERE id = 3")
""",
    "second": """
import duckdb
duckdb.connect("f.db").sql("SELECT b, count(*) AS n FROM t GROUP BY b").df().to_csv(
    "out.csv", index=False
)
""",
}


def test_origins_are_joined_over_sessions(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,a\n1,2\n")
    workspace = workspace_at(tmp_path / "workspace")
    for start, (session, cell) in enumerate(CELLS.items()):
        done = record(tmp_path, [cell])
        assert done.errors == [""]
        written = Session(workspace, session, start=start)
        for step in done.of(Transformation):
            # Each session has its own things in memory.
            text = msgspec.json.encode(step).replace(b"//test", b"//" + session.encode())
            text = text.replace(b'"test/', b'"' + session.encode() + b"/")
            written.writer.append(msgspec.json.decode(text, type=Transformation))
    store = Store(workspace)
    store.ingest()
    rows = store.query("SELECT * FROM column_origins WHERE output_uri LIKE '%out.csv'")
    found = {
        (row["output_column"], Path(row["input_uri"]).name, row["input_column"], row["relation"])
        for row in rows
    }
    assert found == {
        ("b", "x.csv", "a", "TRANSFORMATION"),
        ("b", "x.csv", "a", "GROUP_BY"),
        ("b", "x.csv", "id", "CONDITIONAL"),
        ("b", "x.csv", "id", "FILTER"),
        ("b", "x.csv", "id", "GROUP_BY"),
        ("n", "x.csv", "a", "GROUP_BY"),
        ("n", "x.csv", "id", "FILTER"),
        ("n", "x.csv", "id", "GROUP_BY"),
    }
