"""The public views over what sessions recorded."""

from __future__ import annotations

from governed_kernel.lineage.belonging import named, placed
from governed_kernel.lineage.events import AND_MEMBERSHIP, NOT_BY_VALUE, OF_ROWS
from governed_kernel.lineage.numbering import of_session
from governed_kernel.lineage.relations import STRENGTHS
from governed_kernel.lineage.view import View, columns

__all__ = ["CERTAINTY", "EMPTY_FILE", "ENTITIES", "SESSION_VIEWS", "SNAPSHOT"]

EMPTY_FILE = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

SNAPSHOT = r"/\.governed/snapshots/([0-9a-f]{64})(/|$)"
"""Where the content of a version lies: its digest names the folder."""

_ACCESSES = rf"""
WITH named AS (  -- content that a catalog knows; the empty file is nobody's
    SELECT f.workspace_no, f.sha256,
        arg_min({{dataset: {named("f.dataset")}, version: f.version, class: v.data_class}},
                (v.registered_at, f.dataset, f.version)) AS found, min(v.registered_at) AS since
    FROM base.dataset_files f JOIN base.dataset_versions v USING (workspace_no, dataset, version)
    JOIN base.neighbours n USING (workspace_no)
    WHERE f.sha256 <> '{EMPTY_FILE}' GROUP BY ALL
), snapshot AS (
    SELECT sha256, arg_min({{dataset: {named("dataset")}, version: version, class: data_class}},
                           (registered_at, dataset, version)) AS found
    FROM base.dataset_versions JOIN base.neighbours n USING (workspace_no) GROUP BY sha256
), elsewhere AS (  -- what the catalog of the workspace does not know, another's may
    SELECT sha256, arg_min(found, (since, workspace_no)) AS found FROM named GROUP BY sha256
)
SELECT s.session_id, a.execution, a.cell_id, a.occurred_at, a.operation, a.kind,
    {placed("a.uri")} AS uri,
    coalesce(a.sha256, d.sha256) AS sha256,
    coalesce(nullif(a.bytes, -1), d.bytes) AS bytes,
    coalesce({named("a.dataset")}, p.found.dataset, o.found.dataset, e.found.dataset) AS dataset,
    CASE WHEN a.dataset IS NOT NULL THEN a.version
         ELSE coalesce(p.found.version, o.found.version, e.found.version) END AS version,
    coalesce(a.data_class, v.data_class, CASE WHEN a.dataset IS NULL
        THEN coalesce(p.found.class, o.found.class, e.found.class) END) AS data_class,
    a.decision, a.via, a.evidence, nullif(a.status, 0) AS status,
    t.text AS detail, nullif(a.purpose, '') AS purpose, coalesce(a.policies, []) AS policies
FROM base.access a
JOIN base.journals s USING (session_no)
JOIN base.neighbours n ON n.workspace_no = {of_session("a.session_no")}
LEFT JOIN base.digested d
    ON d.session_no = a.session_no AND d.access_id = a.access_id AND NOT d.changed
LEFT JOIN base.dataset_versions v ON v.workspace_no = n.workspace_no
    AND v.dataset = a.dataset AND v.version = a.version
LEFT JOIN snapshot p
    ON p.sha256 = regexp_extract(a.uri, '{SNAPSHOT}', 1)
LEFT JOIN named o
    ON o.workspace_no = n.workspace_no AND o.sha256 = coalesce(a.sha256, d.sha256)
LEFT JOIN elsewhere e ON e.sha256 = coalesce(a.sha256, d.sha256)
LEFT JOIN base.payloads t ON t.session_no = a.session_no AND t.digest = a.detail
"""

_CELLS = """
WITH started AS (
    SELECT *, lead(record) OVER (PARTITION BY session_no, execution, cell_id ORDER BY record)
        AS next_record
    FROM base.cell_started
)
SELECT j.session_id, c.execution, c.cell_id, p.text AS source,
    CASE WHEN p.text IS NOT NULL THEN sha256(p.text) END AS source_sha256, e.status,
    c.occurred_at AS started_at, e.occurred_at AS ended_at
FROM started c
JOIN base.journals j USING (session_no)
LEFT JOIN base.cell_ended e
    ON e.session_no = c.session_no AND e.execution = c.execution AND e.cell_id = c.cell_id
    AND e.record > c.record AND (c.next_record IS NULL OR e.record < c.next_record)
LEFT JOIN base.payloads p ON p.session_no = c.session_no AND p.digest = c.source
"""

_DIRECT = "('IDENTITY', 'TRANSFORMATION', 'AGGREGATION')"
_OF_ROWS = "({})".format(", ".join(f"'{word}'" for word in OF_ROWS))
_NOT_BY_VALUE = "({})".format(", ".join(f"'{word}'" for word in NOT_BY_VALUE))
_PLAIN = f"replace({{0}}, '{AND_MEMBERSHIP}', '')"
_WORD = f"""CASE WHEN {_PLAIN} = 'PARTITION' THEN 'WINDOW'
    WHEN {{0}} = 'FILTER{AND_MEMBERSHIP}' THEN 'CONDITIONAL' ELSE {_PLAIN} END"""


def _rank(words: tuple[str, ...], value: str) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"list_position([{listed}], {value})"


CERTAINTY = ("observed", "inferred", "conservative", "ambiguous", "unexplained")
"""Evidence, from the surest to the least."""


def _worse(first: str, second: str, words: tuple[str, ...]) -> str:
    return (
        f"CASE WHEN {_rank(words, first)} >= {_rank(words, second)} THEN {first} ELSE {second} END"
    )


_NEAR, _FAR = _PLAIN.format("p.relation"), _PLAIN.format("o.relation")
_MATCHES = """c.read_no = p.read_no AND c.entity_no = p.input_no
    JOIN base.origins o ON o.write_no = c.write_no AND o.output_no = c.source_no
    AND (o.output_column = p.input_column OR o.output_column = '*' OR p.input_column = '*')"""

_ORIGINS = f"""
WITH RECURSIVE latest AS (  -- a file written twice is what was written last
    SELECT transformation_no, entity_no
    FROM base.writes w JOIN base.named_resources r USING (entity_no)
    QUALIFY rank() OVER (PARTITION BY r.uri, w.kind ORDER BY occurred_at DESC) = 1
), path AS (
    SELECT output_no, output_column, read_no, input_no, input_column, relation, evidence
    FROM base.origins o SEMI JOIN latest l
        ON l.transformation_no = o.write_no AND l.entity_no = o.output_no
    UNION
    SELECT p.output_no, p.output_column, o.read_no, o.input_no, o.input_column,
        CASE WHEN {_FAR} IN {_OF_ROWS} THEN {_FAR}
             WHEN {_NEAR} IN {_OF_ROWS} THEN {_NEAR}
             WHEN 'PARTITION' IN ({_NEAR}, {_FAR}) THEN 'PARTITION'
             WHEN {_NEAR} NOT IN {_DIRECT} THEN {_NEAR}
             WHEN {_FAR} NOT IN {_DIRECT} THEN {_FAR}
             ELSE {_worse(_NEAR, _FAR, STRENGTHS)} END
        || CASE WHEN p.relation <> {_NEAR}
                  OR (o.relation <> {_FAR} AND {_NEAR} NOT IN {_NOT_BY_VALUE})
                THEN '{AND_MEMBERSHIP}' ELSE '' END,
        {_worse("p.evidence", "o.evidence", CERTAINTY)}
    FROM path p JOIN base.links c ON {_MATCHES}
), goes_on AS (
    SELECT DISTINCT p.read_no, p.input_no, p.input_column
    FROM path p JOIN base.links c ON {_MATCHES}
)
SELECT w.uri AS output_uri, p.output_column, r.uri AS input_uri, p.input_column,
    {_WORD.format("p.relation")} AS relation,
    arg_min(p.evidence, {_rank(CERTAINTY, "p.evidence")}) AS evidence,
    bool_or(p.relation NOT IN {_NOT_BY_VALUE}) AS by_value
FROM path p ANTI JOIN goes_on g USING (read_no, input_no, input_column)
JOIN base.named_resources w ON w.entity_no = p.output_no
JOIN base.named_resources r ON r.entity_no = p.input_no
GROUP BY ALL
"""

ENTITIES = """(SELECT entity_no, entity FROM base.objects
    UNION ALL SELECT entity_no, uri FROM base.named_resources)"""
"""Things in memory and resources by their numbers."""


def _placed_all(column: str) -> str:
    """A list of entities as who asks sees them."""
    return (
        f"CASE WHEN n.near THEN {column} ELSE list_transform({column}, lambda x: {placed('x')}) END"
    )


SESSION_VIEWS: tuple[View, ...] = (
    View(
        "sessions",
        "Kernels that were started under a recorder.",
        columns("""
            session_id: Name of the session; sorts by time.
            mode: research or release.
            notebook: Path of the notebook relative to the workspace, or what the client said.
            user_name: The operating system's user.
            host: The machine.
            started_at/t: When the kernel was started.
            ended_at/t: When its recorder wrote the last record; NULL while it lives, or if it died.
            workspace: Identity of the workspace whose session it is.
            person: Who said to work in it when it began; empty where it is the system's user.
        """),
        f"""SELECT j.session_id, s.mode, s.notebook, s.user_name, s.host,
            s.occurred_at AS started_at, e.occurred_at AS ended_at, n.workspace_id AS workspace,
            coalesce(s.person, '') AS person
        FROM base.session_started s JOIN base.journals j USING (session_no)
        JOIN base.neighbours n ON n.workspace_no = {of_session("s.session_no")}
        LEFT JOIN base.session_ended e USING (session_no)""",
    ),
    View(
        "workspaces",
        "Workspaces whose sessions and ledgers the store knows: its own, imported ones, and in a "
        "lake all that write into it.",
        columns("""
            workspace: Identity of the workspace.
            name: What people call it.
            host: The machine that its paths are of.
            home/b: Whether it is the one that asks; names of others are WORKSPACE/NAME.
        """),
        "SELECT workspace_id AS workspace, name, host, home FROM base.neighbours",
    ),
    View(
        "cells",
        "Executions of cells.",
        columns("""
            session_id: The session.
            execution/n: Number of the execution within the session.
            cell_id: The notebook cell's id.
            source: The text that ran; NULL when it was erased.
            source_sha256: SHA-256 of that text; NULL when it was erased.
            status: ok, error, abort or died; NULL while it runs.
            started_at/t: When it began.
            ended_at/t: When it ended.
        """),
        _CELLS,
    ),
    View(
        "accesses",
        "What was read, written, deleted, connected to or executed outside the kernel's memory.",
        columns("""
            session_id: The session.
            execution/n: Number of the execution within the session.
            cell_id: The notebook cell's id.
            occurred_at/t: When.
            operation: read, write, delete, connect or execute.
            kind: file, sql, http, socket, process, model or dataset.
            uri: Absolute and canonical, without credentials.
            sha256: SHA-256 of the content; NULL when it is not known to be the content accessed.
            bytes/n: Size in bytes.
            dataset: Catalogued dataset or base model whose content it was.
            version: Its version.
            data_class: Class of the data.
            decision: allowed or denied; NULL when policy was not asked.
            via: The layer that saw it.
            evidence: observed, inferred, conservative, unexplained or ambiguous.
            status/n: HTTP status of the answer; NULL where there is none.
            detail: Statement, command or address, without credentials; NULL when erased.
            purpose: What the data was asked for, where it was asked for by name.
            policies/l: Ids of the policies that decided.
        """),
        _ACCESSES,
    ),
    View(
        "transformations",
        "Calls that made new data, or a model, from existing.",
        columns("""
            session_id: The session.
            execution/n: Number of the execution within the session.
            cell_id: The notebook cell's id.
            occurred_at/t: When.
            transformation_id: Name of the transformation.
            operation: What was called.
            library: Whose call it was.
            inputs/l: Entities it took: things in memory and URIs.
            outputs/l: Entities it made.
            rows_in/n: Rows of the first input.
            rows_out/n: Rows of the first output.
        """),
        f"""SELECT j.session_id, t.execution, t.cell_id, t.occurred_at, t.transformation_id,
            t.operation, t.library, {_placed_all("t.inputs")} AS inputs,
            {_placed_all("t.outputs")} AS outputs, nullif(t.rows_in, -1) AS rows_in,
            nullif(t.rows_out, -1) AS rows_out
        FROM base.transformation t JOIN base.journals j USING (session_no)
        JOIN base.neighbours n ON n.workspace_no = {of_session("t.session_no")}""",
    ),
    View(
        "column_lineage",
        "Each transformation's edges from column to column.",
        columns("""
            transformation_id: Name of the transformation.
            output_entity: What it made.
            output_column: A column of it, or * for its rows, that is every column.
            input_entity: What it took.
            input_column: A column of it, or * for all its columns.
            relation: OpenLineage's word: IDENTITY, TRANSFORMATION, AGGREGATION (direct), JOIN, \
GROUP_BY, FILTER, SORT, WINDOW, CONDITIONAL (indirect).
            evidence: observed, inferred or conservative.
            by_value/b: Whether values go on, a place in an order, or being among its rows; else \
the input only says which rows there are, or parts those of a window.
        """),
        f"""SELECT t.transformation_id, o.entity AS output_entity, e.output_column,
            i.entity AS input_entity, e.input_column, {_WORD.format("e.relation")} AS relation,
            e.evidence, e.relation NOT IN {_NOT_BY_VALUE} AS by_value
        FROM base.column_edges e
        JOIN base.transformation t USING (transformation_no)
        JOIN {ENTITIES} o ON o.entity_no = e.output_no
        JOIN {ENTITIES} i ON i.entity_no = e.input_no""",
    ),
    View(
        "column_origins",
        "From the columns of each file, table or saved model, as last written, back to the columns "
        "of the sources: there where no recorded transformation says where the column is from.",
        columns("""
            output_uri: What was written.
            output_column: A column of it; * when its columns are not known.
            input_uri: A source.
            input_column: A column of it; * when its columns are not known.
            relation: Of the whole path: JOIN, GROUP_BY, FILTER or SORT where the source decided \
rows, else CONDITIONAL or WINDOW, else the strongest direct one.
            evidence: Of the path's weakest step; of the surest path when there are several.
            by_value/b: Whether a value went in, a place in an order, or being among rows that \
were chosen by it; else the source only said which rows there are, or parted those of a window.
        """),
        _ORIGINS,
    ),
    View(
        "completeness",
        "How much of what the witness saw the observers explained.",
        columns("""
            session_id: The session.
            witness: full, or the reason why it is less.
            witnessed/n: Accesses outside the environment that the witness saw.
            explained/n: Those that an observer reported too.
            unexplained/n: Those that no observer reported.
        """),
        """SELECT j.session_id, c.witness, c.witnessed, c.explained, c.unexplained
        FROM base.completeness c JOIN base.journals j USING (session_no)
        QUALIFY row_number() OVER (PARTITION BY c.session_no ORDER BY c.record DESC) = 1""",
    ),
)
