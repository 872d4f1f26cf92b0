"""Golden lineage: what the record says of real programs, against what a person says.

A case has one table of origins and the same program in several dialects; see ``golden/README.md``
for how to add a case or a dialect.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation

from .origins import origins_of
from .recording import Recording, record

Fact = tuple[str, str, str, str]
"""Output column, source column, relation, evidence."""

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.toml"))
CASES: dict[str, dict[str, Any]] = {path.stem: tomllib.loads(path.read_text()) for path in GOLDEN}
COMPLETE = ("duckdb", "pandas", "polars", "polars_lazy")
"""Dialects that every case is written in, or says why not."""
DIALECTS = sorted({dialect for case in CASES.values() for dialect in case["programs"]})
PROGRAMS = [(dialect, name) for name in CASES for dialect in CASES[name]["programs"]]
_DIRECT = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    """One process a dialect runs its programs, each as a cell in a folder of its own."""
    made = {}
    for dialect in DIALECTS:
        root = tmp_path_factory.mktemp(dialect)
        cells = []
        for name in programs_of(dialect):
            (root / name).mkdir()
            for file, content in CASES[name].get("files", {}).items():
                (root / name / file).write_text(content.lstrip())
            program = CASES[name]["programs"][dialect]
            cells.append(f"import os; os.chdir({str(root / name)!r})\n{program}")
        made[dialect] = record(root, cells)
    return made


def programs_of(dialect: str) -> list[str]:
    """The cases that are written in a dialect, in the order of its cells."""
    return [name for name, case in CASES.items() if dialect in case["programs"]]


def told(case: dict[str, Any], dialect: str) -> set[Fact]:
    """The lines of a case as facts."""
    facts: set[Fact] = set()
    lines = case.get("differs", {}).get(dialect, case)["origins"]
    for line in lines.strip().splitlines():
        left, _, right = line.partition("<-")
        source, relation, *evidence = right.rsplit(
            maxsplit=line.endswith(("conservative", "inferred")) + 1
        )
        facts.add((left.strip(), source.strip(), relation, evidence[0] if evidence else "observed"))
    return facts


def by_one_name(facts: set[Fact], case: dict[str, Any]) -> set[Fact]:
    """Values of the two keys that a join makes equal go by the first name of the two."""
    names = {second: first for first, second in case.get("equal_keys", [])}
    return {
        (output, names.get(source, source) if relation in _DIRECT else source, relation, evidence)
        for output, source, relation, evidence in facts
    }


@pytest.mark.parametrize(("dialect", "name"), PROGRAMS)
def test_a_program_has_exactly_the_origins_that_a_person_gives_it(
    recordings: dict[str, Recording], dialect: str, name: str
) -> None:
    case, recording = CASES[name], recordings[dialect]
    number = programs_of(dialect).index(name) + 1
    assert not recording.errors[number - 1]
    lost = recording.of(ObserverLost, number)
    assert not lost, [recording.texts[each.error] for each in lost]
    steps = recording.of(Transformation, number)
    root = f"file://{recording.folder}/{name}/"

    def short(uri: str) -> str:
        for scheme in ("file", "sqlite", "duckdb"):
            uri = uri.removeprefix(scheme + root[4:])
        return uri

    found: set[Fact] = {
        (short(f"{entity.entity}.{column}"), short(f"{source}.{into}"), relation, evidence)
        for step in steps
        for entity in step.outputs
        if entity.entity.startswith(root)
        for column in entity.columns
        for source, into, relation, evidence in origins_of(steps, entity.entity, column)
    }
    found, expected = by_one_name(found, case), by_one_name(told(case, dialect), case)
    assert sorted(found - expected) == sorted(set()), "origins that are not true"
    assert sorted(expected - found) == sorted(set()), "origins that are missing"


@pytest.mark.parametrize("dialect", COMPLETE)
def test_every_case_is_written_in_each_dialect_or_says_why_not(dialect: str) -> None:
    assert not [
        name
        for name, case in CASES.items()
        if dialect not in case["programs"] and dialect not in case.get("missing", {})
    ]
