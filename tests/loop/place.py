"""A workspace with its people and its environment, and the commands that they type in it."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.cli import main
from governed_kernel.governance import envelopes, keys
from governed_kernel.governance.pkcs8 import Cost
from governed_kernel.lineage.attestations import Record
from governed_kernel.lineage.events import Attested
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.cli.commands import Done
from tests.loop.environment import PythonEnvironment

SECONDS = 120
_OURS = ("GOVERNED_", "JPY_", "PYTHON", "PYTEST")


@dataclass(frozen=True)
class Place:
    """One workspace, the personal folder of those who work in it, and an interpreter."""

    root: Path
    home: Path
    environment: PythonEnvironment

    @property
    def workspace(self) -> Workspace:
        return Workspace.open(self.root)

    def copy(self, folder: Path, environment: PythonEnvironment | None = None) -> Place:
        """The same workspace and people elsewhere, for a test that changes something."""
        folder.mkdir(parents=True, exist_ok=True)
        for source in (self.root, self.home):
            subprocess.run(["cp", "-a", source, folder / source.name], check=True)
        return Place(
            folder / self.root.name, folder / self.home.name, environment or self.environment
        )

    def variables(self) -> dict[str, str]:
        """The environment variables of a command."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
        return {**kept, "GOVERNED_HOME": str(self.home)}

    def words(self, command: str, *more: str) -> list[str]:
        """A command with ``{name}`` standing for the passphrase file of that person."""
        return [*shlex.split(command.format_map(_Secrets(self.home))), *more]

    def start(self, command: str, *more: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start ``governed …`` as a process of its own."""
        return subprocess.Popen(
            [
                *(self.environment.python, "-m", "governed_kernel"),
                *("--workspace", str(self.root), *self.words(command, *more)),
            ],
            cwd=cwd or self.root,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def governed(self, command: str, *more: str, cwd: Path | None = None) -> Done:
        """``governed …`` in a process of its own, to its end."""
        with self.start(command, *more, cwd=cwd) as process:
            return ended(process)

    def here(self, command: str, *more: str) -> Done:
        """``governed …`` in this process: for what no gate on the environment guards."""
        out, err = io.StringIO(), io.StringIO()
        with (
            self.inside(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as end,
        ):
            main(["--workspace", str(self.root), *self.words(command, *more)])
        assert isinstance(end.value.code, int)
        return Done(end.value.code, out.getvalue(), err.getvalue())

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This process works here, as one of its people."""
        with pytest.MonkeyPatch.context() as patch:
            for name in list(os.environ):
                if name.startswith("GOVERNED_"):
                    patch.delenv(name)
            patch.setenv("GOVERNED_HOME", str(self.home))
            patch.setattr(keys, "COST", Cost(n=2**8, r=8, p=1))
            patch.chdir(self.root)
            yield

    def done(self, command: str, *more: str) -> Done:
        """`governed`, which must succeed."""
        return succeeded(self.governed(command, *more), command)

    def done_here(self, command: str, *more: str) -> Done:
        """`here`, which must succeed."""
        return succeeded(self.here(command, *more), command)

    def release(self, name: str = "sour") -> Any:
        """What ``governed release show`` knows."""
        return self.done_here(f"release show {name} --json").facts

    def events(self, kind: str) -> list[Any]:
        """The ledger's events of one type."""
        return [event for event in self.record() if type(event).__name__ == kind]

    def record(self) -> list[Any]:
        """The ledger's events; of a signed one what somebody signed."""
        return [_said(event) for event in Ledger(self.workspace).events()]

    def half_made(self) -> list[str]:
        """What an unfinished promotion, run or bundle would have left."""
        folders = (self.workspace.releases, self.workspace.bundles, self.workspace.runs)
        return [str(path) for folder in folders for path in folder.glob(".*")]


def _said(event: Any) -> Any:
    """The event, or what somebody signed."""
    if not isinstance(event, Attested):
        return event
    _, predicate, _ = envelopes.peek(event.envelope)
    return predicate.event if isinstance(predicate, Record) else predicate


class _Secrets(dict[str, str]):
    """``{dora}`` → the options by which Dora signs."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def __missing__(self, person: str) -> str:
        file = self._home / "passphrases" / person
        return f"--as {person} --passphrase-file {shlex.quote(str(file))}"


def ended(process: subprocess.Popen[str]) -> Done:
    """Wait for a command; it never outlives its test."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    except BaseException:
        process.kill()
        raise
    return Done(process.returncode, out, err)


def succeeded(done: Done, what: str) -> Done:
    assert done.code == 0, f"governed {what}: {done.code}\n{done.out}\n{done.err}"
    return done


def papermill(place: Place, notebook: str, code: int = 0) -> None:
    """Run all cells of a research notebook, in place; `code` is not 0 when one is to fail."""
    words = ["papermill", "--engine", "governed", "-k", "governed-research", "--no-progress-bar"]
    done = subprocess.run(
        [place.environment.python, "-m", *words, "--cwd", "research", notebook, notebook],
        cwd=place.root,
        env=place.variables(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stderr
    sys.stdout.write(done.stdout)
