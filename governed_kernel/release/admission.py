"""Which data a run may have: what was approved, still there, and permitted to whoever starts it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from governed_kernel.errors import IntegrityBroken, Refused
from governed_kernel.governance import authorization, catalog, permission
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.release.manifest import Input
from governed_kernel.workspace import Workspace

__all__ = ["catalogued", "check_inputs", "check_lifetime", "check_policies"]


def check_inputs(
    workspace: Workspace, register: Register, inputs: Sequence[Input], *, validation: bool = False
) -> dict[str, Path]:
    """Hash every input's snapshot, and refuse what was withdrawn or is past its retention.

    Parameters
    ----------
    validation : bool
        The inputs are those of a validation run, which alone reads a holdout.

    Returns
    -------
    dict of str to Path
        ``NAME@VERSION`` → its snapshot, a file or a folder.
    """
    found: dict[str, Path] = {}
    for item in inputs:
        version = catalogued(register, item)
        _, locked = permission.restriction(register, version)
        if locked and not validation:
            raise Refused(
                f"{item.name} can't be read by a run of a release",
                why=locked,
                next="promote a new version of the release that does without it",
            )
        check_lifetime(register, version)
        found[item.name] = catalog.verify(workspace, version)
    return found


def check_policies(
    register: Register, release: str, person: str, kind: str, inputs: Sequence[Input]
) -> list[str]:
    """Refuse a run that policies don't let `person` start, or that reads what they don't permit.

    Returns
    -------
    list of str
        The ids of the policies that let it start.

    Raises
    ------
    PolicyDenied
        With the ids of the policies that decided.
    """
    policies = [*authorization.check_run(register, release, person, kind)]
    for item in inputs:
        verdict = authorization.may_read_somehow(
            register, catalogued(register, item), person=person, mode="release", run_kind=kind
        )
        if not verdict.allowed:
            raise authorization.denied(
                f"policy does not let a {kind} run that {person} starts read {item.name}",
                verdict,
                f"read {item.name} --as {person} --mode release --run-kind {kind}",
            )
        policies += [each for each in verdict.ids if each not in policies]
    return policies


def catalogued(register: Register, item: Input) -> DatasetRegistered:
    """The version that an input names; refused where the catalog says otherwise of it.

    A manifest is its author's word, so what it says of an input is held against the catalog.
    """
    version = register.version(item.name)
    if version.sha256 != item.sha256:
        raise IntegrityBroken(
            f"{item.name} is not the content that was approved",
            why=f"the catalog says {version.sha256}, approved was {item.sha256}",
            next="promote a new version of the release",
        )
    for name in ("kind", "data_class", "purposes"):
        stated, known = getattr(item, name), getattr(version, name)
        if stated != known:
            raise IntegrityBroken(
                f"the release states another {name} of {item.name} than the catalog",
                why=f"it states {stated}, the catalog {known}",
                next="promote a new version with 'governed promote', which asks the catalog",
            )
    return version


def check_lifetime(register: Register, version: DatasetRegistered) -> None:
    """Refuse what was withdrawn or is past its retention."""
    name = f"{version.dataset}@{version.version}"
    if version.state == "withdrawn":
        raise Refused(
            f"{name} was withdrawn",
            why="its owner no longer allows its use",
            next="promote a new version of the release without it",
        )
    if authorization.is_expired(version, register.moment):
        raise Refused(
            f"{name} is past its retention",
            why=f"it was to be kept until {version.retention_until}, and no later day is taken for "
            "the same content",
            next="promote a new version of the release, from data that may still be kept",
        )
