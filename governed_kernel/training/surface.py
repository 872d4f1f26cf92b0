"""The change surface of an adaptation: which tensors moved against the base model."""

from __future__ import annotations

import fnmatch
import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from governed_kernel.training.weights import (
    TensorDifference,
    TensorDigest,
    Weights,
    load_tensors,
    tensor_difference,
    weights_digest,
)

__all__ = ["AddedTensor", "ChangeSurface", "change_surface"]

# What peft wraps around the names of the model it adapts.
_WRAPPER = re.compile(r"^(base_model\.model\.|module\.)+")
_ADAPTER_NAME = re.compile(r"\.(lora_\w+|ia3_\w+|modules_to_save)\.default(?=\.|$)")
_COUNTERS = frozenset({"BOOL", "U8", "I8", "I16", "I32", "I64"})


class AddedTensor(msgspec.Struct, frozen=True):
    """A tensor the base model does not have: a part of an adapter, or a new head."""

    name: str
    dtype: str
    shape: list[int]
    parameters: int


class ChangeSurface(msgspec.Struct, frozen=True):
    """Which tensors an adaptation added or changed, and which it left as they were."""

    base_weights: str
    """`weights_digest` of the base model."""
    unchanged: int
    """Tensors of the base model that are byte-equal (in a saved adapter: not in it at all)."""
    changed: list[TensorDifference]
    """Tensors of the base model with other bytes."""
    added: list[AddedTensor]
    missing: list[str]
    """Weights of the base model that the adapted model does not have."""
    base_parameters: int
    added_parameters: int

    @property
    def moved(self) -> list[str]:
        """Names of all tensors that are not the base model's."""
        return sorted([*(t.name for t in self.changed), *(t.name for t in self.added)])

    def outside(self, allowed: Iterable[str]) -> list[str]:
        """Moved tensors whose names match none of the allowed patterns (as in `fnmatch`)."""
        patterns = list(allowed)
        return [
            name
            for name in self.moved
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        ]


def change_surface(adapted: Any, base_model: str | os.PathLike[str]) -> ChangeSurface:
    """Hold an adapted model, or a saved adapter, against its base model's safetensors.

    Parameters
    ----------
    adapted : torch.nn.Module or path
        The model in memory (every tensor of the base is compared byte by byte), or an adapter's
        folder or file.
    base_model : path
        Folder of the base model.

    Returns
    -------
    ChangeSurface
        Names are those of the adapter's file without peft's wrapping, for example
        ``bert.encoder.layer.0.attention.self.query.lora_A.weight``.
    """
    base_digest = weights_digest(base_model)
    base = {tensor.name: tensor for tensor in base_digest.tensors}
    whole = not isinstance(adapted, (str, os.PathLike))
    state = _state(adapted, base) if whole else adapted
    added: list[AddedTensor] = []
    moved: list[tuple[str, str]] = []
    seen: set[str] = set()
    for tensor in weights_digest(state).tensors:
        original = _base_name(tensor.name, base)
        if original is None:
            added.append(_added(tensor))
            continue
        seen.add(original)
        if _content(base[original]) != _content(tensor):
            moved.append((tensor.name, original))
    missing = [
        name
        for name, tensor in base.items()
        # Counters such as position ids are made anew by the model's code, and never learnt.
        if whole and name not in seen and tensor.dtype not in _COUNTERS
    ]
    return ChangeSurface(
        base_weights=base_digest.sha256,
        unchanged=len(base) - len(missing) - len(moved),
        changed=_changed(moved, state, base_model),
        added=sorted(added, key=lambda tensor: tensor.name),
        missing=missing,
        base_parameters=sum(math.prod(tensor.shape) for tensor in base.values()),
        added_parameters=sum(tensor.parameters for tensor in added),
    )


def plain_name(name: str) -> str:
    """A tensor's name without what peft wraps around it."""
    plain = _ADAPTER_NAME.sub(r".\1", _WRAPPER.sub("", name))
    return plain.replace(".base_layer.", ".").replace(".modules_to_save.", ".")


def _state(model: Any, base: Mapping[str, TensorDigest]) -> dict[str, Any]:
    """The model's tensors, without the untrained copies that peft keeps of a replaced head."""
    return {
        name: tensor
        for name, tensor in model.state_dict().items()
        if ".original_module." not in name
        or _base_name(name.replace(".original_module.", "."), base) is not None
    }


def _base_name(name: str, base: Mapping[str, TensorDigest]) -> str | None:
    """The base model's name of a tensor, with or without the model class's own prefix."""
    plain = plain_name(name).replace(".original_module.", ".")
    if plain in base:
        return plain
    _, _, without_prefix = plain.partition(".")
    return without_prefix if without_prefix in base else None


def _content(tensor: TensorDigest) -> tuple[str, list[int], str]:
    return tensor.dtype, tensor.shape, tensor.sha256


def _added(tensor: TensorDigest) -> AddedTensor:
    return AddedTensor(plain_name(tensor.name), tensor.dtype, tensor.shape, math.prod(tensor.shape))


def _changed(
    moved: list[tuple[str, str]], state: Weights, base_model: str | os.PathLike[str]
) -> list[TensorDifference]:
    if not moved:
        return []
    after = load_tensors(state, [name for name, _ in moved])
    before = load_tensors(base_model, [original for _, original in moved])
    return sorted(
        (
            tensor_difference(plain_name(name), before[original], after[name])
            for name, original in moved
        ),
        key=lambda difference: difference.name,
    )
