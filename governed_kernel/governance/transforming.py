"""Carry the rules of a transformation out over a table, and prove of the result that they hold.

Everything is SQL over files, so it takes the same memory however long the table is. The result is
read again from the disk before it is believed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

import governed_kernel
from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import CheckFailed, UsageError
from governed_kernel.governance import tables, transformation_rules
from governed_kernel.governance.tables import name_of
from governed_kernel.governance.transformation_rules import Redact, Rules
from governed_kernel.lineage.binding import literal
from governed_kernel.lineage.events import ColumnEdge, Criterion

__all__ = ["CODE", "Transformed", "carry_out", "code_digest"]

CODE = (Path(__file__), Path(transformation_rules.__file__), Path(tables.__file__))
"""The code that decides what a rule does."""
_ROW = "__governed_row"


@dataclass
class Transformed:
    """A result, complete on the disk, and everything that was found out about it."""

    path: Path
    rows: int = 0
    operations: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    criteria: list[Criterion] = field(default_factory=list)
    edges: list[ColumnEdge] = field(default_factory=list)


def code_digest() -> str:
    """SHA-256 over the code that carries rules out, with the versions of what it stands on."""
    parts = [digest_bytes(path.read_bytes()) for path in CODE]
    return digest_bytes(
        "\n".join([governed_kernel.__version__, duckdb.__version__, *parts]).encode()
    )


def carry_out(rules: Rules, source: Path, target: Path) -> Transformed:
    """Transform the table at `source` into the Parquet or CSV file `target`.

    Raises
    ------
    CheckFailed
        A criterion is not met, or something that matches a rule survived.
    UsageError
        A rule names a column that is not there, or is no SQL.
    """
    with tables.engine(*tables.table_files(source), folder=target.parent) as connection:
        work = _Work(connection, rules, source, target)
        try:
            return work.done()
        except duckdb.Error as error:
            raise UsageError(
                "the rules could not be carried out",
                why=str(error).splitlines()[0],
                next="mend the rules, then run the same command again; nothing was registered",
            ) from error


class _Work:
    """One transformation, step by step: each step is a view over the one before it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, rules: Rules, source: Path, target: Path
    ) -> None:
        self._connection = connection
        self._rules = rules
        self._target = target
        self._made = Transformed(target)
        self._columns = tables.scan(connection, source, "before")
        self._types = self._typed("before")
        self._step = 0
        self._view = ""
        self._ordered = bool(rules.deduplicate or rules.synthesise)
        self._touched: dict[str, str] = {}
        self._rows_owe_to: dict[str, str] = {}
        self._check_columns()

    def _check_columns(self) -> None:
        named = {
            "keep": list(self._rules.keep),
            "deduplicate": [name for rule in self._rules.deduplicate for name in rule.by],
            "redact": [name for rule in self._rules.redact for name in rule.columns if name != "*"],
        }
        for rule, columns in named.items():
            missing = [name for name in columns if name not in self._columns]
            if missing:
                raise UsageError(
                    f"the data has no column {', '.join(missing)}",
                    why=f"a rule to {rule} names it; its columns are {', '.join(self._columns)}",
                    next="mend the rules",
                )

    def done(self) -> Transformed:
        """Do everything in its order."""
        made = self._made
        made.before = self._statistics("before", self._columns)
        self._next(f"SELECT *, row_number() OVER () AS {_ROW} FROM before")
        self._filter()
        self._deduplicate()
        self._redact()
        columns = self._minimise()
        self._synthesise(columns)
        self._write(columns)
        tables.scan(self._connection, self._target, "after")
        self._check_result(columns)
        made.after = self._statistics("after", columns)
        made.rows = made.after["rows"]
        made.edges = self._edges(columns)
        self._judge()
        return made

    # --- the steps ---------------------------------------------------------------------------

    def _filter(self) -> None:
        for rule in self._rules.filter:
            rows = self._rows()
            self._next(f"SELECT * FROM {self._view} WHERE ({rule.where})")
            for column in _columns_of(rule.where, self._columns):
                self._rows_owe_to[column] = "FILTER"
            self._did("filter", rule.reason, rows, {"where": rule.where})
            self._survivors(f"({rule.where}) IS NOT TRUE", "rows that the filter leaves out")

    def _deduplicate(self) -> None:
        for rule in self._rules.deduplicate:
            rows = self._rows()
            by = rule.by or list(self._rules.keep) or self._columns
            listed = ", ".join(map(name_of, by))
            self._next(
                f"SELECT * FROM {self._view} "
                f"QUALIFY row_number() OVER (PARTITION BY {listed} ORDER BY {_ROW}) = 1"
            )
            self._rows_owe_to.update(dict.fromkeys(by, "GROUP_BY"))
            self._did("deduplicate", rule.reason, rows, {"by": by})
            (left,) = self._one(
                f"SELECT count(*) FROM (SELECT 1 FROM {self._view} GROUP BY {listed} "
                "HAVING count(*) > 1)"
            )
            self._note_survivors(left, "rows that are alike")

    def _redact(self) -> None:
        for rule in self._rules.redact:
            columns = self._redacted(rule)
            rows = self._rows()
            changed = ", ".join(
                f"regexp_replace({name_of(name)}, {literal(rule.pattern)}, "
                f"{literal(_as_replacement(rule.with_))}, 'g') AS {name_of(name)}"
                for name in columns
            )
            (matching,) = self._one(
                f"SELECT count(*) FROM {self._view} WHERE {_matches(rule, columns)}"
            )
            self._next(f"SELECT * REPLACE ({changed}) FROM {self._view}")
            self._touched.update(dict.fromkeys(columns, "TRANSFORMATION"))
            facts = {"columns": columns, "pattern": rule.pattern, "matching_rows": matching}
            self._did("redact", rule.reason, rows, facts)

    def _redacted(self, rule: Redact) -> list[str]:
        """The columns of a rule, which must be text."""
        texts = [name for name in self._columns if self._types[name] == "VARCHAR"]
        if "*" in rule.columns:
            return texts
        wrong = [name for name in rule.columns if name not in texts]
        if wrong:
            raise UsageError(
                f"{', '.join(wrong)} can't be redacted",
                why=f"it holds {self._types[wrong[0]]}, and a pattern is looked for in text",
                next="leave the column out ([keep]), or name columns of text",
            )
        return rule.columns

    def _minimise(self) -> list[str]:
        kept = [name for name in self._columns if name in self._rules.keep] or self._columns
        self._made.kept = {name: self._rules.keep.get(name, "") for name in kept}
        self._made.dropped = [name for name in self._columns if name not in kept]
        if self._made.dropped:
            listed = ", ".join(map(name_of, kept))
            rows = self._rows()
            self._next(f"SELECT {listed}, {_ROW} FROM {self._view}")
            self._did("minimise", "no reason to keep them", rows, {"dropped": self._made.dropped})
        return kept

    def _synthesise(self, columns: Sequence[str]) -> None:
        """Each column is drawn on its own, so that no row is one that was there."""
        rule = self._rules.synthesise
        if rule is None:
            return
        rows = self._rows()
        parts = []
        for number, name in enumerate(columns):
            seed = int.from_bytes(hashlib.sha256(f"{rule.seed}/{number}".encode()).digest()[:6])
            parts.append(
                f"(SELECT {name_of(name)}, row_number() OVER (ORDER BY hash({_ROW}, {seed}), "
                f"{_ROW}) - 1 AS place FROM {self._view}) AS c{number}"
            )
        chosen = ", ".join(f"c{number}.{name_of(name)}" for number, name in enumerate(columns))
        joined = " JOIN ".join(
            f"{part} ON c{number}.place = r.place % {max(rows, 1)}"
            for number, part in enumerate(parts)
        )
        self._next(
            f"SELECT {chosen}, r.place AS {_ROW} FROM range({rule.rows}) AS r(place) JOIN {joined}"
        )
        self._touched.update(dict.fromkeys(columns, "TRANSFORMATION"))
        self._did("synthesise", rule.reason, rows, {"seed": rule.seed})

    def _write(self, columns: Sequence[str]) -> None:
        listed = ", ".join(map(name_of, columns))
        order = f" ORDER BY {_ROW}" if self._ordered else ""
        form = "FORMAT csv, HEADER" if self._target.suffix == ".csv" else "FORMAT parquet"
        self._connection.execute(
            f"COPY (SELECT {listed} FROM {self._view}{order}) "
            f"TO {literal(str(self._target))} ({form})"
        )

    # --- the proof ---------------------------------------------------------------------------

    def _check_result(self, columns: Sequence[str]) -> None:
        """Nothing that a rule speaks of is in what was written."""
        found = [row[0] for row in self._connection.execute("DESCRIBE after").fetchall()]
        if found != list(columns):
            raise CheckFailed(
                "the result has other columns than the rules keep",
                why=f"it has {', '.join(found)}, kept were {', '.join(columns)}",
                next="name columns that can stand in such a file",
            )
        operations = [item for item in self._made.operations if item["operation"] == "redact"]
        for rule, operation in zip(self._rules.redact, operations, strict=True):
            # Said of all columns it holds of all, and not of those alone that hold text.
            said = self._columns if "*" in rule.columns else self._redacted(rule)
            there = [name for name in said if name in columns]
            if there:
                left = self._matching(rule, there)
                operation["survived"] = left
                if left:
                    where = [name for name in there if self._matching(rule, [name])]
                    said_of = f"rows that match {rule.pattern!r} in {', '.join(where)}"
                    raise _survived(left, said_of, other=self._not_text(where))

    def _matching(self, rule: Redact, columns: Sequence[str]) -> int:
        """How many rows of the result match, whatever kind of values they hold."""
        condition = _matches(rule, columns, text=True)
        return int(self._one(f"SELECT count(*) FROM after WHERE {condition}")[0])

    def _not_text(self, columns: Sequence[str]) -> list[str]:
        return [name for name in columns if self._types[name] != "VARCHAR"]

    def _judge(self) -> None:
        for wanted in self._rules.criterion:
            (value,) = self._one(f"SELECT ({wanted.sql})::DOUBLE")
            low = wanted.minimum is not None and (value is None or value < wanted.minimum)
            high = wanted.maximum is not None and (value is None or value > wanted.maximum)
            self._made.criteria.append(
                Criterion(
                    name=wanted.name,
                    value=float("nan") if value is None else value,
                    minimum=wanted.minimum,
                    maximum=wanted.maximum,
                    passed=not (low or high),
                )
            )
        failed = [item for item in self._made.criteria if not item.passed]
        if failed:
            raise CheckFailed(
                f"not met: {len(failed)} of {len(self._made.criteria)} acceptance criteria",
                why="; ".join(
                    f"{item.name}: {item.value:g}, {_bounds(item)} wanted" for item in failed
                ),
                next="mend the rules or the data; nothing was registered",
            )
        if not self._made.rows:
            raise CheckFailed(
                "nothing is left", why="no row passes the rules", next="mend the rules"
            )

    def _survivors(self, condition: str, what: str) -> None:
        (left,) = self._one(f"SELECT count(*) FROM {self._view} WHERE {condition}")
        self._note_survivors(left, what)

    def _note_survivors(self, left: int, what: str) -> None:
        self._made.operations[-1]["survived"] = left
        if left:
            raise _survived(left, what)

    # --- facts -------------------------------------------------------------------------------

    def _did(self, operation: str, reason: str, rows: int, facts: dict[str, Any]) -> None:
        after = self._rows()
        self._made.operations.append(
            {
                "operation": operation,
                "reason": reason,
                **facts,
                "rows_before": rows,
                "rows_after": after,
            }
        )

    def _edges(self, columns: Sequence[str]) -> list[ColumnEdge]:
        edges = [
            ColumnEdge("after", name, "before", name, self._touched.get(name, "IDENTITY"))  # type: ignore[arg-type]
            for name in columns
        ]
        edges += [
            ColumnEdge("after", "*", "before", name, relation)  # type: ignore[arg-type]
            for name, relation in self._rows_owe_to.items()
        ]
        return edges

    def _statistics(self, view: str, columns: Sequence[str]) -> dict[str, Any]:
        """Rows, and of each column what tells of no single person: values stay where they are."""
        types = self._typed(view)
        asked, names = ["count(*)"], []
        for column in columns:
            name, numeric = name_of(column), _is_number(types[column])
            asked += [f"count(*) - count({name})", f"approx_count_distinct({name})"]
            names += [(column, "missing"), (column, "distinct")]
            if numeric:
                asked += [f"avg({name})", f"stddev_samp({name})"]
                names += [(column, "mean"), (column, "deviation")]
            elif types[column] == "VARCHAR":
                asked.append(f"avg(length({name}))")
                names.append((column, "length"))
        rows, *values = self._one(f"SELECT {', '.join(asked)} FROM {view}")
        found: dict[str, Any] = {name: {"type": types[name]} for name in columns}
        for (column, fact), value in zip(names, values, strict=True):
            if value is not None:
                found[column][fact] = round(value, 6) if isinstance(value, float) else value
        return {"rows": rows, "columns": found}

    def _typed(self, view: str) -> dict[str, str]:
        described = self._connection.execute(f"DESCRIBE {view}").fetchall()
        return {row[0]: str(row[1]) for row in described}

    def _rows(self) -> int:
        return int(self._one(f"SELECT count(*) FROM {self._view}")[0])

    def _one(self, statement: str) -> tuple[Any, ...]:
        row = self._connection.execute(statement).fetchone()
        assert row is not None
        return tuple(row)

    def _next(self, select: str) -> None:
        self._step += 1
        name = f"step{self._step}"
        self._connection.execute(f"CREATE VIEW {name} AS {select}")
        self._view = name


def _matches(rule: Redact, columns: Sequence[str], *, text: bool = False) -> str:
    pattern = literal(rule.pattern)
    cast = "::VARCHAR" if text else ""
    return (
        " OR ".join(f"regexp_matches({name_of(name)}{cast}, {pattern})" for name in columns)
        or "false"
    )


def _as_replacement(text: str) -> str:
    """A text as what replaces: in RE2 a backslash would name a group."""
    return text.replace("\\", "\\\\")


def _columns_of(expression: str, known: Sequence[str]) -> list[str]:
    """The columns that an expression of SQL speaks of; all, where it can't be read."""
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(expression, dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return list(known)
    named = {column.name.lower() for column in tree.find_all(exp.Column)}
    return [name for name in known if name.lower() in named]


def _is_number(kind: str) -> bool:
    return kind.startswith(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "DECIMAL")
    ) or (kind in ("FLOAT", "DOUBLE"))


def _survived(count: int, what: str, other: Sequence[str] = ()) -> CheckFailed:
    mend = "mend the rules (does the replacement match its own pattern?)"
    if other:
        mend = (
            f"leave {', '.join(other)} out ([keep]), which holds no plain text, where alone a "
            "pattern is replaced; or name the rule's columns instead of '*'"
        )
    return CheckFailed(
        f"{count} {what} survived",
        why="the result holds what the rules should have taken out of it",
        next=f"{mend}; nothing was registered",
    )


def _bounds(item: Criterion) -> str:
    limits = (("at least", item.minimum), ("at most", item.maximum))
    return " and ".join(f"{how} {limit:g}" for how, limit in limits if limit is not None)
