"""The environment that is really there: locked, hashed to the last file, compared.

A lock names the interpreter and every distribution with its version and the digest of its RECORD
(the list of installed files with their SHA-256 that every installer writes, PEP 376/627). Rows
about scripts, compiled byte code and the installer's own notes are left out: they differ between
two folders of the same environment. Files that no RECORD owns (a planted ``sitecustomize.py``, a
``.pth``) are part of the lock. `inspect` hashes every file again, so one changed byte is found.
"""

from __future__ import annotations

import base64
import csv
import os
import platform
import site
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlparse

import msgspec

from governed_kernel.canonical import digest_file, digest_json, hash_file

__all__ = [
    "Difference",
    "Distribution",
    "EnvironmentLock",
    "compare",
    "digest_of",
    "inspect",
]

_NOTES = {"INSTALLER", "REQUESTED", "direct_url.json", "RECORD"}
_CODE = {".py", ".pyc", ".pth", ".so", ".pyd", ".egg-link"}


class Distribution(msgspec.Struct, frozen=True, order=True):
    """One installed distribution."""

    name: str
    version: str
    record: str
    """SHA-256 of the canonical list of (path, hash) rows inside site-packages."""
    editable: bool = False
    """Installed from a folder that can change; `record` then covers that folder's code."""


class EnvironmentLock(msgspec.Struct, frozen=True):
    """Everything a run executes with, apart from the operating system and the hardware."""

    python: str
    implementation: str
    platform: str
    interpreter: str
    """SHA-256 of the interpreter's executable."""
    standard_library: str
    """SHA-256 of the list of files of the standard library with their digests."""
    distributions: list[Distribution]
    unowned: dict[str, str]
    """Code in site-packages that no distribution owns: path → SHA-256."""

    def digest(self) -> str:
        """What a release is bound to."""
        return digest_json(self)


@dataclass(frozen=True)
class Difference:
    """One way in which two environments, or an environment and its files, differ."""

    subject: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.subject}: expected {self.expected}, found {self.found}"


def inspect() -> tuple[EnvironmentLock, list[Difference]]:
    """The lock, and every installed file that is not what its distribution's RECORD says.

    Every file is hashed again, gigabytes of them: a few seconds.
    """
    installed = _installed()
    rows = [(item.name, row) for item in installed for row in item.rows if row.expected]
    workers = min(4, os.cpu_count() or 1)
    # A task a file would cost more than the hashing.
    parts = [rows[start :: workers * 8] for start in range(workers * 8)]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        altered = [found for part in pool.map(_altered, parts) for found in part]
        lock = _lock(installed)
    return lock, sorted(altered, key=lambda difference: difference.subject)


def digest_of(lock: EnvironmentLock, altered: Sequence[Difference]) -> str:
    """What a run in that environment is recorded with: the lock's digest if its files are whole."""
    if not altered:
        return lock.digest()
    return digest_json({"lock": lock.digest(), "altered": [str(item) for item in altered]})


@dataclass(frozen=True)
class _Row:
    """One row of a RECORD: a file inside site-packages."""

    path: str
    listed: str
    expected: str


@dataclass(frozen=True)
class _Installed:
    """One distribution as it was found."""

    name: str
    version: str
    rows: list[_Row]
    folder: Path | None


def _installed() -> list[_Installed]:
    return [
        _Installed(
            distribution.name.lower().replace("_", "-"),
            distribution.version,
            list(_rows(distribution)),
            _editable_folder(distribution),
        )
        for distribution in metadata.distributions()
    ]


def _lock(installed: list[_Installed]) -> EnvironmentLock:
    owned = {row.path for item in installed for row in item.rows}
    return EnvironmentLock(
        python=platform.python_version(),
        implementation=sys.implementation.name,
        platform=sysconfig.get_platform(),
        interpreter=digest_file(Path(sys.executable).resolve()),
        standard_library=digest_json(_standard_library()),
        distributions=sorted({_locked(item) for item in installed}),
        unowned={
            os.path.relpath(path, folder): digest_file(path)
            for folder in _site_folders()
            for path in _code_files(folder)
            if path not in owned
        },
    )


def _altered(rows: list[tuple[str, _Row]]) -> list[Difference]:
    return [
        Difference(f"{name}: {row.path}", row.expected, found)
        for name, row in rows
        if (found := _record_hash(row.path, row.expected)) != row.expected
    ]


def compare(expected: EnvironmentLock, found: EnvironmentLock) -> list[Difference]:
    """What differs between the environment a release names and the one that is there."""
    differences = [
        Difference(name, getattr(expected, name), getattr(found, name))
        for name in ("python", "implementation", "platform", "interpreter", "standard_library")
        if getattr(expected, name) != getattr(found, name)
    ]
    before = {item.name: item for item in expected.distributions}
    after = {item.name: item for item in found.distributions}
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old != new:
            differences.append(Difference(name, _described(old, new), _described(new, old)))
    for path in sorted(expected.unowned.keys() | found.unowned.keys()):
        was, now = expected.unowned.get(path, "absent"), found.unowned.get(path, "absent")
        if was != now:
            differences.append(Difference(f"site-packages/{path}", was, now))
    return differences


def _described(item: Distribution | None, other: Distribution | None) -> str:
    if item is None:
        return "not installed"
    if other is not None and item.version == other.version:
        return f"{item.version} with files {item.record[:12]}…"
    return item.version


def _locked(item: _Installed) -> Distribution:
    listed = sorted([row.listed, row.expected] for row in item.rows)
    if item.folder is not None:
        listed += [
            [os.path.relpath(path, item.folder), digest_file(path)]
            for package in sorted(item.folder.iterdir())
            if (package / "__init__.py").is_file()
            for path in _code_files(package)
        ]
    return Distribution(
        name=item.name,
        version=item.version,
        record=digest_json(listed),
        editable=item.folder is not None,
    )


def _rows(distribution: metadata.Distribution) -> Iterator[_Row]:
    """The RECORD's rows that belong to the environment."""
    root = str(distribution.locate_file(""))
    for row in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        if len(row) < 2:
            continue
        name, expected = row[0], row[1]
        if name.startswith(("../", "/")) or "/../" in name or "__pycache__/" in name:
            continue
        folder, _, file = name.partition("/")
        if folder.endswith(".dist-info") and file in _NOTES:
            continue
        yield _Row(os.path.join(root, name), name, expected)  # noqa: PTH118 (see _code_files)


def _editable_folder(distribution: metadata.Distribution) -> Path | None:
    try:
        origin = msgspec.json.decode(distribution.read_text("direct_url.json") or "{}")
    except msgspec.DecodeError:
        return None
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlparse(origin["url"]).path))


def _site_folders() -> list[str]:
    named = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    return sorted({str(Path(name)) for name in named if Path(name).is_dir()})


def _code_files(folder: str | Path, *, without: str = "") -> Iterator[str]:
    """Python and native code below `folder`; as text, since there are tens of thousands.

    Folders named `without` are left out, whatever lies above `folder`.
    """
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in ("__pycache__", without))
        for name in sorted(files):
            if name[name.rfind(".") :] in _CODE or ".so." in name:
                yield f"{root}/{name}"


def _standard_library() -> list[list[str]]:
    folder = str(Path(sysconfig.get_path("stdlib")).resolve())
    return [
        [os.path.relpath(path, folder), digest_file(path)]
        for path in _code_files(folder, without="site-packages")
    ]


def _record_hash(path: str, expected: str) -> str:
    """The file's hash in the form RECORD uses: ``sha256=`` and unpadded URL-safe base64."""
    algorithm = expected.partition("=")[0]
    try:
        digest = hash_file(path, algorithm)
    except (OSError, ValueError) as error:
        return type(error).__name__
    return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
