"""What the catalog holds, as the ledger tells it: versions, divisions, what was taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from governed_kernel.errors import UnknownName
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import (
    Collection,
    LearningAllowed,
    LearningClosed,
    Withdrawal,
)
from governed_kernel.lineage.events import (
    DatasetRegistered,
    DataTransformed,
    LedgerEvent,
    SplitRecorded,
)

__all__ = ["Holdings", "holds"]


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
    withdrawn : set of str
        Digests of what was taken back; its content stays so under any other name, and whatever
        folder holds it as a file is taken back with it.
    may_learn : dict of str to tuple of LearningAllowed or LearningClosed
        Digest of what was closed by what it was made from, and who opened columns of it, and
        closed them again, in this order.
    transformations : dict of str to DataTransformed
        ``NAME@VERSION`` that rules made from another version, and how.
    collected : dict of str to int
        ``NAME@VERSION`` whose content was removed, and the record that says so.
    """

    def __init__(self) -> None:
        self.datasets: dict[str, list[DatasetRegistered]] = {}
        self.splits: list[SplitRecorded] = []
        self.locked: dict[str, DatasetRegistered] = {}
        self.withdrawn: set[str] = set()
        self.may_learn: dict[str, tuple[LearningAllowed | LearningClosed, ...]] = {}
        self._never_learn: dict[str, _NeverLearned] = {}
        """Digest of content with columns that no model may be made from."""
        self._called: dict[str, tuple[str, ...]] = {}
        self._folders: dict[str, None] = {}
        self._divided: dict[str, SplitRecorded] | None = None
        self._behind: dict[str, SplitRecorded] | None = None
        self.collected: dict[str, int] = {}
        self.transformations: dict[str, DataTransformed] = {}

    def hold_apart(self) -> None:
        """Go on without whom this was copied from: neither changes what the other holds."""
        self.datasets = {name: list(versions) for name, versions in self.datasets.items()}
        self.splits = list(self.splits)
        self.locked, self.withdrawn = dict(self.locked), set(self.withdrawn)
        self.may_learn, self._never_learn = dict(self.may_learn), dict(self._never_learn)
        self._called, self._folders = dict(self._called), dict(self._folders)
        self.collected, self.transformations = dict(self.collected), dict(self.transformations)

    def hold(self, event: LedgerEvent) -> None:
        """Take in an event that nobody signs; others than those about data change nothing."""
        match event:
            case DatasetRegistered():
                if event.never_learn or event.sha256 in self._never_learn:
                    self._take_closed(event)
                names = self._called.get(event.sha256, ())
                self._called[event.sha256] = (*names, event.dataset)
                if [file.sha256 for file in event.files] != [event.sha256]:
                    self._folders[event.dataset] = None
                self.datasets.setdefault(event.dataset, []).append(self._as_it_is(event))
                self._divided = self._behind = None
                if event.state == "locked":
                    self.locked.setdefault(event.sha256, event)
            case SplitRecorded():
                self.splits.append(event)
                self._divided = self._behind = None
            case DataTransformed():
                self.transformations[f"{event.dataset}@{event.version}"] = event
            case _:
                pass

    @property
    def divided(self) -> dict[str, SplitRecorded]:
        """Digest of each version that a holdout was taken from, and which division did that.

        What was made from such a version holds the holdout's rows as well, whenever it was made,
        unless it was made from the division's parts.
        """
        if self._divided is None:
            found: dict[str, SplitRecorded] = {}
            for split in self.splits:
                if whole := self.whole_of(split):
                    found.setdefault(whole.sha256, split)
            lineage = _Lineage(self)
            for split in self.splits:
                if whole := self.whole_of(split):
                    for made in lineage.made_from(whole, split.parts.values()):
                        found.setdefault(made.sha256, split)
            self._divided = found
        return self._divided

    @property
    def behind(self) -> dict[str, SplitRecorded]:
        """Digest of each version that a divided one was made from, and which division that was.

        It holds the holdout's rows too, and so may whatever else was made from it, until that is
        divided itself: its parts are held against this holdout then.
        """
        if self._behind is None:
            found: dict[str, SplitRecorded] = {}
            for split, related in self._behind_each():
                for version in related:
                    found.setdefault(version.sha256, split)
            self._behind = {sha: split for sha, split in found.items() if sha not in self.divided}
        return self._behind

    def made_to_be(self, version: DatasetRegistered) -> list[DatasetRegistered]:
        """What a version was made from, at any remove, and what else was made from that."""
        return list(_Lineage(self).behind(version, self._parts))

    def holdouts_beside(self, version: DatasetRegistered) -> list[DatasetRegistered]:
        """Holdouts that were divided off what was made from the same as a version."""
        return [
            self.version(split.parts["holdout"])
            for split, related in self._behind_each()
            if any(one.sha256 == version.sha256 for one in related)
        ]

    def _behind_each(
        self,
    ) -> Iterator[tuple[SplitRecorded, Iterator[DatasetRegistered]]]:
        """Each division, and what its version was made from with what else was made of that."""
        lineage, parts = _Lineage(self), self._parts
        for split in self.splits:
            if whole := self.whole_of(split):
                yield split, lineage.behind(whole, parts)

    @property
    def _parts(self) -> frozenset[str]:
        return frozenset(part for split in self.splits for part in split.parts.values())

    def whole_of(self, split: SplitRecorded) -> DatasetRegistered | None:
        """The version that was divided."""
        versions = self.datasets.get(split.dataset, [])
        return next((each for each in versions if each.version == split.version), None)

    def made_from(self, version: DatasetRegistered) -> list[DatasetRegistered]:
        """What was made from a version otherwise than by dividing it, at any remove."""
        whole = (version.dataset, version.version)
        own = (split for split in self.splits if (split.dataset, split.version) == whole)
        parts = [part for split in own for part in split.parts.values()]
        return list(_Lineage(self).made_from(version, parts))

    def withhold(self, entry: Entry) -> None:
        """Let a signed entry take effect that takes data back, opens or removes it."""
        said = entry.predicate if entry.valid else None
        if isinstance(said, Withdrawal):
            self.withdrawn.add(said.sha256)
            self._look_anew(said.sha256)
        elif isinstance(said, LearningAllowed | LearningClosed):
            self.may_learn[said.sha256] = (*self.may_learn.get(said.sha256, ()), said)
            self._look_anew(said.sha256)
        elif isinstance(said, Collection):
            self.collected.update(dict.fromkeys(said.versions, entry.number))

    def _look_anew(self, sha256: str) -> None:
        for name in self.called(sha256):
            self.datasets[name] = [self._as_it_is(known) for known in self.datasets[name]]

    def called(self, sha256: str) -> list[str]:
        """The datasets of which a version has that content, or holds it as a file of a folder."""
        folders = (
            name
            for name in self._folders
            if any(holds(version, sha256) for version in self.datasets[name])
        )
        return list(dict.fromkeys((*self._called.get(sha256, ()), *folders)))

    def opened(self, sha256: str) -> list[str]:
        """The columns of a content that somebody opened, and nobody has closed again."""
        found: dict[str, None] = {}
        for said in self.may_learn.get(sha256, ()):
            if isinstance(said, LearningAllowed):
                found.update(dict.fromkeys(said.columns))
            else:
                found = {column: None for column in found if column not in said.columns}
        return list(found)

    def _take_closed(self, event: DatasetRegistered) -> None:
        """Keep what is closed of a content: what anybody declared stays so under every name."""
        known = self._never_learn.get(event.sha256, _NeverLearned((), ()))
        declared = (column for column in event.never_learn if column not in event.inherited)
        self._never_learn[event.sha256] = _NeverLearned(
            tuple(dict.fromkeys((*known.declared, *declared))),
            tuple(dict.fromkeys((*known.inherited, *event.inherited))),
        )
        self._look_anew(event.sha256)

    def withdrawn_in(self, version: DatasetRegistered) -> list[str]:
        """The files of a folder that were withdrawn as versions of their own, by path."""
        if not self.withdrawn or version.sha256 in self.withdrawn:
            return []
        return [file.path for file in version.files if file.sha256 in self.withdrawn]

    def _as_it_is(self, version: DatasetRegistered) -> DatasetRegistered:
        """Withdrawn, where that content is, whatever it is called, or a file of it; with open
        columns where somebody opened them.
        """
        closed = self._never_learn.get(version.sha256)
        if closed is not None:
            apart = {*closed.declared, *self.opened(version.sha256)}
            inherited = [column for column in closed.inherited if column not in apart]
            version = msgspec.structs.replace(
                version, never_learn=[*closed.declared, *inherited], inherited=inherited
            )
        if version.state == "withdrawn" or not self.withdrawn:
            return version
        if version.sha256 in self.withdrawn or self.withdrawn_in(version):
            return msgspec.structs.replace(version, state="withdrawn")
        return version

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


class _NeverLearned(NamedTuple):
    """Columns of a content that no model may be made from.

    Attributes
    ----------
    declared : tuple of str
        By who registered it, under whatever name: nobody opens these.
    inherited : tuple of str
        By the lineage of what it was made from.
    """

    declared: tuple[str, ...]
    inherited: tuple[str, ...]


class _Lineage:
    """Which versions were made from which, by rules or in sessions, or have the same content."""

    def __init__(self, holdings: Holdings) -> None:
        self._named: dict[str, DatasetRegistered] = {}
        self._alike: dict[str, list[DatasetRegistered]] = {}
        self._children: dict[str, list[DatasetRegistered]] = {}
        for version in (each for history in holdings.datasets.values() for each in history):
            self._named[_label(version)] = version
            self._alike.setdefault(version.sha256, []).append(version)
            for parent in {version.derived_from, *version.made_from}:
                self._children.setdefault(parent, []).append(version)

    def ancestors(self, version: DatasetRegistered) -> Iterator[DatasetRegistered]:
        """The data that a version was made from at any remove, under each of its names."""
        seen, waiting = {version.sha256}, list(self._alike[version.sha256])
        while waiting:
            child = waiting.pop()
            for name in (child.derived_from, *child.made_from):
                parent = self._named.get(name)
                if parent is None or parent.kind != "data" or parent.sha256 in seen:
                    continue
                seen.add(parent.sha256)
                alike = self._alike[parent.sha256]
                yield from alike
                waiting += alike

    def behind(
        self, version: DatasetRegistered, parts: frozenset[str]
    ) -> Iterator[DatasetRegistered]:
        """Its ancestors, and what else was made from them but by way of `parts` or of itself."""
        seen = {version.sha256}
        for ancestor in self.ancestors(version):
            yield ancestor
            waiting = list(self._children.get(_label(ancestor), []))
            while waiting:
                made = waiting.pop()
                if made.sha256 in seen or _label(made) in parts:
                    continue
                seen.add(made.sha256)
                for alike in self._alike[made.sha256]:
                    yield alike
                    waiting += self._children.get(_label(alike), [])

    def made_from(
        self, version: DatasetRegistered, parts: Iterable[str]
    ) -> Iterator[DatasetRegistered]:
        """What was made from a version at any remove, but not by way of its `parts`."""
        known = [self._named[part].sha256 for part in parts if part in self._named]
        seen, waiting = set(known), [version]
        while waiting:
            parent = waiting.pop()
            if parent.sha256 in seen:
                continue
            seen.add(parent.sha256)
            for alike in self._alike[parent.sha256]:
                if alike is not version:
                    yield alike
                waiting += self._children.get(_label(alike), [])


def holds(version: DatasetRegistered, sha256: str) -> bool:
    """Whether a version is that content, or a folder with a file that is."""
    return version.sha256 == sha256 or any(file.sha256 == sha256 for file in version.files)


def _label(version: DatasetRegistered) -> str:
    return f"{version.dataset}@{version.version}"
