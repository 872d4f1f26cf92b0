"""Every kind of file that a workspace keeps, and those that are nobody's record, with the reason.

The first pattern that fits a path names its kind. A file that none fits is a gap: somebody made a
new kind of file and did not say whether verification covers it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["KINDS", "UNRECORDED", "Kept", "kept_files", "strangers"]

_RUN = r"\.governed/runs/[^/]+/"

KINDS: dict[str, str] = {
    "ledger": r"\.governed/ledger\.jsonl",
    "torn record kept aside": r"\.governed/ledger\.torn-[^/]+",
    "journal, sealed": r"\.governed/journals/[^/.]+\.jsonl(\.zst)?",
    "texts of a session": r"\.governed/journals/[^/.]+\.payloads\.jsonl",
    "recorder's word": r"\.governed/journals/[^/.]+\.head",
    "object": r"\.governed/objects/../[0-9a-f]{64}",
    "snapshot": r"\.governed/snapshots/[0-9a-f]{64}/.+",
    "run: artifact": _RUN + r"output/.+",
    "run: staged release": _RUN + r"work/.+",
    "run: plan, ticket, state": _RUN + r"(plan|ticket|state)\.json",
    "run: log": _RUN + r"log\.txt",
    "run: partial notebook": _RUN + r"notebook\.ipynb",
    "card": r"catalog/[^/]+\.toml",
    "governed.toml": r"governed\.toml",
    "policy": r"policies/[^/]+\.cedar",
    "release: manifest": r"release/[^/]+/manifest\.json",
    "release: notebook": r"release/[^/]+/(.+/)?[^/]+\.ipynb",
    "release: suite": r"release/[^/]+/suites/.+",
    "release: page, lock, code": r"release/[^/]+/.+",
    "bundle: manifest": r"bundles/[^/]+/manifest\.json",
    "bundle: signature": r"bundles/[^/]+/(signature\.dsse\.json|approvals/.+)",
    "bundle: release": r"bundles/[^/]+/release/.+",
    "bundle: other files": r"bundles/[^/]+/.+",
}
"""Kind → the paths of its files, relative to the workspace."""

UNRECORDED: dict[str, tuple[str, str]] = {
    "working file": (
        r"(research|splits|suites|palate|cards)/.*|policies/cases\.toml|berries\.csv|\.gitignore",
        "people edit it; what counts of it is copied by content when it is registered or promoted",
    ),
    "lock": (r"(.*/)?[^/]*\.lock", "it is empty and holds nothing"),
    "note of a write": (r"\.governed/ledger\.together", "there while records are added together"),
    "scratch of a kernel": (_RUN + r"tmp/.*", "the kernel's temporary folder, read by nobody"),
    "progress": (
        r"\.governed/(erased\.json|exports/[^/]+\.jsonl)",
        "how far erasures and exports have come: verification counts texts that are left itself",
    ),
    "derived files": (
        r"\.governed/derived\.(jsonl|head)",
        "a projection: which files owe to what is held against the journals, not its bytes",
    ),
    "lineage store": (
        r"\.governed/lineage\.duckdb",
        "a projection: its rows are held against the journals, not its bytes",
    ),
}
"""Kind → its paths, and why no byte of it is on record."""


@dataclass(frozen=True)
class Kept:
    """One file that a workspace keeps."""

    kind: str
    path: Path
    name: str
    """Relative to the workspace."""


def kept_files(root: Path) -> list[Kept]:
    """Every file below `root` that some record speaks of."""
    return [Kept(kind, path, name) for kind, path, name in _walk(root) if kind in KINDS]


def strangers(root: Path) -> list[str]:
    """Files below `root` that fit no kind at all."""
    return [name for kind, _, name in _walk(root) if not kind]


def _walk(root: Path) -> Iterator[tuple[str, Path, str]]:
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            name = path.relative_to(root).as_posix()
            yield _kind_of(name), path, name


def _kind_of(name: str) -> str:
    for kind, pattern in KINDS.items():
        if re.fullmatch(pattern, name):
            return kind
    for kind, (pattern, _) in UNRECORDED.items():
        if re.fullmatch(pattern, name):
            return kind
    return ""
