"""The README's tour, typed line by line: among the berries, where a run takes seconds."""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from tests.loop import berries
from tests.loop.environment import PythonEnvironment
from tests.loop.place import Place, papermill

README = Path(__file__).parents[2] / "README.md"
_COMMAND = re.compile(r"    (?:\$ )?((?:cp|MINILM=\S+|papermill|governed) .*)")
_RUN = re.compile(r"\brun-\d{8}T\d{6}-[0-9a-f]{8}\b")
_RECALL = re.compile(r"\brecall-\d{8}T\d{6}-[0-9a-f]{8}\b")

IN_THE_KITCHEN = {
    "record_id wdbc-001": "berry_id b01",
    "biopsy-triage": "sour",
    "biopsy_triage": "sour",
    "wdbc-train.csv": "berries-train.csv",
    "data/wdbc.csv": "berries.csv",
    "wdbc": "berries",
    "$MINILM": "palate",
    "minilm": "palate",
    "record_id": "berry_id",
    "diagnosis": "taste",
    "--class health": "--class public",
    " --retention 2036-01-01": "",
    "-p epochs 3": "-p steps 300",
}
_SIGNED = {
    *("init", "people add", "promote", "approve", "deploy", "rollback"),
    *("recall open", "recall answer"),
}
_IN_A_PROCESS_OF_THEIR_OWN = {"promote", "run", "validate"}


@dataclass
class Line:
    """What the README lets its reader type, and what it shows as printed."""

    section: int
    text: str
    shown: list[str] = field(default_factory=list)

    @property
    def verb(self) -> str:
        """``approve``, ``data register``: the words that name the command."""
        first, *rest = self.text.split()[1:]
        groups = {"people", "data", "policy", "release", "recall", "audit", "lineage"}
        return f"{first} {rest[0]}" if first in groups else first

    @property
    def is_refused(self) -> bool:
        """Whether the README shows that it is."""
        return bool(self.shown) and self.shown[0].startswith("governed: ")


@functools.cache
def lines() -> tuple[Line, ...]:
    """Every command of the tour, in order."""
    text = README.read_text().partition("## A tour of the loop")[2].partition("The whole loop,")[0]
    found: list[Line] = []
    section, is_open = 0, False
    for line in text.splitlines():
        if heading := re.match(r"### (\d+)\.", line):
            section = int(heading[1])
        elif is_open:
            found[-1].text += " " + line.strip().removesuffix("\\")
            is_open = _goes_on(line, found[-1])
        elif command := _COMMAND.match(line):
            found.append(Line(section, command[1].removesuffix("\\")))
            is_open = _goes_on(line, found[-1])
        elif line.startswith("    ") and found:
            found[-1].shown.append(line[4:])
    return tuple(found)


def _goes_on(line: str, command: Line) -> bool:
    """Whether the command goes on in the next line: said so, or inside of a quotation."""
    return line.endswith("\\") or command.text.count('"') % 2 == 1


def kitchen(folder: Path, environment: PythonEnvironment) -> Place:
    """What a reader has before the first line: a copy of the example, here of the berries."""
    place = Place(folder / "berries", folder / "home", environment)
    berries.write(place.root)
    (place.home / "passphrases").mkdir(parents=True)
    for person in ("ada", "dora", "rui", "kim", "mara", "otto", "aida"):
        (place.home / "passphrases" / person).write_text(f"the passphrase of {person}\n")
    return place


def type_line(place: Place, line: Line) -> str:
    """Type one line among the berries, which must end as the README shows; what it printed."""
    text = line.text
    for there, here in IN_THE_KITCHEN.items():
        text = text.replace(there, here)
    text = re.sub(r"--printed-name '(\w+) \w+'", r"--printed-name \1", text)
    if text.startswith("papermill "):
        papermill(place, shlex.split(text)[-1])
    if not text.startswith("governed "):
        return ""  # copies the example, or names the base model: `kitchen` did
    text = _with_ids_of(place, text.removeprefix("governed "))
    if line.verb == "people add":
        text += f" --key-passphrase-file '{place.home / 'passphrases' / text.split()[2]}'"
    if line.verb in _SIGNED:
        text = re.sub(r"--as (\w+)", r"{\1}", text)
    ask = place.governed if line.verb in _IN_A_PROCESS_OF_THEIR_OWN else place.here
    done = ask(text)
    assert done.code == (3 if line.is_refused else 0), f"{text}: {done.out}{done.err}"
    return done.out + done.err


def _with_ids_of(place: Place, text: str) -> str:
    """Runs and recalls have other names at each walk: the README's first is our first."""
    told = [name for line in lines() for name in _RUN.findall("\n".join((line.text, *line.shown)))]
    if _RUN.search(text):
        runs = [run["run"] for run in place.release()["runs"] if run["kind"] == "release"]
        for ours, theirs in zip(runs, dict.fromkeys(told), strict=False):
            text = text.replace(theirs, ours)
    if _RECALL.search(text):
        (finding,) = place.done_here("recall list --json").facts
        text = _RECALL.sub(finding["recall"], text)
    return text
