"""Golden lineage: what the record says of real programs, against what a person says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation

from .origins import origins_of
from .recording import Recording, record

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.toml"))
CASES = {path.stem: tomllib.loads(path.read_text()) for path in GOLDEN}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """One process runs all programs, each as a cell in a folder of its own."""
    root = tmp_path_factory.mktemp("golden")
    cells = []
    for name, case in CASES.items():
        (root / name).mkdir()
        for file, content in case["files"].items():
            (root / name / file).write_text(content.lstrip())
        cells.append(f"import os; os.chdir({str(root / name)!r})\n{case['program']}")
    return record(root, cells)


def told(case: dict[str, str]) -> set[tuple[str, ...]]:
    """The lines of a case as facts."""
    facts: set[tuple[str, ...]] = set()
    for line in case["origins"].strip().splitlines():
        left, _, right = line.partition("<-")
        source, relation, *evidence = right.rsplit(maxsplit=line.endswith("conservative") + 1)
        facts.add((left.strip(), source.strip(), relation, evidence[0] if evidence else "observed"))
    return facts


@pytest.mark.parametrize("name", CASES)
def test_a_program_has_exactly_the_origins_that_a_person_gives_it(
    recording: Recording, name: str
) -> None:
    case, number = CASES[name], list(CASES).index(name) + 1
    assert not recording.errors[number - 1]
    lost = recording.of(ObserverLost, number)
    assert not lost, [recording.texts[each.error] for each in lost]
    steps = recording.of(Transformation, number)
    root = f"file://{recording.folder}/{name}/"
    found = {
        (
            f"{entity.entity}.{column}".removeprefix(root),
            f"{source}.{into}".removeprefix(root).removeprefix(f"sqlite{root[4:]}"),
            *how,
        )
        for step in steps
        for entity in step.outputs
        if entity.entity.startswith(root)
        for column in entity.columns
        for source, into, *how in origins_of(steps, entity.entity, column)
    }
    expected = told(case)
    assert sorted(found - expected) == sorted(set()), "origins that are not true"
    assert sorted(expected - found) == sorted(set()), "origins that are missing"
