"""Whole programs: made by chance, and written down as cells of each dialect."""

from __future__ import annotations

import random
import re
from pathlib import Path

import duckdb

from tests.capture.programs import groups, meetings, steps
from tests.capture.programs.plans import SCHEMAS, Column, Frame, Program

__all__ = ["DIALECTS", "STARTS", "cell", "program_of", "query_of", "write_tables"]

DIALECTS = ("pandas", "polars", "polars lazy", "duckdb")
STARTS = {
    "pandas": "import numpy as np, pandas as pd",
    "polars": "import polars as pl",
    "polars lazy": "import polars as pl",
    "duckdb": "import duckdb",
}
_TABLES = """
CREATE TABLE visits AS SELECT i::BIGINT AS id, ['a', 'b', 'c', NULL][1 + i * 7 % 4] AS ward,
    (i * 5 % 9)::BIGINT AS age, CASE WHEN i % 5 <> 3 THEN (i * 37 % 11) / 2.0::DOUBLE END AS cost,
    TIMESTAMP '2026-01-01' + to_days(((i * 11) % 40)::INT) AS day,
    ['ab', 'b', ' ca', 'a'][1 + i * 3 % 4] AS note FROM range(14) r(i);
CREATE TABLE wards AS SELECT ['a', 'b', 'c', 'd', 'a', 'e'][1 + i] AS name,
    (i * 2 % 5)::BIGINT AS beds, (i % 3)::BIGINT AS floor,
    CASE WHEN i <> 2 THEN i / 8 + 2.5::DOUBLE END AS share FROM range(6) r(i);
CREATE TABLE people AS SELECT (i * 3 % 10)::BIGINT AS person,
    ['b', 'a', 'x', 'c'][1 + i % 4] AS town,
    CASE WHEN i % 4 <> 1 THEN i * 1.25::DOUBLE + 1 END AS size,
    TIMESTAMP '2026-01-05' + to_days((i * 3)::INT) AS born FROM range(9) r(i);
"""


def write_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Make the tables, and a Parquet file of each."""
    connection.execute(_TABLES)
    for name in SCHEMAS:
        connection.execute(f"COPY {name} TO '{folder / name}.parquet'")


def program_of(seed: int, length: int = 7) -> Program:
    """The program of a seed: the same on every machine."""
    chance = random.Random(seed)
    program = Program(chance)
    for name, schema in SCHEMAS.items():
        columns = {
            n: Column(k, frozenset([(f"{name}.{n}", "IDENTITY")])) for n, k in schema.items()
        }
        program.frames.append(Frame(name, columns))
    latest = chance.choice(program.frames)
    for _ in range(chance.randint(2, length)):
        if chance.random() < 0.3:
            latest = chance.choice(meetings.STEPS)(program, latest, chance.choice(program.frames))
        else:
            if chance.random() < 0.1:
                latest = chance.choice(program.frames)
            latest = chance.choice((*steps.STEPS, *groups.STEPS))(program, latest)
    return program


def query_of(program: Program) -> str:
    """The whole program as one query."""
    steps = ", ".join(f"{name} AS ({query})" for name, query in program.queries[:-1])
    return (f"WITH {steps} " if steps else "") + program.queries[-1][1]


def cell(program: Program, dialect: str, path: str) -> str:
    """The program as a cell that writes what it makes to `path`."""
    last = program.frames[-1].name
    if dialect == "pandas":
        read = [f'{name} = pd.read_parquet("{name}.parquet")' for name in SCHEMAS]
        return "\n".join([*read, *program.pandas, f'{last}.to_parquet("{path}", index=False)'])
    if dialect == "polars":
        read = [f'{name} = pl.read_parquet("{name}.parquet")' for name in SCHEMAS]
        return "\n".join([*read, *_by_series(program), f'{last}.write_parquet("{path}")'])
    if dialect == "polars lazy":
        read = [f'{name} = pl.scan_parquet("{name}.parquet")' for name in SCHEMAS]
        steps = [_LOOKED_AT.sub(r"\1.collect()\2", line) for line in program.polars]
        return "\n".join([*read, *steps, f'{last}.sink_parquet("{path}")'])
    return _queries(program, path)


_LOOKED_AT = re.compile(r"(\.select\([^()]*(?:\([^()]*\)[^()]*)*\))(\.to_series\(\)|\.item\(\))")
_COLUMN = re.compile(r'pl\.col\("(\w+)"\)')


def _by_series(program: Program) -> list[str]:
    """Some steps by the series of the frame, as one may write them of frames in memory."""
    lines = []
    chance = random.Random(str(program.polars))
    for line in program.polars:
        name = re.match(r"\w+ = (\w+)\.(filter|with_columns)\(", line)
        if (
            name
            and not re.search(r"\.over\(|pl\.(len|lit|coalesce|max_hor)|item\(", line)
            and chance.random() < 0.4
        ):
            line = _COLUMN.sub(rf'{name.group(1)}["\1"]', line)
        lines.append(line)
    return lines


def _queries(program: Program, path: str) -> str:
    """As one query, as relations, as views or tables: by chance."""
    style = random.Random(path).choice(("one", "one", "relations", "views", "tables", "nested"))
    read = ["con = duckdb.connect()"]
    read += [f"con.sql(\"CREATE OR REPLACE VIEW {n} AS FROM '{n}.parquet'\")" for n in SCHEMAS]
    if style == "relations":
        steps = [f'{name} = con.sql("""{query}""")' for name, query in program.queries]
        last = program.queries[-1][0]
        return "\n".join([*read, *steps, f'{last}.write_parquet("{path}")'])
    if style in ("views", "tables"):
        word = "TEMP VIEW" if style == "views" else "TEMP TABLE"
        made = [f'con.sql("""CREATE {word} {n} AS {q}""")' for n, q in program.queries[:-1]]
        gone = [f'con.sql("DROP {word[5:]} {n}")' for n, _ in reversed(program.queries[:-1])]
        copy = f'con.sql("""COPY ({program.queries[-1][1]}) TO \'{path}\'""")'
        return "\n".join([*read, *made, copy, *gone])
    query = query_of(program)
    if style == "nested":
        query = program.queries[-1][1]
        for name, inner in reversed(program.queries[:-1]):
            query = re.sub(
                rf"\b(FROM|JOIN) {name}\b(?!\.)(?! AS)", rf"\1 ({inner}) AS {name}", query
            )
            query = re.sub(rf"\b(FROM|JOIN) {name} AS", rf"\1 ({inner}) AS", query)
    return "\n".join([*read, f'con.sql("""COPY ({query}) TO \'{path}\'""")'])
