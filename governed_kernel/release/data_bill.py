"""The data bill of materials of a run: every version that was read, and how it came to be.

What was read is taken from the verified journal of the run's own session, and that of its
validation, not from what the release said it would read.
"""

from __future__ import annotations

from typing import Any

from governed_kernel.governance.catalog import label
from governed_kernel.governance.may_learn import allowed
from governed_kernel.governance.register import Register
from governed_kernel.governance.transformation import chain_of
from governed_kernel.lineage.events import DatasetRegistered, DataTransformed
from governed_kernel.release.account import Account
from governed_kernel.release.recorded import read_session

__all__ = ["DATA_BILL", "data_bill"]

DATA_BILL = "urn:governed-notebooks:data-bill-of-materials:1"
"""Type of the predicate."""


def data_bill(account: Account) -> dict[str, Any]:
    """The predicate: each version that the run or its validation read, and its sources."""
    register = account.registry.register
    read: dict[str, set[str]] = {}
    for use, session_id in _sessions(account):
        session = read_session(account.workspace, register, session_id)
        for access, name in session.catalogued(register):
            if name and access.operation == "read" and access.decision != "denied":
                read.setdefault(name, set()).add(use)
    approved = {item.name for item in account.bound.inputs}
    return {
        "run": account.run.run_id,
        "release": account.bound.release,
        "releaseDigest": account.release.digest,
        "datasets": [
            {
                **_described(register, register.version(name)),
                "readBy": sorted(uses),
                "approvedInput": name in approved,
            }
            for name, uses in sorted(read.items())
        ],
        "sources": [
            _described(register, register.version(name)) for name in _sources(register, set(read))
        ],
    }


def _sessions(account: Account) -> list[tuple[str, str]]:
    """How the sessions used what they read, and their ids."""
    found = [("run", account.ended.session_id)]
    validation = account.registry.runs.get(account.validated.validation_run)
    if validation is not None and validation.ended is not None:
        found.append(("validation", validation.ended.session_id))
    return [(use, session) for use, session in found if session]


def _sources(register: Register, read: set[str]) -> list[str]:
    """What the versions that were read were made from, back to the first, and not read itself."""
    found: set[str] = set()
    waiting = sorted(read)
    while waiting:
        version = register.version(waiting.pop())
        for parent in (version.derived_from, *version.made_from):
            if parent and parent not in found | read:
                found.add(parent)
                waiting.append(parent)
    return sorted(found)


def _described(register: Register, version: DatasetRegistered) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": label(version),
        "kind": version.kind,
        "digest": {"sha256": version.sha256},
        "files": [{"name": file.path, "digest": {"sha256": file.sha256}} for file in version.files],
        "class": version.data_class,
        "owner": version.owner,
        "purposes": version.purposes,
        "legalBasis": version.legal_basis,
        "retentionUntil": version.retention_until,
        "licence": version.licence,
        "source": version.source,
        "origin": version.origin,
        "neverLearn": version.never_learn,
        "opened": allowed(register, version),
        "derivedFrom": [name for name in (version.derived_from, *version.made_from) if name],
        "transformations": [_transformation(step) for step in chain_of(register, version)],
    }
    if version.query:
        said["query"] = version.query
    for split in register.splits:
        for part, name in split.parts.items():
            if name == label(version):
                said["split"] = {
                    "part": part,
                    "of": f"{split.dataset}@{split.version}",
                    "code": {"name": split.code, "digest": {"sha256": split.code_sha256}},
                    "leaks": split.leaks,
                }
    return said


def _transformation(step: DataTransformed) -> dict[str, Any]:
    return {
        "from": step.made_from,
        "to": f"{step.dataset}@{step.version}",
        "rules": {"name": step.rules, "digest": {"sha256": step.rules_sha256}},
        "code": {"name": step.engine, "digest": {"sha256": step.code_sha256}},
        "operations": [
            {"operation": done["operation"], "reason": done["reason"]} for done in step.operations
        ],
        "rows": {"before": step.before["rows"], "after": step.after["rows"]},
        "dropped": step.dropped,
        "by": step.person,
    }
