"""Where else the words of a person or a session may stand: files that are not ours to change."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from governed_kernel.errors import IntegrityBroken
from governed_kernel.files import read_regular
from governed_kernel.lineage.events import SessionStarted
from governed_kernel.lineage.forms import COMPRESSED, Damaged, open_compressed
from governed_kernel.lineage.journal import SESSION_DECODER, read_records
from governed_kernel.workspace import Workspace

__all__ = ["occurrences", "places_of"]

_SKIPPED = {".git", "__pycache__", "node_modules", ".venv"}
_OURS = ("lineage.duckdb", "lineage.duckdb.wal", "ledger.lock")


def places_of(workspace: Workspace, sessions: Sequence[str]) -> list[str]:
    """Notebooks that sessions executed, with their outputs, and what their runs left behind."""
    found: dict[str, None] = {}
    for session in sessions:
        started = _started(workspace, session)
        if started is None:
            continue
        notebook = workspace.root / started.notebook
        if started.notebook and notebook.is_file():
            found[workspace.relative(notebook)] = None
        if started.run_id:
            for path in _files(workspace.runs / started.run_id):
                if path.suffix in (".ipynb", ".txt", ".html", ".json"):
                    found[workspace.relative(path)] = None
            for bundle in sorted(workspace.bundles.glob("[!.]*/manifest.json")):
                with contextlib.suppress(OSError):  # what is no file holds nothing
                    if started.run_id.encode() in read_regular(bundle):
                        found[workspace.relative(bundle.parent)] = None
    return list(found)


def occurrences(workspace: Workspace, text: str) -> list[str]:
    """Files of the workspace whose bytes contain `text`, as it is or as JSON writes it.

    Texts beside journals are left out: these are erased. Sealed journals are searched; other
    compressed files can't be.
    """
    spelt = {text, text.lower(), text.upper(), text.title()}
    forms = {form.encode() for one in spelt for form in (one, json.dumps(one)[1:-1])}
    wanted = re.compile(b"|".join(re.escape(form) for form in sorted(forms)), re.IGNORECASE)
    found = []
    for path in _files(workspace.root):
        if path.name in _OURS or path.name.endswith(".payloads.jsonl"):
            continue
        if _contains(path, wanted):
            found.append(path.relative_to(workspace.root).as_posix())
    return found


def _contains(path: Path, wanted: re.Pattern[bytes]) -> bool:
    try:
        if not path.stat().st_size:
            return False
        if path.name.endswith(COMPRESSED):
            with open_compressed(path) as content:
                return any(wanted.search(line) for line in content)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return wanted.search(view) is not None
    except (OSError, ValueError, Damaged):  # gone meanwhile, not ours to read, no journal
        return False


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            path = Path(where) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _started(workspace: Workspace, session: str) -> SessionStarted | None:
    try:
        for record in islice(
            read_records(workspace.journals / f"{session}.jsonl", SESSION_DECODER), 3
        ):
            if isinstance(record.event, SessionStarted):
                return record.event
    except IntegrityBroken:  # verification tells of it
        pass
    return None
