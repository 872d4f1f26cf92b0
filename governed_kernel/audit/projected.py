"""The lineage store held against what it is made from, row by row.

Nothing rests on the store: gates replay the ledger, and it can be made anew at any time. But
people ask it, so whoever edited its rows must be found out. It is compared with a second store,
made from the journals and the ledger for this purpose.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from governed_kernel.audit.report import Check
from governed_kernel.errors import GovernedError, ResourceMissing
from governed_kernel.lineage import derivations
from governed_kernel.lineage.contents import contents, first_difference
from governed_kernel.lineage.derivations import Derivation
from governed_kernel.lineage.imports import imported
from governed_kernel.lineage.store import Store
from governed_kernel.release.projection import bring_up, refresh
from governed_kernel.workspace import Workspace

__all__ = ["check_store"]

_FOLDER = ".verifying-"
_TRIES = 3
_SHOWN = 300


def check_store(workspace: Workspace) -> Iterator[Check]:
    """One check a table of the lineage store that is not what the journals say, else one alone.

    The store itself is neither brought up to date nor otherwise changed: a copy is.
    """
    name = workspace.store.name
    if workspace.keeps_lake or not workspace.store.exists():
        yield from _check_derived(workspace, derivations.from_journals(workspace))
        if workspace.keeps_lake:
            yield from _check_lake(workspace)
        return
    try:
        with _folder(workspace) as folder:
            yield from _compare(workspace, folder)
    except GovernedError as error:
        yield Check("store", name, "broken", f"{error.what}: {error.why}")


def _check_lake(workspace: Workspace) -> Iterator[Check]:
    """The part of a lake that is of this workspace, brought up to date as any reader does."""
    try:
        store = refresh(workspace)
        with _folder(workspace) as folder:
            fresh = _store(workspace, folder / "fresh")
            for _ in range(_TRIES):
                bring_up(fresh)
                mine, theirs = store.contents(), fresh.contents()
                if mine["journals"] == theirs["journals"]:
                    break
                bring_up(store)
    except ResourceMissing as error:
        yield Check("store", "lake", "doubt", f"{error.what}: {error.why}")
        return
    differing = [table for table in theirs if mine[table] != theirs[table]]
    for table in differing:
        said = f"{mine[table][0]} rows, the journals give {theirs[table][0]}; or others"
        yield Check("store", f"lake: {table}", "broken", said)
    if not differing:
        yield Check("store", "lake", "ok", f"{sum(count for count, _, _ in mine.values())} rows")


def _compare(workspace: Workspace, folder: Path) -> Iterator[Check]:
    copy, fresh = _store(workspace, folder / "copy"), _store(workspace, folder / "fresh")
    Store(workspace).copy_to(copy.path.parent)
    for _ in range(_TRIES):  # a session that goes on may write between one store and the other
        rebuilt = bring_up(copy).rebuilt
        bring_up(fresh)
        mine, theirs = contents(copy.path), contents(fresh.path)
        if mine.get("journals") == theirs.get("journals"):
            break
    with fresh.read() as connection:
        recorded = derivations.recorded(connection)
    yield from _check_derived(workspace, recorded)
    if rebuilt:
        said = f"it is made anew by whoever asks it next: {rebuilt}"
        yield Check("store", workspace.store.name, "doubt", said)
        return
    if gone := _no_longer_imported(workspace, copy):
        said = f"what was imported of {', '.join(gone)} is gone: 'governed store import' "
        said += "with that workspace's folder brings it again, 'governed store rebuild' forgets it"
        yield Check("store", workspace.store.name, "broken", said)
        return
    differing = sorted(table for table in mine.keys() | theirs.keys()
                       if mine.get(table) != theirs.get(table))  # fmt: skip
    for table in differing:
        row = "a text" if table == "payloads" else first_difference(copy.path, fresh.path, table)
        there, wanted = mine.get(table, (0,))[0], theirs.get(table, (0,))[0]
        said = f"{there} rows, the journals give {wanted}; only one of the two has {row[:_SHOWN]}"
        yield Check("store", f"{workspace.store.name}: {table}", "broken", said)
    if not differing:
        rows = sum(count for count, _, _ in mine.values())
        yield Check("store", workspace.store.name, "ok", f"{rows} rows")


def _no_longer_imported(workspace: Workspace, store: Store) -> list[str]:
    """The other workspaces that a store knows of, and nothing lies there of."""
    there = {each.root.name for each in imported(workspace)}
    rows = store.query("SELECT name, workspace FROM workspaces WHERE NOT home ORDER BY name")
    return [f"{row['name']} ({row['workspace']})" for row in rows if row["workspace"] not in there]


def _check_derived(workspace: Workspace, recorded: Sequence[Derivation]) -> Iterator[Check]:
    """What decisions about opens rest on, held against what the sessions' journals say."""
    said = {_key(one) for one in recorded}
    places = {_place(one) for one in recorded}
    there = derivations.read_all(workspace)
    name = workspace.derived.name
    lost = said - {_key(one) for one in there if one.sha256 or _key(one) in said}
    added = {_place(one) for one in there} - places
    false = {_key(one) for one in there if one.sha256} - said
    if lost or added or false:
        one = min(lost) if lost else (*min(added), "") if added else min(false)
        what = "it lacks" if lost else "no session said of"
        reason = f"{what} {one[1]} what it was made from ({', '.join(one[2])}), as {one[0]} has it"
        yield Check("derived files", name, "broken", f"{reason}; 'governed store rebuild' mends it")
    elif there:
        yield Check("derived files", name, "ok", f"{len(places)} files")


def _place(one: Derivation) -> tuple[str, str, tuple[str, ...]]:
    return one.session_id, one.path, tuple(one.origins)


def _key(one: Derivation) -> tuple[str, str, tuple[str, ...], str]:
    return *_place(one), one.sha256


def _store(workspace: Workspace, folder: Path) -> Store:
    """A store of this workspace that lies elsewhere."""
    folder.mkdir()
    return Store(workspace, path=folder / workspace.store.name)


@contextlib.contextmanager
def _folder(workspace: Workspace) -> Iterator[Path]:
    """A folder beside the store, so that there is room; what a killed verification left goes.

    Whoever may only read there, as an auditor may, gets one among the machine's temporary files.
    """
    for left in workspace.state.glob(f"{_FOLDER}*"):
        if not Path(f"/proc/{left.name.removeprefix(_FOLDER).partition('-')[0]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    place = workspace.state if os.access(workspace.state, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
