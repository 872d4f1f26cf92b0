"""The command itself: help everywhere, one message an error, the right exit code."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from governed_kernel import cli
from governed_kernel.cli import COMMANDS, main
from governed_kernel.cli.options import passphrase_source
from governed_kernel.errors import UsageError
from tests.cli.commands import Command


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*([name] if name else []), "--help"])
    assert ended.value.code == 0
    assert "Usage: governed" in capsys.readouterr().out


def test_an_error_is_one_message_and_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "governed_kernel", "--workspace", str(tmp_path), "data", "list"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"governed: {tmp_path} is no workspace\nwhy:  ")
    assert "next: " in done.stderr
    assert "Traceback" not in done.stderr


def test_signatures_are_verified_ahead_only_for_what_asks_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str | None] = []
    monkeypatch.setattr(cli, "_verify_ahead", begun.append)
    for words in (["frobnicate"], ["data", "--help"], ["data", "list", "-h"], ["doctor", "--help"]):
        with pytest.raises(SystemExit):
            main(["--workspace", str(tmp_path), *words])
    completed = ShellComplete(cli.governed, {}, "governed", "_GOVERNED_COMPLETE")
    assert completed.get_completions(["data"], "li")
    assert begun == []
    with pytest.raises(SystemExit):
        main(["--workspace", str(tmp_path), "data", "list"])
    assert begun == [str(tmp_path)]


@pytest.mark.parametrize("words", [["frobnicate"], ["run"], ["approve", "x@1", "--for", "fun"]])
def test_wrong_use_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "Usage:" in capsys.readouterr().err


def test_a_passphrase_is_never_asked_for_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("not from a pipe"))
    with pytest.raises(UsageError, match="--passphrase-file"):
        passphrase_source(None)("Passphrase of ada")


def test_a_passphrase_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.txt"):
        passphrase_source(tmp_path / "nothing.txt")("Passphrase of ada")


def test_doctor_says_what_this_machine_can_do(governed: Command) -> None:
    done = governed("doctor", "--json")
    found = {row["subject"]: row for row in done.facts}
    assert done.code == 0
    assert found["kernel governed-research"]["state"] == "ok"
    assert found["kernel governed-release"]["state"] == "ok"
    assert all(row["state"] != "limited" or row["next"] or row["found"] for row in found.values())


def test_lab_starts_jupyterlab_on_the_workspace(
    governed: Command, workspace: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def become(_: str, command: list[str], environment: dict[str, str]) -> None:
        assert environment["GOVERNED_WORKSPACE"] == root
        started.append(command)

    monkeypatch.setattr("os.execve", become)
    root = str(getattr(workspace, "root", ""))
    assert governed("--workspace", root, "lab", "--no-browser").code == 0
    assert started[0][1:3] == ["-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={root}" in started[0]
    assert started[0][-1] == "--no-browser"
