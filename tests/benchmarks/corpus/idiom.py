"""What an idiom is: a cell as people write it, and the accesses that the record must show of it.

Paths are relative to the folder that the kernel works in. ``{http}``, ``{postgresql}`` and the like
stand for the services that the corpus starts (see `services`).
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field, replace

from governed_kernel.lineage.events import Operation, ResourceKind

__all__ = [
    "Expected",
    "Idiom",
    "connects",
    "deletes",
    "executes",
    "group",
    "reads",
    "sends",
    "writes",
]


@dataclass(frozen=True)
class Expected:
    """One access that a cell makes and the record must show.

    Attributes
    ----------
    operation, kind : str
        As in the view ``accesses``.
    where : str
        A path (with ``*`` for several files, each of which must be shown), a program's name, or a
        URI.
    via : str
        The least that is expected of the layer, as a pattern: ``*`` for any observer.
    hashed : bool
        Whether the content must be known by its SHA-256.
    before : bool
        Whether it is the idiom's first cell (`Idiom.before`) that makes it.
    """

    operation: Operation
    kind: ResourceKind
    where: str
    via: str = "*"
    hashed: bool = False
    before: bool = False


@dataclass(frozen=True)
class Idiom:
    """One way to reach something.

    Attributes
    ----------
    name : str
        Unique; also the cell's id.
    library : str
        Whose way it is.
    source : str
        The cell.
    shows : tuple of Expected
        What must be in the record.
    needs : tuple of str
        Modules, programs (``program:busybox``) and services (``service:postgresql``) without
        which it is NOT RUN.
    before : str
        A cell that runs first, under a cell id of its own: what later cells inherit from it.
    incidental : tuple of str
        Patterns of URIs that really are accessed as well, though nobody would name them: a
        library's cache, the program behind a shell.
    in_notes : bool
        One of the 32 reads that other tools were measured with.
    """

    name: str
    library: str
    source: str
    shows: tuple[Expected, ...]
    needs: tuple[str, ...] = ()
    before: str = ""
    incidental: tuple[str, ...] = ()
    in_notes: bool = False
    group: str = field(default="", compare=False)


def reads(
    where: str, via: str = "*", kind: ResourceKind = "file", *, hashed: bool = True
) -> Expected:
    """A file, a model, a table or a URL is read."""
    return Expected("read", kind, where, via, hashed=hashed and kind in ("file", "http"))


def writes(
    where: str, via: str = "*", kind: ResourceKind = "file", *, hashed: bool = True
) -> Expected:
    """A file, a model or a table is written, and is still there afterwards."""
    return Expected("write", kind, where, via, hashed=hashed and kind == "file")


def deletes(where: str, via: str = "*") -> Expected:
    """A file is removed."""
    return Expected("delete", "file", where, via)


def connects(where: str, kind: ResourceKind = "socket", via: str = "*") -> Expected:
    """A connection is made."""
    return Expected("connect", kind, where, via)


def executes(program: str, via: str = "*") -> Expected:
    """A program is started."""
    return Expected("execute", "process", program, via)


def sends(where: str, via: str = "*") -> Expected:
    """Something is sent to a URL."""
    return Expected("write", "http", where, via)


def group(name: str, *idioms: Idiom, needs: tuple[str, ...] = ()) -> tuple[Idiom, ...]:
    """The idioms of one file of the corpus, with what all of them need."""
    return tuple(
        replace(
            idiom,
            group=name,
            needs=(*needs, *idiom.needs),
            source=textwrap.dedent(idiom.source).strip() + "\n",
            before=textwrap.dedent(idiom.before).strip(),
        )
        for idiom in idioms
    )
