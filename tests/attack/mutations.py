"""Proof by attack: every kind of file, changed in every way, and each change found and named.

``python -m tests.attack.mutations [--count N] [--seed S] [--part K/N] [--kinds REGEX]`` makes a
workspace by the loop, changes one thing in it after the other, asks `verify_workspace` (what
``governed audit verify`` asks) and puts everything back: sessions swapped, rows of the store
edited, every structural boundary of every file, and places drawn at random. It ends with 1 when a
change was missed, or reported where it is not. Interrupted, it prints what came of it so far.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from governed_kernel.audit.projected import check_store
from governed_kernel.audit.report import Check
from governed_kernel.audit.verification import verify_workspace
from governed_kernel.lineage.contents import contents
from tests.attack.changes import drawn, structural
from tests.attack.kinds import Kept, strangers
from tests.attack.rows import drawn_edit
from tests.attack.workspace import FullWorkspace, full_workspace
from tests.loop.environment import PythonEnvironment
from tests.loop.stages import Stages

__all__ = ["Attack", "Tally", "main"]

LARGEST = 64 << 10
_WHOLE = 20
"""Of so many edits of rows one is verified whole."""
_WATCHED = 500
"""After so many attempts the workspace is verified as it is, and progress is told."""
_ENDINGS = (".jsonl", ".jsonl.zst", ".head", ".payloads.jsonl")
SHOWN = {
    ("governed.toml", ""): "comments and layout, on which nothing rests",
    ("run: log", "extend"): "a warning may still be written when the end is on record already",
    ("run: log", "duplicate"): "the same, where the duplicate is the last line",
    ("card", "older copy"): "a crash between ledger and card leaves the same; it is written anew",
    ("ledger", "extend"): "bytes without a line end are what a power cut leaves of a record",
}
"""Kind of file and of change (or any) → why it is enough that it is shown, though not as broken.

Where neither ledger nor recorder says how far a session went, it is never called good: UNSEALED.
"""


@dataclass
class Tally:
    """What became of the attempts, by kind of file and kind of change."""

    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    unsealed: Counter[tuple[str, str]] = field(default_factory=Counter)
    untouched: int = 0

    def table(self) -> str:
        """Rows of kinds of files, columns of kinds of changes."""
        changes = sorted({change for _, change in self.tried})
        lines = [f"{'':32}" + "".join(f"{change:>11}" for change in changes) + f"{'all':>11}"]
        for kind in sorted({kind for kind, _ in self.tried}):
            counts = [self.tried[kind, change] for change in changes]
            lines.append(f"{kind:32}" + "".join(f"{n or '':>11}" for n in (*counts, sum(counts))))
        counts = [sum(n for (_, c), n in self.tried.items() if c == change) for change in changes]
        lines.append(f"{'all':32}" + "".join(f"{n:>11}" for n in (*counts, sum(counts))))
        lines += [
            f"tried {self.tried.total()}, missed {len(self.missed)}, "
            f"shown as UNSEALED where nobody says how far the session went "
            f"{self.unsealed.total()}",
            f"the untouched workspace was verified {self.untouched} times, 0 reported",
        ]
        return "\n".join(lines)


class Attack:
    """Changes one thing at a time in a workspace, and holds what is reported against it."""

    def __init__(
        self, workspace: FullWorkspace, draw: random.Random, kept: Path | None = None
    ) -> None:
        self.workspace = workspace
        self.draw = draw
        self.tally = Tally()
        self._kept = kept
        self._started = time.monotonic()
        self.known = self._verify()
        assert not [check for check in self.known if check.outcome == "broken"], self.known

    def _verify(self) -> list[Check]:
        with self.workspace.place.inside():
            report = verify_workspace(self.workspace.place.workspace)
        return [check for check in report.checks if check.outcome != "ok"]

    def _count(self, kind: str, change: str) -> None:
        self.tally.tried[kind, change] += 1
        if (tried := self.tally.tried.total()) % _WATCHED == 0:
            seconds = time.monotonic() - self._started
            missed = len(self.tally.missed)
            sys.stderr.write(f"{tried} tried, {missed} missed, {seconds:.0f} s\n")

    def untouched(self) -> None:
        """Verify the workspace as it is: nothing more may be reported than at the beginning."""
        self.tally.untouched += 1
        found = self._verify()
        assert found == self.known, [check for check in found if check not in self.known]

    def attempt(self, kept: Kept, change: str, where: str, content: bytes) -> None:
        """Give a file another content, verify, and give it its own back."""
        before = kept.path.read_bytes()
        if content == before:
            return
        if self.tally.tried.total() % _WATCHED == 0:
            self.untouched()
        missed = len(self.tally.missed)
        with self._changed(kept, content):
            self.judge(kept.kind, change, f"{kept.name}: {change} {where}", _words(kept))
            if len(self.tally.missed) > missed:
                self._keep_miss(kept, before, content)

    def _keep_miss(self, kept: Kept, before: bytes, content: bytes) -> None:
        """Whether it is missed again, and all that is needed to look at it later."""
        again = self._verify()
        said = f"{kept.kind}; verified again: {[c for c in again if c not in self.known]}"
        now = "as it was changed" if kept.path.read_bytes() == content else "changed meanwhile"
        self.tally.missed[-1] += f" ({said}; the file is {now})"
        sys.stderr.write(f"\nMISSED {self.tally.missed[-1]}\n")
        if self._kept is not None:
            folder = self._kept / f"{len(self.tally.missed)}"
            folder.mkdir(parents=True)
            (folder / "before").write_bytes(before)
            (folder / "changed").write_bytes(content)
            (folder / "what").write_text(f"{self.tally.missed[-1]}\n{self.known}\n")
            subprocess.run(["cp", "-a", self.workspace.root, folder / "workspace"], check=True)
            subprocess.run(["cp", "-a", self.workspace.place.home, folder / "home"], check=True)

    def judge(self, kind: str, change: str, what: str, words: tuple[str, ...]) -> None:
        """Verify what is there now, and note whether it was found and named by `words`."""
        self._count(kind, change)
        try:
            new = [check for check in self._verify() if check not in self.known]
        except Exception as error:  # a verification that falls over has found nothing
            self.tally.missed.append(f"{what}: {type(error).__name__}: {error}")
            return
        shown = (kind, "") in SHOWN or (kind, change) in SHOWN
        enough = ("broken", "doubt") if shown else ("broken",)
        named = [check for check in new if all(word in _text(check) for word in words)]
        if any(check.outcome in enough for check in named):
            return
        if "no word" in kind and all(check.outcome != "ok" for check in new):
            self.tally.unsealed[kind, change] += 1
            return
        said = "; ".join(f"{check.outcome} {_text(check)}" for check in new) or "nothing"
        self.tally.missed.append(f"{what}: {said}")

    @contextlib.contextmanager
    def _changed(self, kept: Kept, content: bytes) -> Iterator[None]:
        if self.workspace.is_live(kept):  # its recorder holds this very file
            with _overwritten(kept.path, content):
                yield
            return
        aside = self.workspace.folder / "aside"
        kept.path.rename(aside)
        try:
            kept.path.write_bytes(content)
            yield
        finally:
            aside.replace(kept.path)

    def swap_sessions(self) -> None:
        """Give each two sessions of one kind each other's files, with and without their texts."""
        folder = self.workspace.place.workspace.journals
        names = sorted({path.name.partition(".")[0] for path in folder.glob("[!.]*.*")})
        for one, two in itertools.combinations(names, 2):
            for what in (("",), ("texts",), ("", "texts")):
                pairs = [
                    (folder / f"{one}{end}", folder / f"{two}{end}")
                    for end in _ENDINGS
                    if (".payloads" in end) in {part == "texts" for part in what}
                ]
                there = [pair for pair in pairs if pair[0].exists() and pair[1].exists()]
                if self.workspace.live in (one, two) or not there:
                    continue
                for pair in there:
                    self._exchange(*pair)
                try:
                    said = f"{one} and {two}, {' and '.join(part or 'journals' for part in what)}"
                    self.judge("two sessions", "swap", said, (one,))
                finally:
                    for pair in there:
                        self._exchange(*pair)

    def _exchange(self, one: Path, two: Path) -> None:
        aside = self.workspace.folder / "aside"
        one.rename(aside)
        two.rename(one)
        aside.rename(two)

    def edit_rows(self, count: int) -> None:
        """Edit rows of the lineage store; a share is verified whole, the rest by what that does."""
        store = self.workspace.place.workspace.store
        kept = self.workspace.folder / "kept.duckdb"
        shutil.copyfile(store, kept)
        wanted = contents(store)
        for number in range(count):
            table, change, statement = drawn_edit(store, self.draw)
            with duckdb.connect(store) as connection:
                connection.execute(statement)
            found = contents(store)
            self._count("lineage store: rows", change)
            if found == wanted:
                self.tally.missed.append(f"lineage store: {statement}")
            elif number % _WHOLE == 0:
                self._check_rows(table, statement)
            shutil.copyfile(kept, store)

    def _check_rows(self, table: str, statement: str) -> None:
        """What ``governed audit verify`` says of the store: the same, and it names the table."""
        with self.workspace.place.inside():
            checks = list(check_store(self.workspace.place.workspace))
        broken = [check.subject for check in checks if check.outcome == "broken"]
        if not broken or (len(broken) == 1 and not broken[0].endswith(f": {table}")):
            self.tally.missed.append(f"lineage store: {statement}: {checks}")

    def structural(self, kept: Kept) -> Iterator[tuple[str, str, bytes]]:
        """Every change at a boundary, and every older content."""
        data = kept.path.read_bytes()
        if len(data) <= LARGEST:
            yield from structural(data, self.draw)
        for number, content in enumerate(self.workspace.older(kept)):
            yield "older copy", f"number {number}", content


@contextlib.contextmanager
def _overwritten(path: Path, content: bytes) -> Iterator[None]:
    before = path.read_bytes()
    try:
        _write_over(path, content)
        yield
    finally:
        _write_over(path, before)


def _write_over(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()


def _words(kept: Kept) -> tuple[str, ...]:
    """What a report of a change in this file must name."""
    parts = Path(kept.name).parts
    match kept.kind.partition(",")[0].partition(":")[0]:
        case "run":
            return (parts[2], "/".join(parts[3:]))
        case "release" | "bundle":
            return (parts[1], parts[-1])
        case "journal" | "texts of a session" | "recorder's word":
            return (kept.path.name.partition(".")[0],)
        case "snapshot":
            return (parts[-1],)
        case "ledger":
            return ("ledger.jsonl",)
    return (kept.path.name,)


def _text(check: Check) -> str:
    return f"{check.kind} {check.subject}: {check.detail}"


def run(
    attack: Attack,
    count: int,
    *,
    every_boundary: bool,
    part: tuple[int, int] = (1, 1),
    kinds: str = "",
) -> None:
    """Swap sessions, edit rows, change every file at every boundary, and `count` times anywhere.

    Without `every_boundary` half of `count` is drawn from the boundaries, half from anywhere.
    With `part` K of N only every Nth change at a boundary is made, from the Kth on; with `kinds`, a
    regular expression, only files of kinds that it matches are changed.
    """
    workspace, draw = attack.workspace, attack.draw
    attack.swap_sessions()
    with workspace.place.inside():
        checks = list(check_store(workspace.place.workspace))
    assert {each.outcome for each in checks} == {"ok"}, checks
    attack.edit_rows(max(count // 20, 2))
    attack.untouched()
    files = [kept for kept in workspace.files() if re.match(kinds, kept.kind)]
    chosen = [(kept, change) for kept in files for change in attack.structural(kept)]
    chosen = chosen[part[0] - 1 :: part[1]]
    if not every_boundary:
        chosen = draw.sample(chosen, min(count // 2, len(chosen)))
        count -= len(chosen)
    for kept, (change, where, content) in chosen:
        attack.attempt(kept, change, where, content)
    by_kind: dict[str, list[Kept]] = {}
    for kept in files:
        by_kind.setdefault(kept.kind, []).append(kept)
    wanted = attack.tally.tried.total() + count
    while attack.tally.tried.total() < wanted:
        kept = draw.choice(by_kind[draw.choice(sorted(by_kind))])
        attack.attempt(kept, *drawn(kept.path.read_bytes(), draw))
    attack.untouched()


def main(arguments: list[str] | None = None) -> int:
    """Attack a workspace made for it, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack.mutations")
    parser.add_argument("--count", type=int, default=10_000, help="how many at places drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--sample", action="store_true", help="of the boundaries only half of --count"
    )
    parser.add_argument(
        "--part", default="1/1", metavar="K/N", help="every Nth change at a boundary, from the Kth"
    )
    parser.add_argument("--kinds", default="", metavar="REGEX", help="only of these kinds of files")
    parser.add_argument("--keep", type=Path, help="where to keep what was missed")
    chosen = parser.parse_args(arguments)
    first, _, parts = chosen.part.partition("/")
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        base = Path(folder)
        stages = Stages(base / "loop", PythonEnvironment.make(base / "environment"))
        with full_workspace(stages, base) as workspace:
            assert strangers(workspace.root) == []
            attack = Attack(workspace, random.Random(chosen.seed), chosen.keep)
            ended = False
            with contextlib.suppress(KeyboardInterrupt):
                run(
                    attack,
                    chosen.count,
                    every_boundary=not chosen.sample,
                    part=(int(first), int(parts)),
                    kinds=chosen.kinds,
                )
                ended = True
    said = f", only {chosen.kinds}" if chosen.kinds else ""
    how = "to the end" if ended else "interrupted"
    sys.stdout.write(
        f"seed {chosen.seed}, part {chosen.part}{said}, {how}\n{attack.tally.table()}\n"
    )
    for missed in attack.tally.missed:
        sys.stdout.write(f"MISSED {missed}\n")
    return 1 if attack.tally.missed else 0


if __name__ == "__main__":
    sys.exit(main())
