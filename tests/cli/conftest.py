from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Command
from tests.governance.conftest import home, made_keys, workspace
from tests.loop.stages import stages

__all__ = ["home", "made_keys", "stages", "workspace"]


@pytest.fixture
def governed(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys, tmp_path / "secrets")
