"""What a release read that nobody registered."""

from __future__ import annotations

from typing import Any

from governed_kernel.lineage.shortcomings import unregistered_inputs
from governed_kernel.lineage.store import Store
from governed_kernel.release import manifest
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace

__all__ = ["unregistered_inputs_of"]


def unregistered_inputs_of(
    workspace: Workspace, release: str, store: Store
) -> tuple[str, list[dict[str, Any]]]:
    """The release's full name, and what its runs and its research session read unregistered.

    Code and suites that the release binds by digest are left out.

    Parameters
    ----------
    store : Store
        Up to date.

    Raises
    ------
    UnknownName
        There is no such release.
    """
    record = Registry.read(workspace).release(release)
    folder = manifest.release_folder(workspace, record.name)
    files = manifest.bound_files(manifest.load(folder, record.digest))
    rows = unregistered_inputs(
        store, record.name, [record.promotion.session_id], {file.sha256 for file in files}
    )
    return record.name, rows
