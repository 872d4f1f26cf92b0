"""Holds what the witness saw against what the observers explained.

Both sides name things by canonical path. What was witnessed while a cell ran is explained by an
observer's access to the same thing that arrived since that cell began, whichever cell the
observer credits (its thread may belong to an earlier one). What nobody explained becomes an
access of its own, with evidence ``unexplained``, or ``ambiguous`` where the cell is not certain.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from governed_kernel.lineage.events import (
    Access,
    Completeness,
    Evidence,
    Operation,
    Witnessed,
)
from governed_kernel.recorder import paths
from governed_kernel.recorder.processes import Cell
from governed_kernel.recorder.sightings import Sighting

__all__ = ["Reconciler"]

_DATABASE_COMPANIONS = ("-journal", "-wal", "-shm", ".wal", ".tmp")
_OPERATIONS: tuple[Operation, ...] = ("read", "write", "delete")
_LOCAL_HOSTS = {"localhost": ("127.0.0.1", "::1")}


class _Explanation(NamedTuple):
    """The last access to something, and its place in the order of arrival."""

    arrival: int
    access: Access


@dataclass
class _Use:
    """What was witnessed of one path or address in one cell."""

    sighting: Sighting
    certain: bool


@dataclass
class _Seen:
    """What was witnessed while a cell ran."""

    since: int
    uses: dict[tuple[str, Operation], _Use] = field(default_factory=dict)
    again: dict[tuple[str, int], tuple[Sighting, datetime]] = field(default_factory=dict)
    """Path and process → its last write there, where that was not the first one seen."""
    made: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    """Names that a rename took away: what was written under them is there under another."""

    def used(self, path: str) -> bool:
        """Whether something was done to what `path` led to before."""
        uses = (self.uses.get((path, operation)) for operation in _OPERATIONS)
        return any(use is not None and use.sighting.possible for use in uses)


class Settled(NamedTuple):
    """What is recorded of cells that do not run any more.

    Attributes
    ----------
    unexplained : list of Access
        What nobody explained.
    again : list of Witnessed
        What was written more than once: the last write by each process.
    """

    unexplained: list[Access]
    again: list[Witnessed]


class Reconciler:
    """Explains sightings by accesses, cell by cell.

    Parameters
    ----------
    witness : str
        ``full``, or why less is witnessed; goes into every `Completeness`.
    """

    def __init__(self, witness: str) -> None:
        self.witness = witness
        self.witnessed = 0
        self.explained = 0
        self.unexplained = 0
        self._arrival = 0
        self._by_path: dict[tuple[str, Operation], _Explanation] = {}
        self._folders: dict[str, _Explanation] = {}
        self._databases: dict[str, _Explanation] = {}
        self._connections: list[_Explanation] = []
        self._cells: dict[Cell, _Seen] = {}

    def started(self, cell: Cell) -> None:
        """A cell begins: what arrives from now on may explain what it does."""
        self._cells[cell] = _Seen(self._arrival)

    def witnessed_one(
        self, sighting: Sighting, cell: Cell, *, certain: bool, process: int, moment: datetime
    ) -> Witnessed | None:
        """Take a sighting; returns what to record of it at once.

        That is the first of its kind in the cell. Of the writes that follow, the last by each
        process is recorded when the cell is settled: a file is what the last one left.
        """
        seen = self._cells.get(cell)
        if seen is None:  # the cell is over (a thread or child of it goes on), or none began yet
            seen = self._cells[cell] = _Seen(self._arrival)
        if sighting.source:
            self._moved(seen, sighting)
        elif sighting.operation == "write" and not sighting.exists and not seen.used(sighting.path):
            seen.made.add(sighting.path)
        key = (sighting.path, sighting.operation)
        known = seen.uses.get(key)
        if known is None or (sighting.possible and not known.sighting.possible):
            seen.uses[key] = _Use(sighting, certain)
            return _witnessed(sighting, cell, process, moment)
        if sighting.operation == "write" and sighting.possible:
            seen.again[sighting.path, process] = sighting, moment
        return None

    def moved_with(self, folder: Sighting) -> list[Sighting]:
        """What a folder's rename does to the files that running cells wrote into it.

        Whoever renames a folder into its place moves each file in it.
        """
        if not folder.source or folder.possible or folder.denied is not None:
            return []
        below = folder.source + "/"
        written = {
            path: None
            for seen in self._cells.values()
            for path, operation in seen.uses
            if operation == "write" and path.startswith(below)
        }
        return [
            folder._replace(
                path=folder.path + path[len(folder.source) :],
                source=path,
                exists=False,
                possible=True,
                within=folder.path,
            )
            for path in written
        ]

    def _moved(self, seen: _Seen, sighting: Sighting) -> None:
        """What was written under a temporary name now bears the final one, or both.

        What was there before the cell keeps what was seen of it: a read that is followed by a
        rename was a read.
        """
        made = sighting.source in seen.made
        if made and not sighting.exists:
            seen.made.add(sighting.path)
        if not sighting.call.startswith("rename"):
            return
        seen.left.add(sighting.source)
        if made:
            for operation in ("read", "delete"):
                seen.uses.pop((sighting.source, operation), None)
            seen.made.discard(sighting.source)

    def observed(self, access: Access, path: str | None) -> None:
        """Take an observer's access to the local, canonical `path`, or to none."""
        self._arrival += 1
        explanation = _Explanation(self._arrival, access)
        if path is None:
            if access.operation == "connect" or access.kind in ("http", "sql", "socket"):
                self._connections.append(explanation)
            return
        self._by_path[(path, access.operation)] = explanation
        if access.kind == "sql" or not access.uri.startswith("file:"):
            self._databases[path] = explanation
        elif access.kind in ("model", "dataset") or os.path.isdir(path):
            self._folders[path] = explanation

    def settle(self, running: Collection[Cell]) -> Settled:
        """What is left to record of every cell that does not run any more."""
        settled = Settled([], [])
        for cell in [cell for cell in self._cells if cell not in running]:
            settled.again.extend(
                _witnessed(sighting, cell, process, moment)
                for (_, process), (sighting, moment) in self._cells[cell].again.items()
            )
            settled.unexplained.extend(self._settle(cell))
        return settled

    def completeness(self, environment: int) -> Completeness:
        """How much was explained so far."""
        return Completeness(
            witness=self.witness,
            witnessed=self.witnessed,
            explained=self.explained,
            unexplained=self.unexplained,
            environment=environment,
        )

    def _settle(self, cell: Cell) -> list[Access]:
        seen = self._cells.pop(cell)
        accesses = []
        for (path, operation), use in seen.uses.items():
            if not use.sighting.possible or self._temporary(seen, path, operation):
                continue
            self.witnessed += 1
            access = self._explain(cell, seen, use)
            if access is None:
                self.explained += 1
                continue
            accesses.append(access)
            if access.evidence == "observed":
                self.explained += 1
            else:
                self.unexplained += 1
        return accesses

    def _temporary(self, seen: _Seen, path: str, operation: Operation) -> bool:
        """Whether a file was made and removed by the same cell: nothing of it is left there."""
        within = seen.uses[path, operation].sighting.within
        if operation == "write" and (path in seen.left or within) and not os.path.lexists(path):
            return True
        if path not in seen.made or (path, "delete") not in seen.uses:
            return False
        return operation in ("write", "delete", "read") and not os.path.lexists(path)

    def _explain(self, cell: Cell, seen: _Seen, use: _Use) -> Access | None:
        """None when an observer reported it; else the access to record."""
        sighting = use.sighting
        if sighting.operation == "connect":
            if self._connection_known(sighting.path, seen.since):
                return None
            return self._access(cell, use, None)
        accepted: tuple[Operation, ...] = (sighting.operation,)
        if sighting.both:
            accepted = ("read", "write")
        for operation in accepted:
            known = self._by_path.get((sighting.path, operation))
            if known and known.arrival > seen.since:
                return None
        if self._database_known(sighting.path, seen.since):
            return None
        return self._access(cell, use, self._folder_of(sighting, seen.since))

    def _database_known(self, path: str, since: int) -> bool:
        names = [path]
        names += [path.removesuffix(end) for end in _DATABASE_COMPANIONS if path.endswith(end)]
        return any(
            (known := self._databases.get(name)) is not None and known.arrival > since
            for name in names
        )

    def _folder_of(self, sighting: Sighting, since: int) -> Access | None:
        """The folder of a model, a dataset or parts that a file lies in, if it was reported."""
        known = self._by_path.get((sighting.within, sighting.operation))
        if known and known.arrival > since:
            return known.access
        folder = sighting.path
        while (parent := os.path.dirname(folder)) != folder:
            folder = parent
            known = self._folders.get(folder)
            if known and known.arrival > since and known.access.operation == sighting.operation:
                return known.access
        return None

    def _connection_known(self, address: str, since: int) -> bool:
        host, port = paths.host_and_port(address)
        for known in reversed(self._connections):
            if known.arrival <= since:
                return False
            uri = known.access.uri
            if uri == address:
                return True
            name, wanted = paths.host_and_port(uri)
            if port in (wanted, 53) and (_may_be(name, host)):
                return True
        return False

    def _access(self, cell: Cell, use: _Use, folder: Access | None) -> Access:
        sighting = use.sighting
        evidence: Evidence = "unexplained" if use.certain else "ambiguous"
        connect = sighting.operation == "connect"
        kind = {"connect": "socket", "execute": "process"}.get(sighting.operation, "file")
        access = Access(
            execution=cell.execution,
            cell_id=cell.cell_id,
            operation=sighting.operation,
            kind=kind,  # type: ignore[arg-type]
            uri=sighting.path if connect else paths.file_uri(sighting.path),
            via=f"witness:{sighting.call}",
            evidence=evidence,
        )
        if folder is None:
            return access
        return Access(
            execution=cell.execution,
            cell_id=cell.cell_id,
            operation=sighting.operation,
            kind=folder.kind,
            uri=access.uri,
            via=access.via,
            evidence="observed",
            dataset=folder.dataset,
            version=folder.version,
            data_class=folder.data_class,
            decision=folder.decision,
            purpose=folder.purpose,
            policies=folder.policies,
        )


def _witnessed(sighting: Sighting, cell: Cell, process: int, moment: datetime) -> Witnessed:
    return Witnessed(
        occurred_at=moment,
        execution=cell.execution,
        cell_id=cell.cell_id,
        pid=process,
        tid=sighting.thread,
        syscall=sighting.call,
        path=sighting.path,
        write=sighting.operation in ("write", "delete"),
        exists=sighting.exists,
        success=sighting.possible,
        deletes=sighting.operation == "delete",
    )


def _may_be(name: str, address: str) -> bool:
    """Whether a host's name can stand for an address; any name can but that of this machine."""
    if name == address:
        return True
    if name in _LOCAL_HOSTS:
        return address in _LOCAL_HOSTS[name]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name)
    return False
