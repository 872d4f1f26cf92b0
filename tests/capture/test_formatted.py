"""Which parts of a statement's text were put into it."""

from __future__ import annotations

import re
from itertools import product

import pytest

from governed_kernel.capture.formatted import _places_between


@pytest.mark.parametrize(
    ("own", "text", "put_in"),
    [
        (["a > ", ""], "a > 3", ["3"]),
        (["a > ", " and b > ", ""], "a > 3 and b > 4", ["3", "4"]),
        (["", "", ""], "ab", ["", "ab"]),
        (["limit 3"], "limit 3", []),
        (["limit 3"], "limit 30", None),
        (["ab", "b"], "ab", None),
        (["a", "x"], "abc", None),
        (["", ", ", ""], "a, b, c", ["a", "b, c"]),
    ],
)
def test_what_stands_between_its_own_parts_was_put_in(
    own: list[str], text: str, put_in: list[str] | None
) -> None:
    places = _places_between(own, text)
    found = None if places is None else [text[start:stop] for start, stop in places]
    assert found == put_in


def test_a_way_is_found_wherever_there_is_one() -> None:
    parts = ("", "a", "b", "ab")
    for own in product(parts, parts, parts):
        pattern = re.compile("(.*?)".join(map(re.escape, own)))
        for letters in product("ab", repeat=5):
            text = "".join(letters)
            match = pattern.fullmatch(text)
            places = _places_between(own, text)
            assert (places is None) == (match is None)
            if match is not None:
                assert places == [match.span(place) for place in (1, 2)]


def test_a_long_list_of_columns_takes_no_longer_than_it_is() -> None:
    """Tried in all ways, a thousand columns held against five took for ever."""
    text = f"select {', '.join(f'c{number}' for number in range(100_000))} from u"
    own = ["select ", *[", "] * 9, " from t where x > ", " limit 5"]
    assert _places_between(own, text) is None
