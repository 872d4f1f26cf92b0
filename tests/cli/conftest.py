from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Command
from tests.governance.conftest import home, made_keys, workspace

__all__ = ["home", "made_keys", "workspace"]


@pytest.fixture
def governed(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys, tmp_path / "secrets")
