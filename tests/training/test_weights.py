from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from governed_kernel.errors import IntegrityBroken, UnknownName
from governed_kernel.training import TensorDifference, compare_weights, weights_digest


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "b.weight": torch.rand(3, 4, generator=generator),
        "a.bias": torch.rand(5, generator=generator).to(torch.bfloat16),
        "count": torch.tensor(4),
        "empty": torch.zeros(0, 2),
    }


def test_a_state_and_its_file_have_the_same_digest(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert weights_digest(tmp_path / "model.safetensors") == weights_digest(state)


def test_a_model_in_two_files_has_the_digest_of_the_same_model_in_one(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    save_file({"a.bias": state.pop("a.bias")}, tmp_path / "model-1.safetensors")
    save_file(state, tmp_path / "model-2.safetensors")
    whole = weights_digest(tmp_path)
    assert [tensor.name for tensor in whole.tensors] == ["a.bias", "b.weight", "count", "empty"]


def test_one_changed_bit_is_named_with_its_size(state: dict[str, torch.Tensor]) -> None:
    other = {**state, "b.weight": state["b.weight"].clone()}
    other["b.weight"][1, 2] += 0.25
    assert weights_digest(other).sha256 != weights_digest(state).sha256
    (difference,) = compare_weights(state, other)
    assert (difference.name, difference.reason, difference.elements) == ("b.weight", "values", 1)
    assert difference.max_abs == pytest.approx(0.25)
    assert "b.weight: 1 values differ" in str(difference)


def test_missing_added_reshaped_and_retyped_tensors_are_told_apart(
    state: dict[str, torch.Tensor],
) -> None:
    other = {
        "b.weight": state["b.weight"].reshape(4, 3),
        "a.bias": state["a.bias"].to(torch.float32),
        "count": state["count"],
        "new": torch.ones(1),
    }
    found = {difference.name: difference.reason for difference in compare_weights(state, other)}
    assert found == {"b.weight": "shape", "a.bias": "dtype", "empty": "missing", "new": "added"}


def test_a_value_that_is_no_number_is_infinitely_far_away() -> None:
    one, other = {"w": torch.tensor([1.0])}, {"w": torch.tensor([math.nan])}
    assert compare_weights(one, other) == [TensorDifference("w", "values", math.inf, 1)]


def test_equal_weights_have_no_difference(state: dict[str, torch.Tensor]) -> None:
    assert compare_weights(state, {name: state[name].clone() for name in state}) == []


@given(cut=st.integers(min_value=0, max_value=400), garbage=st.binary(max_size=24))
def test_a_damaged_file_is_refused_and_never_read_past_its_end(
    cut: int, garbage: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = tmp_path_factory.mktemp("damaged") / "w.safetensors"
    save_file({"w": torch.ones(100)}, whole)
    data = whole.read_bytes()
    whole.write_bytes(garbage + data[: min(cut, len(data) - 1)])
    with pytest.raises(IntegrityBroken, match="no well-formed"):
        weights_digest(whole)


def test_the_same_tensor_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_file({"w": torch.ones(1)}, tmp_path / f"{name}.safetensors")
    with pytest.raises(IntegrityBroken, match="occurs twice"):
        weights_digest(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="has no weights"):
        weights_digest(tmp_path)


ONE = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}
LIES = {
    "nested": (b'{"a":' + b"[" * 200_000, b"", "nested too deeply|no JSON"),
    "overlapping": ({"a": ONE, "b": ONE}, bytes(8), "overlap"),
    "overlapping in part": (
        {"a": ONE, "b": {**ONE, "data_offsets": [4, 12]}}, bytes(12), "'b' overlap",
    ),
    "more shape than bytes": ({"a": {**ONE, "shape": [10**12, 10**9]}}, bytes(8), "8 bytes"),
    "more extents than can be multiplied": (
        {"a": {**ONE, "shape": [1 << 63] * 300_000}}, bytes(8), "8 bytes",
    ),
    "nothing of too much": (
        {"a": {**ONE, "shape": [1 << 63, 4, 0], "data_offsets": [0, 0]}}, b"", "0 bytes",
    ),
    "fewer shape than bytes": ({"a": {**ONE, "shape": [0]}}, bytes(8), "8 bytes"),
    "negative extents": ({"a": {**ONE, "shape": [-1, -1]}}, bytes(8), "mean nothing"),
    "truth for a number": ({"a": {**ONE, "shape": [True]}}, bytes(8), "mean nothing"),
    "a hole": ({"a": ONE, "b": {**ONE, "data_offsets": [16, 24]}}, bytes(24), "hole"),
    "a hole at the beginning": ({"a": {**ONE, "data_offsets": [8, 16]}}, bytes(16), "hole"),
    "bytes behind": ({"a": ONE}, bytes(16), "end at byte"),
    "too few bytes": ({"a": ONE}, bytes(4), "end at byte"),
    "backwards": ({"a": {**ONE, "data_offsets": [8, 0]}}, bytes(8), "mean nothing"),
    "an unknown type": ({"a": {**ONE, "dtype": "F7"}}, bytes(8), "F7"),
    "half a byte": ({"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}}, bytes(2), "F4"),
    "a name twice": (
        b'{"a":' + json.dumps(ONE).encode() + b',"a":' + json.dumps(ONE).encode() + b"}",
        bytes(8), "twice",
    ),
    "a space first": (b" {}", b"", "no JSON object"),
    "a list": (b"[]", b"", "no JSON object"),
    "no text": (b'{"\xff":1}', b"", "no JSON"),
    "half a letter in a name": ({"\ud800": ONE}, bytes(8), "surrogates"),
    "half a letter in its metadata": (
        {"__metadata__": {"a": "\udfff"}, "a": ONE}, bytes(8), "surrogates",
    ),
    "an entry that is none": ({"a": 1}, b"", "incomplete"),
    "metadata that is no text": ({"__metadata__": {"a": 1}, "a": ONE}, bytes(8), "metadata"),
}  # fmt: skip


def written(path: Path, header: object, body: bytes) -> Path:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + body)
    return path


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_refused_in_words(tmp_path: Path, lie: str) -> None:
    header, body, said = LIES[lie]
    path = written(tmp_path / "w.safetensors", header, body)
    with pytest.raises(IntegrityBroken, match="no well-formed") as refused:
        weights_digest(path)
    assert re.search(said, refused.value.why)


def test_a_header_that_is_longer_than_the_file_or_the_format_allows_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(IntegrityBroken, match="cut off"):
        weights_digest(path)
    path.write_bytes(struct.pack("<Q", 100_000_001))
    os.truncate(path, 100_000_009)
    with pytest.raises(IntegrityBroken, match="100,000,000"):
        weights_digest(path)


def test_whatever_the_library_takes_is_taken_and_nothing_else(tmp_path: Path) -> None:
    fine: dict[str, tuple[object, bytes]] = {
        "sub-byte numbers": (
            {"a": {"dtype": "F4", "shape": [3, 2], "data_offsets": [0, 3]},
             "b": {"dtype": "F6_E2M3", "shape": [4], "data_offsets": [3, 6]}}, bytes(6),
        ),
        "nothing at all": (b"{}", b""),
        "padded": (b"{}      ", b""),
        "empty tensors": (
            {"a": {**ONE, "shape": [0, 7], "data_offsets": [8, 8]}, "b": ONE}, bytes(8),
        ),
        "in any order": ({"b": {**ONE, "data_offsets": [8, 16]}, "a": ONE}, bytes(16)),
    }  # fmt: skip
    for header, body in fine.values():
        path = written(tmp_path / "w.safetensors", header, body)
        with safe_open(path, framework="numpy") as opened:
            assert [tensor.name for tensor in weights_digest(path).tensors] == sorted(opened.keys())
    for lie in LIES.keys() - {"a name twice", "a space first"}:  # where the format says more
        header, body, _ = LIES[lie]
        path = written(tmp_path / "w.safetensors", header, body)
        with pytest.raises(SafetensorError):
            safe_open(path, framework="numpy")


def test_tensors_are_compared_where_there_is_no_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By numpy, which does not know every type: such tensors are as far apart as can be."""
    for name, shift in (("one", 0.0), ("two", 0.5)):
        state = {"a": torch.arange(4.0) + shift, "b": torch.ones(2, dtype=torch.bfloat16) + shift}
        save_file(state, tmp_path / f"{name}.safetensors")
    one, two = (tmp_path / f"{name}.safetensors" for name in ("one", "two"))
    by_torch = compare_weights(one, two)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert [str(item) for item in compare_weights(one, two)] == [str(by_torch[0]), "b: values"]
    assert compare_weights(one, two)[1].max_abs == math.inf
