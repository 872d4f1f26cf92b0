"""The catalog as rows and facts: one row a version, and all that is known of one of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from governed_kernel.governance import authorization, catalog, may_learn, permission
from governed_kernel.governance.names import PURPOSES
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = ["facts", "row", "rows", "shown"]


def row(version: DatasetRegistered, moment: datetime | None = None) -> dict[str, Any]:
    """One version as a line of a list; `moment` is that of a register."""
    return {
        "dataset": version.dataset,
        "version": version.version,
        "kind": version.kind,
        "class": version.data_class,
        "state": version.state,
        "owner": version.owner,
        "purposes": version.purposes,
        "retention_until": version.retention_until,
        "retention_over": authorization.is_expired(version, moment),
        "bytes": version.bytes,
        "rows": version.rows,
        "sha256": version.sha256,
    }


def rows(register: Register) -> list[dict[str, Any]]:
    """Every version of every dataset and base model, in the order in which they came."""
    moment = register.moment
    versions = (version for history in register.datasets.values() for version in history)
    return [row(version, moment) for version in versions]


def facts(workspace: Workspace, register: Register, version: DatasetRegistered) -> dict[str, Any]:
    """All that is known of a version, and what a notebook may use it for."""
    found: dict[str, Any] = msgspec.to_builtins(version)
    del found["type"], found["schema"]
    decisions = {
        purpose: permission.decide_purpose(register, version, purpose) for purpose in PURPOSES
    }
    rule = workspace.settings.classes.get(version.data_class)
    return {
        **found,
        "may_learn": may_learn.allowed(register, version),
        "retention_over": authorization.is_expired(version, register.moment),
        "versions": [other.version for other in register.datasets[version.dataset]],
        "snapshot": str(catalog.snapshot_of(workspace, version)),
        "masked": dict(rule.masked) if rule is not None and version.kind == "data" else {},
        "research": {
            purpose: "allowed" if decision.allowed else f"denied: {decision.reason}"
            for purpose, decision in decisions.items()
        },
    }


def shown(facts: dict[str, Any], as_json: bool) -> dict[str, Any]:
    """A row or facts as they are told: as they are to programs, and to people in words.

    They read nothing where rows were not counted, and that the day of the retention has passed.
    """
    if as_json:
        return facts
    passed = ", which has passed" if facts["retention_over"] else ""
    told = {**facts, "retention_until": f"{facts['retention_until']}{passed}"}
    del told["retention_over"]
    return told if facts["rows"] >= 0 else {**told, "rows": ""}
