from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from governed_kernel.lineage.events import CaseResult
from governed_kernel.validation import gate


def case(name: str = "recall", **changes: Any) -> CaseResult:
    passed = CaseResult("functional", name, "passed", 0.9, 0.8, True)
    return msgspec.structs.replace(passed, **changes)


def test_it_opens_when_every_blocking_case_passed() -> None:
    advisory = case("style", outcome="failed", blocking=False)
    assert gate([case(), advisory], ["recall"]) == (True, [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"outcome": "failed", "value": 0.7}, "recall: failed, 0.7 against 0.8"),
        ({"outcome": "error", "note": "no answer"}, "no answer"),
        ({"value": math.nan}, "its value is no number"),
        ({"value": math.inf}, "its value is no number"),
        ({"threshold": math.nan}, "its value is no number"),
        ({"blocking": False, "outcome": "failed"}, "recall: failed"),
    ],
)
def test_it_stays_shut_on_anything_else(changes: dict[str, Any], said: str) -> None:
    passed, reasons = gate([case(**changes)], ["recall"])
    assert not passed
    assert said in reasons[0]


def test_it_stays_shut_when_a_case_is_missing_or_twice() -> None:
    assert gate([case()], ["recall", "brier"]) == (False, ["brier: the case is missing"])
    assert gate([case(), case()], ["recall"])[0] is False


def test_it_stays_shut_when_nothing_was_asked() -> None:
    assert gate([])[0] is False
    assert gate([case(blocking=False)])[0] is False
