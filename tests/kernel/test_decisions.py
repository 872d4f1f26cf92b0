"""Who decides about an access in a kernel, and what it takes until somebody has to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from governed_kernel.kernel.decisions import by_catalog
from tests.governance.records import register, write_records
from tests.kernel.running import home_of, make_workspace

ASK = """
import sys
from pathlib import Path
from governed_kernel.kernel.decisions import by_catalog
from governed_kernel.workspace import Workspace

decide = by_catalog(Workspace(Path(sys.argv[1])))
for operation, path in zip(sys.argv[2::2], sys.argv[3::2]):
    said = decide(operation, path)
    loaded = sorted({"cryptography", "duckdb"} & sys.modules.keys())
    print(operation, *(said.policies or ["allowed"]), *loaded)
"""


def asked(root: Path, home: Path, *questions: str) -> list[str]:
    """What a process of its own answers, and what it has loaded by then."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(root), *questions],
        env={**os.environ, "GOVERNED_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_until_something_is_registered_no_cryptography_is_loaded(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws")
    ledger = str(workspace.ledger)
    questions = ("read", "wards.csv", "write", "out.csv", "read", ledger, "write", ledger)
    assert asked(workspace.root, home_of(workspace), *questions) == [
        "read allowed",
        "write allowed",
        "read allowed",
        "write workspace-state cryptography",
    ]


def test_the_state_is_protected_by_whatever_name_it_is_reached(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws")
    link = tmp_path / "innocent"
    link.symlink_to(workspace.state)
    decide = by_catalog(workspace)
    assert decide("write", f"{tmp_path}/innocent/ledger.jsonl").policies == ["workspace-state"]
    assert by_catalog(workspace)("delete", workspace.ledger.as_uri()).policies == [
        "workspace-state"
    ]


def test_what_is_registered_while_a_kernel_runs_is_known_at_the_next_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace(tmp_path / "ws")
    monkeypatch.setenv("GOVERNED_HOME", str(home_of(workspace)))
    data = write_records(workspace.root / "biopsies.csv")
    decide = by_catalog(workspace)
    assert decide("read", str(data)).dataset == ""
    register(workspace, data, person="ada")
    assert decide("read", str(data)).dataset == "biopsies"
