"""The graph in the store: who used, made, read and wrote what, and which write a read saw.

Every batch of transformations gets its numbers in order of arrival, after the highest so far.
Temporary tables note what one ingestion touched, so that the rest need not be looked at again.
"""

from __future__ import annotations

import duckdb

from governed_kernel.lineage import origins
from governed_kernel.lineage.numbering import Numbers, of_thing
from governed_kernel.lineage.replacing import replace_rows
from governed_kernel.lineage.schema import EVENT_TABLES, quoted

__all__ = ["DEEPEST", "LONGEST", "begin", "finish", "insert", "note_digests"]

DEEPEST = 100
"""Steps of a name that the tree of names follows: a hostile one may have thousands."""
LONGEST = 4096
"""Letters of a name that it follows: below a folder with a longer one it has an empty name."""
_OUTSIDE = "NOT starts_with({0}entity, 'memory://')"


_OWN = "transformation_no BETWEEN getvariable('own_first') AND getvariable('own_last')"
_OWN_OBJECT = "entity_no BETWEEN getvariable('own_first') AND getvariable('own_last')"
_OWN_RESOURCE = "r.entity_no BETWEEN -getvariable('own_last') AND -1 - getvariable('own_first')"
"""Rows of the workspace whose journals come in (`numbering`)."""


_FOLDERS = f"""
INSERT INTO base.folders
WITH split AS (
    SELECT string_split(left(uri, {LONGEST}), '/') AS steps, length(uri) > {LONGEST} AS cut
    FROM new_resource
), tree AS (
    SELECT DISTINCT {of_thing("getvariable('own_first')")}::INTEGER AS workspace_no,
        array_to_string(steps[:n - 1], '/') AS folder,
        CASE WHEN cut AND n = len(steps) THEN '' ELSE array_to_string(steps[:n], '/') END AS name
    FROM (SELECT steps, cut, unnest(range(2, least(len(steps), {DEEPEST}) + 1)) AS n FROM split)
)
FROM tree ANTI JOIN base.folders USING (workspace_no, folder, name) ORDER BY ALL
"""
"""What lies in what."""


def begin(connection: duckdb.DuckDBPyConnection, numbers: Numbers) -> None:
    """Start noting what an ingestion of one workspace touches."""
    for statement in numbers.variables():
        connection.execute(statement)
    connection.execute("CREATE OR REPLACE TEMP TABLE touched (entity_no BIGINT)")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE started AS "
        "SELECT coalesce(max(transformation_no), getvariable('own_first')) AS last "
        f"FROM base.transformation WHERE {_OWN}"
    )


def note_digests(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    """New digests, read from JSON, may tell which write an earlier read saw."""
    connection.execute(
        f"INSERT INTO touched SELECT entity_no FROM base.resources r "
        f"WHERE {_OWN_RESOURCE} AND uri IN (SELECT uri FROM {source})"
    )


def insert(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    """Add a batch of transformations, read from JSON, with their entities and edges."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE fresh AS
        SELECT row_number() OVER (ORDER BY session_no, record)
            + (SELECT coalesce(max(transformation_no), getvariable('own_first'))
               FROM base.transformation WHERE {_OWN}) AS transformation_no, * FROM {source}"""
    )
    _insert_transformations(connection)
    _mention(connection)
    _insert_entities(connection)
    _insert_uses(connection)
    _insert_edges(connection)


def _insert_transformations(connection: duckdb.DuckDBPyConnection) -> None:
    plain = [name for name in EVENT_TABLES["transformation"].kept if name != "columns"]
    taken = [
        f"list_transform({name}, lambda e: e.entity)" if name in ("inputs", "outputs") else
        quoted(name)
        for name in plain
    ]  # fmt: skip
    connection.execute(
        f"""INSERT INTO base.transformation
            (transformation_no, session_no, record, {", ".join(map(quoted, plain))})
        SELECT transformation_no, session_no, record, {", ".join(taken)}
        FROM fresh ORDER BY transformation_no"""
    )


def _mention(connection: duckdb.DuckDBPyConnection) -> None:
    """Every entity that the batch names, where it does; edges may name some that no list has."""
    listed = " UNION ALL ".join(
        f"""SELECT transformation_no, session_no, {side} AS side,
            generate_subscripts({name}, 1) AS place, unnest({name}) AS e
        FROM fresh"""
        for side, name in enumerate(("inputs", "outputs"))
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE mention AS
        SELECT transformation_no, side, place, e.entity AS entity, e.kind AS kind,
            coalesce(e.name, '') AS name, coalesce(e.columns, []) AS columns,
            CASE WHEN {_OUTSIDE.format("e.")} THEN 0 ELSE session_no END AS session_no
        FROM ({listed})"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE edge AS
        SELECT transformation_no, session_no, unnest(columns) AS c FROM fresh"""
    )
    connection.execute(
        f"""INSERT INTO mention
        SELECT transformation_no, 2 + side, 1, entity, '', '', [],
            CASE WHEN {_OUTSIDE.format("")} THEN 0 ELSE session_no END AS session_no
        FROM (SELECT DISTINCT transformation_no, session_no, 1 AS side, c[1] AS entity FROM edge
              UNION SELECT DISTINCT transformation_no, session_no, 0, c[3] FROM edge)"""
    )


def _insert_entities(connection: duckdb.DuckDBPyConnection) -> None:
    """Number what is new: things in memory by session, resources once for all sessions."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE first_mention AS
        SELECT session_no, entity, min({t: transformation_no, s: side, p: place}) AS first_seen,
            arg_min(kind, (kind = '', transformation_no, side, place)) AS kind,
            arg_min(name, (transformation_no, side, place)) AS name,
            arg_min(columns, (side > 1, transformation_no, side, place)) AS columns
        FROM mention GROUP BY session_no, entity"""
    )
    connection.execute(
        f"""INSERT INTO base.objects
        SELECT row_number() OVER (ORDER BY first_seen)
            + (SELECT coalesce(max(entity_no), getvariable('own_first')) FROM base.objects
               WHERE {_OWN_OBJECT}) AS entity_no,
            session_no, entity, kind, name, columns
        FROM first_mention ANTI JOIN base.objects o USING (session_no, entity)
        WHERE session_no > 0 ORDER BY entity_no"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE new_resource AS
        SELECT (SELECT coalesce(min(entity_no), -getvariable('own_first'))
                FROM base.resources r WHERE {_OWN_RESOURCE})
            - row_number() OVER (ORDER BY first_seen) AS entity_no, entity AS uri, kind
        FROM first_mention ANTI JOIN base.resources r ON r.uri = entity AND {_OWN_RESOURCE}
        WHERE session_no = 0 ORDER BY entity_no DESC"""
    )
    connection.execute("INSERT INTO base.resources FROM new_resource ORDER BY entity_no DESC")
    connection.execute(_FOLDERS)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE numbered AS
        SELECT f.session_no, f.entity, o.entity_no FROM first_mention f
            JOIN base.objects o ON o.session_no = f.session_no AND o.entity = f.entity
        UNION ALL
        SELECT 0, f.entity, r.entity_no FROM first_mention f
            JOIN base.resources r ON r.uri = f.entity AND {_OWN_RESOURCE}
            WHERE f.session_no = 0"""
    )


def _insert_uses(connection: duckdb.DuckDBPyConnection) -> None:
    for table, sides in (("uses", "(0, 2)"), ("makes", "(1, 3)")):
        connection.execute(
            f"""INSERT INTO base.{table}
            SELECT DISTINCT transformation_no, entity_no
            FROM mention JOIN numbered USING (session_no, entity)
            WHERE entity_no > 0 AND side IN {sides} ORDER BY ALL"""
        )
    for table, sides in (("reads", "(0, 2)"), ("writes", "(1, 3)")):
        connection.execute(
            f"""INSERT INTO base.{table}
            SELECT DISTINCT ON (transformation_no, entity_no)
                transformation_no, entity_no, m.kind, f.session_no, f.execution,
                f.occurred_at::TIMESTAMP, m.columns
            FROM mention m JOIN numbered USING (session_no, entity)
            JOIN fresh f USING (transformation_no)
            WHERE entity_no < 0 AND side IN {sides}
            ORDER BY transformation_no, entity_no DESC, side, place"""
        )
    connection.execute(
        "INSERT INTO touched SELECT DISTINCT entity_no FROM mention "
        "JOIN numbered USING (session_no, entity) WHERE entity_no < 0"
    )


def _insert_edges(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"""INSERT INTO base.column_edges
        SELECT transformation_no, o.entity_no, c[2], i.entity_no, c[4], c[5],
            coalesce(c[6], 'observed')
        FROM edge
        JOIN numbered o ON o.entity = c[1] AND o.session_no =
            CASE WHEN {_OUTSIDE.format("o.")} THEN 0 ELSE edge.session_no END
        JOIN numbered i ON i.entity = c[3] AND i.session_no =
            CASE WHEN {_OUTSIDE.format("i.")} THEN 0 ELSE edge.session_no END
        ORDER BY transformation_no"""
    )


def finish(connection: duckdb.DuckDBPyConnection) -> None:
    """Link reads to the writes they saw, and close the columns over each session's new writes."""
    _link(connection)
    origins.extend(connection)


_CONTENT = """
CREATE OR REPLACE TEMP TABLE content AS  -- what a cell read from, or wrote to, a resource
SELECT a.session_no, a.execution, r.entity_no, a.operation,
    arg_max(coalesce(a.sha256, d.sha256), a.record) AS sha256
FROM base.access a
JOIN base.resources r ON r.uri = a.uri
LEFT JOIN base.digested d
    ON d.session_no = a.session_no AND d.access_id = a.access_id AND NOT d.changed
WHERE a.operation IN ('read', 'write') AND r.entity_no IN (SELECT entity_no FROM touched)
GROUP BY ALL
"""

_CONTINUATIONS = """
CREATE OR REPLACE TEMP TABLE linked AS
WITH written AS (
    SELECT w.*, c.sha256 FROM base.writes w SEMI JOIN touched USING (entity_no)
    LEFT JOIN content c ON c.session_no = w.session_no AND c.execution = w.execution
        AND c.entity_no = w.entity_no AND c.operation = 'write'
), read AS (  -- model and tokenizer may be written to one folder: each kind has its last write
    SELECT r.*, k.kind AS written_kind, c.sha256 FROM base.reads r
    JOIN (SELECT DISTINCT entity_no, kind FROM written) k USING (entity_no)
    LEFT JOIN content c ON c.session_no = r.session_no AND c.execution = r.execution
        AND c.entity_no = r.entity_no AND c.operation = 'read'
), latest AS (
    SELECT r.transformation_no AS read_no, r.entity_no, r.written_kind, r.sha256, r.occurred_at,
        w.transformation_no AS write_no, w.sha256 AS written
    FROM read r ASOF JOIN written w ON w.entity_no = r.entity_no AND w.kind = r.written_kind
        AND r.occurred_at > w.occurred_at
), same AS (
    SELECT l.*, w.transformation_no AS same_no FROM latest l
    ASOF LEFT JOIN written w ON w.entity_no = l.entity_no AND w.kind = l.written_kind
        AND w.sha256 = l.sha256 AND l.occurred_at > w.occurred_at
)
SELECT read_no, entity_no, coalesce(same_no, write_no) AS write_no FROM same
WHERE same_no IS NOT NULL OR sha256 IS NULL OR written IS NULL
"""


def _link(connection: duckdb.DuckDBPyConnection) -> None:
    """A read goes on from the write it saw: of the same content, else the last one before it.

    When both contents are known and differ, something unrecorded wrote in between, and the read
    is a source of its own.
    """
    connection.execute(
        "DELETE FROM touched WHERE entity_no NOT IN (SELECT entity_no FROM base.writes)"
    )
    connection.execute(_CONTENT)
    connection.execute(_CONTINUATIONS)
    replace_rows(
        connection, "continuations", "linked", "entity_no IN (SELECT entity_no FROM touched)"
    )
