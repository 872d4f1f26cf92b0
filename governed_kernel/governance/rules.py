"""The rules that gates rest on: ``governed.toml`` and the policies, bound by one digest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from governed_kernel.canonical import digest_bytes, digest_file, digest_json
from governed_kernel.configuration import Configuration
from governed_kernel.files import read_regular, unreadable
from governed_kernel.lineage.events import FileDigest
from governed_kernel.workspace import CONFIGURATION_FILE, Workspace

__all__ = [
    "ADOPTED_DECIDE",
    "CASES",
    "Rules",
    "policy_files",
    "policy_texts",
    "read_rules",
    "rule_files",
    "rules_digest",
    "rules_digest_of",
]

CASES = "cases.toml"
"""Beside the policies: what they must answer. It decides nothing, and is adopted with them."""
_LONGEST = 1 << 20
"""Bytes of policies that are carried by the statement that adopts them."""
ADOPTED_DECIDE = (
    "governed.toml and the policies are not those that an administrator adopted; "
    "the adopted ones decide this"
)
"""Said, and put on record, where `Workspace.with_rules` stands in for what lies there."""


class Rules(NamedTuple):
    """The rules as they lie there now.

    Attributes
    ----------
    policies : dict of str to str
        Each policy file, by its name relative to the workspace, and its text.
    digest : str
        What an administrator signs for; a workspace without policies has its settings'.
    """

    policies: dict[str, str]
    digest: str


def read_rules(workspace: Workspace, settings: Configuration | None = None) -> Rules:
    """Read the policies, and digest them together with the settings.

    Raises
    ------
    ResourceMissing
        A policy file can't be read.
    """
    said = (settings or workspace.settings).policy_digest()
    contents = workspace.other_policies
    if contents is None:
        contents = _contents(workspace)
    digest = _digest(said, {name: digest_bytes(content) for name, content in contents.items()})
    texts = {
        f"{workspace.policies.name}/{name}": content.decode(errors="replace")
        for name, content in contents.items()
    }
    return Rules(texts, digest)


def _contents(workspace: Workspace) -> dict[str, bytes]:
    contents = {}
    for path in sorted(workspace.policies.glob("*.cedar")):
        try:
            contents[path.name] = read_regular(path)
        except OSError as error:
            raise unreadable(path, error) from error
    return contents


def policy_texts(workspace: Workspace) -> dict[str, str]:
    """What each policy file says, by its name, for whoever adopts it.

    None where one is no text, or where they are so long that no statement could carry them.

    Raises
    ------
    ResourceMissing
        One can't be read.
    """
    contents = _contents(workspace)
    if sum(map(len, contents.values())) > _LONGEST:
        return {}
    try:
        return {name: content.decode() for name, content in contents.items()}
    except UnicodeDecodeError:
        return {}


def rule_files(workspace: Workspace) -> list[FileDigest]:
    """The files that hold the rules, byte for byte: comments count for nothing and can be seen.

    The cases that policies are tested by are among them, and are no part of the rules' digest.

    Raises
    ------
    ResourceMissing
        One can't be read.
    """
    files = []
    policies = sorted(workspace.policies.glob("*.cedar"))
    cases = sorted(workspace.policies.glob(CASES))
    for path in [workspace.root / CONFIGURATION_FILE, *policies, *cases]:
        try:
            digest, size = digest_file(path), path.stat().st_size
        except OSError as error:
            raise unreadable(path, error) from error
        files.append(FileDigest(workspace.relative(path), digest, size))
    return files


def rules_digest_of(settings: dict[str, Any], files: Sequence[FileDigest]) -> str:
    """The same digest of rules that a signed statement carries."""
    policies = {path.name: sha256 for path, sha256 in policy_files(files)}
    return _digest(digest_json(settings), policies)


def policy_files(files: Sequence[FileDigest]) -> list[tuple[PurePosixPath, str]]:
    """The policies among the files of rules, each with its SHA-256."""
    named = [(PurePosixPath(file.path), file.sha256) for file in files]
    return [(path, sha256) for path, sha256 in named if path.suffix == ".cedar"]


def _digest(settings: str, policies: dict[str, str]) -> str:
    return digest_json({"settings": settings, "policies": policies}) if policies else settings


def rules_digest(workspace: Workspace, settings: Configuration | None = None) -> str:
    """Digest of what an administrator signs for."""
    return read_rules(workspace, settings).digest
