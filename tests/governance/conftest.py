from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.governance import keys
from governed_kernel.governance.pkcs8 import Cost
from governed_kernel.workspace import Workspace
from tests.governance.people import EVERYBODY, make_workspace, passphrase
from tests.loop.stages import stages

__all__ = ["home", "made_keys", "stages", "workspace"]


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Everybody's real key file, cheaper to open than a real one, made once."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", str(folder))
        patch.setattr(keys, "COST", Cost(n=2**8, r=8, p=1))
        for person in EVERYBODY:
            keys.generate(person, passphrase(person))
        yield folder


@pytest.fixture
def home(made_keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A personal folder of its own for each test."""
    folder = tmp_path / "home"
    shutil.copytree(made_keys, folder)
    monkeypatch.setenv("GOVERNED_HOME", str(folder))
    for name in ("GOVERNED_TICKET", "GOVERNED_WORKSPACE", "GOVERNED_SESSION", "GOVERNED_PERSON"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def workspace(home: Path, tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "workspace")
