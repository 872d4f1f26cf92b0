"""What is expensive is made once: the tests that share it are dealt to one worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from xdist.remote import Producer

from tests.conftest import TOGETHER, pytest_xdist_make_scheduler

ROOT = Path(__file__).parents[1]
ASKED_FOR = {"loop": "stages: Stages", "browser": "server: Server, place: Place"}


@pytest.mark.parametrize("what", TOGETHER)
def test_whoever_asks_for_it_is_dealt_to_the_worker_that_has_it(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(pytestconfig.option, "dist", "loadfile")
    monkeypatch.setattr(pytestconfig.option, "tx", ["popen"])
    deal = pytest_xdist_make_scheduler(pytestconfig, Producer("sharing"))
    files = [path for path in ROOT.glob("tests/*/test_*.py") if ASKED_FOR[what] in path.read_text()]
    assert len(files) > 1
    for path in files:
        file = path.relative_to(ROOT).as_posix()
        assert deal._split_scope(f"{file}::test_x[a]") == what, f"name {file} in tests/conftest.py"
    alone = "tests/test_files.py"
    assert deal._split_scope(f"{alone}::test_x") == alone


def test_another_way_of_dealing_is_left_to_who_asks_for_it(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytestconfig.option, "dist", "load")
    assert pytest_xdist_make_scheduler(pytestconfig, Producer("sharing")) is None
