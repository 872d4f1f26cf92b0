"""Boxes that do not overlap, arrows that lead to the right, and cycles that do not matter."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governed_kernel.lineage.layout import Layout, lay_out

names = st.integers(0, 14).map(str)
graphs = st.tuples(
    st.dictionaries(names, st.tuples(st.just(200.0), st.floats(20, 90)), max_size=15),
    st.lists(st.tuples(names, names), max_size=40),
)


def overlapping(layout: Layout, sizes: dict[str, tuple[float, float]]) -> list[tuple[str, str]]:
    found = []
    for one, two in combinations(sizes, 2):
        (x, y), (other_x, other_y) = layout.boxes[one], layout.boxes[two]
        apart = abs(x - other_x) >= 200 or (
            y + sizes[one][1] <= other_y + 1e-6 or other_y + sizes[two][1] <= y + 1e-6
        )
        if not apart:
            found.append((one, two))
    return found


@given(graphs)
def test_whatever_is_laid_out_is_apart_and_inside(
    graph: tuple[dict[str, tuple[float, float]], list[tuple[str, str]]],
) -> None:
    sizes, edges = graph
    layout = lay_out(sizes, edges)
    assert set(layout.boxes) == set(sizes)
    assert not overlapping(layout, sizes)
    for name, (x, y) in layout.boxes.items():
        assert x >= 0
        assert y >= -1e-6
        assert x + sizes[name][0] <= layout.width + 1e-6
        assert y + sizes[name][1] <= layout.height + 1e-6
    known = {edge for edge in edges if edge[0] in sizes and edge[1] in sizes and edge[0] != edge[1]}
    assert set(layout.routes) == known
    for source, target in known - layout.backward:
        if (target, source) not in known:
            assert layout.boxes[source][0] < layout.boxes[target][0]


def test_a_long_arrow_goes_round_what_lies_between() -> None:
    sizes = dict.fromkeys("abc", (200.0, 40.0))
    layout = lay_out(sizes, [("a", "b"), ("b", "c"), ("a", "c")])
    assert [layout.boxes[name][0] for name in "abc"] == [0.0, 290.0, 580.0]
    through = [y for x, y in layout.routes["a", "c"] if 290 <= x <= 490]
    top = layout.boxes["b"][1]
    assert through
    assert all(not top <= y <= top + 40 for y in through)


def test_an_arrow_that_closes_a_cycle_is_known() -> None:
    sizes = dict.fromkeys("abc", (200.0, 40.0))
    layout = lay_out(sizes, [("a", "b"), ("b", "c"), ("c", "a"), ("b", "b")])
    assert layout.backward == {("c", "a")}
    assert layout.routes["c", "a"][0][0] > layout.routes["c", "a"][-1][0]


@pytest.mark.parametrize("edges", [[], [("x", "y")]])
def test_nothing_is_laid_out_as_nothing(edges: list[tuple[str, str]]) -> None:
    layout = lay_out({}, edges)
    assert (layout.width, layout.height, layout.boxes, layout.routes) == (0.0, 0.0, {}, {})


def test_crossings_that_need_not_be_are_none() -> None:
    sizes = dict.fromkeys([f"{side}{n}" for side in "lr" for n in range(6)], (200.0, 40.0))
    layout = lay_out(sizes, [(f"l{n}", f"r{5 - n}") for n in range(6)])
    left = sorted(range(6), key=lambda n: layout.boxes[f"l{n}"][1])
    right = sorted(range(6), key=lambda n: layout.boxes[f"r{5 - n}"][1])
    assert left == right
