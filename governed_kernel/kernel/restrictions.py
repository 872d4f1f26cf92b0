"""``python -m governed_kernel.kernel.restrictions WORKSPACE``: what notebooks there may not open.

A recorder runs it, and holds every open of its kernel's processes against what it prints.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import unquote

import msgspec

from governed_kernel.capture.emitter import Decision
from governed_kernel.errors import GovernedError
from governed_kernel.governance import masking
from governed_kernel.governance.access import Denials, Guard
from governed_kernel.governance.catalog import is_single_file, label
from governed_kernel.lineage import derivations
from governed_kernel.recorder.restrictions import Known, Restricted, Restriction
from governed_kernel.workspace import Workspace


def main(folder: str) -> int:
    """Print it as JSON; returns the exit code."""
    try:
        workspace = Workspace.open(Path(folder))
        derivations.restore(workspace)
        guard = Guard(workspace)
        told = _told(guard.denials(), _known(guard))
    except GovernedError as error:
        print(f"{error.what}: {error.why}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    sys.stdout.buffer.write(msgspec.json.encode(told))
    return 0


def _told(denials: Denials, known: Known) -> Restricted:
    entries: list[Restriction] = []
    places: dict[int, int] = {}

    def place(decision: Decision) -> int:
        if id(decision) not in places:
            places[id(decision)] = len(entries)
            entries.append(
                Restriction(
                    policies=decision.policies,
                    reason=decision.reason,
                    dataset=decision.dataset,
                    version=decision.version,
                    data_class=decision.data_class,
                )
            )
        return places[id(decision)]

    return Restricted(
        entries=entries,
        paths={path: place(said) for path, said in denials.paths.items()},
        folders={folder: place(said) for folder, said in denials.folders.items()},
        identities=[(*known, place(said)) for known, said in denials.identities.items()],
        contents={sha256: place(said) for sha256, said in denials.contents.items()},
        sizes=denials.sizes,
        versions={name: place(said) for name, said in denials.versions.items()},
        known=known,
    )


def _known(guard: Guard) -> Known:
    """The catalog, as far as it tells what a file is."""
    register = guard.register
    if register is None:
        return Known()
    snapshots = guard.workspace.snapshots
    classes: dict[str, str] = {}
    folders: dict[str, str] = {}
    sources: dict[str, str] = {}
    contents: dict[str, str] = {}
    sizes: set[int] = set()
    for version in (version for found in register.datasets.values() for version in found):
        name = label(version)
        classes[name] = version.data_class
        folders.setdefault(f"{snapshots / version.sha256}{os.sep}", name)
        known = guard.workspace.settings.classes.get(version.data_class)
        if known is not None and known.masked:
            classes[name + masking.MASKED] = version.data_class
            place = masking.folder_of(guard.workspace, version)
            folders.setdefault(f"{place}{os.sep}", name + masking.MASKED)
        for file in version.files:
            if file.bytes:
                contents.setdefault(file.sha256, name)
                sizes.add(file.bytes)
        if version.source.startswith("file:"):
            source = os.path.realpath(unquote(version.source.removeprefix("file://")))
            if is_single_file(version):
                sources.setdefault(source, name)
            else:
                folders.setdefault(source + os.sep, name)
    settings = guard.workspace.settings
    return Known(
        classes=classes,
        strictness={name: settings.strictness_of(name) for name in settings.classes},
        folders=folders,
        paths=sources,
        contents=contents,
        sizes=sorted(sizes),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
