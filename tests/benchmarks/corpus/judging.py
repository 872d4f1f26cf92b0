"""Who saw what an idiom did: an observer inside the kernel, the witness alone, or nobody."""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from governed_kernel.canonical import digest_file
from governed_kernel.capture.uris import file_uri
from governed_kernel.lineage.events import Access, Digested
from tests.benchmarks.corpus.idiom import Expected, Idiom
from tests.benchmarks.corpus.session import Session

__all__ = ["Part", "Seen", "Verdict", "judge"]

Seen = Literal["observer", "less", "witness", "nobody"]
"""``less``: an observer saw the connection and not what went through it, or a layer that knows less
than the one that should have told."""

_ORDER: tuple[Seen, ...] = ("observer", "less", "witness", "nobody")


@dataclass(frozen=True)
class Part:
    """One expected access and what became of it.

    Attributes
    ----------
    what : str
        Operation and URI.
    seen : Seen
        By whom.
    via, evidence : str
        Of the access in the record.
    cell : str
        ``right``, ``wrong``, or empty when nobody saw it.
    content : str
        ``right``, ``wrong``, ``missing``, or empty where there is none to know.
    """

    what: str
    seen: Seen
    via: str = ""
    evidence: str = ""
    cell: str = ""
    content: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the record shows of an idiom.

    Attributes
    ----------
    parts : list of Part
        One for each expected access.
    extra : list of str
        Accesses in the cell that nobody can explain by what it does.
    error : str
        What the cell ended with; a failed idiom proves nothing.
    not_run : str
        What was missing to run it.
    """

    idiom: Idiom
    parts: list[Part] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    error: str = ""
    not_run: str = ""

    @property
    def seen(self) -> Seen:
        """By whom the least seen of its accesses was seen."""
        return max((part.seen for part in self.parts), key=_ORDER.index)

    @property
    def cell(self) -> str:
        """``right`` when all that was seen was credited to the cell that did it."""
        return "wrong" if any(part.cell == "wrong" for part in self.parts) else "right"

    @property
    def evidence(self) -> str:
        """The weakest evidence of its accesses."""
        found = {part.evidence for part in self.parts}
        return next(
            (name for name in ("ambiguous", "unexplained", "observed") if name in found), ""
        )

    @property
    def content(self) -> str:
        """The worst that is known of the contents."""
        found = {part.content for part in self.parts}
        return next((name for name in ("wrong", "missing", "right") if name in found), "")

    @property
    def passes(self) -> bool:
        """Seen by the observer that should, in the right cell, with content, and nothing else."""
        return (
            not self.error
            and self.seen == "observer"
            and self.cell == "right"
            and self.content in ("", "right")
            and not self.extra
        )

    @property
    def complaint(self) -> str:
        """What is not as it should be, in words."""
        if self.error:
            return f"error: {self.error}"
        said = [
            f"{part.what}: {part.seen} ({part.via or 'no record'})"
            for part in self.parts
            if part.seen != "observer"
        ]
        said += [f"{part.what}: {part.cell} cell" for part in self.parts if part.cell == "wrong"]
        said += [
            f"{part.what}: content {part.content}"
            for part in self.parts
            if part.content in ("wrong", "missing")
        ]
        return "; ".join(said + [f"extra {each}" for each in self.extra])


class _Record:
    """The journal, by what it is asked for."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.by_uri: dict[str, list[Access]] = defaultdict(list)
        self.by_cell: dict[str, list[Access]] = defaultdict(list)
        self.digests: dict[int, str] = {}
        for event in session.events:
            if isinstance(event, Access):
                self.by_uri[event.uri].append(event)
                self.by_cell[event.cell_id].append(event)
                if event.sha256:
                    self.digests[event.access_id] = event.sha256
            elif isinstance(event, Digested):
                self.digests.update(dict.fromkeys(event.access_ids, event.sha256))

    def uris(self, expected: Expected) -> list[str]:
        """The URIs that an expectation stands for."""
        where = expected.where.format(**self.session.places) if "{" in expected.where else ""
        where = where or expected.where
        if expected.operation == "execute":
            return [where]
        if "://" in where:
            return [where]
        scheme, separator, rest = where.partition(":")
        if separator and scheme in ("sqlite", "duckdb"):
            path, mark, table = rest.partition("#")
            return [
                f"{scheme}{file_uri(self.session.folder / path).removeprefix('file')}{mark}{table}"
            ]
        whole = self.session.folder / where
        if "*" in where:
            root = Path("/") if where.startswith("/") else self.session.folder
            found = sorted(root.glob(where.removeprefix("/")))
            return [file_uri(name) for name in found if name.is_file()]
        # A link that is made or removed is named itself; one that is read leads to a file.
        return [file_uri(whole, follow=not whole.is_symlink() or expected.hashed)]


def judge(session: Session, idioms: Iterable[Idiom]) -> list[Verdict]:
    """A verdict for each idiom."""
    record = _Record(session)
    return [_judge(record, idiom) for idiom in idioms]


def _judge(record: _Record, idiom: Idiom) -> Verdict:
    session = record.session
    if idiom.name in session.not_run:
        return Verdict(idiom, not_run=session.not_run[idiom.name])
    parts, explained = [], set()
    for expected in idiom.shows:
        uris = record.uris(expected)
        if not uris:
            parts.append(Part(f"{expected.operation} {expected.where}: no such file", "nobody"))
        for uri in uris:
            part, used = _look(record, idiom, expected, uri)
            parts.append(part)
            explained |= used
    patterns = [
        pattern.format(**session.places) for pattern in idiom.incidental if _known(pattern, session)
    ]
    extra = {
        f"{access.operation} {access.uri} ({access.via})"
        for access in record.by_cell[idiom.name]
        if access.access_id not in explained
        and not any(fnmatch.fnmatchcase(access.uri, pattern) for pattern in patterns)
    }
    return Verdict(idiom, parts, sorted(extra), session.failed.get(idiom.name, ""))


def _known(pattern: str, session: Session) -> bool:
    name = pattern.partition("{")[2].partition("}")[0]
    return not name or name in session.places


def _look(record: _Record, idiom: Idiom, expected: Expected, uri: str) -> tuple[Part, set[int]]:
    """What the record holds of one expected access, and the numbers of the accesses it explains."""
    what = f"{expected.operation} {Path(uri).name if expected.operation != 'connect' else uri}"
    cells = {f"before {idiom.name}" if expected.before else idiom.name}
    found = _matching(record, expected, uri, cells)
    used = {access.access_id for access in found}
    cell = "right"
    if not found and (found := _elsewhere(record, idiom, expected, uri)):
        cell = "wrong"
    if not found:
        return _less(record, idiom, expected, what), used
    best = min(found, key=lambda access: _rank(access, expected))
    seen: Seen = "observer"
    if best.evidence in ("unexplained", "ambiguous"):
        seen = "witness"
    elif not fnmatch.fnmatchcase(best.via, expected.via):
        seen = "less"
    content = _content(record, expected, uri, found) if expected.hashed else ""
    return Part(what, seen, best.via, best.evidence, cell, content), used


def _matching(record: _Record, expected: Expected, uri: str, cells: set[str]) -> list[Access]:
    if expected.operation == "execute":
        candidates = [access for name in cells for access in record.by_cell[name]]
        return [
            access
            for access in candidates
            if access.operation == "execute" and _is_program(access.uri, uri)
        ]
    return [
        access
        for access in record.by_uri[uri]
        if access.operation == expected.operation
        and access.cell_id in cells
        and access.kind in (expected.kind, "model" if expected.kind == "file" else expected.kind)
    ]


def _elsewhere(record: _Record, idiom: Idiom, expected: Expected, uri: str) -> list[Access]:
    """Credited to another cell: one that has not this access among its own."""
    if expected.operation == "execute" or "people" in uri or uri.endswith("text.txt"):
        return []  # many cells do that
    return _matching(record, expected, uri, set(record.by_cell))


def _is_program(uri: str, name: str) -> bool:
    wanted = {name}
    if (found := shutil.which(name)) is not None:
        wanted.add(Path(os.path.realpath(found)).name)
    return any(fnmatch.fnmatchcase(Path(uri).name, each) for each in wanted)


def _rank(access: Access, expected: Expected) -> tuple[bool, bool, bool]:
    return (
        access.evidence != "observed",
        access.evidence == "ambiguous",
        not fnmatch.fnmatchcase(access.via, expected.via),
    )


def _less(record: _Record, idiom: Idiom, expected: Expected, what: str) -> Part:
    """Whether at least the connection behind a request or a statement was seen."""
    if expected.kind not in ("http", "sql", "model"):
        return Part(what, "nobody")
    near = [
        access
        for access in record.by_cell[idiom.name]
        if access.operation == "connect" or (access.kind == "file" and expected.kind != "http")
    ]
    if not near:
        return Part(what, "nobody")
    best = min(near, key=lambda access: access.evidence != "observed")
    seen: Seen = "less" if best.evidence == "observed" else "witness"
    return Part(what, seen, best.via, best.evidence, "right")


def _content(record: _Record, expected: Expected, uri: str, found: list[Access]) -> str:
    digests = {record.digests.get(access.access_id, "") for access in found}
    path = Path(unquote(uri.removeprefix("file://")))
    if expected.kind == "http":
        path = record.session.folder / unquote(urlsplit(uri).path.lstrip("/"))
        if not path.is_file():
            return ""
    if digests <= {""}:
        return "missing"
    if not path.is_file():
        return ""
    return "right" if digest_file(path) in digests else "wrong"
