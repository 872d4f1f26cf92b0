"""A drawn sample of the kills that ``python -m tests.attack.kill_points`` makes in full."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.kill_moments import Moments
from tests.attack.kill_points import Killing, Stopper, chosen_points, stopper_in
from tests.attack.scenarios import SCENARIOS, Scenario
from tests.attack.tally import Tally
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow

POINTS = 2
SEED = random.randrange(1 << 32)
"""Drawn anew each time, and printed when something goes wrong."""
OFTEN = ("data register", "deploy", "ingest", "migrate", "record and seal, release")
SAMPLE = [
    pytest.param(scenario, marks=() if scenario.name in OFTEN else pytest.mark.full)
    for scenario in SCENARIOS
]


@pytest.fixture(scope="module")
def stopper(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopper]:
    with stopper_in(stages, tmp_path_factory.mktemp("stopping")) as made:
        yield made


@pytest.mark.parametrize("scenario", SAMPLE, ids=[scenario.name for scenario in SCENARIOS])
def test_killed_anywhere_it_loses_blocks_and_doubles_nothing(
    stages: Stages, stopper: Stopper, scenario: Scenario, tmp_path: Path
) -> None:
    tally = Tally()
    killing = Killing(stages, scenario, stopper, tmp_path, tally)
    for at, half in chosen_points(killing.points, POINTS, random.Random(SEED)):
        killing.kill(at, half=half)
    assert not tally.wrong, f"seed {SEED}: " + "\n".join(tally.wrong)
    assert tally.killed.total() == POINTS


def test_a_kernel_killed_amid_its_cells_is_sealed_with_all_that_was_replied(
    stages: Stages, tmp_path: Path
) -> None:
    tally = Tally()
    moments = Moments.make(stages, tmp_path, tally, random.Random(SEED))
    moments.kill("kernel", "its process")
    assert not tally.wrong, f"seed {SEED}: " + "\n".join(tally.wrong)
    assert tally.after["done"] == 1


def test_the_attack_sees_what_is_lost(stages: Stages, stopper: Stopper, tmp_path: Path) -> None:
    """A command that acknowledges and then loses what it said is found out."""
    (scenario,) = (scenario for scenario in SCENARIOS if scenario.name == "approve")
    tally = Tally()
    killing = Killing(stages, scenario, stopper, tmp_path, tally)
    ledger = killing.place.workspace.ledger
    kept = ledger.read_bytes()
    killing.before.append(killing.before[-1])  # as if one record more had been there
    killing.kill(killing.points[0][0], half=False)
    assert len(tally.wrong) == 1
    assert "an acknowledged record is gone" in tally.wrong[0]
    assert ledger.read_bytes() == kept
