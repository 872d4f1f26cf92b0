"""Whole notebooks, each held against itself: ``python -m tests.benchmarks.influence [NUMBER ...]``.

Every column of every table that a notebook reads is changed in turn, in several ways, and the
notebook runs again without observers. What is different then in a column of a file that it writes
owes to the changed column, whatever a person thinks of it; the record of one run under the
observers must say so. That finds what is missing, in code of any kind; of what is too much it
shows only the shares of what is conservative and inferred.

Prints what is missing, and exits with 1 where anything is. The notebooks are written by others
than the observers are, in the styles of many; all of them take about 20 minutes of one processor.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from governed_kernel.lineage.events import Transformation
from tests.benchmarks.influence import tables
from tests.benchmarks.influence.holding import Place, hold
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record

NOTEBOOKS = Path(__file__).parent / "notebooks"
_LABELS = ("index", "Unnamed: 0")
"""What pandas calls a column of labels that have no name, which the record calls ``0``."""


def cells_of(notebook: Path) -> list[str]:
    """The cells of a notebook, apart by lines ``# %%``."""
    parts = re.split(r"(?m)^# ?%%.*$", notebook.read_text())
    return [part.strip("\n") for part in parts if part.strip()]


class Told:
    """What the record of one run says."""

    def __init__(self, recording: Recording) -> None:
        assert not any(recording.errors), recording.errors
        self.steps = recording.of(Transformation)
        self._root = f"file://{recording.folder}/"
        self.files: dict[str, set[str]] = {}
        for step in self.steps:
            for output in step.outputs:
                if output.entity.startswith(self._root):
                    columns = self.files.setdefault(output.entity.removeprefix(self._root), set())
                    columns.update(output.columns)

    def of(self, place: Place, deep: int = 6) -> Iterator[tuple[Place, str]]:
        """The columns of tables that a column owes to, and how that is known."""
        file, column = place
        if column in _LABELS and column not in self.files.get(file, ()):
            column = "0"
        for source, name, _, evidence in origins_of(self.steps, self._root + file, column):
            path = source.removeprefix(self._root)
            if path in self.files and path != file and deep:  # written before, and read again
                for each in [name] if name != "*" else self.files[path] or [name]:
                    yield from self.of((path, each), deep - 1)
            else:
                yield (path.removesuffix(".csv"), name), evidence


def show(notebook: Path) -> Counter[str]:
    """Hold one notebook against itself, print what is missing, and count."""
    cells = cells_of(notebook)
    # In a process of its own: notebooks change what libraries are set to.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
        held = apart.submit(hold, cells).result()
    with tempfile.TemporaryDirectory() as name:
        (folder := Path(name)).joinpath("out").mkdir()
        tables.write(folder, tables.made())
        told = Told(record(folder, cells))
    sys.stdout.write(f"{notebook.stem}: {len(held.columns)} columns\n")
    counts, given = Counter[str](), tables.made()
    for place in held.columns:
        found: defaultdict[Place, set[str]] = defaultdict(set)
        for source, evidence in told.of(place):
            found[source].add(evidence)
        if place[0] not in told.files or any(file not in given for file, _ in found):
            counts["unknown"] += 1  # what plain Python writes, the witness of a kernel tells
            continue
        counts.update(min(each, key=_ORDER.index) for each in found.values())
        seen = held.influences.get(place, set())
        missing = sorted(each for each in seen - found.keys() if (each[0], "*") not in found)
        counts.update(influences=len(seen), missing=len(missing))
        if missing:
            names = ", ".join(map(".".join, missing))
            sys.stdout.write(f"  MISSING {':'.join(place)} <- {names}\n")
    sys.stdout.flush()
    return counts


def main(arguments: list[str]) -> int:
    """Print what is missing; 1 where anything is."""
    wanted = {f"{int(each):02}" for each in arguments}
    counts = Counter[str]()
    for notebook in sorted(NOTEBOOKS.glob("*.py")):
        if not wanted or notebook.stem in wanted:
            counts += show(notebook)
    every = sum(counts[kind] for kind in _ORDER) or 1
    shares = ", ".join(f"{kind} {100 * counts[kind] / every:.1f} %" for kind in _ORDER)
    sys.stdout.write(
        f"{counts['influences']} influences, {counts['missing']} of them missing; "
        f"{counts['unknown']} columns of files that no library writes; "
        f"of {every} origins: {shares}\n"
    )
    return 1 if counts["missing"] else 0


_ORDER = ("observed", "inferred", "conservative")

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main(sys.argv[1:]))
