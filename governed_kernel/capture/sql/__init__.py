"""Column lineage of SQL text: which column of a result owes what to which column of which table.

`lineage_of` is all that others need. sqlglot reads the text; what the text means for columns is
worked out here, clause by clause in the order in which a database carries them out (FROM, WHERE,
GROUP BY, HAVING, windows, QUALIFY, SELECT, DISTINCT, ORDER BY), because sqlglot's own lineage
knows neither WHERE nor JOIN nor GROUP BY, and fails on PIVOT and COLUMNS. Each clause is a step as
an operator of a dataframe would be one, and steps compose as steps on record do: so one statement,
the same in two through a view or a relation, and the same in pandas give one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from governed_kernel.capture.sql.model import (
    Column,
    Known,
    Lineage,
    Macro,
    Origin,
    Origins,
    Schemas,
    Table,
)

__all__ = [
    "Column",
    "Known",
    "Lineage",
    "Macro",
    "Origin",
    "Origins",
    "Schemas",
    "Table",
    "lineage_of",
    "placed",
    "without_secrets",
]


def lineage_of(
    sql: str,
    dialect: str = "duckdb",
    schemas: Schemas | Mapping[str, Sequence[str]] | None = None,
) -> tuple[Lineage, ...]:
    """What each statement of `sql` reads, writes and makes of which columns.

    Parameters
    ----------
    sql : str
        One statement or several.
    dialect : str
        The name that sqlglot has for it: ``duckdb``, ``postgres``, ``sqlite``, ``mysql`` …
    schemas : Schemas or mapping, optional
        Tells of a table which columns it has; a mapping goes from a name (``table`` or
        ``schema.table``) to its columns. What is not known costs certainty only where it matters:
        a name that can belong to one table alone is that table's.

    Returns
    -------
    tuple of Lineage
        One for each statement. What can't be read has ``reason`` filled and no columns; it never
        raises for what stands in `sql`.

    Notes
    -----
    The first call imports sqlglot, which takes about 0.1 s.
    """
    from governed_kernel.capture.sql.statements import lineages

    return lineages(sql, dialect, _as_schemas(schemas))


def without_secrets(sql: str) -> str:
    """`sql` without passwords, keys and tokens: of secrets, addresses to attach, and settings."""
    from governed_kernel.capture.sql.redaction import without_secrets as redact

    return redact(sql)


def placed(sql: str, place: tuple[str, str], is_there: Callable[[str], bool]) -> str:
    """A view's statement with catalog and schema before the bare names that `is_there` knows."""
    from governed_kernel.capture.sql.parsing import placed as with_place

    return with_place(sql, place, is_there)


class _Named(Schemas):
    """Schemas given as a mapping."""

    def __init__(self, columns: Mapping[str, Sequence[str]]) -> None:
        self._columns = {name.lower(): tuple(given) for name, given in columns.items()}

    def table(self, table: Table) -> Known | None:
        parts = [part.lower() for part in table.name]
        for start in range(len(parts)):
            if (found := self._columns.get(".".join(parts[start:]))) is not None:
                return Known(found)
        return None


def _as_schemas(given: Schemas | Mapping[str, Sequence[str]] | None) -> Schemas:
    if isinstance(given, Schemas):
        return given
    return Schemas() if given is None else _Named(given)
