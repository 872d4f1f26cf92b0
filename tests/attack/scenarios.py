"""Commands to be killed half-way, each in the workspace where it is typed, and what it adds."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tests.loop.place import Place
from tests.loop.stages import Stages

__all__ = ["SCENARIOS", "Scenario", "prepared"]

RECORD = """
import sys
from pathlib import Path
from governed_kernel.lineage.events import CellEnded, CellStarted
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.workspace import Workspace
record = SessionRecord(Workspace(Path({root!r})), {session!r}, durable={durable})
for number in range(3):
    source = record.payload(f"print({{number}})")
    record.add(CellStarted(execution=number, cell_id="", source=source))
    assert record.flush() is None
    record.add(CellEnded(execution=number, cell_id="", status="ok"))
    assert record.settle() is None
    print("acknowledged", record.head.records, flush=True)
assert record.seal() == ""
print("sealed", flush=True)
"""
"""The writing half of a recorder, in its own process, from the first record to the seal."""


@dataclass(frozen=True)
class Scenario:
    """One kind of process that writes.

    Attributes
    ----------
    kind : str
        The part of the product, as the table names it.
    stage : str
        The stage of the loop in which the command is typed.
    command : str
        What is typed; with ``code`` a program instead, given workspace and turn.
    adds : tuple of str
        The ledger's events that it adds, in one write; nothing or all of them.
    already : tuple of int
        Exit codes of the same command once it is done: it says so, or does it again.
    repeats : bool
        Whether doing it again is another act of the person, with an entry of its own.
    prepare : callable, optional
        Changes the workspace before.
    """

    name: str
    kind: str
    stage: str
    command: str = ""
    adds: tuple[str, ...] = ()
    already: tuple[int, ...] = (0,)
    repeats: bool = False
    prepare: Callable[[Place], None] | None = None
    code: str = ""


def _new_data(place: Place) -> None:
    lines = (place.root / "berries.csv").read_text().splitlines(keepends=True)
    (place.root / "more.csv").write_text("".join([lines[0], *reversed(lines[1:])]))


def _ready_to_split(place: Place) -> None:
    _new_data(place)
    place.done_here(f"data register more more.csv {_DESCRIPTION}")


def _edited_rules(place: Place) -> None:
    with (place.root / "governed.toml").open("a") as file:
        file.write("# reviewed in June\n")


def _ingested(place: Place) -> None:
    place.done_here("lineage sessions")


def _of_another_version(place: Place) -> None:
    """A store as an earlier version of the product left it."""
    _ingested(place)
    with duckdb.connect(place.workspace.store) as connection:
        connection.execute("UPDATE base.meta SET value = '0:earlier' WHERE key = 'schema'")


_DESCRIPTION = (
    "--owner Kitchen --legal-basis 'picked by us' --class public --as dora "
    "--purpose explore --purpose train --purpose evaluate --purpose validate"
)

SCENARIOS = (
    Scenario(
        "data register",
        "CLI",
        "researched",
        f"data register more more.csv {_DESCRIPTION}",
        ("DatasetRegistered",),
        prepare=_new_data,
    ),
    Scenario(
        "data split",
        "CLI",
        "researched",
        "data split more --by splits/by_taste.py --key berry_id --target taste --as dora",
        (*["DatasetRegistered"] * 3, "SplitRecorded"),
        already=(0, 1, 2, 3),
        prepare=_ready_to_split,
    ),
    Scenario(
        "people add",
        "CLI",
        "researched",
        "people add zoe --role reviewer --printed-name Zoe --key-passphrase-file "
        "'{home}/passphrases/kim' {{ada}}",
        ("PersonAdded",),
        already=(0, 2, 3),
    ),
    Scenario(
        "policy adopt",
        "CLI",
        "researched",
        "policy adopt {{ada}}",
        ("PolicyAdopted",),
        repeats=True,
        prepare=_edited_rules,
    ),
    Scenario(
        "promote",
        "CLI",
        "researched",
        "promote research/sour.ipynb {{dora}}",
        ("Promotion",),
        repeats=True,
    ),
    Scenario(
        "approve",
        "CLI",
        "candidate",
        "approve sour --for run --meaning reviewed {{rui}}",
        ("Approval",),
        already=(0, 2, 3),
    ),
    Scenario(
        "revoke",
        "CLI",
        "validated",
        "revoke sour --reason spoilt {{rui}}",
        ("Revocation",),
        repeats=True,
    ),
    Scenario(
        "deploy", "CLI", "validated", "deploy sour --env preprod {{otto}}", ("Bundle", "Deployment")
    ),
    Scenario(
        "audit checkpoint",
        "CLI",
        "released",
        "audit checkpoint kept.json",
        ("Checkpoint",),
        repeats=True,
    ),
    Scenario(
        "store erase",
        "CLI",
        "released",
        "store erase --subject berries --reason asked {{dora}}",
        ("Erasure",),
        already=(0, 1, 2, 3),
        prepare=_ingested,
    ),
    Scenario("store backup", "CLI", "released", "store backup '{home}/kept.tar'", already=(0, 2)),
    Scenario("ingest", "ingest", "released", "lineage sessions"),
    Scenario("ingest more", "ingest", "released", "lineage sessions"),
    Scenario("rebuild", "migrate", "released", "store rebuild", prepare=_ingested),
    Scenario("migrate", "migrate", "released", "lineage sessions", prepare=_of_another_version),
    Scenario(
        "record and seal, release",
        "record, seal, compress",
        "released",
        adds=("SessionSealed",),
        code=RECORD.replace("{durable}", "True"),
    ),
    Scenario(
        "record and seal, research",
        "record, seal, compress",
        "released",
        adds=("SessionSealed",),
        code=RECORD.replace("{durable}", "False"),
    ),
)


def prepared(stages: Stages, scenario: Scenario, folder: Path) -> Place:
    """The workspace in which the command is typed, kept for copying; see `Pristine`."""
    place: Place = getattr(stages, scenario.stage)
    if scenario.name != "promote":  # alone bound to where the notebook was run
        place = place.copy(folder / "here")
    if scenario.name == "ingest more":
        _ingested(place)
        assert place.here("approve sour --for run {ada}").code == 3
    if scenario.prepare is not None:
        scenario.prepare(place)
    return place


def keep(place: Place, folder: Path) -> Path:
    """A copy from which `restore` makes the place as it was, under its own path."""
    folder.mkdir(parents=True)
    for source in (place.root, place.home):
        subprocess.run(["cp", "-a", source, folder / source.name], check=True)
    return folder


def restore(place: Place, kept: Path) -> None:
    """Make the place as it was when it was kept."""
    for target in (place.root, place.home):
        subprocess.run(["chmod", "-R", "u+w", target], check=True)
        shutil.rmtree(target)
        subprocess.run(["cp", "-a", kept / target.name, target], check=True)
