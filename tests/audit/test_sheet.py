from __future__ import annotations

from governed_kernel.audit.sheet import table


def test_a_row_is_shown_where_saying_that_it_is_left_out_would_take_its_place() -> None:
    rows = [[str(number)] for number in range(10)]
    assert "more" not in table(["n"], rows, most=9)
    assert table(["n"], rows, most=9).count("<td") == 10
    left = table(["n"], rows, most=8)
    assert (left.count("<td"), "and 2 more" in left) == (8, True)
