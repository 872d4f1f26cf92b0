"""What a worker asks again, and what it takes for an output."""

from __future__ import annotations

import fcntl
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from governed_kernel.errors import IntegrityBroken
from governed_kernel.release import run_states, worker
from tests.loop.stages import Stages


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"seed": 99}},
        {"environment": "0" * 64},
        {"kind": "rerun"},
        {"threads": 64},
        {"inputs": []},
        {"notebook": "research/other.ipynb"},
        {"repeats": "run-20260101T000000-00000001"},
    ],
    ids=str,
)
def test_a_plan_that_is_not_on_record_is_refused(stages: Stages, change: dict[str, Any]) -> None:
    place = stages.executed
    with place.inside():
        plan = run_states.plan_of(place.workspace, stages.run_id)
        assert worker.check_again(place.workspace, plan)
        with pytest.raises(IntegrityBroken, match="is not what was asked for"):
            worker.check_again(place.workspace, msgspec.structs.replace(plan, **change))


def test_who_holds_the_state_of_a_run_keeps_its_progress_from_people_and_nothing_else(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read a run's folder is enough to hold its lock, and hours were computed by then."""
    monkeypatch.setattr(worker, "_SECONDS_FOR_PROGRESS", 0.01)
    place = stages.executed
    with place.inside():
        plan = run_states.plan_of(place.workspace, stages.run_id)
        tell = worker._progress(place.workspace, plan)
        cell = SimpleNamespace(cell_type="code", source="x = 1")
        folder = run_states.run_folder(place.workspace, stages.run_id)
        with (folder / "state.lock").open() as held:
            fcntl.flock(held, fcntl.LOCK_SH)
            tell(0, cell)
        tell(1, cell)
