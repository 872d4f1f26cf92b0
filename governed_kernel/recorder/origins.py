"""What the files that a session writes were made from, as its own lineage tells.

Each thing, in memory or a file, owes to versions of classified data: to those that its inputs owe
to. A file that a recorded transformation wrote owes to what that one says. Of a file that somebody
wrote whom no observer followed (a program, native code, a function of C) only this much is certain,
that it can hold nothing that the session had not read: so it owes to all of that. So does what was
made of a thing in memory that no step made: who knows by which way it came there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from governed_kernel.lineage.derivations import Derivation, stamp_of
from governed_kernel.lineage.events import Access, Derived, Digested, Evidence, Transformation
from governed_kernel.recorder import paths
from governed_kernel.recorder.restrictions import Restrictions
from governed_kernel.recorder.sightings import Sighting

__all__ = ["Origins"]

_Versions: TypeAlias = frozenset[str]
_NOTHING: _Versions = frozenset()
_SUREST_FIRST: tuple[Evidence, ...] = ("observed", "inferred", "conservative")


class _Made(NamedTuple):
    """What something owes to, and how sure that is."""

    origins: _Versions
    evidence: Evidence

    def with_more(self, other: _Made) -> _Made:
        """What owes to both."""
        if not other.origins:
            return self
        evidence = max(self.evidence, other.evidence, key=_SUREST_FIRST.index)
        return _Made(self.origins | other.origins, evidence)


class Origins:
    """Follows classified data through one session.

    Parameters
    ----------
    restrictions : Restrictions
        Knows what is classified, and what earlier sessions made.
    session : str
        The session's id.
    local_path : callable
        Gives the canonical local path of a URI, or None.
    """

    def __init__(
        self, restrictions: Restrictions, session: str, local_path: Callable[[str], str | None]
    ) -> None:
        self._restrictions = restrictions
        self._session = session
        self._local_path = local_path
        self._of_memory: dict[str, _Made] = {}
        self._newest = 0
        """Number of the newest thing in the kernel's memory before anything classified was read."""
        self._read: _Versions = _NOTHING
        self._unfollowed: _Versions = _NOTHING
        self._opened: set[str] = set()
        self._seen: _Versions = _NOTHING
        """What was opened since all was settled, whoever tells of it later."""
        self._fresh: set[str] = set()
        self._wrote: set[str] = set()
        self._moves: dict[str, str] = {}
        self._waiting: dict[str, _Versions] = {}
        self._made: dict[str, _Made] = {}
        self._unmade: dict[str, set[str]] = {}
        """File → what went into it that no step has made until then."""
        self._awaited: dict[int, Derivation] = {}
        self._unknown: set[int] = set()
        self._new: list[Derivation] = []

    # --- what comes in ---------------------------------------------------------------------

    def saw(self, sighting: Sighting) -> None:
        """Take a call before anybody tells of it.

        Which files are written anew, which only moved, and what a program or native code reads,
        for whoever reads in the same cell what that wrote.
        """
        path, source = sighting.path, sighting.source
        if sighting.denied is not None:
            return
        if sighting.operation == "read" and sighting.possible and path not in self._opened:
            self._opened.add(path)
            if self._restrictions.has_classified:
                self._seen |= frozenset(self._restrictions.origins(path, _status(path)))
        if sighting.operation != "write":
            return
        if source:
            if not sighting.possible and os.path.isfile(path):
                return  # no folder takes the place of a file
            self._moves[path] = self._first_name(source)
            (self._fresh.add if source in self._fresh else self._fresh.discard)(path)
            if source in self._wrote:
                self._wrote.add(path)
            return
        self._wrote.add(path)
        if sighting.replaces:
            self._fresh.add(path)
            self._moves[path] = path

    def _first_name(self, path: str) -> str:
        """What a file was called when the cell began, by its own renames and its folders'."""
        place = path
        while place not in self._moves and place not in ("", "/"):
            place = os.path.dirname(place)
        return self._moves.get(place, place) + path[len(place) :]

    def read(self, access: Access, access_id: int, path: str | None) -> Access:
        """Take an access that reads; returns it with the class of what it read."""
        if access.decision == "denied" or path is None:
            return access
        found = self._of_file(path).origins
        if access.dataset:
            found |= {f"{access.dataset}@{access.version}"}
        if not found:
            self._unknown.add(access_id)
            return access
        self._read |= found
        self._waiting[path] = found
        if access.data_class:
            return access
        return replace(access, data_class=self._restrictions.class_of(found))

    def transformed(self, event: Transformation) -> None:
        """What was made owes to whatever its maker took."""
        made, unmade = _Made(_NOTHING, _evidence_of(event)), set()
        for entity in event.inputs:
            name = entity.entity
            path = None if name.startswith("memory:") else self._local_path(name)
            if path is not None:
                self._waiting.pop(path, None)
                made = made.with_more(self._of_file(path))
            elif name in self._of_memory:
                made = made.with_more(self._of_memory[name])
            elif self._may_hold(name):
                unmade.add(name)
        for entity in event.outputs:
            name = entity.entity
            path = None if name.startswith("memory:") else self._local_path(name)
            if not unmade and _is_beside(event) and made.origins <= self._known(name, path):
                continue  # it was told already, and more surely
            if path is not None:  # several tables of one file, or several parts, come one by one
                known = self._made.get(path)
                self._made[path] = made if known is None else made.with_more(known)
                self._unmade.setdefault(path, set()).update(unmade)
            elif self._read or made.origins:
                whole = made.with_more(self._of_all_read()) if unmade else made
                # What changes a thing in place may tell of no more than what came to it.
                self._of_memory[name] = whole.with_more(self._of_memory.get(name, whole))
            else:
                self._newest = max(self._newest, self._number_of(name))

    def _known(self, name: str, path: str | None) -> _Versions:
        """What a thing in memory or a file is known to owe to so far."""
        if path is None:
            made = self._of_memory.get(name)
        else:
            made = self._made.get(path)
            made = made and self._with_unmade(made, self._unmade.get(path, ()))
        return made.origins if made is not None else _NOTHING

    def _may_hold(self, name: str) -> bool:
        """Whether a thing that no step made can hold anything that is classified."""
        if not name.startswith("memory:"):
            return bool(self._unfollowed)
        number = self._number_of(name)
        return bool(self._read) and not 0 < number <= self._newest

    def _number_of(self, name: str) -> int:
        """Which thing of the kernel's it is; 0 for those of its children."""
        session, _, number = name.removeprefix("memory://").rpartition("/")
        return int(number) if session == self._session and number.isdecimal() else 0

    def _of_all_read(self) -> _Made:
        return _Made(self._read, "conservative")

    def _of_file(self, path: str) -> _Made:
        """What a file that is read owes to."""
        made = self._made.get(path)
        if made is not None:
            return made
        if not self._restrictions.has_classified:  # asked for every open
            return _Made(_NOTHING, "observed")
        found = _Made(frozenset(self._restrictions.origins(path, _status(path))), "observed")
        if path in self._wrote:  # in this cell, and no step says yet what of
            found = found.with_more(_Made(self._read | self._seen, "conservative"))
        return found

    # --- a cell ends -------------------------------------------------------------------------

    def unfollowed(self) -> None:
        """What was read and went into no transformation may be in anything made from now on."""
        for found in self._waiting.values():
            self._unfollowed |= found
        self._waiting.clear()

    def written(self, access: Access, access_id: int, path: str) -> Derived | None:
        """What a file that was written owes to; None when that is nothing, as before."""
        status = _status(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        made = self._made_as(path, status)
        origins = made.origins
        before = self._restrictions.inherited(path, status)
        if path not in self._fresh:  # something may have been added to what was there
            origins |= frozenset(self._restrictions.inherited(self._first_name(path), status))
        if self._first_name(path) != path and self._restrictions.lies_still(path, status):
            origins |= frozenset(before)  # what was to take its place has not
        if not origins and not before:
            return None
        data_class = self._restrictions.class_of(origins) if origins else ""
        derivation = Derivation(
            path=path,
            origins=sorted(origins),
            data_class=data_class,
            stamp=stamp_of(status),
            session_id=self._session,
        )
        self._awaited[access_id] = derivation
        self._new.append(derivation)
        return Derived(
            access_id=access_id,
            execution=access.execution,
            cell_id=access.cell_id,
            uri=paths.file_uri(path),
            origins=derivation.origins,
            data_class=data_class,
            evidence=made.evidence,
        )

    def _made_as(self, path: str, status: os.stat_result) -> _Made:
        """What is known of how a file came to be, by the surest way."""
        source = self._first_name(path)
        made = self._made_below(path)
        if source != path:  # under the one name or the other: which was first, nobody knows
            other = self._made_below(source)
            made = made.with_more(other) if made and other else made or other
            if made is None and path not in self._wrote:
                # it only has another name now
                made = _Made(frozenset(self._restrictions.inherited(source, status)), "observed")
        return made or self._of_all_read()

    def _made_below(self, path: str) -> _Made | None:
        """What was said of a file, or of a folder that it lies in."""
        place = path
        while place and place != "/":
            if place in self._made:
                return self._with_unmade(self._made[place], self._unmade.get(place, ()))
            place = os.path.dirname(place)
        return None

    def _with_unmade(self, made: _Made, names: Iterable[str]) -> _Made:
        """What else went into a file, where a step that came later may have told of it."""
        for name in names:
            made = made.with_more(self._of_memory.get(name) or self._of_all_read())
        return made

    def settled(self) -> None:
        """Everything that the cell wrote was looked at."""
        self._made.clear()
        self._unmade.clear()
        self._fresh.clear()
        self._wrote.clear()
        self._moves.clear()
        self._opened.clear()
        self._seen = _NOTHING

    # --- contents become known ---------------------------------------------------------------

    def digested(self, event: Digested) -> None:
        """The content of what was written, or read, is known now."""
        unknown = False
        for number in event.access_ids:
            unknown = unknown or number in self._unknown
            self._unknown.discard(number)
            derivation = self._awaited.pop(number, None)
            if derivation is not None and not event.changed:
                self._new.append(replace(derivation, sha256=event.sha256))
        found = frozenset(self._restrictions.of_content(event.sha256)) if unknown else _NOTHING
        if found and not found <= self._read:  # a copy, too large to be known at the open
            self._read |= found
            self._unfollowed |= found

    def take_new(self) -> list[Derivation]:
        """What is to be noted since the last call."""
        found, self._new = self._new, []
        return found


def _is_beside(event: Transformation) -> bool:
    """Whether it tells what a statement has read beside what its steps took."""
    return event.library == "python" and not event.columns


def _evidence_of(event: Transformation) -> Evidence:
    """The least sure of a transformation's edges."""
    if _is_beside(event):
        return "conservative"
    found = (edge.evidence for edge in event.columns if edge.evidence in _SUREST_FIRST)
    return max(found, key=_SUREST_FIRST.index, default="observed")


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None
