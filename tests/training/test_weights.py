from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
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
