"""What is expensive is made once: the tests that share it are dealt to one worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from xdist.remote import Producer

from tests.conftest import FIRST, TOGETHER, pytest_xdist_make_scheduler

ROOT = Path(__file__).parents[1]
ASKED_FOR = {
    "stages: Stages": {"commands", "audits"},
    "server: Server, place: Place": {"browser"},
}


@pytest.mark.parametrize("what", ASKED_FOR)
def test_whoever_asks_for_it_is_dealt_to_a_worker_that_has_it(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(pytestconfig.option, "dist", "loadfile")
    monkeypatch.setattr(pytestconfig.option, "tx", ["popen"])
    deal = pytest_xdist_make_scheduler(pytestconfig, Producer("sharing"))
    files = [path for path in ROOT.glob("tests/*/test_*.py") if what in path.read_text()]
    dealt = {}
    for path in files:
        file = path.relative_to(ROOT).as_posix()
        dealt[file] = deal._split_scope(f"{file}::test_x[a]")
        assert dealt[file] in ASKED_FOR[what], f"name {file} in tests/conftest.py"
    assert set(dealt.values()) == ASKED_FOR[what]
    assert len(files) > len(ASKED_FOR[what])
    alone = "tests/test_files.py"
    assert deal._split_scope(f"{alone}::test_x") == alone


def test_what_is_dealt_together_is_what_is_shared() -> None:
    assert set(TOGETHER) == set.union(*ASKED_FOR.values())


def test_the_longest_are_dealt_first_and_are_there() -> None:
    for name in FIRST:
        assert name in TOGETHER or (ROOT / name).is_file(), f"{name} of tests/conftest.py is gone"
    assert set(TOGETHER) <= set(FIRST)


def test_another_way_of_dealing_is_left_to_who_asks_for_it(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytestconfig.option, "dist", "load")
    assert pytest_xdist_make_scheduler(pytestconfig, Producer("sharing")) is None
