"""What people wrote of a use case, held against what its newest release binds.

Nothing rests on ``cards/NAME.toml`` once it was promoted: who approves a release signs the card
that lies in it. Who reads the file should know where it says something else.
"""

from __future__ import annotations

from collections.abc import Iterator

from governed_kernel.audit.report import Check, told
from governed_kernel.errors import GovernedError
from governed_kernel.release import intake, manifest
from governed_kernel.release.intake import Card
from governed_kernel.release.registry import Registry, ReleaseRecord
from governed_kernel.workspace import Workspace

__all__ = ["check_use_cases"]


def check_use_cases(workspace: Workspace, registry: Registry) -> Iterator[Check]:
    """A doubt for each card that says something else than the newest release of its name."""
    newest = {manifest.parse_name(name)[0]: name for name in registry.releases}
    for name, release in sorted(newest.items()):
        promoted = registry.release(release)
        yield from told("card", f"cards/{name}.toml", _use_case(workspace, name, promoted))


def _use_case(workspace: Workspace, name: str, release: ReleaseRecord) -> Iterator[Check]:
    binds = _bound(workspace, release)
    if binds is None:
        return
    path = intake.card_path(workspace, name)
    try:
        said = _difference(intake.parse(intake.read(path, required=True), path), binds)
    except GovernedError as error:
        said = f"{error.what}: {error.why}"
    file = workspace.relative(path)
    if said:
        signed = f"release/{release.name}/{intake.CARD}"
        yield Check("card", file, "doubt", f"{said}; nothing rests on it: {signed} is signed")
    else:
        yield Check("card", file, "ok")


def _difference(there: Card, binds: Card) -> str:
    says, signed = intake.facts(there), intake.facts(binds)
    changed = [field for field in signed if says[field] != signed[field]]
    return f"the newest release says something else in {', '.join(changed)}" if changed else ""


def _bound(workspace: Workspace, release: ReleaseRecord) -> Card | None:
    """The card as promoted; None where that can't be told, which is said of the release."""
    folder = manifest.release_folder(workspace, release.name)
    try:
        said = manifest.load_alone(folder, release.digest)
        return manifest.card_of(folder, said) if said.card else None
    except (GovernedError, OSError):
        return None
