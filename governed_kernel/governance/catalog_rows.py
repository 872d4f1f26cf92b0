"""The catalog as rows and facts: one row a version, and all that is known of one of them."""

from __future__ import annotations

from typing import Any

import msgspec

from governed_kernel.governance import catalog, permission
from governed_kernel.governance.names import PURPOSES
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = ["facts", "row", "rows"]


def row(version: DatasetRegistered) -> dict[str, Any]:
    """One version as a line of a list."""
    return {
        "dataset": version.dataset,
        "version": version.version,
        "kind": version.kind,
        "class": version.data_class,
        "state": version.state,
        "owner": version.owner,
        "purposes": version.purposes,
        "retention_until": version.retention_until,
        "bytes": version.bytes,
        "rows": version.rows,
        "sha256": version.sha256,
    }


def rows(register: Register) -> list[dict[str, Any]]:
    """Every version of every dataset and base model, in the order in which they came."""
    return [row(version) for versions in register.datasets.values() for version in versions]


def facts(workspace: Workspace, register: Register, version: DatasetRegistered) -> dict[str, Any]:
    """All that is known of a version, and what a notebook may use it for."""
    found: dict[str, Any] = msgspec.to_builtins(version)
    del found["type"], found["schema"]
    decisions = {
        purpose: permission.decide_purpose(register, version, purpose) for purpose in PURPOSES
    }
    return {
        **found,
        "versions": [other.version for other in register.datasets[version.dataset]],
        "snapshot": str(catalog.snapshot_of(workspace, version)),
        "research": {
            purpose: "allowed" if decision.allowed else f"denied: {decision.reason}"
            for purpose, decision in decisions.items()
        },
    }
