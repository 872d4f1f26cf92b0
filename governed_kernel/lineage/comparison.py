"""What differs between two sessions: notebook, versions, accesses, transformations, columns."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import msgspec
from rich.markup import escape
from rich.tree import Tree

from governed_kernel.errors import UnknownName
from governed_kernel.lineage.events import openlineage_word
from governed_kernel.lineage.places import Places
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace

__all__ = ["SECTIONS", "Comparison", "Row", "compare"]

SECTIONS = {
    "session": "session",
    "versions": "versions",
    "cells": "cells",
    "accesses": "accesses",
    "transformations": "transformations",
    "columns": "column origins of what was written",
}
"""Section of a comparison → how people call it."""

_LONGEST = 100


class Row(msgspec.Struct, frozen=True):
    """One thing that is not the same.

    Attributes
    ----------
    what : str
        The thing.
    first, second
        What it is in each session; None where it is not there.
    change : str
        For a cell: its text as a unified diff, unless it was erased.
    """

    what: str
    first: Any
    second: Any
    change: str = ""


@dataclass
class Comparison:
    """What differs between two sessions, by section; an empty section is the same in both."""

    first: str
    second: str
    sections: dict[str, list[Row]] = field(default_factory=dict)
    flow: list[tuple[str, str, str, frozenset[str]]] = field(default_factory=list)
    """Cell, operation, place, and in which of the two ('first', 'second') it took place."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not any(self.sections.values())

    def as_json(self) -> dict[str, Any]:
        """The comparison as one JSON object."""
        return {"first": self.first, "second": self.second, "same": self.same, **self.sections}

    def tree(self) -> Tree:
        """The comparison as a tree of text."""
        root = Tree(f"{escape(self.first)} [dim]and[/dim] {escape(self.second)}")
        for section, rows in self.sections.items():
            if not rows:
                root.add(f"[dim]{SECTIONS[section]}: the same[/dim]")
                continue
            branch = root.add(f"[bold]{SECTIONS[section]}[/bold] [dim]{len(rows)}[/dim]")
            for row in rows:
                branch.add(_label(row))
        return root


def compare(
    workspace: Workspace, first: str, second: str, *, store: Store | None = None
) -> Comparison:
    """Hold two sessions against each other.

    Places that are named after a session's own run or a snapshot's digest are compared by what
    they stand for: ``NAME@VERSION``'s files, and files below the run's folder.

    Parameters
    ----------
    store : Store, optional
        An up-to-date store; else the workspace's, as it is.

    Raises
    ------
    UnknownName
        One of the sessions is not recorded.
    """
    with (store or Store(workspace)).read() as connection:
        one, two = (_Side(connection, workspace, name) for name in (first, second))
        pairs = _paired(one.cells, two.cells)
        found = Comparison(first, second)
        facts = one.facts, two.facts
        versions = facts[0].pop("versions"), facts[1].pop("versions")
        found.sections = {
            "session": _differing(*facts),
            "versions": _differing(*versions),
            "cells": _cells(one.cells, two.cells, pairs),
            "accesses": _differing(one.accesses(), two.accesses()),
            "transformations": _differing(
                one.transformations({}), two.transformations({b: a for a, b in pairs.items()})
            ),
            "columns": _differing(one.columns(), two.columns()),
        }
        found.flow = _together(one.flow({}), two.flow({b: a for a, b in pairs.items()}))
        return found


def _together(
    first: list[tuple[str, str, str]], second: list[tuple[str, str, str]]
) -> list[tuple[str, str, str, frozenset[str]]]:
    sides: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for name, found in (("first", first), ("second", second)):
        for step in found:
            sides[step].add(name)
    return [(*step, frozenset(names)) for step, names in sides.items()]


class _Side:
    """One of the two sessions, as the store has it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, workspace: Workspace, session: str
    ) -> None:
        self._connection = connection
        self.session = session
        self.facts = self._facts()
        self.places = Places(connection, workspace, session)
        self.cells = self._cells()

    def _rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        found = self._connection.execute(sql, list(parameters))
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def _facts(self) -> dict[str, Any]:
        rows = self._rows(
            """SELECT s.notebook, s.mode, s.user_name, s.host, s.python, s.witness,
                s.environment_rules, s.versions, e.exit_status, r.release, r.kind AS run_kind,
                r.parameters, r.environment, r.fingerprint
            FROM base.session_started s JOIN base.journals j USING (session_no)
            LEFT JOIN base.session_ended e USING (session_no)
            LEFT JOIN runs r ON r.run_id = s.run_id AND s.run_id <> ''
            WHERE j.session_id = ?""",
            self.session,
        )
        if not rows:
            raise UnknownName(
                f"no session {self.session!r} is recorded",
                why="the journals of this workspace have none of that name",
                next="'governed lineage sessions' lists them",
            )
        facts = rows[0]
        facts["versions"] = msgspec.json.decode(facts["versions"] or "{}")
        return facts

    def _cells(self) -> dict[str, dict[str, Any]]:
        """Cell → its last execution, in the order of the last executions."""
        rows = self._rows(
            """SELECT cell_id, execution, source, source_sha256, status FROM cells
            WHERE session_id = ? ORDER BY started_at, execution""",
            self.session,
        )
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            name = row["cell_id"] or f"execution {row['execution']}"
            found.pop(name, None)
            found[name] = row
        return found

    def accesses(self) -> dict[str, Any]:
        """Operation and place → versions, digests and decisions."""
        found: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for row in self._rows(
            """SELECT DISTINCT operation, uri, dataset, version, sha256, decision
            FROM accesses WHERE session_id = ?""",
            self.session,
        ):
            place = found[f"{row['operation']} {self.places.name(row['uri'])}"]
            for fact in ("version", "sha256", "decision"):
                if row[fact]:
                    place[fact].add(row[fact])
        return {what: _plain(facts) for what, facts in found.items()}

    def flow(self, cells: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """Which cell read and wrote what; a cell has its name in the first session."""
        rows = self._rows(
            """SELECT cell_id, operation, uri FROM accesses
            WHERE session_id = ? AND operation IN ('read', 'write')
                AND NOT (operation = 'write' AND uri IN (  -- what is gone again is no output
                    SELECT uri FROM accesses WHERE session_id = ? AND operation = 'delete'))
            GROUP BY ALL ORDER BY min(occurred_at), uri""",
            *(self.session, self.session),
        )
        found = [
            (
                cells.get(row["cell_id"], row["cell_id"]),
                row["operation"],
                self.places.name(row["uri"]),
            )
            for row in rows
        ]
        return list(dict.fromkeys(found))

    def transformations(self, cells: Mapping[str, str]) -> dict[str, Any]:
        """Cell and operation → how often, and the rows in and out of each."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for row in self._rows(
            """SELECT cell_id, library, operation, rows_in, rows_out FROM transformations
            WHERE session_id = ? ORDER BY occurred_at, transformation_id""",
            self.session,
        ):
            cell = cells.get(row["cell_id"], row["cell_id"])
            rows = [row["rows_in"], row["rows_out"]]
            text = " → ".join("?" if number is None else f"{number}" for number in rows)
            found[f"{row['operation']} in {cell}"].append(f"{text} rows")
        return {what: {"times": len(rows), "rows": rows} for what, rows in found.items()}

    def columns(self) -> dict[str, Any]:
        """Written column and what it goes back to → relation and evidence."""
        found: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for row in self._rows(
            """SELECT DISTINCT w.uri AS output, o.output_column, r.uri AS input, o.input_column,
                o.relation, o.evidence
            FROM base.origins o
            JOIN base.writes x ON x.transformation_no = o.write_no AND x.entity_no = o.output_no
            JOIN base.journals j USING (session_no)
            JOIN base.named_resources w ON w.entity_no = o.output_no
            JOIN base.named_resources r ON r.entity_no = o.input_no
            WHERE j.session_id = ?""",
            self.session,
        ):
            output, source = self.places.name(row["output"]), self.places.name(row["input"])
            what = f"{output}:{row['output_column']} ← {source}:{row['input_column']}"
            found[what]["relation"].add(openlineage_word(row["relation"]))
            found[what]["evidence"].add(row["evidence"])
        return {what: _plain(facts) for what, facts in found.items()}


def _plain(facts: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {name: ", ".join(sorted(said)) for name, said in facts.items()}


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Row]:
    names = dict.fromkeys([*first, *second])
    rows = [Row(name, first.get(name), second.get(name)) for name in names]
    return [row for row in rows if row.first != row.second]


def _paired(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, str]:
    """Cell of the first → the same cell of the second: by its id, else by its text."""
    pairs = {name: name for name in first if name in second}
    free: defaultdict[str, list[str]] = defaultdict(list)
    for name, cell in second.items():
        if name not in pairs and cell["source_sha256"]:
            free[cell["source_sha256"]].append(name)
    for name, cell in first.items():
        same = free.get(cell["source_sha256"])
        if name not in pairs and same:
            pairs[name] = same.pop(0)
    return pairs


def _cells(
    first: Mapping[str, dict[str, Any]],
    second: Mapping[str, dict[str, Any]],
    pairs: Mapping[str, str],
) -> list[Row]:
    rows = []
    taken = {other: name for name, other in pairs.items()}
    for name, cell in first.items():
        other = second[pairs[name]] if name in pairs else None
        if other is None or (cell["source_sha256"], cell["status"]) != (
            other["source_sha256"],
            other["status"],
        ):
            rows.append(Row(f"cell {name}", _cell(cell), _cell(other), _change(cell, other)))
    for name, cell in second.items():
        if name not in taken:
            rows.append(Row(f"cell {name}", None, _cell(cell), _change(None, cell)))
    order = [name for name in first if name in pairs]
    other_order = [taken[name] for name in second if name in taken]
    if order != other_order:
        rows.append(Row("order of the last executions", order, other_order))
    return rows


def _cell(cell: dict[str, Any] | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {name: cell[name] for name in ("execution", "status", "source_sha256")}


def _change(first: dict[str, Any] | None, second: dict[str, Any] | None) -> str:
    texts = [cell["source"] if cell else "" for cell in (first, second)]
    if None in texts:
        return ""
    before, after = (text.splitlines() for text in texts)
    return "\n".join(list(difflib.unified_diff(before, after, lineterm="", n=2))[2:])


def _label(row: Row) -> Tree:
    branch = Tree(escape(row.what))
    if row.change:
        for line in row.change.splitlines():
            style = {"-": "red", "+": "green", "@": "dim"}.get(line[:1], "")
            text = escape(line) or " "
            branch.add(f"[{style}]{text}[/]" if style else text)
        return branch
    branch.add(f"[red]- {escape(_shown(row.first))}[/]")
    branch.add(f"[green]+ {escape(_shown(row.second))}[/]")
    return branch


def _shown(value: Any) -> str:
    if value is None:
        return "not there"
    if isinstance(value, dict):
        text = ", ".join(f"{name} {_shown(item)}" for name, item in value.items())
    elif isinstance(value, list):
        text = ", ".join(map(str, value))
    else:
        text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
