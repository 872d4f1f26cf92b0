"""What the catalog holds, as the ledger tells it: versions, divisions, what was taken back."""

from __future__ import annotations

import msgspec

from governed_kernel.errors import UnknownName
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import Collection, Withdrawal
from governed_kernel.lineage.events import (
    DatasetRegistered,
    DataTransformed,
    LedgerEvent,
    SplitRecorded,
)

__all__ = ["Holdings"]


class Holdings:
    """Datasets and base models, and what became of them.

    Attributes
    ----------
    datasets : dict of str to list of DatasetRegistered
        The versions of each dataset and base model, oldest first.
    splits : list of SplitRecorded
        Divisions into train, validation and holdout.
    locked : dict of str to DatasetRegistered
        Digest of each locked holdout; its content stays locked under any other name.
    divided : dict of str to SplitRecorded
        Digest of each version that was divided, and so contains a holdout.
    transformations : dict of str to DataTransformed
        ``NAME@VERSION`` that rules made from another version, and how.
    collected : dict of str to int
        ``NAME@VERSION`` whose content was removed, and the record that says so.
    """

    def __init__(self) -> None:
        self.datasets: dict[str, list[DatasetRegistered]] = {}
        self.splits: list[SplitRecorded] = []
        self.locked: dict[str, DatasetRegistered] = {}
        self.divided: dict[str, SplitRecorded] = {}
        self.collected: dict[str, int] = {}
        self.transformations: dict[str, DataTransformed] = {}

    def hold_apart(self) -> None:
        """Go on without whom this was copied from: neither changes what the other holds."""
        self.datasets = {name: list(versions) for name, versions in self.datasets.items()}
        self.splits = list(self.splits)
        self.locked, self.divided = dict(self.locked), dict(self.divided)
        self.collected, self.transformations = dict(self.collected), dict(self.transformations)

    def hold(self, event: LedgerEvent) -> None:
        """Take in an event that nobody signs; others than those about data change nothing."""
        match event:
            case DatasetRegistered():
                self.datasets.setdefault(event.dataset, []).append(event)
                if event.state == "locked":
                    self.locked.setdefault(event.sha256, event)
            case SplitRecorded():
                self._divide(event)
            case DataTransformed():
                self.transformations[f"{event.dataset}@{event.version}"] = event
            case _:
                pass

    def _divide(self, event: SplitRecorded) -> None:
        self.splits.append(event)
        for version in self.datasets.get(event.dataset, []):
            if version.version == event.version:
                self.divided.setdefault(version.sha256, event)

    def withhold(self, entry: Entry) -> None:
        """Let a signed entry take effect that takes data back, or removes what is not needed."""
        said = entry.predicate if entry.valid else None
        if isinstance(said, Withdrawal):
            self.datasets[said.dataset] = [
                msgspec.structs.replace(known, state="withdrawn")
                if (known.version, known.sha256) == (said.version, said.sha256)
                else known
                for known in self.datasets.get(said.dataset, [])
            ]
        elif isinstance(said, Collection):
            self.collected.update(dict.fromkeys(said.versions, entry.number))

    @property
    def kept_code(self) -> dict[str, str]:
        """SHA-256 of the code of splits and the rules of transformations, and their paths."""
        codes = {split.code_sha256: split.code for split in self.splits}
        return codes | {made.rules_sha256: made.rules for made in self.transformations.values()}

    def version(self, name: str) -> DatasetRegistered:
        """The dataset version meant by ``NAME@VERSION``, or the newest of ``NAME``.

        Raises
        ------
        UnknownName
            There is none.
        """
        dataset, at, wanted = name.partition("@")
        versions = self.datasets.get(dataset)
        if not versions:
            raise UnknownName(
                f"no dataset or base model is called {dataset!r}",
                why=f"the catalog has {', '.join(sorted(self.datasets)) or 'nothing yet'}",
                next=f"register it: 'governed data register {dataset} PATH …'",
            )
        if not at:
            return versions[-1]
        for version in versions:
            if version.version == wanted:
                return version
        raise UnknownName(
            f"{dataset} has no version {wanted!r}",
            why=f"it has {', '.join(version.version for version in versions)}",
            next=f"see 'governed data show {dataset}'",
        )
