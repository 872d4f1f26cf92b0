"""``governed rollback``: what was live before is live again, by one signed command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.loop.place import Place
from tests.loop.refusal import explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def twice(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Two bundles of one release went live, one after the other."""
    place = stages.validated.copy(tmp_path_factory.mktemp("twice"))
    place.done_here("deploy sour --env preprod --reason first {otto}")
    run = place.done("run sour --as otto -p seed 8 --json").facts["run"]
    place.done(f"validate {run} --as otto")
    place.done_here(f"approve sour --for deployment --run {run} --meaning approved {{mara}}")
    place.done_here(f"deploy sour --env preprod --run {run} --reason second {{otto}}")
    return place


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
    again = place.done_here("rollback --env preprod --reason better {otto} --json").facts
    assert again["bundle"] == second


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


ROOT = Path(__file__).parents[2]
IN_THE_KITCHEN = {
    "biopsy-triage": "sour",
    "wdbc": "berries",
    "record_id 842302": "berry_id b01",
    "--reason …": "--reason 'one berry of 36'",
}


def test_the_readmes_walk_goes_on_from_deployed_to_rolled_back_and_recalled(
    twice: Place, tmp_path: Path
) -> None:
    """Its section on releases, line by line; what comes before made `stages`, by the same words."""
    place = twice.copy(tmp_path)
    section = (ROOT / "README.md").read_text().partition("### 8. Release")[2].partition("### 9.")[0]
    lines = re.findall(r"(?m)^    governed (.*)$", section)
    assert [line.split()[0] for line in lines] == [
        *("approve", "deploy", "rollback", "release", "release", "recall", "recall", "recall")
    ]
    for line in lines[2:]:  # approved and deployed it is
        for there, here in IN_THE_KITCHEN.items():
            line = line.replace(there, here)
        if "answer" in line:
            (finding,) = place.done_here("recall list --json").facts
            line = re.sub(r"recall-[\w-]+", finding["recall"], line)
            explains(place.here("deploy sour --env production {otto}"), 3, "was recalled")
        place.done_here(re.sub(r"--as (\w+)", r"{\1}", line))
    found = place.release()
    assert [item["bundle"] for item in found["deployments"]][2] == bundles(place)[0]
    assert found["state"] == "released"
    assert found["recalls"][0]["state"] == "continued"
