"""What no reader can take in is no TOML."""

from __future__ import annotations

import pytest

from governed_kernel.toml import NotToml, parse


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, "x = " + "1" * 5_001, "x", "x = '"])
def test_what_python_can_not_take_in_is_told_as_any_other_mistake(text: str) -> None:
    with pytest.raises(NotToml):
        parse(text)


@pytest.mark.parametrize("number", ["inf", "-inf", "nan", "+nan", "1e999", "-1_0.0e9_99"])
def test_a_number_without_an_end_is_a_mistake_with_its_line(number: str) -> None:
    with pytest.raises(NotToml, match=r"is no number that can be meant, in 'minutes .*line 3\)"):
        parse(f"[run]\nthreads = 2\nminutes = {number}\n")


def test_what_is_toml_is_read() -> None:
    assert parse("[a]\nb = [[1]]") == {"a": {"b": [[1]]}}
