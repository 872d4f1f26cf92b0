"""TPC-H over tiny tables: the 22 queries, and which columns their columns owe to.

For every dialect: `QUERIES` are the texts in SQL, `tables` fills a DuckDB with rows that the
queries find something in, and `EXPECTED` is what a person says of the columns (``expected.toml``).

Whether a table is filtered before it is joined or afterwards makes no difference to the words.
But what SQL asks by EXISTS or by a query within a condition, a program for frames asks by groups
that it joins: which rows there are is then decided by the same columns in another way. So programs
are held to `agreement`: every word counts but those three.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import duckdb

__all__ = ["EXPECTED", "QUERIES", "Origins", "agreement", "tables", "write_files"]

Origins: TypeAlias = dict[str, set[tuple[str, str]]]
"""Output column → ``table.column`` and relation."""

HERE = Path(__file__).parent
QUERIES = {int(path.stem[1:]): path.read_text() for path in sorted(HERE.glob("queries/*.sql"))}
_DECIDES = ("JOIN", "FILTER", "GROUP_BY")
_PREFIXES = {
    "c": "customer",
    "l": "lineitem",
    "n": "nation",
    "o": "orders",
    "p": "part",
    "ps": "partsupp",
    "r": "region",
    "s": "supplier",
}


def _expected(facts: dict[str, Any]) -> Origins:
    """A query's part of ``expected.toml``; the file says how it is written."""
    found: Origins = {}
    everywhere = facts.get("all", {})
    for column, direct in facts["columns"].items():
        origins = set()
        for part in filter(None, map(str.strip, direct.split(","))):
            name, relation = part.split()
            origins.add((_whole(name), relation))
        for relation, names in [*everywhere.items(), *facts.get(column, {}).items()]:
            origins |= {(_whole(name), relation) for name in names.split()}
        found[column] = origins
    return found


def _whole(name: str) -> str:
    return f"{_PREFIXES[name.partition('_')[0]]}.{name}"


EXPECTED: dict[int, Origins] = {
    int(name[1:]): _expected(facts)
    for name, facts in tomllib.loads((HERE / "expected.toml").read_text()).items()
}


def agreement(origins: Origins) -> dict[str, set[tuple[str, str]]]:
    """What programs agree on that ask the same in other ways."""
    return {
        column: {(name, "decides rows" if word in _DECIDES else word) for name, word in found}
        for column, found in origins.items()
    }


# --- rows ------------------------------------------------------------------------------------

SCHEMA = """
CREATE TABLE region (r_regionkey INTEGER, r_name VARCHAR, r_comment VARCHAR);
CREATE TABLE nation (
    n_nationkey INTEGER, n_name VARCHAR, n_regionkey INTEGER, n_comment VARCHAR
);
CREATE TABLE supplier (
    s_suppkey BIGINT, s_name VARCHAR, s_address VARCHAR, s_nationkey INTEGER, s_phone VARCHAR,
    s_acctbal DECIMAL(15, 2), s_comment VARCHAR
);
CREATE TABLE customer (
    c_custkey BIGINT, c_name VARCHAR, c_address VARCHAR, c_nationkey INTEGER, c_phone VARCHAR,
    c_acctbal DECIMAL(15, 2), c_mktsegment VARCHAR, c_comment VARCHAR
);
CREATE TABLE part (
    p_partkey BIGINT, p_name VARCHAR, p_mfgr VARCHAR, p_brand VARCHAR, p_type VARCHAR,
    p_size INTEGER, p_container VARCHAR, p_retailprice DECIMAL(15, 2), p_comment VARCHAR
);
CREATE TABLE partsupp (
    ps_partkey BIGINT, ps_suppkey BIGINT, ps_availqty BIGINT, ps_supplycost DECIMAL(15, 2),
    ps_comment VARCHAR
);
CREATE TABLE orders (
    o_orderkey BIGINT, o_custkey BIGINT, o_orderstatus VARCHAR, o_totalprice DECIMAL(15, 2),
    o_orderdate DATE, o_orderpriority VARCHAR, o_clerk VARCHAR, o_shippriority INTEGER,
    o_comment VARCHAR
);
CREATE TABLE lineitem (
    l_orderkey BIGINT, l_partkey BIGINT, l_suppkey BIGINT, l_linenumber BIGINT,
    l_quantity DECIMAL(15, 2), l_extendedprice DECIMAL(15, 2), l_discount DECIMAL(15, 2),
    l_tax DECIMAL(15, 2), l_returnflag VARCHAR, l_linestatus VARCHAR, l_shipdate DATE,
    l_commitdate DATE, l_receiptdate DATE, l_shipinstruct VARCHAR, l_shipmode VARCHAR,
    l_comment VARCHAR
)
"""
_REGIONS = ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST")
_NATIONS = (
    *(("KENYA", 0), ("BRAZIL", 1), ("CANADA", 1), ("CHINA", 2), ("INDIA", 2)),
    *(("FRANCE", 3), ("GERMANY", 3), ("SAUDI ARABIA", 4)),
)


def tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the eight tables, with rows that the constants of the queries choose some of."""
    connection.execute(SCHEMA)
    chance = random.Random(20)
    pick = chance.choice

    def money(most: int) -> float:
        return round(chance.uniform(-most / 10, most), 2)

    def day(first: date = date(1992, 1, 1), days: int = 2400) -> date:
        return first + timedelta(chance.randrange(days))

    rows: dict[str, list[tuple[Any, ...]]] = {
        "region": [(key, name, f"region {key}") for key, name in enumerate(_REGIONS)],
        "nation": [(k, name, region, f"n {k}") for k, (name, region) in enumerate(_NATIONS)],
        "supplier": [
            (
                key,
                f"Supplier {key}",
                f"street {key}",
                key % len(_NATIONS),
                f"{key}-555",
                money(9000),
                pick(("fine", "Customer has Complaints", "well")),
            )
            for key in range(16)
        ],
        "customer": [
            (
                key,
                f"Customer {key}",
                f"road {key}",
                key % len(_NATIONS),
                f"{pick((13, 31, 23, 29, 30, 18, 17, 40))}-{key}",
                money(9000),
                pick(("BUILDING", "MACHINERY")),
                f"c {key}",
            )
            for key in range(40)
        ],
        "part": [
            (
                key,
                f"{pick(('forest', 'green', 'red'))} {pick(('green', 'blue'))}",
                f"Manufacturer {key % 3}",
                pick(("Brand#12", "Brand#23", "Brand#34", "Brand#45")),
                pick(("PROMO BRASS", "ECONOMY ANODIZED STEEL", "MEDIUM POLISHED TIN", "BIG BRASS")),
                pick((1, 3, 4, 9, 14, 15)),
                pick(("SM CASE", "MED BOX", "LG PACK")),
                money(900),
                f"p {key}",
            )
            for key in range(30)
        ],
    }
    supplies = {(part, chance.randrange(16)) for part in range(30) for _ in range(3)}
    rows["partsupp"] = [
        (part, supplier, chance.randrange(1, 60), money(90) + 20, f"ps {part}")
        for part, supplier in sorted(supplies)
    ]
    rows["orders"] = [
        (
            key,
            chance.randrange(30),
            pick(("F", "O", "P")),
            money(90000),
            day(),
            pick(("1-URGENT", "2-HIGH", "3-MEDIUM", "5-LOW")),
            f"Clerk {key % 5}",
            0,
            pick(("fast", "special blue requests", "slow")),
        )
        for key in range(160)
    ]
    rows["lineitem"] = []
    for number in range(640):
        part, supplier = pick(sorted(supplies))
        shipped = day()
        rows["lineitem"].append(
            (
                chance.randrange(160) if number > 30 else 7,
                part,
                supplier,
                number % 7,
                chance.randrange(1, 50),
                money(9000) + 1000,
                pick((0.0, 0.05, 0.06, 0.07, 0.1)),
                pick((0.0, 0.02, 0.08)),
                pick(("A", "N", "R")),
                pick(("F", "O")),
                shipped,
                shipped + timedelta(chance.randrange(-20, 40)),
                shipped + timedelta(chance.randrange(1, 40)),
                pick(("DELIVER IN PERSON", "NONE")),
                pick(("MAIL", "SHIP", "AIR", "AIR REG")),
                f"l {number}",
            )
        )
    for name, values in rows.items():
        connection.executemany(f"INSERT INTO {name} VALUES ({_marks(values[0])})", values)


def write_files(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[str]:
    """Write each table into a Parquet file; returns their names.

    Amounts are floating-point numbers there, as published ports to dataframes have them.
    """
    names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
    for name in names:
        columns = connection.execute(f"DESCRIBE {name}").fetchall()
        amounts = [column for column, kind, *_ in columns if kind.startswith("DECIMAL")]
        casts = ", ".join(f"{column}::DOUBLE AS {column}" for column in amounts)
        star = f"* REPLACE ({casts})" if casts else "*"
        connection.execute(f"COPY (SELECT {star} FROM {name}) TO '{folder}/{name}.parquet'")
    return names


def _marks(row: Iterable[Any]) -> str:
    return ", ".join("?" for _ in row)
