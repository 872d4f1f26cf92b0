"""A suite: a folder with ``suite.toml`` (what is asked) and ``predictor.py`` (how to ask).

Everything in the folder belongs to the suite and to its digest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from governed_kernel import toml
from governed_kernel.canonical import digest_file, digest_json
from governed_kernel.errors import ConfigurationError, IntegrityBroken, UnknownName
from governed_kernel.files import read_regular
from governed_kernel.lineage.events import FileDigest

__all__ = [
    "PREDICTOR_FILE",
    "SUITE_FILE",
    "Calibration",
    "Expected",
    "Functional",
    "Invariance",
    "Monotonic",
    "Scenario",
    "Suite",
    "Surface",
    "Tolerance",
    "read_suite",
    "suite_digest",
    "suite_files",
]

SUITE_FILE = "suite.toml"
PREDICTOR_FILE = "predictor.py"

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Distance = Annotated[float, msgspec.Meta(ge=0)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class _Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Name
    why: str = ""
    """What a failure would mean; shown to reviewers."""
    blocking: bool = True


class Functional(_Case, frozen=True, kw_only=True):
    """``[[functional]]``: the model finds what it should, class by class."""

    metric: Literal["accuracy", "recall", "precision"]
    label: str = msgspec.field(default="", name="class")
    """The class that recall and precision are of."""
    minimum: Share


class Calibration(_Case, frozen=True, kw_only=True):
    """``[[calibration]]``: a stated probability can be believed."""

    metric: Literal["expected-calibration-error", "brier"]
    maximum: Distance
    bins: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10


class Expected(_Case, frozen=True, kw_only=True, tag_field="kind", tag="expected"):
    """``[[scenario]] kind = "expected"``: one named text has an obvious class."""

    text: str
    expected: str
    minimum: Share = 0.5
    """The least probability of the expected class; it must be the most probable one as well."""


class Invariance(_Case, frozen=True, kw_only=True, tag_field="kind", tag="invariance"):
    """``[[scenario]] kind = "invariance"``: a change without meaning changes no class."""

    change: Literal["reverse-sentences"]
    texts: list[str] = []
    """The texts to change; by default every record of the dataset."""
    maximum: Share = 0.0
    """The largest share of texts whose class may flip."""


class Monotonic(_Case, frozen=True, kw_only=True, tag_field="kind", tag="monotonic"):
    """``[[scenario]] kind = "monotonic"``: more of something never makes a class less probable."""

    texts: Annotated[list[str], msgspec.Meta(min_length=2)]
    """From least to most."""
    label: str = msgspec.field(name="class")
    maximum: Share = 0.0
    """The largest fall of the probability that is let pass."""


Scenario: TypeAlias = Expected | Invariance | Monotonic


class Surface(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[change_surface]``: which tensors may differ from the base model's."""

    allowed: Annotated[list[str], msgspec.Meta(min_length=1)]
    """Patterns of tensor names, as in `fnmatch`."""
    blocking: bool = True


class Tolerance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[tolerance]``: what an audit's re-run may differ by and still be EQUIVALENT."""

    weights: Distance = 0.0
    """Largest absolute difference of one weight."""
    probabilities: Distance = 0.0
    """Largest absolute difference of one probability."""


class SuiteData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[data]``: what the suite is run over."""

    holdout: str
    """Dataset of the catalog, which only a validation run reads."""
    label: str
    """Column with the true class; the predictor never sees it."""
    hidden: list[str] = []
    """More columns that the predictor must not see, such as record numbers."""
    minimum_records: Annotated[int, msgspec.Meta(ge=1)] = 1


class Suite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of ``suite.toml``."""

    name: Name
    description: str = ""
    classes: Annotated[list[str], msgspec.Meta(min_length=2)]
    """In the order of the predictor's columns."""
    base_model: str
    data: SuiteData
    functional: Annotated[list[Functional], msgspec.Meta(min_length=1)]
    calibration: list[Calibration] = []
    scenario: list[Scenario] = []
    change_surface: Surface
    tolerance: Tolerance = Tolerance()

    @property
    def inputs(self) -> tuple[str, str]:
        """Dataset and base model that a validation run of this suite reads."""
        return self.data.holdout, self.base_model

    @property
    def blocking(self) -> list[str]:
        """Ids of the cases that must pass."""
        named = [
            case.id
            for case in (*self.functional, *self.calibration, *self.scenario)
            if case.blocking
        ]
        return ["records", *named, *(SURFACE_CASES if self.change_surface.blocking else ())]


SURFACE_CASES = ("moved-tensors", "base-model")
"""Ids of the cases that ``[change_surface]`` stands for."""
_RESERVED = ("records", *SURFACE_CASES)


def read_suite(folder: str | os.PathLike[str]) -> Suite:
    """Read and check the ``suite.toml`` of a suite's folder.

    Raises
    ------
    ConfigurationError
        It says something that has no meaning; file and line are named.
    UnknownName
        There is no suite in that folder.
    """
    path = Path(folder) / SUITE_FILE
    for needed in (path, path.with_name(PREDICTOR_FILE)):
        if not needed.is_file():
            raise UnknownName(
                f"{folder} is no suite",
                why=f"it has no {needed.name}",
                next=f"a suite is a folder with {SUITE_FILE} and {PREDICTOR_FILE}",
            )
    try:
        text = read_regular(path).decode()
    except UnicodeDecodeError as error:
        raise _mistake(path, 1, f"it is no text in UTF-8: {error.reason}") from error
    try:
        suite = msgspec.convert(toml.parse(text), Suite)
    except toml.NotToml as error:
        found = re.search(r"line (\d+)", str(error))
        raise _mistake(path, int(found.group(1)) if found else 1, str(error)) from error
    except msgspec.ValidationError as error:
        raise _mistake(path, _line_of(text, str(error)), str(error)) from error
    _check_meaning(path, text, suite)
    return suite


def suite_files(folder: str | os.PathLike[str]) -> list[FileDigest]:
    """Every file of a suite, with paths relative to its folder, sorted.

    Raises
    ------
    IntegrityBroken
        There is a symbolic link: what it leads to is not part of the suite.
    """
    root = Path(folder)
    files: list[FileDigest] = []
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            raise IntegrityBroken(
                f"the suite holds a symbolic link: {path}",
                why="what it leads to could change without the suite's digest",
                next="put the file itself into the suite",
            )
        # Byte code is never run from here: the predictor is compiled from its source.
        if path.is_file() and "__pycache__" not in path.relative_to(root).parts:
            relative = path.relative_to(root).as_posix()
            files.append(FileDigest(relative, digest_file(path), path.stat().st_size))
    return files


def suite_digest(folder: str | os.PathLike[str]) -> str:
    """One digest over every file of a suite."""
    return digest_json(suite_files(folder))


def _check_meaning(path: Path, text: str, suite: Suite) -> None:
    """What types can't say: ids are unique, classes exist."""
    cases = (*suite.functional, *suite.calibration, *suite.scenario)
    seen: set[str] = set(_RESERVED)
    for case in cases:
        line = _line_saying(text, "id", case.id)
        if case.id in seen:
            raise _mistake(path, line, f"the id {case.id!r} is taken (or reserved)")
        seen.add(case.id)
        for label in _classes_named(case):
            if label not in suite.classes:
                reason = f"{case.id}: {label!r} is none of the classes {', '.join(suite.classes)}"
                raise _mistake(path, line, reason)


def _classes_named(case: Any) -> Iterator[str]:
    if isinstance(case, Functional) and case.metric != "accuracy":
        yield case.label
    elif isinstance(case, Expected):
        yield case.expected
    elif isinstance(case, Monotonic):
        yield case.label


def _mistake(path: Path, line: int, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path}, line {line}: not a valid suite",
        why=reason,
        next="mend that line; suites/biopsy of the example workspace shows every kind of case",
    )


def _line_saying(text: str, key: str, value: str) -> int:
    lines = [
        number
        for number, line in enumerate(text.splitlines(), 1)
        if re.match(rf"\s*{key}\s*=\s*[\"']{re.escape(value)}[\"']", line)
    ]
    return lines[-1] if lines else 1


def _line_of(text: str, reason: str) -> int:
    """The line that a validation error speaks of, by its ``$.table[2].key`` path."""
    where = re.search(r"at `\$\.?([^`]*)`", reason)
    unknown = re.search(r"unknown field `([^`]*)`", reason)
    steps = re.findall(r"[^.\[\]]+", where.group(1)) if where else []
    if unknown:
        steps.append(unknown.group(1))
    table = steps[0] if steps else ""
    index = int(steps[1]) if len(steps) > 1 and steps[1].isdigit() else 0
    keys = [step for step in steps if not step.isdigit()][1:] if steps else []
    lines = text.splitlines()
    headers = [
        number
        for number, line in enumerate(lines)
        if re.match(rf"\s*\[+\s*{re.escape(table)}\s*\]+", line)
    ]
    if not headers:
        keys, start = ([table] if table else []), 0
    else:
        start = headers[min(index, len(headers) - 1)]
    for number in range(start, len(lines)):
        if number > start and lines[number].lstrip().startswith("["):
            break
        if keys and re.match(rf"\s*{re.escape(keys[0])}\s*=", lines[number]):
            return number + 1
    return start + 1
