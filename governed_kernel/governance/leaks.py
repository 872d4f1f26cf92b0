"""What two tables share that they must not: rows, texts that are nearly alike, entities, times.

All of it is asked of DuckDB over files, in bounded memory. Nearly alike is by MinHash (Broder, "On
the resemblance and containment of documents", 1997): of the sets of five neighbouring characters
of two texts, the share of equal smallest hashes estimates the sets' Jaccard index; texts that share
a band of them are compared (Leskovec et al., "Mining of Massive Datasets", 3.4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from governed_kernel.errors import UsageError
from governed_kernel.governance import tables
from governed_kernel.governance.tables import name_of
from governed_kernel.lineage.binding import literal

__all__ = ["Asked", "find_leaks", "in_words"]

_BANDS, _ROWS = 16, 4
"""64 hashes; a pair with a Jaccard index of 0.8 is missed once in 2,000 times."""
_SHINGLE = 5
_EARLIER = "earlier by "


@dataclass(frozen=True)
class Asked:
    """What is looked for.

    Attributes
    ----------
    keys : sequence of str
        Columns that name an entity, which may be in one table only.
    ignored : sequence of str
        Columns that don't make rows differ: targets, numbers of rows.
    texts : sequence of str
        Columns of text that are compared by their words, and for near duplicates.
    time : str
        A column: what is in a later table must not be earlier than what is in the first.
    similarity : float
        From which Jaccard index on texts are nearly alike.
    """

    keys: Sequence[str] = ()
    ignored: Sequence[str] = ()
    texts: Sequence[str] = ()
    time: str = ""
    similarity: float = 0.8


def find_leaks(named: Mapping[str, Path], asked: Asked) -> dict[str, int]:
    """Check → how many were found in more than one of the tables.

    Parameters
    ----------
    named : mapping of str to Path
        The tables; by time, in their order.

    Raises
    ------
    UsageError
        A column is not there.
    """
    files = [file for path in named.values() for file in tables.table_files(path)]
    with tables.engine(*files) as connection:
        found = [
            (f"t{number}", tables.scan(connection, path, f"t{number}"))
            for number, path in enumerate(named.values())
        ]
        shared = [name for name in found[0][1] if all(name in names for _, names in found)]
        _check_columns(asked, shared)
        work = _Search(connection, [view for view, _ in found], shared, asked)
        try:
            return work.all()
        except duckdb.Error as error:
            raise UsageError(
                "the tables could not be held against each other",
                why=str(error).splitlines()[0],
                next="name columns that have the same kind of content in both",
            ) from error


def _check_columns(asked: Asked, shared: Sequence[str]) -> None:
    wanted = [*asked.keys, *asked.ignored, *asked.texts, *([asked.time] if asked.time else [])]
    missing = [name for name in wanted if name not in shared]
    if missing or not shared:
        raise UsageError(
            f"not all of the tables have a column {', '.join(missing) or 'in common'}",
            why=f"all have {', '.join(shared) or 'none'}",
            next="name columns that are in all of them",
        )
    if not 0 < asked.similarity <= 1:
        raise UsageError(
            f"{asked.similarity} is no similarity",
            why="it is a share of what two texts have in common",
            next="give a number above 0 and up to 1",
        )


def in_words(found: Mapping[str, int]) -> str:
    """What was found, for people; a check that found nothing is not named."""
    said = []
    for check, count in found.items():
        if count and check.startswith(_EARLIER):
            column = check.removeprefix(_EARLIER)
            said.append(f"rows that by {column} are not after all of what comes before: {count}")
        elif count:
            said.append(f"{check} in more than one of them: {count}")
    return "; ".join(said)


class _Search:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        views: Sequence[str],
        columns: Sequence[str],
        asked: Asked,
    ) -> None:
        self._connection = connection
        self._views = views
        self._columns = columns
        self._asked = asked

    def all(self) -> dict[str, int]:
        asked = self._asked
        apart = {*asked.keys, *asked.ignored}
        rows = [name for name in self._columns if name not in apart]
        found = {"duplicate rows": self._in_several(self._row(rows))} if rows else {}
        for key in asked.keys:
            found[f"entities by {key}"] = self._in_several(f"{name_of(key)}::VARCHAR")
        for text in asked.texts:
            found[f"texts of {text}"] = self._in_several(_normalised(text))
            found[f"near duplicates of {text}"] = self._nearly_alike(text)
        if asked.time:
            found[f"{_EARLIER}{asked.time}"] = self._too_early(asked.time)
        return found

    def _row(self, columns: Sequence[str]) -> str:
        listed = ", ".join(f"coalesce({name_of(name)}::VARCHAR, chr(0))" for name in columns)
        return f"concat_ws(chr(31), {listed})"

    def _in_several(self, value: str) -> int:
        """How many different values are in more than one table; empty ones are nobody's."""
        parts = " UNION ALL ".join(
            f"SELECT DISTINCT sha256({value}) AS v, {number} AS t FROM {view} "
            f"WHERE nullif(trim({value}), '') IS NOT NULL"
            for number, view in enumerate(self._views)
        )
        return self._number(
            f"SELECT count(*) FROM (SELECT v FROM ({parts}) GROUP BY v HAVING count(*) > 1)"
        )

    def _too_early(self, column: str) -> int:
        """Rows of a later table that are not after everything in those before it."""
        name, found = name_of(column), 0
        for number, view in enumerate(self._views[1:], 1):
            earlier = " UNION ALL ".join(
                f"SELECT max({name}) AS latest FROM {known}" for known in self._views[:number]
            )
            found += self._number(
                f"SELECT count(*) FROM {view} WHERE {name} <= (SELECT max(latest) FROM ({earlier}))"
            )
        return found

    def _nearly_alike(self, column: str) -> int:
        """Texts of a later table that resemble one of an earlier, without being the same words."""
        text = _normalised(column)
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE texts AS SELECT row_number() OVER () AS n, * FROM ("
            + " UNION ALL ".join(
                f"SELECT DISTINCT {text} AS words, {number} AS t FROM {view} "
                f"WHERE length({text}) >= {_SHINGLE}"
                for number, view in enumerate(self._views)
            )
            + ")"
        )
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE parts AS SELECT DISTINCT n, t,
                hash(words[i:i + {_SHINGLE - 1}]) AS part
            FROM texts, LATERAL (SELECT unnest(range(1, length(words) - {_SHINGLE - 2})) AS i)"""
        )
        minima = ", ".join(
            f"min(hash(part, {number})) AS h{number}" for number in range(_BANDS * _ROWS)
        )
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE signed AS "
            f"SELECT n, any_value(t) AS t, count(*) AS size, {minima} FROM parts GROUP BY n"
        )
        bands = " UNION ALL ".join(
            f"SELECT n, t, {band} AS band, hash("
            + ", ".join(f"h{band * _ROWS + row}" for row in range(_ROWS))
            + ") AS key FROM signed"
            for band in range(_BANDS)
        )
        return self._number(
            f"""WITH bands AS ({bands}), pairs AS (
                SELECT DISTINCT a.n AS first, b.n AS second FROM bands a JOIN bands b
                    ON a.band = b.band AND a.key = b.key AND a.t < b.t),
            common AS (
                SELECT first, second, count(*) AS shared FROM pairs
                JOIN parts a ON a.n = first JOIN parts b ON b.n = second AND a.part = b.part
                GROUP BY ALL)
            SELECT count(DISTINCT second) FROM common
            JOIN signed a ON a.n = first JOIN signed b ON b.n = second
            JOIN texts x ON x.n = first JOIN texts y ON y.n = second
            WHERE x.words <> y.words
                AND shared >= {self._asked.similarity} * (a.size + b.size - shared)"""
        )

    def _number(self, statement: str) -> int:
        row = self._connection.execute(statement).fetchone()
        assert row is not None
        return int(row[0])


def _normalised(column: str) -> str:
    """A text by its words alone: no case, accents, signs or spaces that make no difference."""
    words = f"strip_accents(lower(nfc_normalize({name_of(column)}::VARCHAR)))"
    return f"trim(regexp_replace({words}, {literal('[^[:alnum:]]+')}, ' ', 'g'))"
