"""Standard streams as services, full disks and odd masks leave them to a command."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

INIT = "init clinic --as ada --printed-name 'Ada Admin' --passphrase-file pass"
PASS = ("--passphrase-file", "../pass")


class Shell:
    """A folder in which ``governed`` is run by a shell, with its own home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pass").write_text("correct horse battery\n")
        self.variables = os.environ | {"GOVERNED_HOME": str(folder / "home")}
        self.variables.pop("GOVERNED_WORKSPACE", None)

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """`line` as one types it."""
        return subprocess.run(
            ["bash", "-c", f'governed() {{ {sys.executable} -m governed_kernel "$@"; }}\n{line}'],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("streams"))


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_does_without_streams_that_are_closed(shell: Shell, closed: str) -> None:
    done = shell.run(f"governed doctor --help {closed}")
    assert (done.returncode, done.stderr) == (0, "")


def test_no_file_of_ours_gets_the_number_of_a_stream(shell: Shell) -> None:
    source = (
        "import os, sys; from governed_kernel.cli import streams; streams.open_closed();"
        "sys.exit(os.open('pass', 0) < 3)"
    )
    done = shell.run(f'{sys.executable} -c "{source}" <&- >&- 2>&-')
    assert done.returncode == 0


def test_what_was_done_and_could_not_be_shown_is_said_to_be_done(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    done = shell.run(f"governed {INIT} > /dev/full")
    assert done.returncode == 6
    assert done.stderr.startswith(
        "governed: what this command says could not be written, and it was"
    )
    assert "why:  No space left on device" in done.stderr
    shown = shell.run("governed --workspace clinic people list")
    assert "Ada Admin" in shown.stdout


@pytest.mark.parametrize("command", ["--help", "doctor --help", "nonsense"])
def test_a_reader_that_has_gone_changes_nothing(shell: Shell, command: str) -> None:
    usual = shell.run(f"governed {command}").returncode
    gone = f"{{ sleep 0.3; governed {command}; echo code $? >&2; }} | true"
    done = shell.run(gone)
    assert done.stderr.endswith(f"code {usual}\n")
    assert "Traceback" not in done.stderr
    assert "could not be written" not in done.stderr


def test_a_message_says_no_more_than_a_person_reads(shell: Shell) -> None:
    done = shell.run(f"governed --workspace {'a' * 100_000} people list")
    assert done.returncode == 2
    assert len(done.stderr) < 7_000
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("mask", ["0777", "0277", "0000"])
def test_a_mask_takes_nothing_from_the_owner_and_gives_nothing_to_everybody(
    tmp_path: Path, mask: str
) -> None:
    shell = Shell(tmp_path)
    done = shell.run(f"umask {mask}; governed {INIT}")
    assert done.returncode == 0, done.stderr
    made = [path for path in (tmp_path / "clinic").rglob("*") if not path.is_symlink()]
    assert made
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert {path for path, mode in modes.items() if mode & 0o002} == set()
    assert {path for path, mode in modes.items() if not mode & 0o400} == set()


@pytest.mark.parametrize("name", ["a\nb", os.fsdecode(b"\xff\xfe")])
def test_a_folder_that_no_record_can_name_holds_no_workspace(shell: Shell, name: str) -> None:
    (shell.folder / name).mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "governed_kernel", "init", ".", "--as", "ada", *PASS],
        cwd=shell.folder / name,
        env=shell.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "can't hold a workspace" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["Mein\u00a0Ordner", "\u5168\u89d2\u3000\u7a7a\u767d", "a b'\"c"])
def test_a_folder_with_odd_spaces_does(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    shell = Shell(root)
    assert shell.run(f"governed {INIT}").returncode == 0
    assert "Ada Admin" in shell.run("governed --workspace clinic people list").stdout
