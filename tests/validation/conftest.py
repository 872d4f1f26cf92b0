from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from governed_kernel.governance import catalog, genesis, keys
from governed_kernel.governance.descriptions import Description, Kind
from governed_kernel.governance.pkcs8 import Cost
from governed_kernel.workspace import Workspace
from tests.training.models import make_base
from tests.validation.suites import RECORDS, write_suite


@pytest.fixture(scope="session")
def tiny_base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("tiny-base"))


@pytest.fixture(scope="session")
def made_workspace(tmp_path_factory: pytest.TempPathFactory, tiny_base_model: Path) -> Path:
    """A real workspace with a suite, records and a base model; copied for each test."""
    folder = tmp_path_factory.mktemp("berries")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", str(folder / "home"))
        patch.setattr(keys, "COST", Cost(n=2**8, r=8, p=1))
        root = folder / "workspace"
        workspace = genesis.initialise(root, "ada", "Ada Lovelace", b"a passphrase", "Berries")
        write_suite(root / "suites" / "berries")
        for name in ("berries-validation", "berries-holdout"):
            (root / f"{name}.csv").write_text(RECORDS if "hold" in name else RECORDS[:-20])
            register(workspace, name, root / f"{name}.csv", "data")
        register(workspace, "tiny", tiny_base_model, "model")
    return folder


def register(workspace: Workspace, name: str, path: Path, kind: Kind) -> None:
    described = Description(
        data_class="public",
        owner="kitchen",
        purposes=("explore", "train", "evaluate", "validate"),
        legal_basis="none needed",
        kind=kind,
    )
    catalog.register(workspace, name, path, described, "ada")


@pytest.fixture
def workspace(made_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    for name in ("GOVERNED_TICKET", "GOVERNED_WORKSPACE", "GOVERNED_SESSION"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(made_workspace, tmp_path / "berries")
    monkeypatch.setenv("GOVERNED_HOME", str(tmp_path / "berries" / "home"))
    root = tmp_path / "berries" / "workspace"
    (root / "research").mkdir(exist_ok=True)
    monkeypatch.chdir(root / "research")
    return Workspace.open(root)
