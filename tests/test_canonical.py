"""What is hashed, and how."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from governed_kernel.canonical import canonical_json, digest_bytes, digest_file, digest_json
from governed_kernel.lineage.events import FileDigest


# Named functions: to describe a lambda hypothesis parses this file, which Python 3.11 can fail at
# by a fault of its own (gh-106905) while another thread parses.
def _rounded(number: float) -> float:
    return round(number, 4)


def _collections(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)


_NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-1e4, 1e4).map(_rounded)
    | st.sampled_from([1.0, -0.0, 1e16, 1e21, 1e-6, 1e-7, 0.1, 123456789012345.6])
)


def test_the_same_value_has_one_form() -> None:
    assert canonical_json({"b": 1, "a": [1.0, 1e21, "é"]}) == '{"a":[1,1e+21,"é"],"b":1}'.encode()
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | _NUMBERS,
        _collections,
        max_leaves=8,
    )
)
def test_every_value_has_the_form_of_the_standards_own_library(value: object) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [[math.nan], {"a": math.inf}, ["\ud800"], [2**53], [2**64]])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_json(value)


def test_structs_are_hashed_as_objects() -> None:
    assert canonical_json(FileDigest("a", "b", 3)) == b'{"bytes":3,"path":"a","sha256":"b"}'


@pytest.mark.parametrize("size", [0, 1, 1 << 16, (1 << 16) + 1, (1 << 20) + 5])
def test_a_file_is_hashed_like_its_bytes(tmp_path: Path, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    (tmp_path / "f").write_bytes(data)
    assert digest_file(tmp_path / "f") == digest_bytes(data) == hashlib.sha256(data).hexdigest()
    for part in (0, 1, size, size + 5):
        assert digest_file(tmp_path / "f", part) == digest_bytes(data[:part])
