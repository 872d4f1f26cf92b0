"""Files that run code when they are loaded, by their content and not by their name.

None of them is released or taken as a base model, harmless or not: weights are safetensors, tables
are Parquet, estimators are their parameters. Beside pickles these are layers of Keras that carry a
function or name one of another library, and operations of TensorFlow that reach files or Python.
Archives are looked into; one within another is not, so it is refused. Nothing is ever loaded.
"""

from __future__ import annotations

import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from governed_kernel.governance import pickles

__all__ = ["runs_code"]

_HEAD = 1 << 16
_BLOCK = 1 << 20
_MEMBERS = 10_000
_CONFIG = 64 << 20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""What `torch.load` and `numpy.load` take for an archive, and what begins one of several parts."""
_HDF5 = b"\x89HDF\r\n\x1a\n"
_USER_BLOCKS = tuple(512 << power for power in range(7))
_LAMBDA = re.compile(rb'"Lambda"|__lambda__|\\u00[0-7]')
"""In the description of a Keras model; escaped letters, which nobody needs there, may hide one."""
_MODULE = re.compile(rb'"module"\s*:\s*"([^"]*)"')
_OPERATIONS = (b"WriteFile", b"ReadFile", b"PyFunc", b"PyFuncStateless", b"EagerPyFunc")
_OPERATION = re.compile(
    b"|".join(re.escape(b"\x12" + bytes([len(name)]) + name) for name in _OPERATIONS)
)
"""Field 2 of a NodeDef, ``op``: github.com/tensorflow/tensorflow, core/framework/node_def.proto."""


def runs_code(path: Path, name: str = "") -> str:
    """What of a file runs code when it is loaded, in words; empty where nothing does.

    Parameters
    ----------
    name : str
        What the file is called, where it lies under another name.
    """
    name = name or path.name
    if named := pickles.named(name):
        return f"a pickle: {named}"
    with path.open("rb") as file:
        head = file.read(_HEAD)
        found = _of_head(head)
        if not found and _is_hdf5(file):
            found = _of_description(file)
        if not found and Path(name).suffix.lower() == ".pb":
            found = _of_graph(file)
        if not found:
            found = _of_zip(file, certain=head.startswith(_ZIP)) or _of_tar(file)
    return found


def _of_head(head: bytes) -> str:
    found = pickles.of_head(head)
    return f"a pickle: {found}" if found else ""


def _of_zip(file: IO[bytes], *, certain: bool) -> str:
    """What the members of a zip archive hold, as torch, numpy and Keras write them.

    What can't be looked into may hold anything: other readers of archives take what Python's does
    not. Where the file only may be one (`certain` is false: something else stands before it), one
    that can't be read is none.
    """
    name = ""
    file.seek(0)
    if not certain and not zipfile.is_zipfile(file):
        return ""
    try:
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > _MEMBERS:
                return f"what can't be looked into: it has {len(members)} members"
            for member in members:
                name = f"{member.filename!r} in "
                with archive.open(member) as inner:
                    if found := _of_member(member.filename, inner):
                        return found
    # zipfile raises so for what is damaged, encrypted or compressed in a way that it does not know
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error) as error:
        if certain:
            return f"what can't be looked into: {name}the archive can't be read ({error})"
    return ""


def _of_tar(file: IO[bytes]) -> str:
    """What the members of a tar archive hold, compressed or not."""
    file.seek(0)
    begun = False
    try:
        with tarfile.open(fileobj=file, mode="r:*") as archive:
            for number, member in enumerate(archive):
                if number > _MEMBERS:
                    return f"what can't be looked into: it has more than {_MEMBERS} members"
                begun = True
                inner = archive.extractfile(member) if member.isreg() else None
                if inner is not None and (found := _of_member(member.name, inner)):
                    return found
            if begun and not _is_padding(archive):
                return "what can't be looked into: something stands behind the archive's end"
    except (tarfile.ReadError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        return f"what can't be looked into: the archive can't be read ({error})" if begun else ""
    return ""


def _is_padding(archive: tarfile.TarFile) -> bool:
    """Whether only zeros follow where Python's reader stopped; others skip what it stops at."""
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    while block := archive.fileobj.read(_BLOCK):
        if block.strip(b"\0"):
            return False
    return True


def _of_member(name: str, inner: IO[bytes]) -> str:
    if named := pickles.named(name):
        return f"a pickle: {name!r} in it: {named}"
    head = inner.read(_HEAD)
    if found := pickles.of_head(head):
        return f"a pickle: {name!r} in it: {found}"
    if head.startswith(_ZIP) or pickles.is_tar(head):
        return f"what can't be looked into: {name!r} in it is an archive again"
    if any(head.startswith(_HDF5, place) for place in (0, *_USER_BLOCKS)):
        return _of_description(inner)
    if Path(name).suffix.lower() == ".pb":
        return _of_graph(inner)
    if Path(name).name == "config.json":
        config = head + inner.read(_CONFIG)
        if inner.read(1):
            return f"what can't be looked into: {name!r} in it is longer than any description"
        return _of_config(config)
    return ""


def _is_hdf5(file: IO[bytes]) -> bool:
    """Whether a file is HDF5, a block of the user's before it or not (HDF5 specification, II.A)."""
    place = 0
    while True:
        file.seek(place)
        signature = file.read(len(_HDF5))
        if len(signature) < len(_HDF5):
            return False
        if signature == _HDF5:
            return True
        place = place * 2 or 512


def _of_config(config: bytes) -> str:
    """What the description of a Keras 3 model calls when it is loaded."""
    if b'"class_name"' not in config:
        return ""
    if _LAMBDA.search(config):
        return "a layer of Keras that carries code"
    for module in _MODULE.findall(config):
        if module.partition(b".")[0] not in (b"keras", b"builtins"):
            return f"a layer of Keras that calls {module.decode(errors='replace')!r}"
    return ""


def _of_description(file: IO[bytes]) -> str:
    """What a model of Keras in HDF5 carries; its description is never compressed."""
    is_model = is_found = False
    for block in _blocks(file):
        is_model = is_model or b"model_config" in block
        is_found = is_found or _LAMBDA.search(block) is not None
    return "a layer of Keras that carries code" if is_model and is_found else ""


def _of_graph(file: IO[bytes]) -> str:
    """Operations of a TensorFlow graph that reach files or Python."""
    for block in _blocks(file):
        if found := _OPERATION.search(block):
            return f"an operation of TensorFlow that is {found[0][2:].decode()}"
    return ""


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The whole file, each block with the end of the one before."""
    file.seek(0)
    before = b""
    while block := file.read(_BLOCK):
        yield before + block
        before = block[-64:]
