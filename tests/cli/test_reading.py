from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from governed_kernel.workspace import Workspace
from tests.cli.commands import Command

MUCH = 300 << 20


def test_a_terminal_shows_how_far_much_data_is_verified(
    governed: Command, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace.root)
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(MUCH)
    options = "--class internal --owner Clinic --purpose train --legal-basis contract --as sam"
    done = governed("data", "register", "large", str(large), *options.split())
    assert done.code == 0, done.err
    seen, shown = pty.openpty()
    verify = [sys.executable, "-m", "governed_kernel", "data", "verify", "large"]
    command = subprocess.Popen(verify, stdout=subprocess.PIPE, stderr=shown, text=True)
    os.close(shown)
    told = _all_of(seen)
    out = command.communicate(timeout=60)[0]
    assert command.returncode == 0, told
    assert "verifying what was registered" in told
    parts = {float(found) for found in re.findall(r"([\d.]+)/314\.6 MB", told)}
    assert any(0 < part < 314.6 for part in parts), told
    assert "Every byte is what was registered" in out
    quiet = subprocess.run(verify, capture_output=True, text=True, check=True)
    assert not quiet.stderr, "a log is no terminal"


def _all_of(terminal: int) -> str:
    """What is written to a terminal until nobody holds it any more."""
    told = b""
    while True:
        try:
            told += os.read(terminal, 1 << 16)
        except OSError:
            os.close(terminal)
            return told.decode()
