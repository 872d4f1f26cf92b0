"""What a release changes: against its research notebook, and against the version before it.

Promotion makes the page of it; a review makes it again from the bytes that are signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from governed_kernel.errors import GovernedError
from governed_kernel.files import read_regular
from governed_kernel.lineage.events import FileDigest
from governed_kernel.release import difference, manifest
from governed_kernel.release.difference import Comparison
from governed_kernel.release.manifest import ReleaseManifest
from governed_kernel.release.notebook import Notebook
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace

__all__ = ["compare", "page", "previous"]

Earlier: TypeAlias = tuple[Path, ReleaseManifest]


def compare(
    bound: ReleaseManifest, files: Mapping[str, bytes], earlier: Earlier | None
) -> list[Comparison]:
    """From research to release, and from the version before it, or from nothing, to this one.

    Parameters
    ----------
    files : mapping of str to bytes
        What the manifest binds, by path.
    earlier : tuple of folder and manifest, optional
        As `previous` gives it.
    """
    released = _notebook(files[bound.notebook.path])
    origin = _notebook(files[bound.origin.path])
    before = {} if earlier is None else _read(*earlier)
    was = released if earlier is None else _notebook(before[earlier[1].notebook.path])
    names = {file.path for item in (bound, earlier and earlier[1]) if item for file in _texts(item)}
    pairs = [(name, _text(before.get(name)), _text(files.get(name))) for name in sorted(names)]
    heading = f"From {earlier[1].release} to {bound.release}" if earlier else "Modules and suites"
    return [
        difference.compare("From research to release", origin, released),
        difference.compare(heading, was, released, pairs),
    ]


def page(bound: ReleaseManifest, comparisons: list[Comparison]) -> bytes:
    """The page that reviewers read, the same for the same release."""
    bound = msgspec.json.decode(bound.encoded(), type=ReleaseManifest)  # 2.0 is written as 2
    facts = {
        "Author": bound.author,
        "Notebook": bound.research_notebook.path,
        "Parameters": "; ".join(
            f"{item.name}: {item.type} = {item.default} ({item.bounds})"
            for item in bound.parameters
        ),
        "Inputs": ", ".join(f"{item.name} ({item.data_class})" for item in bound.inputs),
        "Environment": bound.environment,
        "Code": ", ".join(file.path for file in bound.code) or "none",
        "Suites": ", ".join(suite.path for suite in bound.suites),
    }
    return difference.render(bound.release, facts, comparisons).encode()


def previous(workspace: Workspace, registry: Registry, release: str) -> Earlier | None:
    """The newest earlier version that still is what was promoted: its folder and manifest."""
    stem, version = manifest.parse_name(release)
    numbers = [manifest.parse_name(name)[1] for name in registry.releases if _stem(name) == stem]
    for number in sorted((number for number in numbers if number < version), reverse=True):
        name = f"{stem}@{number}"
        folder = manifest.release_folder(workspace, name)
        try:
            return folder, manifest.load(folder, registry.releases[name].digest)
        except GovernedError:
            continue  # verification reports it
    return None


def _stem(release: str) -> str:
    return release.partition("@")[0]


def _texts(bound: ReleaseManifest) -> list[FileDigest]:
    return [*bound.code, *(file for suite in bound.suites for file in suite.files)]


def _read(folder: Path, bound: ReleaseManifest) -> dict[str, bytes]:
    return {
        file.path: read_regular(folder / file.path) for file in [bound.notebook, *_texts(bound)]
    }


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode(errors="backslashreplace")


def _notebook(data: bytes) -> Notebook:
    import nbformat

    made: Notebook = nbformat.reads(data.decode(), as_version=4)
    return made
