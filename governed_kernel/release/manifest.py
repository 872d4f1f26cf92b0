"""The release manifest: everything an approval is an approval of, under one digest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from governed_kernel.canonical import canonical_json, digest_bytes, digest_file
from governed_kernel.errors import GovernedError, IntegrityBroken, UnknownName, UsageError
from governed_kernel.files import read_regular
from governed_kernel.lineage.attestations import Promotion
from governed_kernel.lineage.events import FileDigest
from governed_kernel.release import intake, notebook
from governed_kernel.release.checks import parameters_of
from governed_kernel.release.intake import Card
from governed_kernel.release.parameters import Parameter
from governed_kernel.workspace import Workspace

__all__ = [
    "DIFFERENCE",
    "ORIGIN",
    "Input",
    "ReleaseManifest",
    "Suite",
    "altered",
    "bound_files",
    "card_of",
    "check_nothing_else",
    "inputs_of",
    "load",
    "load_alone",
    "parse_name",
    "release_folder",
]

ORIGIN = "origin.ipynb"
DIFFERENCE = "diff.html"
_CHECKPOINT = "-checkpoint.ipynb"
_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}\Z")


class Input(msgspec.Struct, frozen=True, order=True):
    """One catalogued version that the release may read."""

    dataset: str
    version: str
    kind: Literal["data", "model"]
    sha256: str
    data_class: str
    purposes: list[str]
    paths: list[str] = []
    """Workspace-relative paths by which the notebook opened it itself, without the catalog."""
    source: str = ""

    @property
    def name(self) -> str:
        """``NAME@VERSION``."""
        return f"{self.dataset}@{self.version}"


class Suite(msgspec.Struct, frozen=True, order=True):
    """One suite of validation cases, with everything it is made of."""

    path: str
    sha256: str
    files: list[FileDigest]
    inputs: list[Input]
    """What its validation run may read, the locked holdout above all."""


class ReleaseManifest(msgspec.Struct, frozen=True):
    """What is approved.

    The digest over the canonical JSON of this object is the *release digest*. Everything an
    approver relies on is in it, by content and not by name.
    """

    release: str
    author: str
    notebook: FileDigest
    """The release notebook, path relative to the release's folder."""
    research_notebook: FileDigest
    """Where it came from, path relative to the workspace; its outputs are not kept."""
    origin: FileDigest
    """The research notebook's cells as they were, without outputs; beside the release notebook."""
    difference: FileDigest
    """The page that shows what differs: from research to release, from version to version."""
    session_id: str
    parameters: list[Parameter]
    inputs: list[Input]
    environment: str
    """Digest of the environment lock."""
    code: list[FileDigest]
    """Python modules of the workspace that the notebook imports, paths as in the workspace."""
    suites: list[Suite]
    tolerance: dict[str, float]
    """What an auditor's re-run may differ by and still be EQUIVALENT."""
    policy: str
    """Digest of the governance settings in force."""
    threads: int
    risk_class: str = "unrated"
    git_commit: str = ""
    card: FileDigest | None = None
    """The use-case card with what people say of the model; releases of schema 2 have none."""
    schema: int = 2

    def digest(self) -> str:
        """The release digest."""
        return digest_bytes(self.encoded())

    def encoded(self) -> bytes:
        """The canonical bytes, as the file ``manifest.json`` holds them."""
        if self.card is None:
            # As releases without a card were encoded, whose digests people signed.
            told = {field: getattr(self, field) for field in self.__struct_fields__}
            del told["card"]
            return canonical_json(told)
        return canonical_json(self)

    def input_named(self, name: str) -> Input:
        """The input ``NAME@VERSION``."""
        for item in [*self.inputs, *(item for suite in self.suites for item in suite.inputs)]:
            if item.name == name:
                return item
        raise UnknownName(
            f"{self.release} has no input {name}",
            why="inputs were locked when the release was promoted",
            next="promote a new version whose notebook reads it",
        )

    def read(self) -> dict[str, str]:
        """``NAME@VERSION`` → SHA-256 of all that is read, by its validation as well."""
        everything = [*self.inputs, *(item for suite in self.suites for item in suite.inputs)]
        return {item.name: item.sha256 for item in everything}

    def base_models(self) -> list[Input]:
        """The base models among the inputs."""
        return [item for item in self.inputs if item.kind == "model"]


def parse_name(release: str) -> tuple[str, int]:
    """``biopsy-triage@1`` → ``("biopsy-triage", 1)``.

    Raises
    ------
    UsageError
        It is not ``name@version``; so no release name can lead out of its folder.
    """
    name, separator, version = release.partition("@")
    if not separator or not _NAME.match(name) or not re.fullmatch(r"[1-9]\d{0,8}", version):
        raise UsageError(
            f"{release!r} is no release",
            why="a release is written name@version, such as biopsy-triage@1",
            next="'governed release list' shows the releases of this workspace",
        )
    return name, int(version)


def check_name(name: str) -> str:
    """`name` if a release can be called so."""
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} can't name a release",
            why="a name is at most 63 lower-case letters, digits and hyphens",
            next="choose one with --name, such as --name biopsy-triage",
        )
    return name


def release_folder(workspace: Workspace, release: str) -> Path:
    """Where the release notebook and its manifest lie."""
    parse_name(release)
    return workspace.releases / release


def load(folder: Path, digest: str) -> ReleaseManifest:
    """The manifest of a release with all that it binds, held against what was promoted.

    Parameters
    ----------
    folder : Path
        A release's folder, or a faithful copy of one (a run's, a bundle's).

    Raises
    ------
    IntegrityBroken
        The manifest or a file beside it is not what was promoted, or no promotion makes such a
        release.
    """
    manifest = load_alone(folder, digest)
    _check_paths(folder, manifest)
    check_files(folder, bound_files(manifest))
    _check_notebook(folder, manifest)
    card_of(folder, manifest)
    return manifest


def load_alone(folder: Path, digest: str) -> ReleaseManifest:
    """As `load`, whatever became of the files beside it: what was promoted is what it says.

    Raises
    ------
    IntegrityBroken
        The manifest is not what was promoted.
    """
    try:
        encoded = read_regular(folder / "manifest.json")
    except OSError as error:
        raise altered(folder / "manifest.json", error.strerror or str(error)) from error
    if digest_bytes(encoded) != digest:
        raise altered(
            folder / "manifest.json", f"its SHA-256 is {digest_bytes(encoded)}, promoted {digest}"
        )
    try:
        return msgspec.json.decode(encoded, type=ReleaseManifest)
    except msgspec.MsgspecError as error:
        raise IntegrityBroken(
            f"{folder / 'manifest.json'} can't be understood",
            why=str(error),
            next="promote a new version, or use the version of governed-notebooks that wrote it",
        ) from error


def inputs_of(workspace: Workspace, said: Promotion) -> dict[str, str]:
    """``NAME@VERSION`` → SHA-256 of all that a release reads, as its promotion or manifest says.

    Raises
    ------
    IntegrityBroken
        The promotion doesn't say it, and the manifest is not what was promoted.
    """
    if said.inputs:
        return said.inputs
    return load_alone(release_folder(workspace, said.release), said.digest).read()


def card_of(folder: Path, manifest: ReleaseManifest) -> Card:
    """The card of a release whose files were verified; empty for one that has none.

    Raises
    ------
    IntegrityBroken
        It is not as promotion writes it, or of another risk class than the release.
    """
    if manifest.card is None:
        return Card()
    path = folder / intake.CARD
    data = read_regular(path)
    try:
        card = intake.parse(data.decode(), path)
    except (GovernedError, UnicodeDecodeError) as error:
        raise altered(path, str(error)) from error
    if manifest.card.path != intake.CARD or intake.encode(card) != data:
        raise altered(path, "it is not as promotion writes it")
    if card.use_case.risk_class != manifest.risk_class:
        raise altered(path, f"it says risk {card.use_case.risk_class}, not {manifest.risk_class}")
    return card


def _check_notebook(folder: Path, manifest: ReleaseManifest) -> None:
    """Refuse a release notebook that is not what promotion makes of the research notebook.

    A tag that makes papermill skip a cell, an output or a hidden cell would be run or shown as
    something else than what was researched. The author's signature alone does not say that the
    author used this program.
    """
    path = folder / manifest.notebook.path
    try:
        origin = notebook.read(folder / manifest.origin.path)
        released = notebook.release_copy(origin)
        parameters = parameters_of(released)
    except GovernedError as error:
        raise _not_made(path, f"{error.what}: {error.why}") from error
    if digest_bytes(notebook.encode(notebook.source_copy(origin))) != manifest.origin.sha256:
        raise _not_made(path, f"{manifest.origin.path} holds more than cells and their tags")
    if digest_bytes(notebook.encode(released)) != manifest.notebook.sha256:
        raise _not_made(path, f"{manifest.origin.path} is released as another notebook")
    if parameters != manifest.parameters:
        raise _not_made(path, "the manifest states other parameters than its parameters cell")


def _not_made(path: Path, why: str) -> IntegrityBroken:
    return IntegrityBroken(
        f"{path} is not what promotion makes of its research notebook",
        why=why,
        next="promote a new version with 'governed promote', and approve that one",
    )


def _check_paths(folder: Path, manifest: ReleaseManifest) -> None:
    """Refuse a path by which a copy of the release would be written outside its folder.

    A manifest is signed by its author, who need not have made it with this program.
    """
    staged = [place for item in manifest.inputs for place in item.paths]
    named = [*(file.path for file in bound_files(manifest)), *(s.path for s in manifest.suites)]
    for name in [*staged, *named]:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise altered(folder / "manifest.json", f"{name!r} leads out of the release")


def bound_files(manifest: ReleaseManifest) -> list[FileDigest]:
    """Every file beside ``manifest.json`` that the release digest covers."""
    suites = [file for suite in manifest.suites for file in suite.files]
    lock = FileDigest("environment.json", manifest.environment, 0)
    made = [manifest.notebook, manifest.origin, manifest.difference]
    made += [manifest.card] if manifest.card else []
    return [*made, *manifest.code, *suites, lock]


def check_nothing_else(folder: Path, manifest: ReleaseManifest, *also: str) -> None:
    """Refuse a file below `folder` that is neither bound nor in `also`.

    A module beside a notebook takes precedence over the library of that name. Jupyter writes a copy
    of a notebook that is opened into a folder of its own, which no program imports from.
    """
    expected = {"manifest.json", *also, *(file.path for file in bound_files(manifest))}
    for path in sorted(folder.rglob("*")):
        is_file = path.is_symlink() or not path.is_dir()
        if not is_file or path.relative_to(folder).as_posix() in expected:
            continue
        if _checkpoint_of(path, folder) not in expected:
            raise altered(path, "it is no part of the release")


def _checkpoint_of(path: Path, folder: Path) -> str:
    """The notebook below `folder` that Jupyter wrote a file beside; empty when it wrote none."""
    name = path.name.removesuffix(_CHECKPOINT)
    regular = path.is_file() and not path.is_symlink()
    if path.parent.name != ".ipynb_checkpoints" or name == path.name or not regular:
        return ""
    return path.parent.with_name(f"{name}.ipynb").relative_to(folder).as_posix()


def check_files(folder: Path, files: Sequence[FileDigest]) -> None:
    """Hold the files below `folder` against their digests, byte for byte."""
    for file in files:
        path = folder / file.path
        try:
            found = digest_file(path)
        except OSError as error:
            raise altered(path, error.strerror or str(error)) from error
        if found != file.sha256:
            raise altered(path, f"its SHA-256 is {found}, promoted {file.sha256}")


def altered(path: Path, why: str) -> IntegrityBroken:
    """A file of a release that is not what was promoted."""
    return IntegrityBroken(
        f"{path} is not what was promoted",
        why=why,
        next="restore it from version control or a backup, or promote a new version",
    )
