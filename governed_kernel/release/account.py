"""All that the record knows of one finished run: what the papers of its bundle are written from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

import msgspec

from governed_kernel.files import read_regular
from governed_kernel.governance.catalog import label
from governed_kernel.governance.counting import CountedApproval
from governed_kernel.lineage.events import (
    Artifact,
    DatasetRegistered,
    RunEnded,
    ValidationRecorded,
)
from governed_kernel.release import learned, manifest
from governed_kernel.release.environment import EnvironmentLock
from governed_kernel.release.intake import Card
from governed_kernel.release.manifest import ReleaseManifest
from governed_kernel.release.recorded import read_session
from governed_kernel.release.registry import Registry, ReleaseRecord, RunRecord
from governed_kernel.workspace import Workspace

__all__ = ["NOT_STATED", "Account", "Learnt", "Material", "Role"]

NOT_STATED = "not stated"
"""What a card says where nobody said anything: nothing is made up."""

Role: TypeAlias = Literal["input", "evaluation", "source"]


@dataclass(frozen=True)
class Material:
    """One catalogued version, and what it was used as."""

    role: Role
    version: DatasetRegistered

    @property
    def name(self) -> str:
        """``NAME@VERSION``."""
        return label(self.version)


@dataclass(frozen=True, order=True)
class Learnt:
    """One column of the data that weights of this run owe to, and how that is known."""

    weights: str
    dataset: str
    column: str
    relation: str
    evidence: str


@dataclass(frozen=True)
class Account:
    """One run that passed its validation.

    Attributes
    ----------
    lock : EnvironmentLock
        What it ran with.
    learnt : tuple of Learnt
        From the verified journal of the run's own session.
    """

    workspace: Workspace
    registry: Registry
    release: ReleaseRecord
    run: RunRecord
    bound: ReleaseManifest
    lock: EnvironmentLock
    learnt: tuple[Learnt, ...]

    @classmethod
    def read(
        cls, workspace: Workspace, registry: Registry, run: RunRecord, bound: ReleaseManifest
    ) -> Account:
        """Gather it from the ledger, the release and the journal of the run's session."""
        folder = manifest.release_folder(workspace, run.started.release)
        lock = msgspec.json.decode(read_regular(folder / "environment.json"), type=EnvironmentLock)
        release = registry.release(run.started.release)
        return cls(
            workspace, registry, release, run, bound, lock, _learnt(workspace, registry, run)
        )

    @property
    def ended(self) -> RunEnded:
        """The end of the run."""
        assert self.run.ended is not None
        return self.run.ended

    @property
    def ended_at(self) -> datetime:
        """When the run ended; papers carry no other time, so that they can be made again."""
        return self.ended.occurred_at

    @property
    def validated(self) -> ValidationRecorded:
        """The validation that came last."""
        assert self.run.validated is not None
        return self.run.validated

    @property
    def evaluations(self) -> list[ValidationRecorded]:
        """The validation that counts of each suite."""
        return self.run.evaluations

    @property
    def card(self) -> Card:
        """What people say of the use case and of the model."""
        folder = manifest.release_folder(self.workspace, self.release.name)
        return manifest.card_of(folder, self.bound)

    @property
    def weights(self) -> list[Artifact]:
        """The artifacts that hold what was learnt."""
        return [item for item in self.ended.artifacts if learned.holds_weights(item.name)]

    @property
    def is_adapter(self) -> bool:
        """Whether it is an adapter to the base model, and no model of its own."""
        names = {PurePosixPath(item.name).name for item in self.ended.artifacts}
        return "adapter_config.json" in names

    @property
    def bases(self) -> list[DatasetRegistered]:
        """The base models that were read."""
        return [self.registry.register.version(item.name) for item in self.bound.base_models()]

    def materials(self) -> Iterator[Material]:
        """Each input, each thing that suites read, and what they were derived from, once."""
        seen: set[str] = set()
        waiting: list[tuple[Role, str]] = [("input", item.name) for item in self.bound.inputs]
        waiting += [("evaluation", i.name) for suite in self.bound.suites for i in suite.inputs]
        while waiting:
            role, name = waiting.pop(0)
            if name in seen:
                continue
            seen.add(name)
            version = self.registry.register.version(name)
            yield Material(role, version)
            if version.derived_from:
                waiting.append(("source", version.derived_from))

    def data(self) -> list[Material]:
        """The materials that are data, and no models."""
        return [item for item in self.materials() if item.version.kind == "data"]

    def inputs(self, *, learnt: bool) -> list[Material]:
        """The data that the run read: what its weights owe to, or what they do not on record."""
        names = {item.dataset for item in self.learnt}
        read = [item for item in self.data() if item.role == "input"]
        return [item for item in read if (item.name in names) == learnt]

    def approvals(self) -> list[CountedApproval]:
        """Every approval that counts: for the run, then for its deployment."""
        register, name = self.registry.register, self.release.name
        digest, _ = self.run.evidence()
        given = [
            *register.approvals_for(name, self.release.digest, "run"),
            *register.approvals_for(name, digest, "deployment", self.run.run_id),
        ]
        return [item for item in given if item.counts]


def _learnt(workspace: Workspace, registry: Registry, run: RunRecord) -> tuple[Learnt, ...]:
    assert run.ended is not None
    session = read_session(workspace, registry.register, run.ended.session_id)
    read = session.read_as(registry.register)
    written = {
        item.uri: item.name for item in run.ended.artifacts if learned.holds_weights(item.name)
    }
    rows = learned.origins_of(workspace, run.ended.session_id)
    found = {
        Learnt(
            written[row["output_uri"]],
            name,
            row["input_column"],
            row["relation"],
            row["evidence"],
        )
        for row in rows
        if row["output_uri"] in written
        for name in read.get(row["input_uri"], ())
    }
    return tuple(sorted(found))
