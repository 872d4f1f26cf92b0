"""Run ``governed`` as a user does, in this process: arguments in, exit code and output out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.cli import main
from tests.governance.people import passphrase


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> Any:
        """The JSON document it printed."""
        return json.loads(self.out)


class Command:
    """Calls ``governed`` in one working directory, with everybody's passphrase in a file."""

    def __init__(self, capsys: pytest.CaptureFixture[str], secrets: Path) -> None:
        self._capsys = capsys
        self._secrets = secrets

    def __call__(self, *arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, captured.out, captured.err)

    def secret(self, person: str, text: bytes | None = None) -> str:
        """A passphrase file, with one line more than is read."""
        self._secrets.mkdir(exist_ok=True)
        file = self._secrets / f"{person}.txt"
        file.write_bytes((passphrase(person) if text is None else text) + b"\nnot this line\n")
        return str(file)

    def signed(self, person: str) -> tuple[str, ...]:
        """The options by which `person` signs."""
        return ("--as", person, "--passphrase-file", self.secret(person))
