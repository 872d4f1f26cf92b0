"""The record's fixed words and those that the extension knows how to say are the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from governed_kernel import configuration
from governed_kernel.audit import report, rerun
from governed_kernel.governance import descriptions
from governed_kernel.lineage import condensed, ledger_events, session_states, vocabulary
from governed_kernel.release import difference, history, outputs, review, run_states
from governed_kernel.release.findings import Finding
from governed_kernel.validation.evidence import Case

LABELS = Path(__file__).parents[2] / "extension" / "src" / "labels.ts"
KNOWN = dict(re.findall(r"^    '?([\w -]+?)'?: trans\.__\('(.+)'\)", LABELS.read_text(), re.M))
TYPES = {
    "roles": configuration.Role,
    "purposes": configuration.Purpose,
    "states of releases": history.State,
    "states of versions": descriptions.State,
    "states of sessions": session_states.State,
    "kinds of versions": descriptions.Kind,
    "kinds of runs": run_states.Kind,
    "kinds of resources": vocabulary.ResourceKind,
    "kinds of changes": difference.Kind,
    "kinds of things in a graph": condensed.Kind,
    "what is verified": report.Kind,
    "outcomes of a verification": report.Outcome,
    "verdicts": rerun.Outcome,
    "operations": vocabulary.Operation,
    "evidence": vocabulary.Evidence,
}
FIELDS: dict[str, tuple[Any, str]] = {
    "states of runs": (run_states.RunState, "state"),
    "severities": (Finding, "severity"),
    "outcomes of cases": (Case, "outcome"),
    "comparisons": (Case, "comparison"),
    "decisions": (ledger_events.Decided, "outcome"),
    "kinds of refused runs": (ledger_events.RunRefused, "kind"),
}
RESULTS: dict[str, Any] = {
    "states of accepted risks": history.Acceptance.state_at,
    "states of recalls": history.RecallFinding.state.fget,  # type: ignore[attr-defined]
}
VOCABULARIES = {
    **{name: get_args(said) for name, said in TYPES.items()},
    **{name: get_args(get_type_hints(of)[field]) for name, (of, field) in FIELDS.items()},
    **{name: get_args(get_type_hints(of)["return"]) for name, of in RESULTS.items()},
    "relations": {*map(vocabulary.openlineage_word, get_args(vocabulary.Relation))},
    "layers": configuration.LAYERS,
    "states of restricted versions": tuple(review.RESTRICTED.values()),
    "states of runs without an end": ("started",),  # `history.RunRecord.state`
    "kinds of artifacts": (*outputs.KINDS.values(), "file"),
}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_word_of_the_record_is_one_that_the_extension_translates(name: str) -> None:
    words = VOCABULARIES[name]
    assert words
    assert [word for word in words if not KNOWN.get(word)] == []


def test_the_extension_knows_no_word_that_the_record_can_no_longer_say() -> None:
    assert KNOWN.keys() - {word for words in VOCABULARIES.values() for word in words} == set()
