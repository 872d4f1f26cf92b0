"""Runs programs under the observers, and holds what is recorded against what is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.programs.plans import Program, shown
from tests.capture.programs.writing import STARTS, cell, query_of, write_tables
from tests.capture.recording import Recording, record
from tests.capture.sql.oracle import changed_columns

__all__ = ["Answer", "answers", "unsaid"]

_DIRECT = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")


class Answer(NamedTuple):
    """What the record says of one program in one dialect."""

    problem: str
    missing: list[str]
    surplus: list[str]
    """Observed origins that are none; those that may be too many are no error."""
    evidence: Counter[str]
    told: dict[str, set[str]]
    """Sources of each column."""


def answers(programs: Mapping[int, Program], dialect: str, folder: Path) -> dict[int, Answer]:
    """Each program as a cell of one process."""
    with duckdb.connect() as connection:
        write_tables(connection, folder)
    cells = [cell(each, dialect, f"out_{seed}.parquet") for seed, each in programs.items()]
    recording = record(folder, [STARTS[dialect], *cells])
    return {
        seed: _answer(recording, number, seed, program)
        for number, (seed, program) in enumerate(programs.items(), 2)
    }


def _answer(recording: Recording, number: int, seed: int, program: Program) -> Answer:
    lost = [recording.texts[each.error] for each in recording.of(ObserverLost, number)]
    told: dict[str, set[str]] = {}
    evidence: Counter[str] = Counter()
    if problem := recording.errors[number - 1] or "".join(lost[:1]):
        return Answer(problem, [], [], evidence, told)
    steps = recording.of(Transformation, number)
    uri = f"file://{recording.folder}/out_{seed}.parquet"
    missing, surplus = [], []
    for name, column in program.frames[-1].columns.items():
        found = origins_of(steps, uri, name)
        known = {(f"{Path(s).stem}.{into}", word): how for s, into, word, how in found}
        told[name] = {source for source, _ in known}
        true = {(source, shown(word)) for source, word in column.origins}
        evidence.update(known.values())
        guessed = {source for (source, word), how in known.items() if how != "observed"}
        for source, word in sorted(true - set(known)):
            if source not in guessed or word not in _DIRECT:
                missing.append(f"{name} < {source} {word}")
        for (source, word), how in sorted(known.items()):
            if (source, word) not in true:
                evidence[f"surplus {how}"] += 1
                if how == "observed":
                    surplus.append(f"{name} < {source} {word}")
    return Answer("", missing, surplus, evidence, told)


def unsaid(
    connection: duckdb.DuckDBPyConnection, program: Program, told: Mapping[str, Iterable[str]]
) -> Iterator[str]:
    """What changes a column of the program's result and is not among the sources told of it."""
    used = {source for each in program.frames[-1].columns.values() for source, _ in each.origins}
    used |= {source for sources in told.values() for source in sources}
    for source in sorted(used):
        table, column = source.split(".")
        for name in sorted(changed_columns(connection, query_of(program), table, column)):
            if source not in told.get(name, ()):
                yield f"{name} <- {source}"
