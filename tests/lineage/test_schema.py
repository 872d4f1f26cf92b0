"""The public views are the contract of the design, described in the database and on a page."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from governed_kernel.lineage import schema, views
from governed_kernel.lineage.view import View
from governed_kernel.lineage.views import VIEWS, documentation

CONTRACT = """
- `sessions(session_id, mode, notebook, user_name, host, started_at, ended_at, workspace, person)`
- `workspaces(workspace, name, host, home)`
- `cells(session_id, execution, cell_id, source, source_sha256, status, started_at, ended_at)`
- `accesses(session_id, execution, cell_id, occurred_at, operation, kind, uri, sha256, bytes, dataset, version, data_class, decision, via, evidence, status, detail, purpose, policies)`
- `transformations(session_id, execution, cell_id, occurred_at, transformation_id, operation, library, inputs, outputs, rows_in, rows_out)`
- `column_lineage(transformation_id, output_entity, output_column, input_entity, input_column, relation, evidence, by_value)`
- `column_origins(output_uri, output_column, input_uri, input_column, relation, evidence, by_value)`
- `completeness(session_id, witness, witnessed, explained, unexplained)`
- `datasets(dataset, owner, source, state)` · `dataset_versions(dataset, version, sha256, bytes, data_class, purposes, legal_basis, retention_until, state, registered_at, registered_by)`
- `data_transformations(dataset, version, made_from, rules, rules_sha256, code_sha256, operations, kept, before, after, criteria, columns, person, transformed_at)`
- `releases(release, digest, notebook, author, risk_class, state, created_at)` · `approvals(release, run_id, purpose, person, role, meaning, digest, signed_at, counts, reason)`
- `runs(run_id, release, kind, state, parameters, environment, fingerprint, started_at, ended_at, bundle, error)`
- `artifacts(run_id, name, uri, sha256, bytes, kind)` · `validations(run_id, suite, layer, case_id, outcome, value, threshold, blocking)`
- `risk_acceptances(release, case_id, person, reason, control, expires_at, state)` · `deployments(environment, slot, release, bundle, person, share, live_from, live_to, reason)`
- `recalls(recall, release, versions, records, reason, opened_at, opened_by, state, answered_by, answered_at, answer)`
- `incidents(incident_id, release, opened_at, closed_at, severity, case_id)` · `decisions(occurred_at, person, action, resource, purpose, outcome, policies, session_id, cell_id, reason)` · `checkpoints(taken_at, size, root, signed_by)`
"""  # noqa: E501 (as the design has it, and what came after it)


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    schema.create(connection)
    return connection


def test_the_views_are_those_of_the_design() -> None:
    design = {
        name: columns.split(", ") for name, columns in re.findall(r"`(\w+)\(([^)]*)\)`", CONTRACT)
    }
    assert {view.name: [column.name for column in view.columns] for view in VIEWS} == design


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_has_the_columns_and_types_that_are_documented(
    database: duckdb.DuckDBPyConnection, view: View
) -> None:
    described = database.execute(f"DESCRIBE {view.name}").fetchall()
    assert [(row[0], row[1]) for row in described] == [(c.name, c.type) for c in view.columns]


def test_every_view_and_column_is_described_in_the_database(
    database: duckdb.DuckDBPyConnection,
) -> None:
    undescribed = database.execute(
        "SELECT view_name FROM duckdb_views() "
        "WHERE schema_name = 'main' AND NOT internal AND coalesce(comment, '') = '' "
        "UNION ALL SELECT table_name || '.' || column_name FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal AND coalesce(comment, '') = ''"
    ).fetchall()
    assert undescribed == []


def test_the_page_about_the_views_is_up_to_date() -> None:
    page = Path(views.__file__).with_name("VIEWS.md").read_text(encoding="utf-8")
    assert page == documentation(), "python -m governed_kernel.lineage.views > …/VIEWS.md"


def test_a_database_of_another_schema_is_not_taken_for_a_store(
    database: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert schema.is_current(database)
    assert not schema.is_current(duckdb.connect())
    monkeypatch.setattr(schema, "mark", lambda: "2:…")
    assert not schema.is_current(database)
