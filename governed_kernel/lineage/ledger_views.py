"""The public views over what the ledger says; the governance side hands their rows over."""

from __future__ import annotations

from governed_kernel.lineage.belonging import named, placed
from governed_kernel.lineage.view import View, columns

__all__ = ["LEDGER_VIEWS"]


def _view(name: str, comment: str, text: str) -> View:
    found = columns(text)
    listed = ", ".join(_seen(column.name) for column in found)
    query = f"SELECT {listed} FROM base.{name} t JOIN base.neighbours n USING (workspace_no)"
    return View(name, comment, found, query, from_ledger=True)


def _seen(column: str) -> str:
    """A column as who asks sees it, who may be of another workspace."""
    if column in ("dataset", "release"):
        return f"{named(f't.{column}')} AS {column}"
    return f"{placed('t.uri')} AS uri" if column == "uri" else f"t.{column}"


LEDGER_VIEWS: tuple[View, ...] = (
    _view(
        "datasets",
        "Catalogued datasets and base models.",
        """
        dataset: Name in the catalog.
        owner: Who answers for it.
        source: Where it came from.
        state: State of its latest version.
        """,
    ),
    _view(
        "dataset_versions",
        "Versions of catalogued datasets and base models.",
        """
        dataset: Name in the catalog.
        version: Counting from 1 within the dataset.
        sha256: Of the file, or of a folder's canonical manifest.
        bytes/n: Size in bytes.
        data_class: Class of the data.
        purposes/l: What it may be used for.
        legal_basis: Why it may be processed.
        retention_until: Date (ISO 8601) after which new runs are refused; NULL for none.
        state: registered, approved, locked or withdrawn.
        registered_at/t: When.
        registered_by: Who.
        """,
    ),
    _view(
        "data_transformations",
        "Versions that rules made from other versions.",
        """
        dataset: Name of what was made.
        version: Its version.
        made_from: NAME@VERSION.
        rules: Path of the rules in the workspace.
        rules_sha256: Of the rules, which the object store keeps.
        code_sha256: Of the code that carried them out.
        operations/j: What was done, why, rows before and after, what survived.
        kept/j: Columns and the reason to keep each.
        before/j: Statistics of what it was made from.
        after/j: Statistics of what was made.
        criteria/j: What was asked of the result, and what was found.
        columns/j: From which column each column is, and how; * for the rows.
        person: Who made it.
        transformed_at/t: When.
        """,
    ),
    _view(
        "releases",
        "Release notebooks with everything bound to them.",
        """
        release: NAME@VERSION.
        digest: Digest of the release's manifest.
        notebook: Path of the release notebook relative to the workspace.
        author: Who signed the promotion.
        risk_class: Class of risk.
        state: candidate, approved, executed, validated, released, retired, rejected or revoked.
        created_at/t: When it was promoted.
        """,
    ),
    _view(
        "approvals",
        "Signed approvals, whether they count or not.",
        """
        release: NAME@VERSION.
        run_id: The run that is approved for deployment; NULL for an approval for run.
        purpose: run or deployment.
        person: Who signed.
        role: The role that makes it count.
        meaning: The meaning of the signature.
        digest: What was signed.
        signed_at/t: When.
        counts/b: Whether it counts.
        reason: Why it does not count.
        """,
    ),
    _view(
        "runs",
        "Headless executions of releases.",
        """
        run_id: Name of the run; sorts by time.
        release: NAME@VERSION.
        kind: release, rerun or validation.
        state: running, succeeded, failed, interrupted or refused.
        parameters/j: Parameters it was given.
        environment: Digest of the environment that was really there.
        fingerprint: Digest of the platform: processor, instruction set, threads, GPU.
        started_at/t: When it began.
        ended_at/t: When it ended.
        bundle: The bundle made from it.
        error: Why it failed.
        """,
    ),
    _view(
        "artifacts",
        "Outputs of runs.",
        """
        run_id: The run.
        name: Name within the run.
        uri: Where it lies.
        sha256: Of its content.
        bytes/n: Size in bytes.
        kind: adapter, notebook, table, figure, log …
        """,
    ),
    _view(
        "validations",
        "Outcomes of validation cases.",
        """
        run_id: The run whose artifacts were examined.
        suite: The suite.
        layer: Layer of the suite.
        case_id: The case.
        outcome: passed, failed or error.
        value/f: What was measured.
        threshold/f: What was asked for.
        blocking/b: Whether its failure stops the release.
        """,
    ),
    _view(
        "risk_acceptances",
        "Signed, expiring attestations that let one failing case pass.",
        """
        release: NAME@VERSION.
        case_id: The case.
        person: Who accepts the risk.
        reason: Why.
        control: What is done instead.
        expires_at/t: Until when.
        state: valid, expired or withdrawn.
        """,
    ),
    _view(
        "recalls",
        "Releases whose data was withdrawn, and what was answered.",
        """
        recall: Name of the recall; sorts by time.
        release: NAME@VERSION that read what was withdrawn.
        versions/l: The dataset versions that were withdrawn, and those that hold them.
        records/n: How many records were withdrawn; 0 for whole versions.
        reason: Why.
        opened_at/t: When.
        opened_by: Who withdrew it.
        state: open, continued or stopped; only continued lets it run and be deployed.
        answered_by: Who answered for the release; NULL while it is open.
        answered_at/t: When.
        answer: Why it may go on, or not.
        """,
    ),
    _view(
        "deployments",
        "Bundles that were live in an environment over an interval of time.",
        """
        environment: preprod, production …
        slot: Place within the environment.
        release: NAME@VERSION.
        bundle: Name of the bundle.
        person: Who deployed it.
        share/f: Share of the traffic.
        live_from/t: When it went live.
        live_to/t: When it ended; NULL while it is live.
        reason: Why.
        """,
    ),
    _view(
        "incidents",
        "Incidents of deployed releases.",
        """
        incident_id: Name of the incident.
        release: NAME@VERSION.
        opened_at/t: When it was opened.
        closed_at/t: When it was closed; NULL while it is open.
        severity: How bad it is.
        case_id: The validation case made from it.
        """,
    ),
    _view(
        "decisions",
        "What gates and policies decided, also of runs that were not started.",
        """
        occurred_at/t: When.
        person: Who asked.
        action: What for.
        resource: On what.
        purpose: To what end.
        outcome: allowed or denied; failed where nobody refused it, and a disk or the like did.
        policies/l: Ids of the policies that decided.
        session_id: The session that asked; NULL outside one.
        cell_id: The cell that asked; NULL outside one.
        reason: Why, in the words that were shown.
        """,
    ),
    _view(
        "checkpoints",
        "Signed checkpoints of the ledger.",
        """
        taken_at/t: When.
        size/n: Records of the ledger then.
        root: Root hash over them.
        signed_by: Key that signed it.
        """,
    ),
)
