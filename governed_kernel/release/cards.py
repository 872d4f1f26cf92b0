"""``README.md`` and ``data_card.md`` of a bundle: what the record says, and no word more.

The model card has the format that model hubs read: YAML front matter, then Markdown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from governed_kernel.governance.may_learn import allowed
from governed_kernel.lineage.events import CaseResult, DatasetRegistered, ValidationRecorded
from governed_kernel.release import intake
from governed_kernel.release.account import NOT_STATED, Account, Learnt, Material
from governed_kernel.release.evaluations import compared

__all__ = ["data_card", "model_card"]

_HUB = re.compile(r"^[\w.-]+/[\w.-]+$")
_HUMAN = {
    "Use case": ("use_case.decision", "use_case.risk_if_wrong", "use_case.regime"),
    "Intended use": ("model_card.intended_use",),
    "Out-of-scope use": ("model_card.out_of_scope_use",),
    "Limitations and risks": ("model_card.limitations",),
    "Contact": ("model_card.contact",),
}
"""Sections that only people can fill, and the fields of their card that do."""


_ONLY_READ = "Data that the run read and, as far as is on record, did not learn from"


def model_card(account: Account) -> str:
    """The model card."""
    lines = [
        *_front(account),
        "",
        f"# {account.bound.release}",
        "",
        "Written from the signed record of the run; what nobody said is "
        f"*{NOT_STATED}*. The files and their digests are in `manifest.json`.",
        "",
        *_model(account),
        *_said(account),
        *_section("Base model", map(_base, account.bases)),
        *_section("Training data", map(_used, account.inputs(learnt=True))),
        *_section(_ONLY_READ, map(_used, account.inputs(learnt=False)), "none"),
        *_section("What the weights owe to", map(_learnt, account.learnt)),
        *_section("Training", _training(account)),
        *(line for found in account.evaluations for line in _evaluation(account, found)),
        *_section("Accepted risks", _risks(account), "none"),
        *_section("Approvals", _approvals(account)),
    ]
    return "\n".join(lines)


def data_card(account: Account) -> str:
    """One section a dataset."""
    lines = [f"# Data of {account.bound.release}", ""]
    for material in account.data():
        lines += [f"## {_plain(material.name)}: {material.role}", "", *_facts(account, material)]
        if material.role == "input":
            learnt = {item.column for item in account.learnt if item.dataset == material.name}
            lines.append(f"- columns that went into the weights: {_columns(learnt)}")
        lines.append("")
    return "\n".join(lines)


def _said(account: Account) -> Iterator[str]:
    """What the author of the release wrote, and every approver signed."""
    said = intake.facts(account.card)
    for title, fields in _HUMAN.items():
        told = [_plain(said[field]) or NOT_STATED for field in fields]
        labels = [field.partition(".")[2].replace("_", " ") for field in fields]
        lines = [f"- {label}: {text}" for label, text in zip(labels, told, strict=True)]
        yield from [f"## {title}", "", *(lines if len(lines) > 1 else told), ""]


def _risks(account: Account) -> Iterator[str]:
    for item in account.run.risks():
        said = item.said
        yield (
            f"- {_plain(said.case_id)} ({said.value:.4g} against {said.threshold:.4g}) until "
            f"{said.expires_at:%Y-%m-%d}, by {_plain(said.printed_name)}: {_plain(said.reason)}; "
            f"instead: {_plain(said.control)}"
        )


def _front(account: Account) -> list[str]:
    """The metadata that hubs index; JSON's strings are YAML's as well."""
    found = ["---"]
    if account.is_adapter:
        found.append("library_name: peft")
    for base in account.bases[:1]:
        # A hub knows its own names only; elsewhere the catalog's is all there is.
        name = base.origin if _HUB.match(base.origin) else base.dataset
        found += [f"base_model: {json.dumps(name, ensure_ascii=False)}"]
        found += ["base_model_relation: adapter"] if account.is_adapter else []
    if trained := account.inputs(learnt=True):  # which is what hubs take them for
        found += ["datasets:", *(f"- {json.dumps(item.name)}" for item in trained)]
    return [*found, "tags:", "- governed-notebooks", "---"]


def _model(account: Account) -> list[str]:
    bound, ended = account.bound, account.ended
    return [
        "## Model",
        "",
        f"- run `{account.run.run_id}`, ended {account.ended_at:%Y-%m-%d %H:%M} UTC after "
        f"{ended.seconds:.1f} s",
        f"- release digest `{account.release.digest}`",
        f"- {'adapter' if account.is_adapter else 'model'} made by {_plain(bound.author)} in "
        f"`{_code(bound.research_notebook.path)}`, git commit {bound.git_commit or NOT_STATED}",
        f"- risk class: {_plain(account.release.promotion.risk_class)}",
        f"- licence: {_plain(account.card.model_card.licence) or NOT_STATED}",
        *(f"- `{_code(item.name)}`: SHA-256 `{item.sha256}`" for item in account.weights),
        "",
    ]


def _base(base: DatasetRegistered) -> str:
    return (
        f"- {_plain(base.dataset)}@{base.version}, SHA-256 `{base.sha256}`\n"
        f"  - origin: {_plain(base.origin or base.source)}\n"
        f"  - licence: {_plain(base.licence or NOT_STATED)}\n"
        f"  - intended use: {_plain(base.intended_use or NOT_STATED)}\n"
        f"  - its training data: {_plain(base.training_data or NOT_STATED)}\n"
        f"  - why it was adapted: {_plain(base.adaptation or NOT_STATED)}"
    )


def _used(item: Material) -> str:
    rows = f"{item.version.rows} rows, " if item.version.rows >= 0 else ""
    return f"- {_plain(item.name)}: {rows}class {_plain(item.version.data_class)}; `data_card.md`"


def _learnt(item: Learnt) -> str:
    column = "columns that are not known" if item.column == "*" else f"`{_code(item.column)}`"
    return f"- {column} of {_plain(item.dataset)}: {item.relation}, {item.evidence}"


def _training(account: Account) -> Iterator[str]:
    for name, value in account.run.started.parameters.items():
        yield f"- {_plain(name)} = {_plain(str(value))}"
    yield f"- environment `{account.bound.environment}`, {account.bound.threads} threads"
    yield f"- platform fingerprint `{account.ended.fingerprint.get('sha256', NOT_STATED)}`"


def _evaluation(account: Account, found: ValidationRecorded) -> list[str]:
    thresholds = compared(account.workspace, found)
    judged = ", ".join(item.name for item in account.data() if item.role == "evaluation")
    return [
        f"## Evaluation: {_plain(found.suite)}, {'passed' if found.passed else 'not passed'}",
        "",
        f"On {_plain(judged) or NOT_STATED}, by run `{found.validation_run}`.",
        "",
        "| layer | case | outcome | value | threshold | blocking |",
        "|---|---|---|---|---|---|",
        *(_case_row(case, thresholds[case.case_id]) for case in found.cases),
        "",
    ]


def _approvals(account: Account) -> Iterator[str]:
    promotion = account.release.promotion
    yield (
        f"- promoted by {_plain(promotion.printed_name)}, {promotion.signed_at:%Y-%m-%d %H:%M} UTC"
    )
    for item in account.approvals():
        yield (
            f"- {item.meaning} for {item.purpose} by {_plain(item.printed_name)} "
            f"({item.role}), {item.signed_at:%Y-%m-%d %H:%M} UTC"
        )


def _facts(account: Account, material: Material) -> Iterator[str]:
    version = material.version
    rows = f"{version.rows} rows" if version.rows >= 0 else f"rows {NOT_STATED}"
    yield f"- content: SHA-256 `{version.sha256}`, {version.bytes} bytes, {rows}"
    for file in version.files:
        yield f"  - `{_code(file.path)}`: SHA-256 `{file.sha256}`, {file.bytes} bytes"
    yield f"- class: {_plain(version.data_class)}"
    yield f"- owner: {_plain(version.owner)}"
    yield f"- purposes: {', '.join(version.purposes)}"
    yield f"- legal basis: {_plain(version.legal_basis or NOT_STATED)}"
    yield f"- licence: {_plain(version.licence or NOT_STATED)}"
    yield f"- retention: {version.retention_until or 'no end set'}"
    yield f"- source: {_plain(version.source or NOT_STATED)}"
    for split in account.registry.register.splits:
        if material.name in split.parts.values():
            part = next(key for key, name in split.parts.items() if name == material.name)
            checks = ", ".join(f"{_plain(name)} {found}" for name, found in split.leaks.items())
            yield (
                f"- {part} of {_plain(f'{split.dataset}@{split.version}')}, split by "
                f"`{_code(split.code)}` (SHA-256 `{split.code_sha256}`); leaks found: "
                f"{checks or 'not looked for'}"
            )
    yield f"- never to be learnt: {_columns(set(version.never_learn), 'nothing declared')}"
    for opened in allowed(account.registry.register, version):
        said = f"{opened['said']}: {_columns(set(opened['columns']))}"
        yield f"- {said}, by {_plain(opened['by'])}: {_plain(opened['reason'])}"
    yield f"- registered: {version.occurred_at:%Y-%m-%d} by {_plain(version.person)}"


def _columns(columns: set[str], none: str = "none on record") -> str:
    if "*" in columns:
        return "not known"
    return ", ".join(f"`{_code(name)}`" for name in sorted(columns)) or none


def _section(title: str, lines: Iterator[str], none: str = NOT_STATED) -> list[str]:
    return [f"## {title}", "", *(list(lines) or [f"- {none}"]), ""]


def _case_row(case: CaseResult, threshold: str) -> str:
    return (
        f"| {_plain(case.layer)} | {_plain(case.case_id)} | {case.outcome} | {case.value:.4g} "
        f"| {threshold} | {'yes' if case.blocking else 'no'} |"
    )


def _plain(text: str) -> str:
    """Text of people as text: no line breaks, no Markdown or HTML that a viewer would act on."""
    flat = " ".join(text.split())
    for character in "\\`*_[]<>|#&":
        flat = flat.replace(character, f"\\{character}")
    return flat


def _code(text: str) -> str:
    """Text that stands between backticks, which it can't end."""
    return " ".join(text.split()).replace("`", "'")
