"""The tables that the notebooks read: small, of ordinary kinds, the same each time."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["Tables", "changed", "made", "write"]

Tables: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""Name → rows; a missing value is the empty text."""
_YEAR, _MARCH = date(2024, 1, 1), datetime(2024, 3, 1)
_CARS = (("c1", "mini", 2019, 230), ("c2", "van", 2021, 310), ("c3", "mini", 2020, 235))
_OTHERS = (("c5", "bus", 2018, 180), ("c4", "van", 2022, 330))


def made() -> Tables:
    """A clinic's patients, visits and labs, a bank's loans, a fleet's trips and sensors."""
    chance = random.Random(7)
    choice, whole, real = chance.choice, chance.randint, chance.uniform

    def day(first: int, last: int) -> str:
        return (_YEAR + timedelta(days=whole(first, last))).isoformat()

    def moment(minutes: int) -> str:
        return (_MARCH + timedelta(minutes=minutes)).isoformat(sep=" ")

    def name() -> str:
        return f"{choice('ABCDEFG')}{choice('aeiou')}n {choice('KLMN')}o{choice('rst')}"

    notes = ["stable pain", "no pain", "severe cough", "cough and fever", ""]
    return {
        "patients": [
            {
                "pid": number,
                "name": name(),
                "sex": choice("fm"),
                "age": choice([whole(18, 90), whole(18, 90), ""]),
                "town": choice(["Oslo", "Rome", "Lyon", "Bonn"]),
                "smoker": choice(["yes", "no", "no"]),
                "weight": round(real(48, 110), 1),
            }
            for number in range(1, 41)
        ],
        "visits": [
            {
                "vid": 100 + number,
                "pid": whole(1, 44),
                "day": day(0, 200),
                "ward": choice(["er", "icu", "ward", "er"]),
                "cost": round(real(20, 900), 2),
                "note": choice(notes),
                "los": whole(0, 14),
            }
            for number in range(120)
        ],
        "labs": [
            {
                "lid": number,
                "pid": whole(1, 40),
                "day": day(0, 200),
                "test": choice(["crp", "hb", "glu"]),
                "value": choice([round(real(0.5, 15), 2)] * 5 + [""]),
                "unit": choice(["mg", "g"]),
            }
            for number in range(160)
        ],
        "loans": [
            {
                "loan": number,
                "client": whole(1, 25),
                "start": day(0, 100),
                "amount": whole(1, 90) * 500,
                "rate": round(real(1, 9), 2),
                "term": choice([12, 24, 36]),
                "status": choice(["paid", "open", "late", "open"]),
                "segment": choice(["sme", "retail"]),
            }
            for number in range(1, 61)
        ],
        "payments": [
            {
                "loan": whole(1, 62),
                "paid_at": day(30, 300),
                "paid": round(real(10, 2000), 2),
                "channel": choice(["web", "branch", "app", ""]),
            }
            for _ in range(200)
        ],
        "clients": [
            {
                "client": number,
                "name": f"C{number:03}",
                "income": choice([whole(15, 120) * 1000] * 6 + [""]),
                "region": choice(["n", "s", "e"]),
                "score": whole(300, 850),
            }
            for number in range(1, 28)
        ],
        "trips": [
            {
                "trip": number,
                "car": choice(["c1", "c2", "c3", "c4"]),
                "began": moment(17 * number + whole(0, 9)),
                "km": round(real(1, 80), 1),
                "kwh": round(real(1, 20), 2),
                "driver": choice(["d1", "d2", "d3"]),
                "event": choice(["none", "none", "none", "brake", "swerve"]),
            }
            for number in range(1, 151)
        ],
        "cars": [
            {"car": car, "model": model, "built": built, "range_km": km}
            for car, model, built, km in (*_CARS, *_OTHERS)
        ],
        "sensors": [
            {
                "ts": moment(10 * number),
                "car": choice(["c1", "c2", "c3"]),
                "temp": round(chance.gauss(20, 5), 2),
                "volt": choice([round(chance.gauss(12, 0.5), 3)] * 6 + [""]),
                "alarm": choice([0, 0, 0, 1]),
            }
            for number in range(180)
        ],
    }


def write(folder: Path, tables: Tables) -> None:
    """Each as a CSV file."""
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def changed(tables: Tables, table: str, column: str, way: int) -> Tables:
    """The tables with other values of the same kind in one column.

    Parameters
    ----------
    way : int
        0: the same values in other rows; 1, 2: other numbers, for half of the rows or all of them;
        3: others are missing. Where a way does not fit, some rows get the values of others.
    """
    chance = random.Random(f"{table}.{column}.{way}")  # no secret is made of it
    values = [row[column] for row in tables[table]]
    known = [value for value in values if value != ""]
    are_numbers = isinstance(known[0], (int, float))
    if way == 0:
        new = chance.sample(values, len(values))
    elif way in (1, 2) and are_numbers:
        new = [_other(chance, value, known, half=way == 1) for value in values]
    elif way == 3 and "" in values:
        new = [
            "" if chance.random() < 0.3 else (value if value != "" else chance.choice(known))
            for value in values
        ]
    else:
        new = [value if chance.random() < 0.6 else chance.choice(known) for value in values]
    rows = [{**row, column: value} for row, value in zip(tables[table], new, strict=True)]
    return {**tables, table: rows}


def _other(chance: random.Random, value: Any, known: Sequence[Any], *, half: bool) -> Any:
    if value == "" or (half and chance.random() < 0.5):
        return value
    if isinstance(value, int):
        return chance.randint(min(known), max(known)) if half else value + chance.randint(0, 2)
    if half:
        return round(chance.uniform(min(known), max(known)), 3)
    return round(value * chance.uniform(0.7, 1.4) + 0.01, 3)
