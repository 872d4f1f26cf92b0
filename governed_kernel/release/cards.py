"""What a bundle says of itself: model card, data card and bill of materials, from evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import CaseResult, DatasetRegistered
from governed_kernel.release.manifest import Input, ReleaseManifest
from governed_kernel.release.registry import Registry, ReleaseRecord, RunRecord

__all__ = ["bill_of_materials", "data_card", "model_card"]


def bill_of_materials(register: Register, bound: ReleaseManifest) -> dict[str, Any]:
    """Everything the model was made from and judged by, down to the sources, by digest."""
    materials = [
        {
            "name": f"{version.dataset}@{version.version}",
            "role": role,
            "kind": version.kind,
            "sha256": version.sha256,
            "bytes": version.bytes,
            "rows": version.rows,
            "data_class": version.data_class,
            "owner": version.owner,
            "purposes": version.purposes,
            "legal_basis": version.legal_basis,
            "retention_until": version.retention_until,
            "source": version.source,
            "licence": version.licence,
            "origin": version.origin,
            "derived_from": version.derived_from,
            "files": version.files,
        }
        for role, version in _materials(register, bound)
    ]
    return {
        "release": bound.release,
        "release_digest": bound.digest(),
        "environment": bound.environment,
        "materials": materials,
        "code": [bound.notebook, *bound.code],
        "suites": [{"path": suite.path, "sha256": suite.sha256} for suite in bound.suites],
    }


def data_card(register: Register, bound: ReleaseManifest) -> str:
    """One section a dataset, in Markdown."""
    lines = [f"# Data of {bound.release}", ""]
    for role, version in _materials(register, bound):
        if version.kind != "data":
            continue
        lines += [
            f"## {_plain(version.dataset)}@{version.version}: {role}",
            "",
            f"- content: SHA-256 `{version.sha256}`, {version.bytes} bytes, {version.rows} rows",
            f"- class: {version.data_class}",
            f"- owner: {_plain(version.owner)}",
            f"- purposes: {', '.join(version.purposes)}",
            f"- legal basis: {_plain(version.legal_basis)}",
            f"- retention: {version.retention_until or 'no end set'}",
            f"- source: {_plain(version.source)}",
            f"- registered: {version.occurred_at:%Y-%m-%d} by {_plain(version.person)}",
            "",
        ]
    return "\n".join(lines)


def model_card(
    registry: Registry, release: ReleaseRecord, run: RunRecord, bound: ReleaseManifest
) -> str:
    """The model card, in the format that model hubs read (YAML front matter, Markdown)."""
    assert run.ended is not None
    assert run.validated is not None
    register = registry.register
    bases = [register.version(item.name) for item in bound.base_models()]
    front = ["---", "library_name: peft", "tags:", "- governed-notebooks"]
    if bases:
        front += [f"base_model: {bases[0].dataset}", f"license: {_yaml(bases[0].licence)}"]
    body = [
        *front,
        "---",
        "",
        f"# {bound.release}",
        "",
        f"Made by run `{run.run_id}` of release `{release.digest}`, "
        f"{run.ended.occurred_at:%Y-%m-%d %H:%M} UTC.",
        "",
        "## Base model",
        "",
        *(
            f"- {_plain(base.dataset)}@{base.version}: {_plain(base.origin or base.source)}, "
            f"licence {_plain(base.licence or 'not stated')}, SHA-256 `{base.sha256}`. "
            f"Intended use: {_plain(base.intended_use or 'not stated')}"
            for base in bases
        ),
        "",
        "## Training",
        "",
        *(f"- {name} = {_plain(str(value))}" for name, value in run.started.parameters.items()),
        f"- data: {', '.join(item.name for item in bound.inputs if item.kind == 'data')}",
        f"- environment `{bound.environment}`, {bound.threads} threads",
        "",
        f"## Evaluation: {run.validated.suite}, {_verdict(run.validated.passed)}",
        "",
        "| layer | case | outcome | value | threshold | blocking |",
        "|---|---|---|---|---|---|",
        *(_case_row(case) for case in run.validated.cases),
        "",
        "## Approvals",
        "",
        *_signers(registry, release, run),
        "",
    ]
    return "\n".join(body)


def _materials(
    register: Register, bound: ReleaseManifest
) -> Iterator[tuple[str, DatasetRegistered]]:
    """Role and version of each input, and of the datasets that it was derived from, once."""
    seen: set[str] = set()
    judged = [item for suite in bound.suites for item in suite.inputs]
    asked: list[tuple[str, Input]] = [("input", item) for item in bound.inputs]
    waiting = [(role, item.name) for role, item in [*asked, *(("evaluation", i) for i in judged)]]
    while waiting:
        role, name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        version = register.version(name)
        yield role, version
        if version.derived_from:
            waiting.append(("source", version.derived_from))


def _signers(registry: Registry, release: ReleaseRecord, run: RunRecord) -> Iterator[str]:
    register = registry.register
    yield f"- promoted by {_plain(release.promotion.printed_name)}"
    digest, _ = run.evidence()
    given = [
        *register.approvals_for(release.name, release.digest, "run"),
        *register.approvals_for(release.name, digest, "deployment", run.run_id),
    ]
    for item in given:
        if item.counts:
            yield (
                f"- {item.meaning} for {item.purpose} by {_plain(item.printed_name)} "
                f"({item.role}), {item.signed_at:%Y-%m-%d %H:%M} UTC"
            )


def _case_row(case: CaseResult) -> str:
    return (
        f"| {case.layer} | {case.case_id} | {case.outcome} | {case.value:.4g} "
        f"| {case.threshold:.4g} | {'yes' if case.blocking else 'no'} |"
    )


def _verdict(passed: bool) -> str:
    return "passed" if passed else "not passed"


def _plain(text: str) -> str:
    """Text of people as text: no line breaks, no Markdown or HTML that a viewer would act on."""
    flat = " ".join(text.split())
    for character in "\\`*_[]<>|#":
        flat = flat.replace(character, f"\\{character}")
    return flat


def _yaml(text: str) -> str:
    return text.lower() if text.replace("-", "").replace(".", "").isalnum() else "other"
