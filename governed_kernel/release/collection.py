"""Removing content that nothing names any more; never what a release or a valid version names."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from governed_kernel.errors import UsageError
from governed_kernel.governance.catalog import label
from governed_kernel.governance.objects import ObjectStore
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.lineage.attestations import Collection
from governed_kernel.release import manifest
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace

__all__ = ["Unreferenced", "collect", "unreferenced"]

_SETTLED = 24 * 3600.0
"""Seconds: content that no version names may be of a registration that goes on."""


@dataclass(frozen=True)
class Unreferenced:
    """What can be removed.

    Attributes
    ----------
    versions : list of str
        Withdrawn ``NAME@VERSION`` that no release names.
    snapshots, objects : list of str
        Digests of what lies on disk for these, and for nobody.
    kept : dict of str to list of str
        Withdrawn ``NAME@VERSION`` → the releases that name it.
    """

    versions: list[str] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    bytes: int = 0
    kept: dict[str, list[str]] = field(default_factory=dict)


def unreferenced(workspace: Workspace, register: Register) -> Unreferenced:
    """Find what neither a release, nor a version that is not withdrawn, nor a split names.

    Raises
    ------
    IntegrityBroken
        The manifest of a release can't be read, so that nobody knows what it names.
    """
    named = _named_by_releases(workspace, register)
    versions = [version for history in register.datasets.values() for version in history]
    kept, free, bound = [], [], {}
    for version in versions:
        releases = named.get(label(version), [])
        if version.state != "withdrawn" or releases:
            kept.append(version)
        else:
            free.append(version)
        if version.state == "withdrawn" and releases:
            bound[label(version)] = releases
    contents = {file.sha256 for version in kept for file in version.files}
    contents |= register.kept_code.keys()
    freed = {file.sha256 for version in free for file in version.files}
    objects = [
        path
        for path in sorted(workspace.objects.glob("[!.]?/*"))
        if path.name not in contents and (path.name in freed or _is_settled(path))
    ]
    wholes = {version.sha256 for version in kept}
    freed_wholes = {version.sha256 for version in free}
    snapshots = [
        path
        for path in sorted(workspace.snapshots.glob("[!.]*"))
        if path.name not in wholes and (path.name in freed_wholes or _is_settled(path))
    ]
    there = {path.name for path in [*objects, *snapshots]}
    return Unreferenced(
        versions=[
            label(version)
            for version in free
            if {version.sha256, *(file.sha256 for file in version.files)} & there
        ],
        snapshots=[path.name for path in snapshots],
        objects=[path.name for path in objects],
        bytes=sum(path.stat().st_size for path in objects),
        kept=bound,
    )


def collect(workspace: Workspace, person: str, passphrase: bytes) -> Unreferenced:
    """Remove what is unreferenced, by an entry that is signed first.

    What a crash leaves of it is unreferenced still, and removed by the next collection.

    Raises
    ------
    UsageError
        There is nothing to remove.
    SignatureRefused
        The person may not; it takes an administrator or a data steward.
    """
    found = Unreferenced()

    def make(register: Register, who: Person) -> Collection:
        nonlocal found
        found = unreferenced(workspace, register)
        if not (found.objects or found.snapshots):
            raise UsageError(
                "there is nothing to collect",
                why="a release or a version that is not withdrawn names all content",
                next="'governed data withdraw NAME@VERSION' frees what no release names",
            )
        return Collection(
            person=who.name,
            printed_name=who.printed_name,
            meaning="removed",
            versions=found.versions,
            objects=found.objects,
            bytes=found.bytes,
        )

    attest(workspace, person, passphrase, make, action="store collect", resource="objects")
    store = ObjectStore(workspace)
    for sha256 in found.snapshots:
        store.remove_snapshot(sha256)
    for sha256 in found.objects:
        store.path(sha256).unlink(missing_ok=True)
    return found


def _named_by_releases(workspace: Workspace, register: Register) -> dict[str, list[str]]:
    """``NAME@VERSION`` → the releases, in whatever state, whose manifests name it."""
    found: dict[str, list[str]] = {}
    for release in Registry(register).releases.values():
        folder = manifest.release_folder(workspace, release.name)
        bound = manifest.load(folder, release.digest)
        inputs = [*bound.inputs, *(item for suite in bound.suites for item in suite.inputs)]
        for name in dict.fromkeys(item.name for item in inputs):
            found.setdefault(name, []).append(release.name)
    return found


def _is_settled(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _SETTLED
