"""``python -m tests.benchmarks.corpus [--only WORD] [--notes] [--json FILE] [--markdown FILE]``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.corpus import EXCLUDED, IDIOMS, table
from tests.benchmarks.corpus.exceptions import KNOWN
from tests.benchmarks.corpus.judging import judge
from tests.benchmarks.corpus.session import run


def main() -> None:
    """Run the corpus and print its table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.corpus")
    parser.add_argument("--only", help="idioms whose name, library or group holds this word")
    parser.add_argument("--notes", action="store_true", help="the 32 reads alone")
    parser.add_argument("--json", type=Path, help="write the verdicts there as well")
    parser.add_argument("--markdown", type=Path, help="write a page of the documentation there")
    parser.add_argument("--keep", type=Path, help="run in this new folder and keep it")
    options = parser.parse_args()
    idioms = [
        idiom
        for idiom in IDIOMS
        if (not options.notes or idiom.in_notes)
        and (not options.only or options.only in f"{idiom.name} {idiom.library} {idiom.group}")
    ]
    with tempfile.TemporaryDirectory(prefix="corpus-") as temporary:
        session = run(options.keep or Path(temporary), idioms)
        verdicts = judge(session, idioms)
    for line in table.lines(verdicts):
        say(line)
    say("")
    for line in table.summary(session, verdicts):
        say(line)
    for lost in session.lost:
        say(f"lost {lost.observer} in {lost.cell_id}: {session.texts.get(lost.error, '')}")
    for name in sorted(KNOWN, key=KNOWN.__getitem__):
        say(f"EXCEPTION {name}: {KNOWN[name]}")
    for what, why in EXCLUDED.items():
        say(f"EXCLUDED  {what}: {why}")
    if options.markdown:
        exceptions = [f"- {name}: {KNOWN[name]}" for name in sorted(KNOWN, key=KNOWN.__getitem__)]
        left_out = [f"- {what}: {why}" for what, why in EXCLUDED.items()]
        page = [
            *table.markdown(session, verdicts),
            *("", "## Seen by the witness alone, and why", "", *exceptions),
            *("", "## Not tried, and why", "", *left_out),
        ]
        options.markdown.write_text("\n".join(page) + "\n")
    if options.json:
        rows = [
            {
                "idiom": verdict.idiom.name,
                "group": verdict.idiom.group,
                "passes": not verdict.not_run and verdict.passes,
                "seen": "NOT RUN" if verdict.not_run else verdict.seen,
                "complaint": verdict.not_run or verdict.complaint,
            }
            for verdict in verdicts
        ]
        options.json.write_text(json.dumps(rows, indent=1))


def say(line: str) -> None:
    """One line of the report."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
