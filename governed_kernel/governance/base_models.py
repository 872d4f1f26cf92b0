"""What whoever loads a base model must know of its files: they run code, lie, or point elsewhere.

Nothing is loaded: files are known by their content, JSON by the keys that transformers, peft and
sentence-transformers follow. What runs code, leads out of the folder or can't be loaded is refused
when a model is registered; what is merely odd is kept with the version. Whoever approves a release
is told of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from governed_kernel.errors import IntegrityBroken, Refused
from governed_kernel.files import open_regular
from governed_kernel.governance import model_descriptions
from governed_kernel.governance.model_descriptions import VENDOR, WHOLE, Oddity
from governed_kernel.governance.objects import ObjectStore
from governed_kernel.governance.programs import runs_code
from governed_kernel.governance.tensors import check_tensors
from governed_kernel.lineage.events import DatasetRegistered, FileDigest
from governed_kernel.workspace import Workspace

__all__ = ["Oddity", "check", "oddities"]

_SAFE = (
    "leave what runs code out, and keep weights as safetensors (in a notebook: "
    "'model.save_pretrained(FOLDER)', 'safetensors.torch.save_file')"
)
_CODE = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib")
_ELF = b"\x7fELF"
_TOLD = 5


@dataclass(frozen=True)
class _File:
    name: str
    path: Path


def check(workspace: Workspace, name: str, files: Sequence[FileDigest]) -> list[str]:
    """What is odd about the files of a base model that is to be registered, in words.

    Raises
    ------
    Refused
        Something of it runs code when it is loaded, leads out of it, or can't be loaded.
    """
    found = list(_found(workspace, files))
    wrong = [oddity for oddity in found if oddity.is_refused]
    if wrong:
        told = [oddity.what for oddity in wrong[:_TOLD]]
        if len(wrong) > _TOLD:
            told.append(f"and {len(wrong) - _TOLD} more")
        raise Refused(
            f"{name} can't be registered as a base model",
            why="; ".join(told),
            next="; ".join(dict.fromkeys(oddity.next for oddity in wrong)),
        )
    return [oddity.what for oddity in found]


def oddities(workspace: Workspace, version: DatasetRegistered) -> list[Oddity]:
    """What there is to say of a base model's files, whenever and however it was registered."""
    try:
        return list(_found(workspace, version.files))
    except OSError as error:
        why = f"its files can't be looked into: {error.strerror or error}"
        return [Oddity(why, True, "run 'governed data verify' on it")]


def _found(workspace: Workspace, files: Sequence[FileDigest]) -> Iterator[Oddity]:
    """Of what the store keeps: nothing of it changes after it was looked at."""
    store = ObjectStore(workspace)
    names = {file.path for file in files}
    for file in files:
        if not file.path.isprintable():
            yield Oddity(
                f"the name of {file.path!a} is no printable text", True, "name that file otherwise"
            )
            continue
        found = _File(file.path, store.path(file.sha256))
        try:
            why = _code(found)
        except OSError as error:
            yield Oddity(f"{file.path} can't be read: {error.strerror}", True, WHOLE)
            continue
        if why:
            yield Oddity(f"{file.path}: it is {why}", True, VENDOR)
            continue
        if why := runs_code(found.path, found.name):
            yield Oddity(f"{file.path}: it is {why}", True, _SAFE)
            continue
        suffix = PurePosixPath(file.path).suffix.lower()
        if suffix == ".safetensors":
            yield from _weights(found)
        elif suffix == ".json":
            yield from model_descriptions.look(found.path, file.path, names)
        elif suffix == ".jinja":
            yield from model_descriptions.look_at_template(found.path, file.path)


def _code(file: _File) -> str:
    if PurePosixPath(file.name).suffix.lower() in _CODE:
        return "code"
    with open_regular(file.path) as opened:
        return "machine code" if opened.read(len(_ELF)) == _ELF else ""


def _weights(file: _File) -> Iterator[Oddity]:
    try:
        check_tensors(file.path)
    except IntegrityBroken as error:
        yield Oddity(
            f"{file.name}: it is no well-formed safetensors file: {error.why}", True, WHOLE
        )
