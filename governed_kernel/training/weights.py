"""Digests of weights, read from safetensors as a stream; nothing is unpickled."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from governed_kernel.canonical import digest_json
from governed_kernel.errors import IntegrityBroken, UnknownName
from governed_kernel.governance.tensors import malformed, read_header

__all__ = [
    "TensorDifference",
    "TensorDigest",
    "Weights",
    "WeightsDigest",
    "compare_weights",
    "load_tensors",
    "tensor_difference",
    "weight_files",
    "weights_digest",
]

Weights: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any]"

_BLOCK = 1 << 20
_DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
}


class TensorDigest(msgspec.Struct, frozen=True):
    """One tensor, known by its content."""

    name: str
    dtype: str
    """As safetensors writes it: ``F32``, ``BF16`` …"""
    shape: list[int]
    sha256: str
    """Of the tensor's little-endian bytes in row order."""


class WeightsDigest(msgspec.Struct, frozen=True):
    """A set of weights, known by its content."""

    sha256: str
    """Of the canonical JSON of `tensors`, which are sorted by name."""
    tensors: list[TensorDigest]


class TensorDifference(msgspec.Struct, frozen=True):
    """One tensor that is not the same in two sets of weights."""

    name: str
    reason: str
    """``missing``, ``added``, ``dtype``, ``shape`` or ``values``."""
    max_abs: float = math.inf
    """Largest absolute difference; infinite where none can be told (NaN included)."""
    elements: int = 0
    """Number of elements that differ."""

    def __str__(self) -> str:
        if self.reason != "values" or not self.elements:
            return f"{self.name}: {self.reason}"
        return f"{self.name}: {self.elements} values differ, by {self.max_abs:.3g} at most"


def weight_files(path: str | os.PathLike[str]) -> list[Path]:
    """The safetensors files at `path`: the file itself, or those of a folder, sorted.

    Raises
    ------
    UnknownName
        There are none.
    """
    here = Path(path)
    files = sorted(here.glob("*.safetensors")) if here.is_dir() else [here]
    if not files or not all(file.is_file() for file in files):
        raise UnknownName(
            f"{here} has no weights",
            why="there is no .safetensors file",
            next="name a .safetensors file, or the folder of a model or adapter",
        )
    return files


def weights_digest(weights: Weights) -> WeightsDigest:
    """Digest of weights by name, type, shape and bytes.

    It is the same for a state in memory, for a file, and for a model in several files.

    Parameters
    ----------
    weights : path or mapping
        A safetensors file, a folder with some, or names → torch tensors.

    Raises
    ------
    IntegrityBroken
        A file is no well-formed safetensors file, or a name occurs twice.
    UnknownName
        There are no weights at that path.
    """
    found: dict[str, TensorDigest] = {}
    for tensor in _digests(weights):
        if tensor.name in found:
            raise IntegrityBroken(
                f"the tensor {tensor.name} occurs twice",
                why=f"in the files of {weights}",
                next="remove the file that does not belong to the model",
            )
        found[tensor.name] = tensor
    tensors = [found[name] for name in sorted(found)]
    return WeightsDigest(sha256=digest_json(tensors), tensors=tensors)


def compare_weights(a: Weights, b: Weights) -> list[TensorDifference]:
    """The tensors that are not byte-equal in two sets of weights, `b` held against `a`."""
    ours = {tensor.name: tensor for tensor in weights_digest(a).tensors}
    others = {tensor.name: tensor for tensor in weights_digest(b).tensors}
    differences: list[TensorDifference] = []
    moved: list[str] = []
    for name in sorted(ours.keys() | others.keys()):
        one, other = ours.get(name), others.get(name)
        if one is None:
            differences.append(TensorDifference(name, "added"))
        elif other is None:
            differences.append(TensorDifference(name, "missing"))
        elif one.shape != other.shape:
            differences.append(TensorDifference(name, "shape"))
        elif one.dtype != other.dtype:
            differences.append(TensorDifference(name, "dtype"))
        elif one.sha256 != other.sha256:
            moved.append(name)
    if moved:
        before, after = load_tensors(a, moved), load_tensors(b, moved)
        differences += [tensor_difference(name, before[name], after[name]) for name in moved]
    return sorted(differences, key=lambda difference: difference.name)


def tensor_difference(name: str, one: Any, other: Any) -> TensorDifference:
    """How far two tensors of one name are apart: torch's, numpy's, or None if unreadable."""
    if one is None or other is None:
        return TensorDifference(name, "values")
    if one.shape != other.shape or one.dtype != other.dtype:
        return TensorDifference(name, "shape" if one.shape != other.shape else "dtype")
    apart = abs(_in_doubles(one) - _in_doubles(other))
    largest = float(apart.max()) if math.prod(apart.shape) else 0.0
    different = int((apart != 0).sum())  # NaN counts: it equals nothing
    return TensorDifference(name, "values", math.inf if math.isnan(largest) else largest, different)


def _in_doubles(tensor: Any) -> Any:
    if hasattr(tensor, "detach"):
        import torch

        return tensor.detach().cpu().to(torch.float64)
    return tensor.astype("float64")


def load_tensors(weights: Weights, names: list[str]) -> dict[str, Any]:
    """Named tensors on the CPU: torch's, or numpy's where there is no torch.

    None stands for a tensor of a type that numpy does not know, such as ``BF16``.
    """
    if isinstance(weights, Mapping):
        return {name: weights[name] for name in names}
    from safetensors import safe_open

    framework = "np" if importlib.util.find_spec("torch") is None else "pt"
    wanted = set(names)
    loaded: dict[str, Any] = {}
    for path in weight_files(weights):
        with safe_open(path, framework=framework) as file:
            for name in wanted & set(file.keys()):
                try:
                    loaded[name] = file.get_tensor(name)
                except (TypeError, AttributeError):  # what numpy says of an unknown type
                    if framework == "pt":
                        raise
                    loaded[name] = None
    return loaded


def _digests(weights: Weights) -> Iterator[TensorDigest]:
    if isinstance(weights, Mapping):
        for name, tensor in weights.items():
            yield _digest_of_tensor(name, tensor)
        return
    for path in weight_files(weights):
        yield from _digests_of_file(path)


def _digest_of_tensor(name: str, tensor: Any) -> TensorDigest:
    import torch

    plain = tensor.detach().cpu().contiguous()
    raw = plain.reshape(-1).view(torch.uint8).numpy()
    kind = str(tensor.dtype).removeprefix("torch.")
    return TensorDigest(
        name=name,
        dtype=_DTYPES.get(kind, kind.upper()),
        shape=list(tensor.shape),
        sha256=hashlib.sha256(memoryview(raw)).hexdigest(),
    )


def _digests_of_file(path: Path) -> Iterator[TensorDigest]:
    with path.open("rb") as file:
        for tensor in read_header(path, file):
            file.seek(tensor.begin)
            digest = _digest_of_bytes(path, file, tensor.end - tensor.begin)
            yield TensorDigest(tensor.name, tensor.dtype, tensor.shape, digest)


def _digest_of_bytes(path: Path, file: Any, count: int) -> str:
    digest = hashlib.sha256()
    while count:
        block = file.read(min(_BLOCK, count))
        if not block:
            raise malformed(path, "it is shorter than its header says")
        digest.update(block)
        count -= len(block)
    return digest.hexdigest()
