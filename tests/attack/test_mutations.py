"""A drawn sample of the attack that ``python -m tests.attack.mutations`` makes in full."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.attack.kinds import KINDS, kept_files, strangers
from tests.attack.mutations import Attack, run
from tests.attack.workspace import FullWorkspace, full_workspace
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow

COUNT = 400
SEED = random.randrange(1 << 32)
"""Drawn anew each time, and printed when something is missed."""


@pytest.fixture(scope="module")
def workspace(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullWorkspace]:
    with full_workspace(stages, tmp_path_factory.mktemp("attack")) as made:
        yield made


@pytest.fixture
def attack(workspace: FullWorkspace) -> Attack:
    return Attack(workspace, random.Random(SEED))


def test_every_file_is_of_a_known_kind_and_every_kind_is_there(workspace: FullWorkspace) -> None:
    assert strangers(workspace.root) == []
    assert {kept.kind for kept in kept_files(workspace.root)} == KINDS.keys()


def test_every_change_in_a_sample_is_found_and_named(attack: Attack) -> None:
    run(attack, COUNT, every_boundary=False)
    assert not attack.tally.missed, f"seed {SEED}: " + "\n".join(attack.tally.missed)
    assert attack.tally.tried.total() >= COUNT
    assert attack.tally.untouched


def test_the_attack_sees_when_something_is_missed(attack: Attack) -> None:
    """Where nobody says how far a session went, a cut is UNSEALED; it would not do elsewhere."""
    (kept,) = (
        kept for kept in attack.workspace.files() if kept.kind == "journal, cut off, no word"
    )
    *lines, _ = kept.path.read_bytes().splitlines(keepends=True)
    attack.attempt(kept, "truncate", "its last record", b"".join(lines))
    assert attack.tally.unsealed.total() == 1
    renamed = type(kept)("journal, sealed", kept.path, kept.name)
    attack.attempt(renamed, "truncate", "its last record", b"".join(lines))
    assert len(attack.tally.missed) == 1
