"""``python -m governed_kernel.kernel.restrictions WORKSPACE``: what notebooks there may not open.

A recorder runs it, and holds every open of its kernel's processes against what it prints.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from governed_kernel.capture.emitter import Decision
from governed_kernel.errors import GovernedError
from governed_kernel.governance.access import Denials, Guard
from governed_kernel.recorder.restrictions import Restricted, Restriction
from governed_kernel.workspace import Workspace


def main(folder: str) -> int:
    """Print it as JSON; returns the exit code."""
    try:
        denials = Guard(Workspace.open(Path(folder))).denials()
    except GovernedError as error:
        print(f"{error.what}: {error.why}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    sys.stdout.buffer.write(msgspec.json.encode(_told(denials)))
    return 0


def _told(denials: Denials) -> Restricted:
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
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
