"""The README's tour is one walk; and ``governed rollback``, which it leads to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from governed_kernel.audit import pages
from governed_kernel.audit.dossier import Dossier
from governed_kernel.release.overview import summary
from governed_kernel.release.registry import Registry
from tests.loop import tour
from tests.loop.place import Place
from tests.loop.refusal import explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@dataclass
class Walked:
    """Where the tour ends, a copy from the middle of it, and what each line printed."""

    place: Place
    twice: Place
    printed: list[tuple[tour.Line, str]]

    def said(self, verb: str) -> list[str]:
        return [said for line, said in self.printed if line.verb == verb]


@pytest.fixture(scope="module")
def walked(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """Every line of the tour, in its order, in one workspace."""
    base = tmp_path_factory.mktemp("tour")
    place = tour.kitchen(base / "walk", stages.environment)
    printed, twice = [], None
    for line in tour.lines():
        if line.verb == "rollback":
            twice = place.copy(base / "twice")
        printed.append((line, tour.type_line(place, line)))
    assert twice is not None
    return Walked(place, twice, printed)


@pytest.fixture(scope="module")
def twice(walked: Walked) -> Place:
    """Two bundles of one release went live, one after the other."""
    return walked.twice


def test_the_tour_leads_from_intake_to_recall_on_one_ledger(walked: Walked) -> None:
    verbs = [line.verb for line, _ in walked.printed]
    assert [name for name in dict.fromkeys(verbs) if name in _STATIONS] == list(_STATIONS)
    place = walked.place
    (release,) = place.done_here("release list --json").facts
    assert (release["release"], release["state"]) == ("sour@1", "released")
    first, second = dict.fromkeys(bundles(place))
    assert bundles(place) == [first, second, first]
    assert place.release()["recalls"][0]["state"] == "continued"
    with place.inside():
        dossier = Dossier.read(place.workspace, "sour")
    assert dossier.run is not None
    assert dossier.run.bundle is not None
    assert dossier.run.bundle.name == first, "a report tells of what is live, not of the newest"
    page = pages.manager_page(dossier)
    assert "consent withdrawn" in page
    assert "mara: one record of 341" in page
    kinds = [type(event).__name__ for event in place.record()]
    signed = ("PersonAdded", "Promotion", "Approval", "Bundle", "Deployment", "RecallAnswer")
    assert [kinds.count(kind) for kind in signed] == [6, 1, 4, 2, 3, 1]
    denied = [event.action for event in place.events("Decided") if event.outcome == "denied"]
    assert denied == ["deploy"]
    assert len(place.events("RunRefused")) == 1


def test_the_tour_shows_what_is_printed(walked: Walked) -> None:
    """Names, times, digests and numbers are others here; the words around them are the same."""
    for line, said in walked.printed:
        shown = " ".join(line.shown)
        for words in _WORDS:
            if words in shown:
                assert words in " ".join(said.split()), (line.text, said)
    assert "IDENTICAL" in walked.said("audit rerun")[0]
    assert all("everything verifies" in said for said in walked.said("audit verify"))
    counted = next(line.shown for line, _ in walked.printed if line.verb == "audit verify")
    printed = walked.said("audit verify")[0].splitlines()
    assert [line for line in printed if line.endswith(" ok")] == counted[:-1]


def test_the_tour_shows_every_fact_that_a_signer_is_shown(walked: Walked) -> None:
    for verb, shape in (("approve", _FACT), ("policy explain", _ROW)):
        line, said = next((line, said) for line, said in walked.printed if line.verb == verb)
        shown, printed = shape.findall("\n".join(line.shown)), shape.findall(said)
        assert len(shown) > 4
        assert shown == printed, line.text


def test_the_numbers_that_the_tour_shows_are_those_of_the_example() -> None:
    """What a fresh copy has before anything is run: how many cells there are."""
    notebook = tour.README.parent / "notebooks" / "research" / "biopsy_triage.ipynb"
    text = tour.README.read_text()
    cells = nbformat.read(notebook, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert f"ran these {len(code)} cells" in text
    assert f"cells: {len(cells)} unchanged" in text
    assert f"cell 5/{len(cells) + 1}  Parameters" in text, "one cell holds what the run was given"


def bundles(place: Place) -> list[str]:
    return [str(item["bundle"]) for item in place.release()["deployments"]]


def test_one_command_puts_the_last_one_back(twice: Place, tmp_path: Path) -> None:
    place = twice.copy(tmp_path)
    first, second = bundles(place)
    done = place.done_here("rollback --env preprod {otto} --json").facts
    assert (done["bundle"], done["replaced"]) == (first, second)
    assert bundles(place) == [first, second, first]
    *over, now = place.release()["deployments"]
    assert [item["live_to"] is None for item in (*over, now)] == [False, False, True]
    (signed,) = [one for one in place.events("Deployment") if one.meaning == "rolled back"]
    assert (signed.person, signed.bundle) == ("otto", first)
    assert signed.reason == f"rolled back from {second}"
    assert now["bundle"] == first
    (row,) = place.done_here("release list --json").facts
    assert row["bundle"] == second  # the newest, and what is live is told beside it
    assert row["live"] == [{"environment": "preprod", "slot": "default", "bundle": first}]
    registry = Registry.read(place.workspace)
    assert summary(registry, registry.release("sour"))["live"] == row["live"]
    assert "preprod/default" in place.done_here("release list").out
    again = place.done_here("rollback --env preprod --reason better {otto} --json").facts
    assert again["bundle"] == second


def test_nor_is_it_stopped_by_an_edit_that_nobody_adopted(twice: Place, tmp_path: Path) -> None:
    place = twice.copy(tmp_path)
    first, second = bundles(place)
    (place.root / "governed.toml").write_text("[workspace\n")
    (place.root / "policies" / "more.cedar").write_text("forbid (principal, action, resource);")
    done = place.done_here("rollback --env preprod {otto} --json")
    assert "governed: warning: " in done.err
    assert "the adopted ones decide this" in done.err
    assert (done.facts["bundle"], done.facts["replaced"]) == (first, second)
    assert place.events("Decided")[-1].reason.endswith("the adopted ones decide this")
    revoked = place.done_here("revoke sour --reason 'wrong berries' {rui}")
    assert "the adopted ones decide this" in revoked.err
    explains(place.here("deploy sour --env preprod {otto}"), 2, "not a valid configuration")


def test_only_an_operator_rolls_back(twice: Place, tmp_path: Path) -> None:
    place = twice.copy(tmp_path)
    explains(place.here("rollback --env preprod {rui}"), 3, "operator")
    assert len(bundles(place)) == 2


def test_where_nothing_was_live_before_there_is_nothing_to_go_back_to(
    twice: Place, tmp_path: Path
) -> None:
    place = twice.copy(tmp_path)
    done = place.here("rollback --env production {otto}")
    explains(done, 3, "nothing to roll back to in production")
    assert place.events("Decided")[-1].action == "rollback"


def test_a_bundle_that_is_not_whole_any_more_is_passed_over(twice: Place, tmp_path: Path) -> None:
    place = twice.copy(tmp_path)
    first, _ = bundles(place)
    weights = place.workspace.bundles / first / "adapter" / "adapter_model.safetensors"
    if not weights.exists():
        (weights,) = (place.workspace.bundles / first).rglob("adapter_model.safetensors")
    weights.parent.chmod(0o755)
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    done = place.here("rollback --env preprod {otto}")
    explains(done, 3, "nothing to roll back to", first)
    assert len(bundles(place)) == 2


def test_what_was_rolled_back_is_recalled_and_answered_for(twice: Place, tmp_path: Path) -> None:
    """The end of the walk that the README tells: deployed, rolled back, recalled, live again."""
    place = twice.copy(tmp_path)
    place.done_here("rollback --env preprod {otto}")
    facts = place.done_here(
        "recall open berries --record berry_id b02 --reason 'taken back' {dora} --json"
    ).facts
    assert len(facts["bundles"]) == 2
    assert len(facts["deployments"]) == 3
    explains(place.here("rollback --env preprod {otto}"), 3, "nothing to roll back to", "recalled")
    answer = f"recall answer {facts['recall']} sour --decision continue --reason harmless"
    place.done_here(f"{answer} {{mara}}")
    assert (
        place.done_here("rollback --env preprod {otto} --json").facts["bundle"] == bundles(place)[1]
    )
    states = [step["state"] for step in place.release()["history"]]
    assert states == ["candidate", "approved", "executed", "validated", "released"]
    assert not place.here("audit verify --no-store").code


_FACT = re.compile(r"^  ([a-z]+) ", re.MULTILINE)
_ROW = re.compile(r"^│ (\w+) ", re.MULTILINE)
_STATIONS = (
    *("init", "people add", "data register", "data split", "policy explain", "release card"),
    *("check", "promote", "run", "approve", "validate", "deploy", "rollback", "release show"),
    *("recall plan", "recall open", "recall answer", "audit verify", "audit rerun"),
    *("audit report", "audit checkpoint"),
)
_WORDS = (
    "is not approved for a run: 0 of 2 approvals", "nobody else has approved this digest",
    "signs: reviewed, that it may be run", "(sealed) ran these", "nothing found",
    "made anew from these files just now", "locked-holdout", "is a locked holdout",
    "no policy can change that", "data.load", "pandas.read_csv", "inferred", "full",
    "was recalled", "IDENTICAL", "everything verifies", "succeeded",
)  # fmt: skip
