"""Whether an open is allowed: by path and file identity, before a byte is read.

`decide` answers for every open of a research session, so it costs microseconds: an index of the
catalog is kept in memory and made anew when the ledger grows. What is asked for by name, for a
purpose, is decided in `permission`.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import unquote

from governed_kernel.canonical import digest_file
from governed_kernel.capture.emitter import Decision
from governed_kernel.capture.uris import resolved
from governed_kernel.forking import hold_still
from governed_kernel.governance import authorization, masking
from governed_kernel.governance.cedar import Verdict
from governed_kernel.governance.permission import closed_to, decision_of, floor
from governed_kernel.governance.register import Register
from governed_kernel.lineage.derivations import Derivation, Derivations
from governed_kernel.lineage.events import DatasetRegistered, Operation
from governed_kernel.workspace import Workspace

__all__ = ["Denials", "Guard", "decide"]

K = TypeVar("K")
_REMEMBERED = 20_000
_SECONDS_TO_FORK = 5.0
_ALLOWED = Decision(allowed=True)
_UNREADABLE = Decision(
    allowed=False,
    reason="it has the size of restricted data, and may not be opened to see whether it is that",
    policies=["restricted-content"],
)
_UNKNOWN = Decision(
    allowed=False, reason="the catalog does not know it", policies=["unknown-origin"]
)
_NOT_MASKED_SO = Decision(
    allowed=False,
    reason="it is no masked copy as governed.toml asks for one now",
    policies=["masked-columns"],
)


class Denials(NamedTuple):
    """What may not be opened, by each way in which a file is known, and the decision.

    Attributes
    ----------
    paths, folders : dict of str to Decision
        Real paths, and folders with a slash at the end.
    identities : dict of (int, int) to Decision
        Device and inode.
    contents : dict of str to Decision
        SHA-256 of contents.
    sizes : list of int
        The sizes that such contents have.
    versions : dict of str to Decision
        ``NAME@VERSION``; what sessions made from these may not be opened either.
    """

    paths: dict[str, Decision]
    folders: dict[str, Decision]
    identities: dict[tuple[int, int], Decision]
    contents: dict[str, Decision]
    sizes: list[int]
    versions: dict[str, Decision]


class Guard:
    """Decides accesses of research sessions in one workspace.

    A file is known by its place (snapshot, object, registered source), by device and inode, and,
    when a restricted file has its size, by content: so a link, a renamed file or a copy of a
    holdout is the holdout. What a session made from it, a part cut out of it for instance, is
    known by the session's lineage (`derivations`), and is whatever it was made from.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._state = f"{workspace.state}{os.sep}"
        self._snapshots = f"{workspace.snapshots}{os.sep}"
        self._objects = f"{workspace.objects}{os.sep}"
        self._ledger = str(workspace.ledger)
        self._lock = threading.RLock()
        self._inside = threading.local()
        self._seen: tuple[int, int, int] | None = None
        self._by_digest: dict[str, Decision] = {}
        self._by_object: dict[str, Decision] = {}
        self._by_path: dict[str, Decision] = {}
        self._by_identity: dict[tuple[int, int], Decision] = {}
        self._folders: list[tuple[str, Decision]] = []
        self.register: Register | None = None
        """What the decisions rest on; None before there was one."""
        self._by_label: dict[str, Decision] = {}
        self._derivations = Derivations(workspace)
        self._forbidden: dict[str, Decision] = {}
        self._forbidden_sizes: set[int] = set()
        self._restricted: dict[str, Decision] = {}
        self._restricted_sizes: dict[int, list[str]] = {}
        self._readable: dict[str, tuple[tuple[int, int, int, int], Decision]] = {}
        self._hashed: dict[tuple[int, int, int, int], str] = {}

    def denials(self) -> Denials:
        """Everything that a session here may not open, for whoever enforces it from outside."""
        with self._lock:
            self._refresh()

        def denied(known: Iterable[tuple[K, Decision]]) -> dict[K, Decision]:
            return {key: decision for key, decision in known if not decision.allowed}

        objects = denied(self._by_object.items()).items()
        by_object = {f"{self._objects}{sha[:2]}{os.sep}{sha}": said for sha, said in objects}
        snapshots = denied(self._by_digest.items()).items()
        by_snapshot = {f"{self._snapshots}{digest}{os.sep}": said for digest, said in snapshots}
        return Denials(
            paths=denied(self._by_path.items()) | by_object,
            folders=denied(self._folders) | by_snapshot,
            identities=denied(self._by_identity.items()),
            contents=dict(self._restricted),
            sizes=sorted(self._restricted_sizes),
            versions=denied(self._by_label.items()),
        )

    def before_fork(self) -> bool:
        """Wait until no other thread reads the ledger; returns whether that came to pass.

        Such a thread may be importing a module, whose lock would stay locked for ever in a child.
        """
        return self._lock.acquire(timeout=_SECONDS_TO_FORK)

    def after_fork(self) -> None:
        """Let the other threads of the parent go on."""
        self._lock.release()

    def begin_in_child(self) -> None:
        """A forked child has only the thread that forked: what another one held is free here."""
        self._lock = threading.RLock()

    def decide(self, operation: Operation, path: str) -> Decision:
        """Whether `operation` on a path or ``file://`` URI is allowed, and what is known of it."""
        plain = _local_path(path)
        if plain is None or getattr(self._inside, "now", False):
            # What the guard itself opens, the ledger or a file to hash, it does not ask about.
            return _ALLOWED
        self._inside.now = True
        try:
            with self._lock:
                self._refresh()
            try:
                status = os.stat(plain)  # noqa: PTH116 (called for every open)
            except (OSError, ValueError):
                return self._decide(operation, os.path.realpath(plain), None)
            state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            known = self._readable.get(plain)
            if operation == "read" and known is not None and known[0] == state:
                return known[1]
            decision = self._decide(operation, resolved(plain, status)[0], status)
            if operation == "read":
                if len(self._readable) >= _REMEMBERED:
                    self._readable.clear()
                self._readable[plain] = state, decision
            return decision
        finally:
            self._inside.now = False

    def _decide(self, operation: Operation, full: str, status: os.stat_result | None) -> Decision:
        if operation in ("write", "delete") and full.startswith(self._state):
            return Decision(
                allowed=False,
                reason="the workspace's state is written by its own commands and recorders alone",
                policies=["workspace-state"],
            )
        found = self._by_copy(full) or self._by_lineage(operation, full, status)
        if found is not None:
            return found
        known = [*self._by_place(full), self._by_file(full, status)]
        denied = next((each for each in known if each is not None and not each.allowed), None)
        return denied or next((each for each in known if each is not None), _ALLOWED)

    def _by_copy(self, full: str) -> Decision | None:
        """In the workspace's own copies nothing but the version's decision counts."""
        if full.startswith(self._snapshots):
            return self._by_digest.get(full[len(self._snapshots) :].partition(os.sep)[0])
        if full.startswith(self._objects):
            return self._by_object.get(full.rpartition(os.sep)[2])
        return None

    def _by_lineage(
        self, operation: Operation, full: str, status: os.stat_result | None
    ) -> Decision | None:
        """What a session made is what it was made from, until its content is registered."""
        if operation != "read" or not self._derivations:
            return None
        found = self._derivations.of(full, status)
        if found is None and status is not None and status.st_size in self._forbidden_sizes:
            sha256 = self._content(full, status)
            return _UNREADABLE if sha256 is None else self._forbidden.get(sha256)
        if found is None or found.sha256 in self._by_object:
            return None
        return self._inherited(found)

    def _inherited(self, derivation: Derivation) -> Decision:
        """The strictest decision among those of what a file was made from."""
        known = {name: self._by_label.get(name, _UNKNOWN) for name in derivation.origins}
        listed = ", ".join(derivation.origins)
        for decision in known.values():
            if not decision.allowed:
                return replace(decision, reason=f"it was made from {listed}: {decision.reason}")
        policies = dict.fromkeys(policy for said in known.values() for policy in said.policies)
        return Decision(
            allowed=True,
            reason=f"it was made from {listed}",
            policies=list(policies),
            data_class=derivation.data_class,
        )

    def _by_place(self, full: str) -> list[Decision]:
        """What is registered there: several versions may have been, and folders within folders."""
        at = self._by_path.get(full)
        below = [known for folder, known in self._folders if full.startswith(folder)]
        return below if at is None else [at, *below]

    def _by_file(self, full: str, status: os.stat_result | None) -> Decision | None:
        """By device and inode; and by content, where a restricted file has just that size."""
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        found = self._by_identity.get((status.st_dev, status.st_ino))
        if found is not None or status.st_size not in self._restricted_sizes:
            return found
        sha256 = self._content(full, status)
        return self._alike(status.st_size) if sha256 is None else self._restricted.get(sha256)

    def _alike(self, size: int) -> Decision:
        """Why a file that whoever enforces this keeps shut is not opened: it has said no more."""
        names = list(dict.fromkeys(self._restricted_sizes[size]))
        said = f"it is as long as {', '.join(names)}, and what may be a copy is not opened either"
        return replace(_UNREADABLE, reason=f"{said}: {self._by_label[names[0]].reason}")

    def _content(self, full: str, status: os.stat_result) -> str | None:
        """SHA-256 of a file; None when it may not be read, empty when it is gone."""
        state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if state not in self._hashed:
            try:
                self._hashed[state] = digest_file(full)
            except PermissionError:
                return None
            except OSError:
                return ""
        return self._hashed[state]

    def _refresh(self) -> None:
        """Read on in what sessions made, and the ledger again when it is another than last time."""
        if self._derivations.refresh():
            self._forbid()
        try:
            status = os.stat(self._ledger)  # noqa: PTH116
        except OSError:
            return
        seen = (status.st_size, status.st_mtime_ns, status.st_ino)
        if seen == self._seen:
            return
        register = Register.read(self.workspace)
        by_digest: dict[str, Decision] = {}
        judge = _ByPath(register)
        for version in (version for found in register.datasets.values() for version in found):
            decision = judge.decide(version)
            # Of two names for one content the stricter decision stays.
            if version.sha256 not in by_digest or not decision.allowed:
                by_digest[version.sha256] = decision
        self._by_digest = by_digest
        self.register = register
        self._index(register)
        self._forbid()
        self._seen = seen

    def _forbid(self) -> None:
        """Note the contents that sessions made from what may not be read."""
        self._readable.clear()
        self._forbidden = {}
        if not all(decision.allowed for decision in self._by_label.values()):
            for sha256, derivation in self._derivations.contents.items():
                decision = self._inherited(derivation)
                if not decision.allowed and sha256 not in self._by_object:
                    self._forbidden[sha256] = decision
        made = self._derivations.contents
        self._forbidden_sizes = {made[sha256].stamp[2] for sha256 in self._forbidden}

    def _index(self, register: Register) -> None:
        by_object: dict[str, Decision] = {}
        by_path: dict[str, Decision] = {}
        by_identity: dict[tuple[int, int], Decision] = {}
        sizes: dict[int, list[str]] = {}
        folders: list[tuple[str, Decision]] = []
        self._by_label = {}
        for version in (version for found in register.datasets.values() for version in found):
            decision = self._by_digest[version.sha256]
            self._by_label[f"{version.dataset}@{version.version}"] = decision
            for file in version.files:
                _stricter(by_object, file.sha256, decision)
                if not decision.allowed and file.bytes:
                    sizes.setdefault(file.bytes, []).append(f"{version.dataset}@{version.version}")
            source = _local_path(version.source) if version.source.startswith("file:") else None
            if source is not None and len(version.files) == 1:
                _stricter(by_path, os.path.realpath(source), decision)
            elif source is not None:
                folders.append((os.path.realpath(source) + os.sep, decision))
            known = register.workspace.settings.classes.get(version.data_class)
            if known is not None and known.masked:
                self._show_masked(version, folders)
            for identity in self._identities(version, source):
                _stricter(by_identity, identity, decision)
        copies = {folder for folder, _ in folders}
        for made in masking.folders(self.workspace).glob("*/"):
            if f"{made}{os.sep}" not in copies:
                folders.append((f"{made}{os.sep}", _NOT_MASKED_SO))
        self._by_object, self._by_path = by_object, by_path
        self._restricted = {key: known for key, known in by_object.items() if not known.allowed}
        self._restricted_sizes = sizes
        self._by_identity, self._folders = by_identity, folders
        self._readable.clear()

    def _show_masked(self, version: DatasetRegistered, folders: list[tuple[str, Decision]]) -> None:
        """The masked copy is open to those for whom the version itself is only masked."""
        decision = self._by_digest[version.sha256]
        if decision.policies == ["masked-columns"]:
            decision = replace(decision, allowed=True, reason="masked")
        self._by_label[f"{version.dataset}@{version.version}{masking.MASKED}"] = decision
        folders.append((f"{masking.folder_of(self.workspace, version)}{os.sep}", decision))

    def _identities(
        self, version: DatasetRegistered, source: str | None
    ) -> Iterator[tuple[int, int]]:
        """Device and inode of the version's files: by another name it is the same file."""
        places = [self.workspace.snapshots / version.sha256 / file.path for file in version.files]
        if source is not None:
            if len(version.files) == 1:
                places.append(Path(source))
            else:
                places += [Path(source, file.path) for file in version.files]
        for place in places:
            try:
                status = place.stat()
            except OSError:
                continue
            yield status.st_dev, status.st_ino


_GUARDS: dict[Path, Guard] = {}


def decide(workspace: Workspace, operation: Operation, path: str) -> Decision:
    """Whether a research session may do `operation` on `path`; see `Guard.decide`."""
    guard = _GUARDS.get(workspace.root)
    if guard is None:
        guard = _GUARDS[workspace.root] = Guard(workspace)
        hold_still(guard)
    return guard.decide(operation, path)


class _ByPath:
    """Decides for whoever opens a path, who does not say what for: any purpose will do.

    Versions that are alike to the policies are asked about once: a catalog has thousands.
    """

    def __init__(self, register: Register) -> None:
        self._register = register
        self._person = authorization.session_person()
        self._named = authorization.names_datasets(register)
        self._known: dict[tuple[object, ...], Verdict] = {}

    def decide(self, version: DatasetRegistered) -> Decision:
        """What holds for a version in research."""
        found = floor(self._register, version, "", "research", "")
        found += closed_to(self._register, version, self._person)
        if masking.is_masked_for(self._register, version, self._person):
            name = f"{version.dataset}@{version.version}"
            said = f"some columns of {name} are masked for {self._person or 'you'}"
            found.append(("masked-columns", said))
        return decision_of(version, found, None if found else self._verdict(version))

    def _verdict(self, version: DatasetRegistered) -> Verdict:
        thing = authorization.dataset_entity(self._register, version, named=self._named)
        facts = (repr(value) for value in thing.attributes.values())
        key = (thing.id, *facts)
        known = self._known.get(key)
        if known is None:
            known = authorization.may_read_somehow(
                self._register, version, person=self._person, named=self._named
            )
            self._known[key] = known
        return known


def _stricter(index: dict[K, Decision], key: K, decision: Decision) -> None:
    if key not in index or not decision.allowed:
        index[key] = decision


def _local_path(path: str) -> str | None:
    if path.startswith("file://"):
        return unquote(path[len("file://") :])
    return None if "://" in path or "\0" in path else path
