from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from governed_kernel.governance import keys
from governed_kernel.governance.register import Register
from governed_kernel.workspace import Workspace
from tests.cli.commands import Command


def test_init_makes_a_workspace_and_says_what_comes_next(governed: Command, tmp_path: Path) -> None:
    folder = tmp_path / "triage"
    done = governed(
        "init", str(folder), "--printed-name", "Ada Lovelace", "--json", *governed.signed("ada")
    )
    assert done.code == 0, done.err
    assert done.facts["workspace"] == "triage"
    assert done.facts["next"].startswith("governed people add")
    assert Register.read(Workspace.open(folder)).person("ada").printed_name == "Ada Lovelace"


def test_the_user_of_the_computer_is_the_first_administrator(
    governed: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "Nina")
    assert getpass.getuser() == "Nina"
    secret = governed.secret("nina")
    done = governed("init", str(tmp_path / "w"), "--passphrase-file", secret, "--json")
    assert done.facts["administrator"] == "nina"
    assert keys.key_file("nina").exists()


def test_a_second_init_is_wrong_use(governed: Command, workspace: Workspace) -> None:
    done = governed("init", str(workspace.root), *governed.signed("ada"))
    assert done.code == 2
    assert "is a workspace already" in done.err
    assert "next:" in done.err


def test_a_wrong_passphrase_is_refused(governed: Command, tmp_path: Path) -> None:
    secret = governed.secret("ada", b"not this one")
    done = governed("init", str(tmp_path / "w"), "--as", "ada", "--passphrase-file", secret)
    assert done.code == 3
    assert "not this one" not in done.err


def test_without_a_passphrase_and_a_terminal_it_says_what_to_do(
    governed: Command, tmp_path: Path
) -> None:
    done = governed("init", str(tmp_path / "w"), "--as", "ada")
    assert done.code == 2
    assert "--passphrase-file" in done.err
