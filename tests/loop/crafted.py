"""Releases by an author whose program is not ours: everything is signed, and nothing checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import nbformat

from governed_kernel.canonical import digest_bytes
from governed_kernel.governance import approvals
from governed_kernel.governance.signing import attest
from governed_kernel.lineage.attestations import Promotion
from governed_kernel.lineage.events import FileDigest
from governed_kernel.release import changes, notebook
from governed_kernel.release.manifest import DIFFERENCE, ORIGIN, ReleaseManifest, bound_files
from governed_kernel.release.registry import Registry
from tests.loop.place import Place

NAME = "sour@2"
Change = Callable[[bytes], bytes]


def craft(
    place: Place,
    files: Mapping[str, Change] | None = None,
    signed: Mapping[str, Any] | None = None,
    **stated: Any,
) -> None:
    """Promote ``sour@2`` as Dora: as ``sour@1``, but with other files and other statements.

    Parameters
    ----------
    files : mapping of str to callable
        By path, what becomes of the file's content.
    signed : mapping
        What Dora signs otherwise than the manifest says.
    stated : Any
        What the manifest says otherwise.
    """
    folder = place.workspace.releases / "sour@1"
    encoded = (folder / "manifest.json").read_bytes()
    bound = msgspec.json.decode(encoded, type=ReleaseManifest)
    content = {file.path: (folder / file.path).read_bytes() for file in bound_files(bound)}
    altered = {name: change(content[name]) for name, change in (files or {}).items()}
    content |= altered
    bound = msgspec.structs.replace(
        bound,
        release=NAME,
        notebook=_digest(bound.notebook.path, content),
        origin=_digest(ORIGIN, content),
        code=[_digest(file.path, content) for file in bound.code],
    )
    bound = msgspec.structs.replace(bound, **stated)
    with place.inside():
        if DIFFERENCE not in altered:
            earlier = changes.previous(place.workspace, Registry.read(place.workspace), NAME)
            content[DIFFERENCE] = changes.page(bound, changes.compare(bound, content, earlier))
        bound = msgspec.structs.replace(bound, difference=_digest(DIFFERENCE, content))
        content["manifest.json"] = bound.encoded()
        _write(place.workspace.releases / NAME, content)
        _sign(place, bound, signed or {})


def approve_unseen(place: Place, *people: str) -> None:
    """Rui and Kim, or whom of them is named, sign with a program that shows and checks nothing."""
    with place.inside():
        digest = Registry.read(place.workspace).release(NAME).digest
        for person in people or ("rui", "kim"):
            approvals.approve(
                place.workspace, NAME, "run", person, secret(place, person),
                meaning="reviewed", digest=digest,
            )  # fmt: skip


def tagged(data: bytes) -> bytes:
    """The notebook with a tag by which papermill skips the cell that trains."""
    document = nbformat.reads(data.decode(), as_version=4)
    (cell,) = [cell for cell in document.cells if cell.id == "training"]
    cell.metadata["tags"] = ["skip-execution"]
    return notebook.encode(document)


def secret(place: Place, person: str) -> bytes:
    """A person's passphrase."""
    return (place.home / "passphrases" / person).read_bytes().splitlines()[0]


def _digest(path: str, content: Mapping[str, bytes]) -> FileDigest:
    return FileDigest(path, digest_bytes(content[path]), len(content[path]))


def _write(folder: Path, content: Mapping[str, bytes]) -> None:
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _sign(place: Place, bound: ReleaseManifest, signed: Mapping[str, Any]) -> None:
    said = {
        "release": NAME,
        "digest": bound.digest(),
        "notebook": bound.research_notebook.path,
        "session_id": bound.session_id,
        "risk_class": bound.risk_class,
        **signed,
    }
    attest(
        place.workspace,
        "dora",
        secret(place, "dora"),
        lambda _, who: Promotion(person="dora", printed_name=who.printed_name, **said),
        action="promote",
        resource=NAME,
    )
