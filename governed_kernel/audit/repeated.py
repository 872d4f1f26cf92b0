"""What a repetition left, held against what the original left: artifact by artifact.

Bytes decide whether they are the same. Where they are not, each difference is told by what it is,
and by whether a repetition that has it may still be EQUIVALENT: numbers may be as far apart as was
approved for probabilities, a picture may follow weights that moved, and a notebook may print
something else (a duration, a path), which is shown. Nothing else may be.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from governed_kernel.canonical import canonical_json
from governed_kernel.files import read_regular
from governed_kernel.lineage.events import Artifact
from governed_kernel.release import notebook
from governed_kernel.release.notebook import Notebook

__all__ = ["Apart", "artifacts_apart", "cells_apart", "largest_step"]

_WEIGHTS = ".safetensors"
_PICTURES = (".png", ".svg", ".jpg", ".jpeg", ".pdf")
_ROWS = 10_000
_SHOWN = 100
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,300})", re.ASCII)
_REAL = re.compile(r"-?\d{1,300}\.\d*(?:[eE][-+]?\d{1,4})?|-?\d(?:[eE][-+]?\d{1,4})", re.ASCII)
_CHANGES = (
    (re.compile(r"0x[0-9a-f]+"), "0x…"),
    (re.compile(r"\b(?:run|rerun|validation)-\d{8}T\d{6}-[0-9a-f]{8}\b"), "RUN"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\bT_[0-9a-f]{5}(?=[_\s\"'#>{])"), "T_ID"),
    (re.compile(r"'(\w*(?:runtime|per_second))': '?[0-9.e+-]+'?"), r"'\1': …"),
)
"""What a text says anew at each execution: addresses, the run's own name, a trainer's durations,
and what the elements of a page are called by who draws tables and pictures into it."""
_UNITS = {
    **dict.fromkeys(("ns", "nanoseconds"), 1e-9),
    **dict.fromkeys(("us", "µs", "μs", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_NUMBER = r"\d{1,12}(?:\.\d{1,12})?"
_PART = rf"({_NUMBER}(?:e[-+]?\d\d?)?)[ \u00a0]?({_UNIT})"
_CLOCK = r"(?<![\w.:/-])(?<!\d-\d\d )(?:\d{1,3}:)?\d{1,2}:\d{2}(?:\.\d{1,6})?(?![\w:/-])"
_NO_NUMBER = r"(?![ =:]{1,2}[-+]?\d)"  # "min 3.2" is the smallest
_DURATION = re.compile(
    rf"(?<![\w.-]){_PART}(?:[ ,]{{0,2}}{_PART}){{0,3}}\b(?!/){_NO_NUMBER}|(?P<clock>{_CLOCK})"
)
_TIMED = re.compile(r"\[[^\]]*$|\b(?:time|elapsed|eta|took|total|in|after)\W{0,3}$", re.IGNORECASE)
"""What stands before a clock that tells how long something took; others tell when it was."""
_BEFORE = 60
_WORK = "(?:it|iter|step|batch|batche|sample|row|token)s?"
_SPEED = re.compile(rf"(?<![\w.-]){_NUMBER}[ \u00a0]?(?:{_WORK}/s(?:ec)?|s/{_WORK})\b")
_WIDGET = "application/vnd.jupyter.widget-view+json"


class Apart(NamedTuple):
    """One difference.

    Attributes
    ----------
    what : str
        In words; begins with the artifact's name.
    tolerable : bool
        Whether a repetition that has it may be EQUIVALENT.
    said : bool
        Whether it is only what an executed notebook prints.
    """

    what: str
    tolerable: bool
    said: bool = False


def artifacts_apart(
    before: Path,
    after: Path,
    old: Sequence[Artifact],
    new: Sequence[Artifact],
    *,
    limit: float,
    moved: bool,
) -> Iterator[Apart]:
    """Artifacts that are missing, new, or not the same.

    Parameters
    ----------
    before, after : Path
        The folders of the original's artifacts and of the repetition's.
    limit : float
        By how much numbers in tables and JSON files may differ.
    moved : bool
        Whether the weights are others, so that what shows them may be another too.
    """
    was = {artifact.name: artifact.sha256 for artifact in old}
    now = {artifact.name: artifact.sha256 for artifact in new}
    for name in sorted(was.keys() | now.keys()):
        if name not in now:
            yield Apart(f"{name}: missing in the re-run", tolerable=False)
        elif name not in was:
            yield Apart(f"{name}: only in the re-run", tolerable=False)
        elif name == "notebook.ipynb":  # papermill writes times into it
            one, two = notebook.read(before / name), notebook.read(after / name)
            for found in cells_apart(one, two, moved=moved):
                yield found._replace(what=f"{name}: {found.what}")
        elif was[name] != now[name]:
            became = f"{name}: {was[name][:16]}… became {now[name][:16]}…"
            yield _file_apart(became, before / name, after / name, limit, moved=moved)


def _file_apart(became: str, before: Path, after: Path, limit: float, *, moved: bool) -> Apart:
    if before.suffix == _WEIGHTS:
        return Apart(became, tolerable=True)  # its tensors decide
    if before.suffix in _PICTURES:
        return Apart(became, tolerable=moved)
    step = largest_step(before, after)
    if step is None:
        return Apart(f"{became}; nothing bounds how far it may be", tolerable=False)
    told = f"{became}; its numbers differ by up to {step:.3g}, approved is {limit:.3g}"
    return Apart(told, tolerable=step <= limit)


# --- numbers in tables and JSON files ------------------------------------------------------------


def largest_step(before: Path, after: Path) -> float | None:
    """How far the numbers of two tables or JSON files are apart; None where more than these differ.

    Infinite for a number that became none (NaN), or the other way round.
    """
    try:
        if before.suffix == ".json":
            one, two = (json.loads(read_regular(path)) for path in (before, after))
            return _step(one, two)
        rows = {".csv": _csv_rows, ".tsv": _tsv_rows, ".parquet": _parquet_rows}[before.suffix]
    except (KeyError, ValueError, RecursionError, OverflowError):
        return None
    largest = 0.0
    try:
        for one, two in itertools.zip_longest(rows(before), rows(after)):
            step = _step(one, two)
            if step is None:
                return None
            largest = max(largest, step)
    except (OSError, ValueError, OverflowError, csv.Error):
        return None
    return largest


def _step(one: Any, two: Any) -> float | None:
    if isinstance(one, float | int) and isinstance(two, float | int):
        if isinstance(one, bool) or isinstance(two, bool):
            return 0.0 if one is two else None
        if one == two or (one != one and two != two):  # NaN equals nothing, itself included
            return 0.0
        apart = float(abs(one - two))  # of whole numbers exactly, however large
        return math.inf if math.isnan(apart) else apart
    if type(one) is not type(two):
        return None
    if isinstance(one, dict):
        return _most(one, two) if one.keys() == two.keys() else None
    if isinstance(one, list | tuple):
        paired = dict(enumerate(one)), dict(enumerate(two))
        return _most(*paired) if len(one) == len(two) else None
    return 0.0 if one == two else None


def _most(one: dict[Any, Any], two: dict[Any, Any]) -> float | None:
    largest = 0.0
    for key, value in one.items():
        step = _step(value, two[key])
        if step is None:
            return None
        largest = max(largest, step)
    return largest


def _csv_rows(path: Path, separator: str = ",") -> Iterator[list[Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file, delimiter=separator):
            yield [_number_or_text(cell) for cell in row]


def _tsv_rows(path: Path) -> Iterator[list[Any]]:
    return _csv_rows(path, "\t")


def _number_or_text(cell: str) -> float | int | str:
    """A cell as a number where it is written as programs write one; ``007`` is a name."""
    if _WHOLE.fullmatch(cell):
        return int(cell)
    return float(cell) if _REAL.fullmatch(cell) else cell


def _parquet_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    import duckdb  # it takes a while, and few repetitions come to this

    with duckdb.connect() as connection:
        try:
            found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
            yield tuple(f"{name} {kind}" for name, kind, *_ in found.description)
            while rows := found.fetchmany(_ROWS):
                yield from rows
        except duckdb.Error as error:
            raise ValueError(str(error)) from error


# --- what an executed notebook says --------------------------------------------------------------


def cells_apart(before: Notebook, after: Notebook, *, moved: bool) -> Iterator[Apart]:
    """Where two executions of a notebook say something else.

    Durations that the run can have measured (no longer than it took itself), identifiers of the run
    and what goes to standard error (progress, warnings) are left out, and in how many pieces a
    stream arrived. What is displayed counts in every form that it has.
    """
    ours, theirs = _cells(before), _cells(after)
    took = _seconds(before), _seconds(after)
    if [cell.source for cell in ours] != [cell.source for cell in theirs]:
        yield Apart("its cells are others", tolerable=False)
        return
    for number, (one, two) in enumerate(zip(ours, theirs, strict=True), 1):
        a, b = one.get("outputs", []), two.get("outputs", [])
        if _errors(a) != _errors(b):
            yield Apart(f"the errors of cell {number} differ", tolerable=False)
        if _pictures(a) != _pictures(b):
            yield Apart(f"the pictures of cell {number} differ", tolerable=moved)
        texts = list(_lines(a, took[0])), list(_lines(b, took[1]))
        if texts[0] != texts[1]:
            was, now = _first_apart(*texts)
            what = f"cell {number} says {was!r}, in the re-run {now!r}"
            yield Apart(what, tolerable=True, said=True)


def _cells(executed: Notebook) -> list[Any]:
    return [
        cell
        for cell in executed.cells
        if "injected-parameters" not in cell.metadata.get("tags", [])
    ]


def _errors(outputs: Sequence[Any]) -> list[str]:
    return [output.ename for output in outputs if output.output_type == "error"]


def _shown(outputs: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """What was displayed, in its order: media type and content."""
    for output in outputs:
        if output.output_type not in ("stream", "error"):
            yield from sorted(output.data.items())


def _pictures(outputs: Sequence[Any]) -> list[Any]:
    return [(kind, content) for kind, content in _shown(outputs) if kind.startswith("image/")]


def _seconds(executed: Notebook) -> float:
    """How long a run took, as papermill wrote it into what it executed; 0 where nobody did."""
    took = executed.metadata.get("papermill", {}).get("duration")
    return float(took) if isinstance(took, float | int) else 0.0


def _lines(outputs: Sequence[Any], took: float) -> Iterator[str]:
    """What is printed, raised and displayed, line by line, without what changes each time.

    Parameters
    ----------
    took : float
        How long the run was, in seconds: it can't have measured more.
    """
    texts = [
        "".join(
            "".join(output.text)
            for output in outputs
            if output.output_type == "stream" and output.name == "stdout"
        )
    ]
    texts += [output.evalue for output in outputs if output.output_type == "error"]
    for kind, content in _shown(outputs):
        if not kind.startswith("image/") and kind != _WIDGET:  # of which only its name is there
            whole = isinstance(content, str)
            texts.append(content if whole else canonical_json(content).decode())
    for text in texts:
        for line in text.split("\n"):
            said = line.rstrip("\r").rpartition("\r")[2]  # a progress bar writes over itself
            for pattern, instead in _CHANGES:
                said = pattern.sub(instead, said)
            said = _SPEED.sub("SPEED", said)
            yield _DURATION.sub(lambda found: "TIME" if _lasts(found, took) else found[0], said)


def _lasts(found: re.Match[str], took: float) -> bool:
    """Whether it can be a duration of something in a run that took so many seconds."""
    start = found.start()
    before = found.string[max(start - _BEFORE, 0) : start]
    if found["clock"] and not _TIMED.search(before):
        return False
    return _length(found[0]) <= took


def _length(duration: str) -> float:
    """The seconds of ``1min 3.5s`` or ``00:34``."""
    parts = re.findall(_PART, duration)
    if parts:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    seconds = 0.0
    for part in duration.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def _first_apart(one: Sequence[str], two: Sequence[str]) -> tuple[str, str]:
    """The first lines that differ, cut to what can be read."""
    for was, now in itertools.zip_longest(one, two, fillvalue=""):
        if was != now:
            return was[:_SHOWN], now[:_SHOWN]
    return "", ""
