"""What the service states of a run: SLSA provenance, test results, the data bill of materials.

in-toto Statements in DSSE envelopes, as approvals are, with predicates that other tools know:
https://slsa.dev/spec/v1.0/provenance and
https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import governed_kernel
from governed_kernel.governance.envelopes import Statement
from governed_kernel.governance.subjects import Subject
from governed_kernel.lineage.events import ValidationRecorded
from governed_kernel.release.account import Account
from governed_kernel.release.data_bill import DATA_BILL, data_bill

__all__ = ["BUILD_TYPE", "PROVENANCE", "TEST_RESULT", "statements"]

PROVENANCE = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
BUILD_TYPE = "urn:governed-notebooks:build:1"
"""A confined kernel executes the cells of the release notebook in order, with the parameters."""


def statements(account: Account) -> Iterator[tuple[str, Statement]]:
    """Name and statement: how the artifacts were made, and what was found when testing them."""
    made = [_subject(f"artifacts/{item.name}", item.sha256) for item in account.ended.artifacts]
    yield (
        "provenance",
        Statement(subject=made, predicate_type=PROVENANCE, predicate=_provenance(account)),
    )
    yield (
        "data-bill-of-materials",
        Statement(subject=made, predicate_type=DATA_BILL, predicate=data_bill(account)),
    )
    weights = [_subject(f"artifacts/{item.name}", item.sha256) for item in account.weights]
    for found in account.evaluations:
        yield (
            f"test-result-{PurePosixPath(found.suite).name}",
            Statement(
                subject=weights or made,
                predicate_type=TEST_RESULT,
                predicate=_test_result(account, found),
            ),
        )


def _provenance(account: Account) -> dict[str, Any]:
    bound, run = account.bound, account.run
    register = account.registry.register
    inputs = [_resource(item.name, item.sha256, f"governed:{item.name}") for item in bound.inputs]
    code = [
        _resource(f"release/{file.path}", file.sha256) for file in (bound.notebook, *bound.code)
    ]
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "release": bound.release,
                "releaseDigest": account.release.digest,
                "notebook": f"release/{bound.notebook.path}",
                "parameters": run.started.parameters,
            },
            "internalParameters": {"threads": bound.threads, "environment": bound.environment},
            "resolvedDependencies": [
                *inputs,
                *code,
                _resource("release/environment.json", bound.environment),
            ],
        },
        "runDetails": {
            "builder": {
                "id": f"urn:governed-notebooks:workspace:{register.workspace_id}",
                "version": {"governed-notebooks": governed_kernel.__version__},
            },
            "metadata": {
                "invocationId": run.run_id,
                "startedOn": run.started.occurred_at.isoformat().replace("+00:00", "Z"),
                "finishedOn": account.ended_at.isoformat().replace("+00:00", "Z"),
            },
        },
    }


def _test_result(account: Account, found: ValidationRecorded) -> dict[str, Any]:
    failed = [case for case in found.cases if case.outcome != "passed"]
    return {
        "result": "FAILED" if not found.passed else "WARNED" if failed else "PASSED",
        "configuration": [
            _resource(found.suite, found.suite_sha256),
            *(
                _resource(item.name, item.version.sha256)
                for item in account.data()
                if item.role == "evaluation"
            ),
            *(_resource(f"evaluation/{file.path}", file.sha256) for file in found.evidence),
        ],
        "passedTests": [_case(case) for case in found.cases if case.outcome == "passed"],
        "warnedTests": [_case(case) for case in failed if not case.blocking],
        "failedTests": [_case(case) for case in failed if case.blocking],
    }


def _case(case: Any) -> str:
    return f"{case.layer}/{case.case_id}"


def _subject(name: str, sha256: str) -> Subject:
    return Subject(name, {"sha256": sha256})


def _resource(name: str, sha256: str, uri: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "digest": {"sha256": sha256}}
    return {**found, "uri": uri} if uri else found
