"""All that a report on a release rests on: the verified ledger, the release, its newest bundle."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from governed_kernel.errors import GovernedError
from governed_kernel.files import read_regular
from governed_kernel.governance import authorization
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.release import bundle, gate, intake, manifest
from governed_kernel.release.environment import EnvironmentLock
from governed_kernel.release.evaluations import compared
from governed_kernel.release.manifest import Input, ReleaseManifest
from governed_kernel.release.overview import overview
from governed_kernel.release.registry import Registry, ReleaseRecord, RunRecord
from governed_kernel.workspace import Workspace

__all__ = ["Dossier"]


@dataclass(frozen=True)
class Dossier:
    """One release as a report tells it.

    Attributes
    ----------
    run : RunRecord or None
        The one whose bundle is live (the last that was put live, where several are), else the one
        with the newest bundle, else the newest run of the release.
    path : dict
        As ``governed release show`` prints it.
    card : dict of str to str
        What people said of the use case and of the model.
    verified : str
        Whether its bundle is what was sealed, in words.
    """

    workspace: Workspace
    registry: Registry
    release: ReleaseRecord
    bound: ReleaseManifest
    lock: EnvironmentLock
    run: RunRecord | None
    path: dict[str, Any]
    card: dict[str, str]
    verified: str

    @classmethod
    def read(cls, workspace: Workspace, name: str) -> Dossier:
        """Gather it, verified from bytes up.

        Raises
        ------
        IntegrityBroken
            The release is not what was promoted.
        """
        registry = Registry.read(workspace)
        release = registry.release(name)
        folder = manifest.release_folder(workspace, release.name)
        bound = manifest.load(folder, release.digest)
        gate.check_promotion(release, bound)
        lock = msgspec.json.decode(read_regular(folder / "environment.json"), type=EnvironmentLock)
        path = overview(registry, release)
        run = _chosen(release, [item["bundle"] for item in _live(path)])
        return cls(
            workspace=workspace,
            registry=registry,
            release=release,
            bound=bound,
            lock=lock,
            run=run,
            path=path,
            card=dict(intake.facts(manifest.card_of(folder, bound))),
            verified=_verified(workspace, registry, run),
        )

    @property
    def moment(self) -> datetime:
        """When the report was made."""
        return self.registry.moment

    @property
    def head(self) -> int:
        """How many records of the ledger it rests on."""
        return len(self.registry.register.events)

    def version(self, item: Input) -> DatasetRegistered:
        """What the catalog says of an input."""
        return self.registry.register.version(item.name)

    def inputs(self) -> list[tuple[str, Input, DatasetRegistered]]:
        """Base models, data that the run read and evaluation data, each once."""
        found: dict[str, tuple[str, Input, DatasetRegistered]] = {}
        for item in self.bound.inputs:
            role = "base model" if item.kind == "model" else "input"
            found[item.name] = (role, item, self.version(item))
        for item in (item for suite in self.bound.suites for item in suite.inputs):
            found.setdefault(item.name, ("evaluation", item, self.version(item)))
        return list(found.values())

    def thresholds(self) -> dict[tuple[str, str], str]:
        """Suite's digest and case → its threshold in words, where the evidence is as recorded."""
        found = {}
        for recorded in self.run.evaluations if self.run else []:
            with contextlib.suppress(GovernedError):  # which a deployment would be refused for
                told = compared(self.workspace, recorded)
                found.update({(recorded.suite_sha256, case): said for case, said in told.items()})
        return found

    def _checks(self) -> Iterator[Callable[[], object]]:
        """The gates before a deployment but those whose concern is told already."""
        register, release, run = self.registry.register, self.release, self.run
        yield lambda: register.check_policy()
        yield lambda: gate.check_signatures(register, release)
        if run is not None:
            yield lambda: gate.check_signatures(register, release, run)
            yield lambda: gate.check_separation(register, release, run)
            yield lambda: gate.check_requirements(register, self.bound, run)

    def concerns(self) -> list[str]:
        """What stands against running or deploying it now, and what will soon."""
        found = []
        if self.release.state in ("rejected", "revoked"):
            last = self.release.history[-1]
            found.append(f"It was {last.state} by {last.person}: {last.reason}")
        for finding in self.release.recalls:
            if finding.state != "continued":
                said = f"{', '.join(finding.recall.versions)} was recalled ({finding.state})"
                found.append(f"{said}: {finding.recall.reason}")
        if found and (live := _live(self.path)):
            places = ", ".join(f"{item['environment']}/{item['slot']}" for item in live)
            found.append(f"It is live all the same: {places}")
        for risk in self.run.acceptances if self.run else []:
            state = risk.state_at(self.moment)
            if state != "valid":
                found.append(f"The acceptance of the risk of {risk.said.case_id} is {state}")
        for _, item, version in self.inputs():
            if authorization.is_expired(version):
                found.append(f"{item.name} is past its retention ({version.retention_until})")
            elif version.state == "withdrawn":
                found.append(f"{item.name} was withdrawn")
        for missing in [name for name, text in self.card.items() if not text.strip()]:
            found.append(f"Nobody said {intake.FIELDS[missing]}")
        if self.run is None:
            found.append("It was never run")
        for check in self._checks():
            try:
                check()
            except GovernedError as error:
                found.append(f"{error.what}: {error.why}" if error.why else error.what)
        if self.verified.startswith("not"):
            found.append(f"Its bundle is {self.verified}")
        return found


def _live(path: dict[str, Any]) -> list[dict[str, Any]]:
    """The deployments of the release that have not ended, in the order in which they began."""
    return [item for item in path["deployments"] if item["live_to"] is None]


def _chosen(release: ReleaseRecord, live: list[str]) -> RunRecord | None:
    runs = [run for run in release.runs if run.started.kind == "release"]
    sealed = {run.bundle.name: run for run in runs if run.bundle}
    known = [sealed[name] for name in live if name in sealed]
    chosen = known or list(sealed.values()) or runs
    return chosen[-1] if chosen else None


def _verified(workspace: Workspace, registry: Registry, run: RunRecord | None) -> str:
    if run is None or run.bundle is None:
        return "no bundle was sealed"
    try:
        key = registry.register.service_key_of(run.bundle.name)
        bundle.verify(bundle.folder_of(workspace, run.bundle), key)
    except GovernedError as error:
        return f"not what was sealed: {error.what} ({error.why})"
    return "every byte is as it was sealed"
