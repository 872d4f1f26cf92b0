"""TPC-H's queries in each dialect: do the columns owe to what a person says?

``python -m tests.benchmarks.tpch [QUERY …]`` prints a table of queries and dialects, with the share
of origins that are not observed, and below it each answer that differs with what it differs in.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.capture.tpch import EXPECTED, agreement
from tests.capture.tpch.asking import DIALECTS, Answer, answers, differences, same_rows


def say(text: str = "") -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


def cell(answer: Answer, number: int) -> str:
    """One word for an answer."""
    if answer.problem:
        return "failed"
    if not same_rows(answer, number):
        return "other rows"
    if differences(answer, number) != ([], []):
        return "differs"
    guessed = answer.evidence.total() - answer.evidence["observed"]
    return "agrees*" if guessed else "agrees"


def _details(dialect: str, number: int, answer: Answer) -> None:
    missing, surplus = differences(answer, number)
    say(f"\nQ{number} in {dialect}: {cell(answer, number)}")
    if answer.problem:
        say(answer.problem.strip().splitlines()[-1])
    for word, lines in (("missing", missing), ("surplus", surplus)):
        say(f"  {word}: " + "; ".join(lines[:20]) if lines else f"  {word}: none")


def main(arguments: list[str]) -> int:
    """Print the table; 1 when an answer is not what a person says."""
    chosen = [int(argument) for argument in arguments] or sorted(EXPECTED)
    told: dict[str, dict[int, Answer]] = {}
    for dialect in DIALECTS:
        with tempfile.TemporaryDirectory() as folder:
            told[dialect] = answers(dialect, Path(folder))
    say("query  origins  " + "".join(f"{dialect:<13}" for dialect in DIALECTS))
    wrong = []
    for number in chosen:
        words = {dialect: cell(told[dialect][number], number) for dialect in DIALECTS}
        wrong += [(dialect, number) for dialect in DIALECTS if words[dialect][:6] != "agrees"]
        size = sum(map(len, agreement(EXPECTED[number]).values()))
        say(f"Q{number:<5} {size:<8} " + "".join(f"{words[each]:<13}" for each in DIALECTS))
    say()
    for dialect in DIALECTS:
        total: Counter[str] = Counter()
        for number in chosen:
            total += told[dialect][number].evidence
        shares = ", ".join(
            f"{how} {100 * total[how] / total.total():.2f} %"
            for how in ("observed", "inferred", "conservative")
        )
        right = len(chosen) - sum(each == dialect for each, _ in wrong)
        say(f"{dialect:<12} {right} of {len(chosen)} agree; of {total.total()} origins: {shares}")
    say("* in part inferred from the statement")
    for dialect, number in wrong:
        _details(dialect, number, told[dialect][number])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
