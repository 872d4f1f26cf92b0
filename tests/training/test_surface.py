from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from governed_kernel.training import change_surface, weights_digest
from tests.training.models import adapt

ALLOWED = ["*.lora_A.weight", "*.lora_B.weight", "classifier.*"]


def test_an_adapted_model_moves_adapter_and_head_alone(tiny_base_model: Path) -> None:
    surface = change_surface(adapt(tiny_base_model), tiny_base_model)
    assert surface.changed == []
    assert surface.missing == []
    assert surface.outside(ALLOWED) == []
    assert "classifier.weight" in surface.moved
    assert "bert.encoder.layer.0.attention.self.query.lora_A.weight" in surface.moved
    assert surface.base_weights == weights_digest(tiny_base_model).sha256
    assert surface.added_parameters == sum(tensor.parameters for tensor in surface.added)


def test_a_frozen_weight_that_moved_is_named(tiny_base_model: Path) -> None:
    model = adapt(tiny_base_model)
    with torch.no_grad():
        model.get_base_model().bert.pooler.dense.bias[0] += 0.5
    surface = change_surface(model, tiny_base_model)
    (changed,) = surface.changed
    assert changed.name == "bert.pooler.dense.bias"
    assert changed.elements == 1
    assert surface.outside(ALLOWED) == ["bert.pooler.dense.bias"]


def test_a_saved_adapter_that_carries_a_base_weight_is_found_out(
    tiny_base_model: Path, tmp_path: Path
) -> None:
    base = load_file(tiny_base_model / "model.safetensors")
    smuggled = {
        "base_model.model.bert.pooler.dense.bias": base["pooler.dense.bias"] + 1,
        "base_model.model.bert.pooler.dense.weight": base["pooler.dense.weight"],
        "base_model.model.classifier.weight": torch.ones(2, 16),
    }
    save_file(smuggled, tmp_path / "adapter_model.safetensors")
    surface = change_surface(tmp_path, tiny_base_model)
    assert [difference.name for difference in surface.changed] == ["bert.pooler.dense.bias"]
    assert surface.moved == ["bert.pooler.dense.bias", "classifier.weight"]
    assert surface.outside(ALLOWED) == ["bert.pooler.dense.bias"]


def test_a_fully_trained_model_shows_every_tensor_that_moved(tiny_base_model: Path) -> None:
    from transformers import AutoModel

    model = AutoModel.from_pretrained(tiny_base_model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    surface = change_surface(model, tiny_base_model)
    assert surface.unchanged == 0
    assert len(surface.changed) == len(list(model.parameters()))
