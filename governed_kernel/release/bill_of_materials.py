"""``bom.cdx.json``: the bill of materials of a bundle, as CycloneDX 1.6 (an ML-BOM).

Written as JSON, since the format's Python library loses model cards; its validator is what the
tests hold this to. https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import governed_kernel
from governed_kernel.lineage.events import CaseResult, DatasetRegistered, FileDigest
from governed_kernel.release.account import NOT_STATED, Account, Material

__all__ = ["bill_of_materials", "licences"]

_SPDX = {
    name.lower(): name
    for name in (
        *("Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MPL-2.0"),
        *("GPL-2.0-only", "GPL-3.0-only", "LGPL-3.0-only", "AGPL-3.0-only", "Unlicense"),
        *("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"),
        *("ODbL-1.0", "ODC-By-1.0", "PDDL-1.0", "OpenRAIL++-M"),
    )
}
"""Licences written as SPDX's identifiers; CycloneDX admits any other only as a name."""
_KINDS = {"data": "data", "model": "machine-learning-model"}


def bill_of_materials(account: Account) -> dict[str, Any]:
    """The model, what it was made from and judged by, and what it ran with."""
    materials = list(account.materials())
    packages = [_package(item.name, item.version, item.record) for item in _packages(account)]
    code = [_code(file) for file in (account.bound.notebook, *account.bound.code)]
    suites = [_suite(suite.path, suite.sha256) for suite in account.bound.suites]
    components = [*(_material(item) for item in materials), *code, *suites, _python(account)]
    made_from = [item.name for item in materials if item.role == "input"]
    needed = [*made_from, *(item["bom-ref"] for item in [*code, _python(account), *packages])]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"{account.release.digest}/{account.run.run_id}")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial.urn,
        "version": 1,
        "metadata": {
            "timestamp": account.ended_at.isoformat(),
            "tools": {"components": [_tool()]},
            "component": _model(account, materials),
            "properties": _properties(
                release_digest=account.release.digest,
                run=account.run.run_id,
                environment=account.bound.environment,
            ),
        },
        "components": [*components, *packages],
        "dependencies": [
            {"ref": account.bound.release, "dependsOn": sorted(set(needed))},
            *(
                {"ref": item.name, "dependsOn": [item.version.derived_from]}
                for item in materials
                if item.version.derived_from
            ),
        ],
    }


def licences(stated: str) -> list[dict[str, Any]]:
    """A licence as it was stated; its SPDX identifier where it is one."""
    if not stated:
        return []
    known = _SPDX.get(stated.lower())
    return [{"license": {"id": known} if known else {"name": stated}}]


def _model(account: Account, materials: list[Material]) -> dict[str, Any]:
    name, _, version = account.bound.release.partition("@")
    bases = account.bases
    stated = bases[0].licence if bases else ""
    return {
        "type": "machine-learning-model",
        "bom-ref": account.bound.release,
        "name": name,
        "version": version,
        "description": "adapter to the base model" if account.is_adapter else "full weights",
        "authors": [{"name": account.release.promotion.printed_name}],
        # a licence of its own was not stated; what it was adapted from binds whoever uses it
        "pedigree": {
            "ancestors": [
                {
                    "type": "machine-learning-model",
                    "name": base.dataset,
                    "version": base.version,
                    "hashes": _sha256(base.sha256),
                    "licenses": licences(base.licence),
                }
                for base in bases
            ]
        },
        "components": [
            _file(f"artifacts/{item.name}", item.sha256) for item in account.ended.artifacts
        ],
        "modelCard": _model_card(account, materials),
        "properties": _properties(
            licence=account.card.model_card.licence or NOT_STATED,
            base_model_licence=stated or NOT_STATED,
            risk_class=account.release.promotion.risk_class,
        ),
    }


def _model_card(account: Account, materials: list[Material]) -> dict[str, Any]:
    used = [item for item in materials if item.version.kind == "data"]
    metrics = [_metric(case) for found in account.evaluations for case in found.cases]
    return {
        "modelParameters": {
            "datasets": [{"ref": f"data:{item.name}"} for item in used if item.role == "input"]
        },
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "properties": [
            *_properties(suite=account.validated.suite, passed=account.validated.passed),
            *(
                {"name": f"governed:parameter:{name}", "value": str(value)}
                for name, value in sorted(account.run.started.parameters.items())
            ),
            *(
                {
                    "name": "governed:learnt-from",
                    "value": f"{item.dataset} {item.column} {item.relation} {item.evidence}",
                }
                for item in account.learnt
            ),
        ],
    }


def _metric(case: CaseResult) -> dict[str, Any]:
    return {"type": f"{case.layer}/{case.case_id}", "value": f"{case.value:.17g}"}


def _material(material: Material) -> dict[str, Any]:
    version = material.version
    found: dict[str, Any] = {
        "type": _KINDS[version.kind],
        "bom-ref": material.name,
        "name": version.dataset,
        "version": version.version,
        "hashes": _sha256(version.sha256),
        "licenses": licences(version.licence),
        "properties": [
            *_properties(role=material.role, **_said(version)),
            *(
                {"name": f"governed:file:{file.path}", "value": f"sha256:{file.sha256}"}
                for file in version.files
            ),
        ],
    }
    if version.kind == "data":
        found["data"] = [
            {
                "type": "dataset",
                "bom-ref": f"data:{material.name}",
                "name": material.name,
                "classification": version.data_class,
                "governance": {"owners": [{"organization": {"name": version.owner}}]},
            }
        ]
    return found


def _said(version: DatasetRegistered) -> dict[str, Any]:
    return {
        "bytes": version.bytes,
        "rows": version.rows if version.rows >= 0 else NOT_STATED,
        "owner": version.owner,
        "purposes": ", ".join(version.purposes),
        "legal_basis": version.legal_basis,
        "retention_until": version.retention_until or NOT_STATED,
        "source": version.source,
        "origin": version.origin or NOT_STATED,
        "intended_use": version.intended_use or NOT_STATED,
        **(
            {
                "training_data": version.training_data or NOT_STATED,
                "adaptation": version.adaptation or NOT_STATED,
            }
            if version.kind == "model"
            else {}
        ),
        "never_learn": ", ".join(version.never_learn) or "none declared",
    }


def _packages(account: Account) -> Iterable[Any]:
    """Once each: an environment can hold two copies of a distribution, one hidden."""
    return {(item.name, item.version): item for item in account.lock.distributions}.values()


def _package(name: str, version: str, record: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "properties": _properties(record_sha256=record),
    }


def _python(account: Account) -> dict[str, Any]:
    return {
        "type": "platform",
        "bom-ref": "python",
        "name": account.lock.implementation,
        "version": account.lock.python,
        "hashes": _sha256(account.lock.interpreter),
        "properties": _properties(
            platform=account.lock.platform, standard_library_sha256=account.lock.standard_library
        ),
    }


def _code(file: FileDigest) -> dict[str, Any]:
    return _file(f"release/{file.path}", file.sha256)


def _suite(path: str, sha256: str) -> dict[str, Any]:
    """By the digest that approvals bound, over all files of the suite."""
    return {
        "type": "data",
        "bom-ref": f"suite:{path}",
        "name": path,
        "hashes": _sha256(sha256),
        "data": [{"type": "configuration", "name": path}],
        "properties": _properties(role="validation suite"),
    }


def _file(path: str, sha256: str) -> dict[str, Any]:
    return {"type": "file", "bom-ref": path, "name": path, "hashes": _sha256(sha256)}


def _tool() -> dict[str, Any]:
    version = governed_kernel.__version__
    return {"type": "application", "name": "governed-notebooks", "version": version}


def _sha256(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


def _properties(**said: Any) -> list[dict[str, str]]:
    return [
        {"name": f"governed:{name.replace('_', '-')}", "value": str(value)}
        for name, value in said.items()
    ]
