from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import Command
from tests.governance.conftest import home, made_keys, workspace
from tests.loop.stages import stages

__all__ = ["home", "made_keys", "stages", "workspace"]


@pytest.fixture
def governed(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys, tmp_path / "secrets")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("NOT RUN: mounting a small disk takes root and the right to mount")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
