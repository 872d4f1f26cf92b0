"""The lineage store from a file of the workspace into a lake, and back.

The new store is made from the journals and the ledger, held against the old one table by table, and
only then named in ``governed.toml``; only after that does the old one go. Who is killed on the way
leaves a workspace with the store that its settings name, whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from governed_kernel.configuration import Configuration, parse
from governed_kernel.errors import CheckFailed, ResourceMissing, UsageError
from governed_kernel.files import write_atomically
from governed_kernel.lineage.store import Store
from governed_kernel.release.projection import bring_up, rebuild, refresh
from governed_kernel.workspace import CONFIGURATION_FILE, Workspace

__all__ = ["move"]

_TRIES = 3
_FILE = "file"


def move(
    workspace: Workspace,
    target: str,
    data: str = "",
    schema: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Store, dict[str, int]]:
    """Move the lineage store of a workspace.

    Parameters
    ----------
    target : str
        ``file``, or ``ducklake:postgres:CONNECTION``.
    data, schema : str
        What ``[lake]`` is to say; as it does where they are empty.

    Returns
    -------
    Store, dict of str to int
        The new store, and the rows of each table that were held against the old one's.

    Raises
    ------
    CheckFailed
        The new store does not say what the old one says; the old one stays.
    """
    path = workspace.root / CONFIGURATION_FILE
    text = with_store(path.read_text(encoding="utf-8"), target, data, schema)
    settings = parse(text, path)
    if (settings.store, settings.store and settings.lake) == (
        workspace.settings.store,
        workspace.settings.store and workspace.settings.lake,
    ):
        raise UsageError(
            "the lineage store is there already",
            why=f"governed.toml says store = {settings.store!r}",
            next="name another place: file, or ducklake:postgres:CONNECTION",
        )
    progress("what is there, brought up to date")
    old = refresh(workspace)
    progress("the new store, from journals and ledger")
    new = _made(workspace, settings, progress)
    rows = _compare(old, new)
    if not settings.store:
        new.path.replace(workspace.store)
        new.path.with_suffix(".lock").unlink(missing_ok=True)
    progress("the settings")
    write_atomically(path, text.encode())
    _leave(old)
    return Store(Workspace(workspace.root)), rows


def with_store(text: str, target: str, data: str, schema: str) -> str:
    """The text of a ``governed.toml`` with another store in it."""
    top, bracket, tables = re.split(r"(?m)(^\s*\[|\Z)", text, maxsplit=1)
    top = re.sub(r"(?m)^[ \t]*store[ \t]*=.*\n?", "", top)
    if target != _FILE:
        top = f"store = {_quoted(target)}\n{top}"
    rest = bracket + tables
    for key, value in (("schema", schema), ("data", data)):
        if value and target != _FILE:
            rest = _in_lake(rest, key, value)
    return top + rest


def _in_lake(text: str, key: str, value: str) -> str:
    line = f"{key} = {_quoted(value)}\n"
    found = re.search(r"(?m)^\s*\[lake\][ \t]*(#.*)?\n", text)
    if found is None:
        return f"{text.rstrip()}\n\n[lake]\n{line}"
    end = re.compile(r"(?m)^\s*\[").search(text, found.end())
    table = text[found.end() : end.start() if end else len(text)]
    table = re.sub(rf"(?m)^[ \t]*{key}[ \t]*=.*\n?", "", table)
    return text[: found.end()] + line + table + (text[end.start() :] if end else "")


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _made(workspace: Workspace, settings: Configuration, progress: Callable[[str], None]) -> Store:
    """A store of the same workspace elsewhere, made from its journals and ledger."""
    moved = workspace.with_settings(settings)
    if settings.store:
        return rebuild(moved, progress)
    path = workspace.store.with_name("moving-" + workspace.store.name)
    path.unlink(missing_ok=True)  # by a move that was killed
    store = Store(moved, path=path)
    bring_up(store)
    return store


def _compare(old: Store, new: Store) -> dict[str, int]:
    """Hold two stores against each other; sessions that go on meanwhile may need another look."""
    differing: list[str] = []
    for _ in range(_TRIES):
        mine, theirs = old.contents(), new.contents()
        differing = sorted(name for name in mine if mine[name] != theirs.get(name))
        if not differing:
            return {name: count for name, (count, _, _) in mine.items()}
        known = [old.ledger_head(), new.ledger_head()]
        bring_up(old)
        bring_up(new)
        if not (old.report.events or new.report.events) and known == [
            old.ledger_head(),
            new.ledger_head(),
        ]:
            break  # nothing goes on: another look would see the same
    _leave(new)
    shown = "; ".join(
        f"{name}: {mine[name][0]} rows there, {theirs[name][0]} in the new one"
        for name in differing[:3]
    )
    raise CheckFailed(
        "the lineage store was not moved: the new one does not say what the old one says",
        why=f"{len(differing)} tables differ: {shown}",
        next="'governed audit verify' says whether journals are missing or the old store was "
        "edited; 'governed store rebuild' makes it anew from what is there",
    )


def _leave(store: Store) -> None:
    """Remove a store that is not to be used any more."""
    try:
        store.remove()
    except ResourceMissing as error:
        raise ResourceMissing(
            f"the store was moved; what it left in {store.location} could not be removed",
            why=error.why,
            next="it does no harm, and is out of date; tell whoever keeps the lake",
        ) from error
