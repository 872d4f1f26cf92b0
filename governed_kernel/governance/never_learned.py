"""What must never be learned stays so in what sessions make of it.

A file that a session made is registered with those of its columns that go back to a column which
no model may be made from, column by column, as the sessions' journals tell. Where these don't tell
which columns went in, or of another content of the file, it may be any.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from governed_kernel.capture.uris import file_uri
from governed_kernel.errors import IntegrityBroken, Refused, UnknownName
from governed_kernel.governance import inheritance, shape
from governed_kernel.governance.masking import MASKED
from governed_kernel.governance.register import Register
from governed_kernel.governance.written import Written, path_of, places_of, with_folders
from governed_kernel.lineage.derivations import Derivation, known
from governed_kernel.lineage.events import UNKNOWN, DatasetRegistered, FileDigest

if TYPE_CHECKING:
    from governed_kernel.lineage.store import Store

__all__ = ["inherited"]

_FILE = "file://"
_Thing = tuple[str, str, bool]
"""A file or thing in memory, a column of it (``*`` for all), and whether its values went on."""


def inherited(
    register: Register, name: str, path: Path, files: Sequence[FileDigest], made_from: Iterable[str]
) -> list[str]:
    """The columns of a file or folder that no model may be made from, by what it was made from.

    Raises
    ------
    Refused
        It is no table, so that none of it can be left out, and may hold such a column.
    """
    guarded = {
        origin: set(version.never_learn)
        for origin in made_from
        for version in [register.version(origin)]
        if version.never_learn
    }
    if not guarded:
        return []
    try:
        columns = shape.columns_of(path)
    except shape.UNREADABLE:
        columns = []
    made = inheritance.derivations_of(register, path, files)
    lie = {os.path.realpath(path if path.is_file() else path / one.path): one for one in files}
    contents = [lie[one.path].sha256 if one.path in lie else one.sha256 for one in made]
    with_them = _Lineage(register, guarded).owing(made, contents, columns or ["*"])
    if "" in columns and "" not in with_them and not shape.only_counts(path):
        with_them.append("")  # no step tells which values an index without a name has
    if columns or not with_them:
        return with_them
    raise Refused(
        f"{name} can't be registered",
        why=f"a session made it from {', '.join(sorted(guarded))}, of which "
        f"{', '.join(sorted(set().union(*guarded.values())))} must never be learned; that goes "
        "into it, or nobody can rule it out, and it is no table whose columns can be left out",
        next="make it of the other columns alone (frame[[…]] where the data is first used), in a "
        "notebook whose steps are seen, and register that",
    )


class _Lineage:
    """Follows columns of files back through the journals of the sessions that made them."""

    def __init__(self, register: Register, guarded: dict[str, set[str]]) -> None:
        self._register = register
        self._guarded = guarded
        self._derived = inheritance.all_derivations(register.workspace)
        self._took: defaultdict[str, defaultdict[str, set[_Thing]]]
        self._took = defaultdict(lambda: defaultdict(set))
        self._noted: defaultdict[str, list[Derivation]] = defaultdict(list)
        """Path → what each session that wrote there has made of what."""
        for noted in known(register.workspace):
            self._noted[noted.path].append(noted)
        self._written = Written()
        self._unknown: set[str] = set()
        self._called: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        """``NAME@VERSION`` → what readers call its columns, and those never to be learned."""
        self._read: defaultdict[str, set[str]] = defaultdict(set)
        """URI → each ``NAME@VERSION`` that was read there."""

    def owing(
        self, made: Sequence[Derivation], contents: Sequence[str], columns: Sequence[str]
    ) -> list[str]:
        """Which of these columns go back to a guarded one, or may.

        `contents` are the digests of what the files hold now.
        """
        try:
            self._load(made)
        except (UnknownName, IntegrityBroken):
            return list(columns)  # nobody can tell any more
        found: set[str] = set()
        for one, content in zip(made, contents, strict=True):
            reached: set[str] = set()
            entity = self._step_of(one, content)
            owing = {name for name in columns if self._owes(entity, name, columns, reached)}
            origins = {origin.removesuffix(MASKED) for origin in one.origins}
            # what it is made from went by a way that no column tells
            found |= owing if origins & self._guarded.keys() <= reached else set(columns)
        return [column for column in columns if column in found]

    def _load(self, made: Iterable[Derivation]) -> None:
        """Read the sessions that made these, and what they had read of other sessions."""
        from governed_kernel.lineage.alone import store_of  # brings an engine

        taken: set[str] = set()
        wanted = {one.session_id for one in made}
        while wanted - taken:
            new, taken = wanted - taken, taken | wanted
            with store_of(self._register.workspace, sorted(new)) as store:
                read = self._take(store)
            wanted = {
                derivation.session_id
                for uri in read
                for derivation in self._noted.get(path_of(uri), ())
                if self._owes_to_guarded(derivation)
            }

    def _take(self, store: Store) -> list[str]:
        """Keep what one store tells; returns the files that were read."""
        self._written.take(store)
        for edge in store.query("SELECT * FROM column_lineage"):
            self._took[edge["output_entity"]][edge["output_column"]].add(
                (edge["input_entity"], edge["input_column"], edge["by_value"])
            )
        rows = store.query("SELECT entity FROM base.objects WHERE kind = ?", [UNKNOWN])
        self._unknown |= {row["entity"] for row in rows}
        by_content = {
            file.sha256: f"{version.dataset}@{version.version}"
            for versions in self._register.datasets.values()
            for version in versions
            for file in version.files
        }
        files = []
        named: dict[str, set[str]] = {}
        rows = store.query("SELECT * FROM accesses WHERE operation = 'read'")
        for row in rows:
            uri = row["uri"]
            name = f"{row['dataset']}@{row['version']}" if row["dataset"] else ""
            name = name or by_content.get(row["sha256"] or "", "")
            if name:
                named.setdefault(uri, set()).add(name)
            if name not in self._guarded and uri.startswith(_FILE):
                files.append(uri)
        with_folders(named, {row["uri"] for row in rows})
        for uri, names in named.items():
            self._read[uri] |= names
        return files

    def _step_of(self, made: Derivation, content: str) -> str:
        """What recorded steps call the file, or the folder that it was written with.

        Empty where none wrote what lies in it now.
        """
        uri = file_uri(Path(made.path), follow=False)
        place = next((place for place in places_of(uri) if place in self._took), "")
        is_known = self._written.is_of_steps(uri, content)
        is_known &= not self._written.may_be_replaced(place)
        return place if is_known else ""

    def _owes(self, entity: str, column: str, columns: Sequence[str], reached: set[str]) -> bool:
        """Whether a column of what was written goes back to a guarded one.

        `columns` are all that it has; the versions that it goes back to are added to `reached`.
        """
        took = self._took.get(entity)
        if took is None:
            return True  # no step is known
        is_whole = took.keys() - {"*"} <= set(columns)
        if is_whole and column not in took and self._written.is_added(entity, column):
            return True  # it is not known which step wrote it
        # written under another name than the step says: it may be any of these
        renamed = column not in took and not is_whole
        pending = list(_behind(took, "*" if renamed else column))
        seen: set[_Thing] = set()
        owes = False
        while pending:
            thing = pending.pop()
            if thing in seen:
                continue
            seen.add(thing)
            entity, column, goes_on = thing
            read = self._read.get(entity, set())
            reached |= read
            owes |= goes_on and any(self._is_guarded(name, column) for name in read)
            if read and read <= self._guarded.keys():
                continue
            if entity in self._unknown:
                owes |= goes_on
            elif entity in self._took and self._is_doubtful(entity):
                owes |= goes_on and self._may_hold(entity)
            elif entity in self._took:
                took = self._took[entity]
                # a column that nobody wrote into a file got its name while that was read
                renamed = entity.startswith(_FILE) and column not in took
                behind = _behind(took, "*" if renamed else column)
                pending += ((into, name, goes_on and values) for into, name, values in behind)
            elif not read and entity.startswith(_FILE) and self._may_hold(entity):
                owes |= goes_on
        return owes

    def _is_doubtful(self, entity: str) -> bool:
        """Whether a file was read when a step's record may not be of what it held."""
        if not entity.startswith(_FILE):
            return False
        return self._written.was_read_otherwise(entity) or self._written.may_be_replaced(entity)

    def _is_guarded(self, name: str, column: str) -> bool:
        try:
            version = self._register.version(name)
        except UnknownName:  # nobody can say any more what it was
            return True
        if not version.never_learn:
            return False
        if name not in self._called:
            self._called[name] = self._names_of(version)
        names, closed = self._called[name]
        return column == "*" or column in closed or column not in names

    def _names_of(self, version: DatasetRegistered) -> tuple[frozenset[str], frozenset[str]]:
        from governed_kernel.governance.catalog import snapshot_of

        snapshot = snapshot_of(self._register.workspace, version)
        try:
            return shape.names_of(snapshot), shape.called(snapshot, version.never_learn)
        except shape.UNREADABLE:
            return frozenset(), frozenset()  # so that any column is guarded

    def _may_hold(self, uri: str) -> bool:
        """Whether a file that no step made is known to come of what is guarded."""
        derivation = self._derived.path_of(path_of(uri))
        return derivation is not None and self._owes_to_guarded(derivation)

    def _owes_to_guarded(self, derivation: Derivation) -> bool:
        return any(one.removesuffix(MASKED) in self._guarded for one in derivation.origins)


def _behind(took: Mapping[str, set[_Thing]], column: str) -> Iterator[_Thing]:
    """What went into a column; into all of them for ``*``."""
    for name in took if column == "*" else (column, "*"):
        yield from took.get(name, ())
