"""Columns of things in memory back to the columns of what was read, within one session.

A saved file has its origins in the view ``column_origins``; a frame that was never saved has them
here, from the store (`of_cell`) or from the transformations of a running kernel (`of_entity`).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from governed_kernel.lineage.events import Transformation, openlineage_word
from governed_kernel.lineage.origins import Walk, surest
from governed_kernel.lineage.session_views import ENTITIES

if TYPE_CHECKING:
    from governed_kernel.lineage.store import Store

__all__ = ["of_cell", "of_entity"]

Row = dict[str, Any]
_MOST_EDGES = 200_000


class _Edge(NamedTuple):
    """A row of ``column_lineage`` with its transformation's place in time."""

    number: int
    output: str
    column: str
    source: str
    source_column: str
    relation: str
    evidence: str


def of_cell(store: Store, session: str, cell: str) -> list[Row]:
    """What the columns of everything that a cell made owe to what its session had read.

    Parameters
    ----------
    cell : str
        The cell's id, or the number of its execution where it has none.
    """
    edges = store.query(
        f"""SELECT dense_rank() OVER (ORDER BY t.occurred_at, t.transformation_id) AS number,
            o.entity AS output_entity, c.output_column, i.entity, c.input_column, c.relation,
            c.evidence, coalesce(nullif(t.cell_id, ''), t.execution::VARCHAR) = ? AS here
        FROM base.column_edges c JOIN base.transformation t USING (transformation_no)
        JOIN base.journals s USING (session_no)
        JOIN {ENTITIES} o ON o.entity_no = c.output_no
        JOIN {ENTITIES} i ON i.entity_no = c.input_no
        WHERE s.session_id = ? ORDER BY number LIMIT ?""",
        [cell, session, _MOST_EDGES],
    )
    declared = store.query(
        """SELECT DISTINCT output_entity AS entity, output_column AS name FROM column_lineage c
        JOIN transformations t USING (transformation_id)
        WHERE t.session_id = ? AND output_column <> '*'""",
        [session],
    )
    columns: dict[str, list[str]] = {}
    for row in declared:
        columns.setdefault(row["entity"], []).append(row["name"])
    wanted = list(dict.fromkeys(row["output_entity"] for row in edges if row["here"]))
    made = [_Edge(*list(row.values())[:7]) for row in edges]
    kinds = {
        row["entity"]: row["name"] or row["kind"]
        for row in store.query(
            "SELECT entity, kind, name FROM base.objects WHERE entity IN "
            "(SELECT unnest(?::VARCHAR[]))",
            [wanted],
        )
    }
    return [
        {
            **row,
            "name": f"{kinds.get(row['output'], '')} {row['output'].rpartition('/')[2]}".strip(),
        }
        for row in _walked(made, columns, {}, wanted)
    ]


def of_entity(transformations: Iterable[Transformation], entity: str) -> list[Row]:
    """What the columns of one thing in memory owe to what was read, from a session's events."""
    edges: list[_Edge] = []
    columns: dict[str, list[str]] = {}
    reads: dict[tuple[int, str], list[str]] = {}
    for number, made in enumerate(transformations):
        for thing in (*made.inputs, *made.outputs):
            if thing.columns:
                columns[thing.entity] = list(thing.columns)
                reads[number, thing.entity] = list(thing.columns)
        edges += [
            _Edge(
                number,
                edge.output_entity,
                edge.output_column,
                edge.input_entity,
                edge.input_column,
                edge.relation,
                edge.evidence,
            )
            for edge in made.columns
        ]
    return _walked(edges, columns, reads, [entity])


def _walked(
    edges: list[_Edge],
    columns: dict[str, list[str]],
    reads: dict[tuple[int, str], list[str]],
    wanted: list[str],
) -> list[Row]:
    """Names as the numbers that `Walk` takes: things in memory above zero, the rest below."""
    numbers: dict[str, int] = {}

    def number(name: str) -> int:
        sign = 1 if name.startswith("memory://") else -1
        return numbers.setdefault(name, sign * (len(numbers) + 1))

    walk = Walk(
        {number(name): said for name, said in columns.items()},
        {(at, number(name)): said for (at, name), said in reads.items()},
        {},
    )
    numbered = [
        (edge.number, number(edge.output), edge.column, number(edge.source), *edge[4:])
        for edge in edges
    ]
    walk.run([(at, list(group)) for at, group in groupby(numbered, key=lambda edge: edge[0])])
    names = {value: name for name, value in numbers.items()}
    rows = []
    for name in wanted:
        places = [walk.memory.get(numbers.get(name, 0))]
        places += [made for (_, out), made in walk.written.items() if names[out] == name]
        for made in filter(None, places):
            for column, origins in walk.all_of(made).items():
                for (_, source, source_column, relation), evidence in surest(origins).items():
                    rows.append(
                        {
                            "output": name,
                            "output_column": column,
                            "input": names[source],
                            "input_column": source_column,
                            "relation": openlineage_word(relation),
                            "evidence": evidence,
                        }
                    )
    return [dict(said) for said in dict.fromkeys(tuple(row.items()) for row in rows)]
