"""Links from one workspace into another: which write elsewhere a read saw.

A read that no write of its own workspace explains goes on from another workspace's, the latest
before it, when all the content it read was written there (by SHA-256, wherever it lies now and
whatever it is called), else when it is the same resource: the same address on the network, or the
same path on the same machine, and the digests don't contradict. Time decides between hosts as well,
so their clocks have to agree; who wrote later is nobody's origin.
"""

from __future__ import annotations

import duckdb

from governed_kernel.lineage.belonging import LOCAL
from governed_kernel.lineage.numbering import of_resource
from governed_kernel.lineage.replacing import replace_rows
from governed_kernel.lineage.session_views import EMPTY_FILE

__all__ = ["behind", "cross"]

_MARK = "crossed"

_SAID = f"""
CREATE OR REPLACE TEMP TABLE crossing_content AS
WITH said AS (  -- what a cell read from, or wrote to, a resource
    SELECT a.session_no, a.execution, a.operation, a.uri,
        arg_max(coalesce(a.sha256, d.sha256), a.record) AS sha256
    FROM base.access a LEFT JOIN base.digested d
        ON d.session_no = a.session_no AND d.access_id = a.access_id AND NOT d.changed
    WHERE a.operation IN ('read', 'write') AND a.decision IS DISTINCT FROM 'denied'
    GROUP BY ALL
), done AS (
    SELECT 'read' AS operation, * FROM base.reads ANTI JOIN base.continuations c
        ON c.read_no = transformation_no AND c.entity_no = reads.entity_no
    UNION ALL SELECT 'write', * FROM base.writes
)
SELECT x.operation, x.transformation_no AS number, x.entity_no, x.kind, x.occurred_at,
    w.workspace_no, regexp_replace(r.uri, '{LOCAL}', '\\1://' || w.host || '\\3/') AS place,
    list_sort(list(DISTINCT s.sha256)
        FILTER (s.sha256 IS NOT NULL AND s.sha256 <> '{EMPTY_FILE}')) AS contents
FROM done x JOIN base.resources r USING (entity_no)
JOIN base.workspaces w ON w.workspace_no = {of_resource("x.entity_no")}
LEFT JOIN said s ON s.session_no = x.session_no AND s.execution = x.execution
    AND s.operation = x.operation AND (s.uri = r.uri OR starts_with(s.uri, r.uri || '/'))
GROUP BY ALL
"""

_FOUND = """
CREATE OR REPLACE TEMP TABLE crossed AS
WITH read AS (SELECT * FROM crossing_content WHERE operation = 'read'),
written AS (SELECT * FROM crossing_content WHERE operation = 'write'),
pieces AS (SELECT *, unnest(contents) AS sha256 FROM written),
same AS (
    SELECT r.number AS read_no, r.entity_no, w.number AS write_no, w.entity_no AS source_no,
        w.occurred_at, w.kind, true AS by_content
    FROM read r JOIN pieces w ON w.sha256 = r.contents[1] AND w.workspace_no <> r.workspace_no
        AND w.occurred_at < r.occurred_at AND list_has_all(w.contents, r.contents)
    UNION ALL
    SELECT r.number, r.entity_no, w.number, w.entity_no, w.occurred_at, w.kind, false
    FROM read r JOIN written w ON w.place = r.place AND w.workspace_no <> r.workspace_no
        AND w.occurred_at < r.occurred_at
        AND (len(w.contents) IS NULL OR len(r.contents) IS NULL OR w.contents = r.contents)
)
SELECT DISTINCT read_no, entity_no, write_no, source_no FROM (
    SELECT *, rank() OVER (PARTITION BY read_no, entity_no, kind
                           ORDER BY by_content DESC, occurred_at DESC) AS place,
        bool_or(by_content) OVER (PARTITION BY read_no, entity_no) AS content_known
    FROM same
) WHERE place = 1 AND by_content = content_known
"""


def behind(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a store of several workspaces has moved on since the last `cross`."""
    found = connection.execute(
        f"SELECT (SELECT any_value(value) FROM base.meta WHERE key = '{_MARK}')"
    ).fetchone()
    state = _state(connection)
    return bool(state) and (found is None or found[0] != state)


def cross(connection: duckdb.DuckDBPyConnection) -> None:
    """Find the links between workspaces anew; in a transaction that may remove rows."""
    connection.execute(_SAID)
    connection.execute(_FOUND)
    replace_rows(connection, "crossings", "crossed", "true")
    connection.execute("DELETE FROM base.meta WHERE key = ?", [_MARK])
    connection.execute("INSERT INTO base.meta VALUES (?, ?)", [_MARK, _state(connection)])


def _state(connection: duckdb.DuckDBPyConnection) -> str:
    """What the store has of all journals; empty where there is one workspace, or none."""
    found = connection.execute(
        """SELECT md5(string_agg(session_no || ':' || records, ',' ORDER BY session_no))
        FROM base.journals WHERE (SELECT count(*) FROM base.workspaces) > 1"""
    ).fetchone()
    return str(found[0]) if found and found[0] else ""
