from __future__ import annotations

import shutil
import stat
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel import configuration
from governed_kernel.configuration import Configuration
from governed_kernel.errors import ConfigurationError, IntegrityBroken, SignatureRefused, UsageError
from governed_kernel.governance import genesis, keys
from governed_kernel.governance.names import PURPOSES, ROLES
from governed_kernel.governance.register import Register
from governed_kernel.governance.templates import template_folder
from governed_kernel.lineage.attestations import WorkspaceCreated
from governed_kernel.lineage.events import JournalOpened
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.by_hand import append_by_hand
from tests.governance.people import DIGEST, make_workspace, passphrase

CLASSES = [
    "public",
    "licensed",
    "internal",
    "personal",
    "health",
    "safety-incident",
    "retention-bound",
]


def initialise(folder: Path, **changes: Any) -> Workspace:
    facts: dict[str, Any] = {"administrator": "ada", "printed_name": "Ada", "name": ""}
    return genesis.initialise(folder, passphrase=passphrase("ada"), **{**facts, **changes})


def test_a_new_workspace_has_its_files_folders_ledger_and_keys(home: Path, tmp_path: Path) -> None:
    workspace = initialise(tmp_path / "triage")
    for folder in ("policies", "catalog", "suites", "research", "release", "bundles"):
        assert (workspace.root / folder).is_dir()
    assert ".governed/" in (workspace.root / ".gitignore").read_text().split()
    register = Register.read(workspace)
    assert register.name == "triage"
    assert register.person("ada").roles == ["administrator"]
    register.check_policy()
    service = home / "services" / f"{register.workspace_id}.pem"
    assert stat.S_IMODE(service.stat().st_mode) == 0o600


def test_the_administrators_key_is_made_when_there_is_none(home: Path, tmp_path: Path) -> None:
    initialise(tmp_path / "w", administrator="nina", printed_name="Nina")
    assert keys.key_file("nina").exists()


def test_a_wrong_passphrase_for_an_existing_key_makes_no_ledger(home: Path, tmp_path: Path) -> None:
    with pytest.raises(SignatureRefused):
        genesis.initialise(tmp_path / "w", "ada", "Ada", b"not her passphrase")
    assert not Workspace(tmp_path / "w").ledger.exists()
    assert Register.read(initialise(tmp_path / "w")).people


def test_files_that_came_from_git_are_kept(home: Path, tmp_path: Path) -> None:
    text = '[workspace]\nname = "from git"\n[run]\nthreads = 7\n'
    (tmp_path / "governed.toml").write_text(text)
    (tmp_path / ".gitignore").write_text("*.log\n")
    workspace = initialise(tmp_path)
    assert (tmp_path / "governed.toml").read_text() == text
    assert Register.read(workspace).name == "from git"
    assert (tmp_path / ".gitignore").read_text().split()[0] == "*.log"
    assert ".governed/" in (tmp_path / ".gitignore").read_text()


def test_a_broken_configuration_from_git_makes_no_ledger(home: Path, tmp_path: Path) -> None:
    (tmp_path / "governed.toml").write_text("[workspace]\nnme = 'x'\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        initialise(tmp_path)
    assert not Workspace(tmp_path).ledger.exists()


@pytest.mark.parametrize("name", ['a "quoted" \\ name', "größer", "line\nbreak", "\\1"])
def test_any_name_of_a_workspace_survives(home: Path, tmp_path: Path, name: str) -> None:
    workspace = initialise(tmp_path / "w", name=name)
    assert workspace.settings.workspace.name == name.replace("\n", "")


@pytest.mark.parametrize("changes", [{"administrator": "Ada L"}, {"printed_name": "\x1b[2J"}])
def test_names_that_are_none_make_nothing(
    home: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(UsageError):
        initialise(tmp_path / "w", **changes)
    assert not (tmp_path / "w").exists()


def template() -> str:
    return (template_folder("workspace") / "governed.toml").read_text()


def test_the_shipped_configuration_is_valid_and_has_every_class(tmp_path: Path) -> None:
    settings = configuration.parse(template(), tmp_path / "governed.toml")
    assert list(settings.classes) == CLASSES
    for known in settings.classes.values():
        assert set(known.purposes) <= set(PURPOSES)
    for rule in (settings.approvals.run, settings.approvals.deployment):
        assert set(rule.roles) <= set(ROLES)


def test_every_setting_stands_in_the_shipped_configuration_with_its_default(
    tmp_path: Path,
) -> None:
    """Every field, active or behind '#'; what stands behind '#' is its default."""
    lines = template().splitlines()
    active = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and _is_setting(line) else line
        for line in lines
    )
    everything = tomllib.loads(active)
    for path in _fields(Configuration):
        found: Any = everything
        for part in path:
            found = found[part if part != "*" else next(iter(found))]
    shipped = configuration.parse(template(), tmp_path / "governed.toml")
    assert configuration.parse(active, tmp_path / "governed.toml") == shipped


def _is_setting(line: str) -> bool:
    key, _, value = line.removeprefix("# ").partition(" = ")
    return bool(value) and key.replace("_", "").isalpha()


def _fields(struct: Any) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for field in msgspec.structs.fields(struct):
        kind: Any = field.type
        before: tuple[str, ...] = (field.encode_name,)
        if getattr(kind, "__origin__", None) is dict:
            kind = kind.__args__[1]
            before += ("*",) if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else ()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found += [(*before, *rest) for rest in _fields(kind)]
        else:
            found.append(before)
    return found


def test_a_ledger_without_a_signed_beginning_is_refused(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    bare = Workspace(folder)
    Ledger(bare).create("w1")
    with pytest.raises(IntegrityBroken, match="no valid beginning"):
        Register.read(bare)
    assert isinstance(Ledger(bare).events()[0], JournalOpened)


def test_a_workspace_can_be_made_anew_in_the_same_folder(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root)
    again = make_workspace(workspace.root)
    assert "rita" in Register.read(again).people


def test_a_second_creation_in_the_same_ledger_does_not_count(workspace: Workspace) -> None:
    created = WorkspaceCreated(
        person="mallory",
        printed_name="Mallory",
        workspace_id=Register.read(workspace).workspace_id,
        name="mine",
        public_key=keys.public_key_of("mallory"),
        policy=DIGEST,
        service_key=keys.public_key_of("mallory"),
    )
    append_by_hand(workspace, created, signer="mallory")
    register = Register.read(workspace)
    assert register.name == "triage"
    assert "mallory" not in register.people


def test_initialising_twice_is_refused_and_changes_nothing(workspace: Workspace) -> None:
    from governed_kernel.errors import UsageError

    before = workspace.ledger.read_bytes()
    with pytest.raises(UsageError, match="a workspace already"):
        genesis.initialise(workspace.root, "ada", "Ada", passphrase("ada"))
    assert workspace.ledger.read_bytes() == before
