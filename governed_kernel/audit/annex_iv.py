"""Annex IV of Regulation (EU) 2024/1689 point by point: which evidence there is, and what lacks.

The points are paraphrased from https://eur-lex.europa.eu/eli/reg/2024/1689/oj.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from governed_kernel.audit.dossier import Dossier

__all__ = ["Point", "points"]

Status: TypeAlias = Literal["recorded", "said", "partly", "lacking", "for people"]


class Point(NamedTuple):
    """One point of the annex.

    Attributes
    ----------
    asks : str
        What it asks for, in short.
    evidence : str
        Where that lies, below the bundle's folder unless it says otherwise.
    status : str
        ``recorded`` by the work itself, ``said`` by people and signed, ``partly``, ``lacking``
        where it belongs into the record and is not there, or ``for people`` outside of it.
    """

    point: str
    asks: str
    evidence: str
    status: Status


_OUTSIDE: tuple[tuple[str, str], ...] = (
    ("1(b)", "how it interacts with hardware and software beside it"),
    ("1(d)", "the forms in which it is placed on the market or put into service"),
    ("1(f)", "photographs or illustrations, where it is part of a product"),
    ("1(g)", "the user interface that deployers are given"),
)


def points(found: Dossier) -> Iterator[Point]:
    """Every point, in the annex's order."""
    rows = [*_general(found), *_development(found), *_afterwards(found)]
    rows += [Point(point, asks, "none in this record", "for people") for point, asks in _OUTSIDE]
    yield from sorted(rows, key=lambda row: (int(row.point[0]), row.point))


def _general(found: Dossier) -> Iterator[Point]:
    yield Point(
        "1(a)",
        "intended purpose, provider, version and its relation to previous versions",
        "release/card.toml, README.md, release/manifest.json, release/diff.html",
        _said(found, "model_card.intended_use", "model_card.contact"),
    )
    yield Point(
        "1(c)",
        "versions of relevant software and firmware",
        "release/environment.json, bom.cdx.json",
        "recorded",
    )
    yield Point(
        "1(e)",
        "hardware on which it is to run",
        "manifest.json (platform fingerprint of the run); what it is to run on is for people",
        "partly" if found.run and found.run.ended else "lacking",
    )
    yield Point(
        "1(h)",
        "instructions for use for the deployer",
        "README.md (intended use, out-of-scope use, limitations, contact)",
        "partly" if _said(found, "model_card.out_of_scope_use") == "said" else "lacking",
    )


def _development(found: Dossier) -> Iterator[Point]:
    bases = ", ".join(item.name for item in found.bound.base_models()) or "no base model"
    yield Point(
        "2(a)",
        "methods and steps of development, and use of pre-trained systems",
        f"release/{found.bound.notebook.path}, artifacts/notebook.ipynb, "
        f"attestations/provenance.dsse.json; {bases}",
        "recorded",
    )
    yield Point(
        "2(b)",
        "design: logic, choices, assumptions, what is optimised, trade-offs",
        "release/origin.ipynb (the research notebook’s own words), release/card.toml",
        "partly",
    )
    yield Point(
        "2(c)",
        "architecture, and computational resources used",
        "artifacts/, manifest.json (threads, fingerprint), bom.cdx.json",
        "partly" if found.run and found.run.ended else "lacking",
    )
    yield Point(
        "2(d)",
        "data: provenance, scope, characteristics, selection, labelling, cleaning",
        "data_card.md, data_card.croissant.json, bom.cdx.json; lineage of each column: "
        "README.md (What the weights owe to)",
        "recorded",
    )
    yield Point(
        "2(e)",
        "human oversight measures (Article 14)",
        "release/card.toml (use_case.decision: who takes the decision), approvals/",
        "partly" if _said(found, "use_case.decision") == "said" else "lacking",
    )
    yield Point(
        "2(f)",
        "changes that were determined beforehand",
        "release/manifest.json (bounds of every parameter; anything else is a new version)",
        "recorded",
    )
    validated = found.run is not None and bool(found.run.evaluations)
    yield Point(
        "2(g)",
        "validation and testing: data, metrics, logs and reports, dated and signed",
        "evaluation/, attestations/test-result-*.dsse.json, approvals/*-deployment-*.dsse.json, "
        "risk_acceptances/",
        "recorded" if validated else "lacking",
    )
    yield Point(
        "2(h)",
        "cybersecurity measures",
        "model.sig, SHA256SUMS, signature.dsse.json, release/environment.json; of the place where "
        "it runs: for people",
        "partly",
    )


def _afterwards(found: Dossier) -> Iterator[Point]:
    yield Point(
        "3",
        "capabilities and limitations, accuracy for groups, unintended outcomes",
        "release/card.toml (limitations, risk_if_wrong), evaluation/",
        "partly" if _said(found, "model_card.limitations") == "said" else "lacking",
    )
    yield Point(
        "4",
        "why the performance metrics are appropriate",
        "release/suites/*/suite.toml (each case with its threshold and why)",
        "partly",
    )
    yield Point(
        "5",
        "risk management system (Article 9)",
        "release/card.toml (use_case), risk_acceptances/, governed.toml (risk_classes); findings "
        "of recalls: ‘governed release show’",
        "partly",
    )
    yield Point(
        "6",
        "changes through the lifecycle",
        "release/diff.html, and the ledger: ‘governed release show’, ‘governed audit verify’",
        "recorded",
    )
    yield Point("7", "harmonised standards applied", "none in this record", "for people")
    yield Point("8", "EU declaration of conformity", "none in this record", "for people")
    yield Point(
        "9",
        "post-market monitoring",
        "deployments with their intervals: ‘governed release show’; the plan is for people",
        "partly" if found.path["deployments"] else "lacking",
    )


def _said(found: Dossier, *fields: str) -> Status:
    return "said" if all(found.card[field].strip() for field in fields) else "lacking"
