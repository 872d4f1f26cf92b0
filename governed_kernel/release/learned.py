"""What a model was made from, held against what it must never learn.

A session's journal is projected alone into a store of its own for a moment: the workspace's store
is a projection that anybody with the file may change, so no gate asks it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

from governed_kernel.errors import CheckFailed
from governed_kernel.governance.catalog import label, snapshot_of
from governed_kernel.governance.masking import MASKED
from governed_kernel.governance.register import Register
from governed_kernel.governance.shape import UNREADABLE, called, columns_of, names_of
from governed_kernel.lineage.alone import store_of
from governed_kernel.lineage.events import UNKNOWN, Access, DatasetRegistered
from governed_kernel.lineage.store import Store
from governed_kernel.release.findings import Finding
from governed_kernel.release.recorded import read_session
from governed_kernel.workspace import Workspace

__all__ = ["Learned", "check_learned", "findings_of", "forbidden", "holds_weights", "origins_of"]

WEIGHTS = (
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".gguf", ".h5", ".keras"),
    *(".joblib", ".pkl", ".pickle", ".dill", ".skops", ".npz", ".npy", ".msgpack", ".model"),
    *(".ubj", ".cbm", ".tflite", ".pb", ".mlmodel", ".pte"),
)
"""Suffixes of files that hold what a model has learned."""
_AROUND = (".tmp", ".part", ".tar", ".zip", ".gz", ".bz2", ".xz", ".zst", ".lz4")
"""Suffixes behind these: what is packed, or not complete yet."""


def holds_weights(name: str) -> bool:
    """Whether a file of this name may hold what a model has learned."""
    name = name.lower()
    while name.endswith(_AROUND):
        name = name.rpartition(".")[0]
    return name.endswith(WEIGHTS)


@dataclass(frozen=True)
class Learned:
    """One column that went into a model and must not.

    Attributes
    ----------
    output : str
        Name of the model's file.
    dataset : str
        ``NAME@VERSION``.
    column : str
        A column never to be learned; ``*`` when it is not known which columns went in.
    relation, evidence : str
        As in the view ``column_origins``.
    """

    output: str
    dataset: str
    column: str
    relation: str
    evidence: str
    went_in: bool = True
    """Whether its values did, and it has not only said which rows there are, or parted them."""

    @property
    def proven(self) -> bool:
        """Whether that column did go in, and not only cannot be ruled out."""
        return self.column != "*" and self.evidence in ("observed", "inferred")

    def __str__(self) -> str:
        if self.column == "*":
            return f"which columns of {self.dataset} went into {self.output} is not known"
        how = "" if self.proven else f", as far as is known ({self.evidence})"
        return f"{self.output} owes to {self.column} of {self.dataset} by {self.relation}{how}"


def origins_of(workspace: Workspace, session_id: str) -> list[dict[str, Any]]:
    """The rows of ``column_origins`` that one session's verified journal gives alone."""
    with store_of(workspace, [session_id]) as store:
        return store.query("SELECT * FROM column_origins")


def _unexplained(store: Store) -> set[str]:
    """Weights into which something went that came by a way nobody has seen."""
    if not store.query("SELECT 1 FROM base.objects WHERE kind = ? LIMIT 1", [UNKNOWN]):
        return set()
    took: defaultdict[str, defaultdict[str, list[tuple[str, str]]]]
    took = defaultdict(lambda: defaultdict(list))
    for edge in store.query("SELECT * FROM column_lineage"):
        took[edge["output_entity"]][edge["output_column"]].append(
            (edge["input_entity"], edge["input_column"])
        )
    unknown = {
        row["entity"]
        for row in store.query("SELECT entity FROM base.objects WHERE kind = ?", [UNKNOWN])
    }
    return {
        entity
        for entity in list(took)
        if holds_weights(entity) and not unknown.isdisjoint(_behind(took, entity))
    }


def _behind(took: Mapping[str, Mapping[str, list[tuple[str, str]]]], entity: str) -> set[str]:
    """Everything that the columns of something go back to, column by column."""
    pending, seen = [(entity, "*")], set()
    while pending:
        thing = pending.pop()
        if thing in seen:
            continue
        seen.add(thing)
        entity, column = thing
        of = took.get(entity, {})
        for name in of if column == "*" else (column, "*"):
            pending += of.get(name, ())
    return {entity for entity, _ in seen}


def forbidden(workspace: Workspace, register: Register, session_id: str) -> list[Learned]:
    """Everything that a model written by a session owes to what it must never learn.

    Raises
    ------
    CheckFailed
        What data with such columns calls its columns can't be read any more.
    """
    guarded = {
        label(version): version
        for versions in register.datasets.values()
        for version in versions
        if version.never_learn
    }
    if not guarded:
        return []
    session = read_session(workspace, register, session_id)
    named = session.read_as(register)
    read = {uri: names & guarded.keys() for uri, names in named.items()}
    if not any(read.values()):
        return []
    with store_of(workspace, [session_id]) as store:
        origins, unexplained = store.query("SELECT * FROM column_origins"), _unexplained(store)
    origins += [
        {**row, "output_uri": target}
        for target, sources in _renamed(session.accesses).items()
        for row in origins
        if row["output_uri"] in sources
    ]
    models = {
        uri
        for uri, names in named.items()
        if any(register.version(name).kind == "model" for name in names)
    }
    known = {row["output_uri"] for row in origins if row["input_uri"] not in models}
    # Of what nobody saw being written, column by column, it is only known what it was made from.
    unfollowed = {
        (event.uri, name)
        for event in session.derived
        if holds_weights(event.uri) and event.uri not in known
        for name in {origin.removesuffix(MASKED) for origin in event.origins} & guarded.keys()
    }
    # Nobody can tell which way it came: it may be any column of what the session had read.
    every = set().union(*read.values())
    unfollowed |= {(uri, name) for uri in unexplained for name in every}
    found = {
        Learned(_name(uri), name, "*", "TRANSFORMATION", "conservative") for uri, name in unfollowed
    }
    tables = {name: _table_of(workspace, guarded[name]) for name in every}
    found |= {
        learned
        for row in origins
        if holds_weights(row["output_uri"]) and row["input_uri"] in read
        for name in read[row["input_uri"]]
        for learned in _learned(row, tables[name])
    }
    return sorted(found, key=lambda item: (item.output, item.dataset, item.column, item.relation))


class _Table(NamedTuple):
    """A version, and what readers call its columns, all of them and those never to be learned."""

    version: DatasetRegistered
    names: Set[str]
    closed: Set[str]


def _table_of(workspace: Workspace, version: DatasetRegistered) -> _Table:
    """What is asked of each column of a version that went into a model."""
    snapshot = snapshot_of(workspace, version)
    try:
        lacking = [name for name in version.never_learn if name not in columns_of(snapshot)]
        why = f"it has no column {', '.join(lacking)} any more" if lacking else ""
    except UNREADABLE as error:
        why = str(error) or type(error).__name__
    if why:
        name = label(version)
        raise CheckFailed(
            f"nobody can tell whether a model has learned what it must not of {name}",
            why=f"its columns can't be read from {snapshot}: {why}",
            next=f"see what is left with 'governed data verify {name}', restore it from a backup, "
            "and do this again",
        )
    return _Table(version, names_of(snapshot), called(snapshot, version.never_learn))


def _renamed(accesses: Sequence[Access]) -> dict[str, set[str]]:
    """Files that the session gave other names → what they were called before."""
    before: dict[str, set[str]] = {}
    for made, gone in pairwise(accesses):
        moves = (made.operation, gone.operation) == ("write", "delete")
        if moves and made.via == gone.via and made.via.endswith("os.rename"):
            before.setdefault(made.uri, set()).update({gone.uri, *before.get(gone.uri, ())})
    return before


def _learned(row: dict[str, Any], table: _Table) -> Iterator[Learned]:
    column = row["input_column"]
    if column not in table.names:
        column = "*"  # whoever read it gave its columns other names
    if column == "*" or column in table.closed:
        output = _name(row["output_uri"])
        how = row["relation"], row["evidence"], row["by_value"]
        yield Learned(output, label(table.version), column, *how)


def _name(uri: str) -> str:
    return Path(unquote(urlparse(uri).path)).name


def check_learned(workspace: Workspace, register: Register, session_id: str) -> None:
    """Refuse what a session made when a model owes to what it must never learn.

    Raises
    ------
    CheckFailed
        A model does, or it can't be ruled out.
    """
    found = [each for each in forbidden(workspace, register, session_id) if each.went_in]
    if found:
        raise CheckFailed(
            f"what was made has learned what it must not: {len(found)} origins",
            why="; ".join(str(item) for item in found[:5]),
            next=_REMEDY,
        )


_REMEDY = (
    "leave these columns out where the data is first used (frame[[…]]), and promote the notebook "
    "again; 'governed lineage trace FILE --columns' shows the way they took"
)


def findings_of(found: list[Learned]) -> list[Finding]:
    """The same for the author, before anything is promoted."""
    return [
        Finding(
            code="learned-what-it-must-not" if item.column != "*" else "unknown-columns",
            severity="blocking" if item.went_in else "warning",
            what=str(item),
            why=f"its owner declared columns of {item.dataset} that no model may be made from"
            + ("" if item.went_in else "; of this one no value went in, only which rows there are"),
            next=_REMEDY if item.went_in else "look whether that is meant",
        )
        for item in found
    ]
