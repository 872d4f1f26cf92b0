"""What a safetensors file holds, by its header; refused where it breaks the format's own rules.

Format: https://github.com/huggingface/safetensors (8 bytes of length, a JSON header, the tensors).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from governed_kernel.errors import IntegrityBroken

__all__ = ["Tensor", "check_tensors", "malformed", "read_header"]

_LARGEST_HEADER = 100_000_000
_LARGEST_EXTENT = 1 << 64
_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8"), 8),
    **dict.fromkeys(("F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
"""Of one number; below eight, several share a byte (safetensors 0.8, ``Dtype``)."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file.

    Attributes
    ----------
    dtype : str
        As safetensors writes it: ``F32``, ``BF16`` …
    begin, end : int
        Where its bytes lie in the file.
    """

    name: str
    dtype: str
    shape: list[int]
    begin: int
    end: int


def check_tensors(path: Path) -> None:
    """Refuse a file that is no well-formed safetensors file.

    Raises
    ------
    IntegrityBroken
        It is none; why is said.
    """
    with path.open("rb") as file:
        read_header(path, file)


def read_header(path: Path, file: IO[bytes]) -> list[Tensor]:
    """The tensors of an open file, in the order of their bytes.

    They follow each other without a hole from the header to the end of the file, and each has as
    many bytes as its shape and type say.

    Raises
    ------
    IntegrityBroken
        The header says otherwise, or can't be read.
    """
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise malformed(path, "its header is cut off")
    if length > _LARGEST_HEADER:
        raise malformed(path, f"its header is longer than {_LARGEST_HEADER:,} bytes")
    start = 8 + length
    entries = _parsed(path, file.read(length))
    tensors = [_tensor(path, name, entry, start) for name, entry in entries.items()]
    tensors.sort(key=lambda tensor: (tensor.begin, tensor.end))
    end = start
    for tensor in tensors:
        if tensor.begin != end:
            how = "overlap others" if tensor.begin < end else "leave a hole before them"
            raise malformed(path, f"the bytes of {tensor.name!a} {how}")
        end = tensor.end
    if end != size:
        raise malformed(path, f"its tensors end at byte {end:,}, the file at {size:,}")
    return tensors


def _parsed(path: Path, header: bytes) -> dict[str, Any]:
    if not header.startswith(b"{"):
        raise malformed(path, "its header is no JSON object")
    try:
        parsed = json.loads(header.decode(), object_pairs_hook=_once)
    except ValueError as error:
        raise malformed(path, f"its header is no JSON: {error}") from error
    except RecursionError as error:
        raise malformed(path, "its header is nested too deeply") from error
    metadata = parsed.pop("__metadata__", None)
    is_text = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    if metadata is not None and not is_text:
        raise malformed(path, "its metadata is no mapping of texts")
    return dict(parsed)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of a name that occurs twice, each reader could mean another.

    Half of a surrogate pair is no text, and nothing that is signed could hold it.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    for text in (text for pair in pairs for text in pair if isinstance(text, str)):
        text.encode()
    return found


def _tensor(path: Path, name: str, entry: Any, start: int) -> Tensor:
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        are_numbers = all(_is_extent(number) for number in (begin, end, *shape))
    except (KeyError, TypeError, ValueError) as error:
        raise malformed(path, f"the entry of {name!a} is incomplete") from error
    if not are_numbers or begin > end:
        raise malformed(path, f"the entry of {name!a} has numbers that mean nothing")
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise malformed(path, f"the type of {name!a} is none that is known: {str(dtype)[:40]!a}")
    if _count(shape) * _BITS[dtype] != 8 * (end - begin):
        raise malformed(
            path,
            f"{name!a} has {end - begin:,} bytes, and its shape and type ({dtype}) take others",
        )
    return Tensor(name, dtype, list(shape), start + begin, start + end)


def _count(shape: list[int]) -> int:
    """How many numbers a tensor has, or enough to be too many.

    Extents of 64 bits each may be a million; their product is not computed to its end, nor may a
    zero come after it.
    """
    count = 1
    for extent in shape:
        count *= extent
        if count >= _LARGEST_EXTENT:
            break
    return count


def _is_extent(number: Any) -> bool:
    return type(number) is int and 0 <= number < _LARGEST_EXTENT


def malformed(path: Path, reason: str) -> IntegrityBroken:
    """The refusal of a file that is no well-formed safetensors file."""
    return IntegrityBroken(
        f"{path} is no well-formed safetensors file",
        why=reason,
        next="fetch the file again from its origin and compare its digest with the catalog's",
    )
