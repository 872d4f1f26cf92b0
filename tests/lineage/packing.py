"""Journals from one form into the other, as a test needs them."""

from __future__ import annotations

from pathlib import Path

from governed_kernel.lineage.forms import COMPRESSED, compressed, open_compressed
from governed_kernel.lineage.sealing import compressor


def unpack(form: Path) -> Path:
    """Put the plain form in the place of a compressed one."""
    path = form.with_name(form.name.removesuffix(COMPRESSED))
    with open_compressed(form) as file:
        path.write_bytes(file.read())
    form.unlink()
    return path


def pack(path: Path) -> Path:
    """Put the compressed form in the place of a plain one."""
    form = compressed(path)
    form.write_bytes(compressor().compress(path.read_bytes()))
    path.unlink()
    return form
