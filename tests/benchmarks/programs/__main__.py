"""Programs made by chance: do columns owe to the same in pandas, polars and DuckDB?

``python -m tests.benchmarks.programs [NUMBER [FIRST]]`` makes programs (2,000 from seed 0), runs
each in every dialect under the observers, and holds what is recorded against what the plan says,
and against what changes when a column of a table is changed. It prints how many disagree, how the
origins are known, and the shortest beginning of each disagreement.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import duckdb

from tests.capture.programs.asking import Answer, answers, unsaid
from tests.capture.programs.plans import Program
from tests.capture.programs.writing import DIALECTS, cell, program_of, write_tables

_BY_ORDER = re.compile(r"lag\(|ROWS|row_number|firsts|distinct on|^sort")
BATCH = 200
SHOWN = 5


def say(text: str = "") -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def asked(programs: dict[int, Program], dialect: str) -> dict[int, Answer]:
    """What the record says, a new process for every few programs."""
    found: dict[int, Answer] = {}
    seeds = list(programs)
    for start in range(0, len(seeds), BATCH):
        few = {seed: programs[seed] for seed in seeds[start : start + BATCH]}
        with tempfile.TemporaryDirectory() as folder:
            found |= answers(few, dialect, Path(folder))
    return found


def differs(answer: Answer) -> bool:
    """Whether an answer is wrong."""
    return bool(answer.missing or answer.surplus)


def show(seed: int, program: Program, dialect: str) -> None:
    """The shortest beginning of a program whose answer is wrong."""
    beginnings = {n: program.beginning(n) for n in range(1, len(program.queries) + 1)}
    for number, answer in asked(beginnings, dialect).items():
        if differs(answer):
            say(f"\nseed {seed} in {dialect}, {number} steps: {'; '.join(program.words[:number])}")
            say(cell(beginnings[number], dialect, f"out_{number}.parquet"))
            say(f"  missing: {'; '.join(answer.missing[:9]) or 'none'}")
            say(f"  surplus: {'; '.join(answer.surplus[:9]) or 'none'}")
            return


def changes(programs: dict[int, Program], told: dict[str, dict[int, Answer]]) -> int:
    """How many programs have a column that changes with what no dialect may leave out."""
    wrong = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(config={"threads": 1}) as connection,
    ):
        write_tables(connection, Path(folder))
        for seed, program in programs.items():
            if any(map(_BY_ORDER.search, program.words)):
                continue  # which row comes first is nobody's promise
            names = program.frames[-1].columns
            known = [each[seed].told for each in told.values() if each[seed].told]
            common = {
                name: set.intersection(*[each.get(name, set()) for each in known])
                for name in (names if known else ())
            }
            if missed := list(unsaid(connection, program, common)):
                wrong += 1
                say(f"\nseed {seed} changes: {'; '.join(missed[:9])}\n  {program.words}")
    return wrong


def main(arguments: list[str]) -> int:
    """Print the table; 1 when an answer is wrong."""
    number, first = [*map(int, arguments), *(2_000, 0)[len(arguments) :]]
    programs = {seed: program_of(seed) for seed in range(first, first + number)}
    told = {dialect: asked(programs, dialect) for dialect in DIALECTS}
    say(f"{number} programs from seed {first}")
    wrong: list[tuple[int, str]] = []
    for dialect, found in told.items():
        evidence = sum((each.evidence for each in found.values()), Counter[str]())
        kinds = ("observed", "inferred", "conservative")
        total = sum(evidence[kind] for kind in kinds) or 1
        shares = ", ".join(f"{kind} {100 * evidence[kind] / total:.2f} %" for kind in kinds)
        bad = [seed for seed, answer in found.items() if differs(answer)]
        failed = sum(bool(answer.problem) for answer in found.values())
        wrong += [(seed, dialect) for seed in bad]
        say(f"{dialect:<12} {len(bad)} differ, {failed} not run; of {total} origins: {shares}")
    missed = changes(programs, told)
    say(f"{missed} programs in which something else changes a column")
    for seed, dialect in wrong[:SHOWN]:
        show(seed, programs[seed], dialect)
    return 1 if wrong or missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
