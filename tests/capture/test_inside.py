from __future__ import annotations

import heapq
from typing import Any

from governed_kernel.capture.inside import _globals_of

push: Any = None


def fill(rows: list[int], number: int) -> None:
    push(rows, number)


def own(rows: list[int], number: int) -> None:
    rows.append(number)


def test_a_name_that_stands_for_a_function_of_the_user_s_by_now_is_judged_anew() -> None:
    def others(**variables: Any) -> frozenset[str]:
        return _globals_of(fill.__code__, variables, lambda file: file == __file__)[0]

    assert others(push=heapq.heappush) == {"push"}
    assert others(push=own) == set()
    assert others(push=heapq.heappush) == {"push"}
    assert others() == set()
