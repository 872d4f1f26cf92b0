"""The workspace: a folder with a ``governed.toml``, and where everything in it lies."""

from __future__ import annotations

import os
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from governed_kernel.errors import UnknownName, UsageError

# A kernel and its recorder start with every notebook: what they may not need is imported later.
if TYPE_CHECKING:
    from governed_kernel.configuration import Configuration

__all__ = ["CONFIGURATION_FILE", "Workspace", "canonical_root", "new_identifier", "personal_folder"]

CONFIGURATION_FILE = "governed.toml"


@dataclass(frozen=True)
class Workspace:
    """Paths and settings of one workspace.

    Attributes
    ----------
    root : Path
        Absolute, with symbolic links resolved.
    """

    root: Path

    @classmethod
    def open(cls, folder: Path) -> Workspace:
        """The workspace whose ``governed.toml`` lies in `folder`."""
        root = canonical_root(folder)
        if not (root / CONFIGURATION_FILE).is_file():
            raise UnknownName(
                f"{root} is no workspace",
                why=f"it has no {CONFIGURATION_FILE}",
                next=f"make one with 'governed init {folder}'",
            )
        return cls(root)

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """The nearest workspace above `start` (default: the working directory).

        Walks up from `start`, else takes ``GOVERNED_WORKSPACE``, else raises `UnknownName`.
        """
        here = canonical_root(start or Path.cwd())
        for folder in (here, *here.parents):
            if (folder / CONFIGURATION_FILE).is_file():
                return cls(folder)
        named = os.environ.get("GOVERNED_WORKSPACE")
        if named:
            return cls.open(Path(named))
        raise UnknownName(
            f"no workspace at {here} or above it",
            why=f"no {CONFIGURATION_FILE} was found and GOVERNED_WORKSPACE is not set",
            next="make one with 'governed init DIR', or name one with 'governed --workspace DIR …'",
        )

    @cached_property
    def settings(self) -> Configuration:
        """``governed.toml``, checked."""
        from governed_kernel import configuration

        return configuration.read(self.root / CONFIGURATION_FILE)

    def with_settings(self, settings: Configuration) -> Workspace:
        """The same workspace as if its ``governed.toml`` said something else."""
        seen = Workspace(self.root)
        seen.__dict__["settings"] = settings
        return seen

    def with_rules(self, settings: Configuration, policies: Mapping[str, bytes]) -> Workspace:
        """The same workspace as if these rules lay there; policies by their files' names."""
        seen = self.with_settings(settings)
        seen.__dict__["other_policies"] = dict(policies)
        return seen

    @cached_property
    def other_policies(self) -> Mapping[str, bytes] | None:
        """Policies that count in place of those in `policies` (`with_rules`)."""
        return None

    @property
    def keeps_lake(self) -> bool:
        """Whether the lineage store is no file here but a lake that workspaces share."""
        return bool(self.settings.store)

    @property
    def state(self) -> Path:
        """``.governed/``: journals, ledger, objects, store, run states; never in git."""
        return self.root / ".governed"

    @property
    def ledger(self) -> Path:
        """The ledger of governance events."""
        return self.state / "ledger.jsonl"

    @property
    def journals(self) -> Path:
        """One journal and one payload file a session."""
        return self.state / "journals"

    @property
    def derived(self) -> Path:
        """Which files sessions made from classified data."""
        return self.state / "derived.jsonl"

    @property
    def objects(self) -> Path:
        """Content-addressed, immutable copies of files."""
        return self.state / "objects"

    @property
    def snapshots(self) -> Path:
        """One folder a dataset version, named by its digest, made of objects."""
        return self.state / "snapshots"

    @property
    def runs(self) -> Path:
        """One folder a run: its state, log, notebook and output."""
        return self.state / "runs"

    @property
    def store(self) -> Path:
        """The DuckDB lineage store; can be deleted and rebuilt."""
        return self.state / "lineage.duckdb"

    @property
    def catalog(self) -> Path:
        """Cards of datasets and base models, in git."""
        return self.root / "catalog"

    @property
    def policies(self) -> Path:
        """Policies in Cedar, as files that people read; they count once they were adopted."""
        return self.root / "policies"

    @property
    def releases(self) -> Path:
        """Read-only release notebooks and their manifests."""
        return self.root / "release"

    @property
    def bundles(self) -> Path:
        """Signed, immutable outputs of runs."""
        return self.root / "bundles"

    def inside(self, path: str | os.PathLike[str]) -> Path:
        """`path` as an absolute path that does not leave the workspace.

        Relative paths are taken from the workspace's root; links are resolved first.
        """
        full = (self.root / path).resolve()
        if not full.is_relative_to(self.root):
            raise UsageError(
                f"{path} lies outside the workspace",
                why=f"it leads to {full}, and the workspace is {self.root}",
                next="copy the file into the workspace and name it there",
            )
        return full

    def named(self, path: str | os.PathLike[str]) -> Path:
        """The file a person means: from the working directory, else from the workspace's root.

        So ``governed --workspace DIR check research/study.ipynb`` works from anywhere.
        """
        here = Path(path).absolute()
        return here if here.exists() else self.root / path

    def relative(self, path: Path) -> str:
        """`path` as it is written in records: relative to the root, with forward slashes."""
        return self.inside(path).relative_to(self.root).as_posix()


def personal_folder() -> Path:
    """The person's own folder for private keys and known workspaces.

    ``GOVERNED_HOME``, else the platform's configuration folder; never inside a workspace.
    """
    named = os.environ.get("GOVERNED_HOME")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_config_path("governed"))


def canonical_root(folder: Path) -> Path:
    """A folder's canonical path, which records, addresses and messages can hold.

    Raises
    ------
    UsageError
        Something in it can't be printed: a line end, or a byte that is no UTF-8.
    """
    root = Path(folder).resolve()
    # Line ends and other controls, and halves of letters that stand for bytes that are no UTF-8.
    if {unicodedata.category(letter) for letter in str(root)} & {"Cc", "Cs", "Zl", "Zp"}:
        raise UsageError(
            f"{str(root)!a} can't hold a workspace",
            why="its name has a line end or what is no text, so no record could name what is there",
            next="rename the folder, or those above it",
        )
    return root


def new_identifier(prefix: str = "") -> str:
    """A name for a session or run that sorts by time: ``20261121T014559-3f9a1c22``."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return f"{prefix}{stamp}-{secrets.token_hex(4)}"
