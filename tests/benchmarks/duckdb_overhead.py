"""What observing DuckDB costs, as ratios against the same queries unobserved.

Run it: ``python tests/benchmarks/duckdb_overhead.py``. Each pair runs in two fresh interpreters
that take turns, so that a busy machine disturbs both alike; the smallest time of each counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROUNDS = 7


def start() -> dict[str, tuple[int, Callable[[], object]]]:
    """The pieces of work and how many queries are in each, after what they share."""
    import duckdb
    import pandas as pd

    con = duckdb.connect()
    for name, rows in (("t", 100), ("big", 1_000_000)):
        values = "i AS id, i % 40 AS w, i * 7 % 1000 / 3 AS c"
        con.execute(f"CREATE TABLE {name} AS SELECT {values} FROM range({rows}) r(i)")
    folder = tempfile.mkdtemp()
    con.execute(f"COPY big TO '{folder}/big.parquet'")
    con.execute(f"COPY (FROM big LIMIT 100000) TO '{folder}/some.csv'")
    frame = pd.DataFrame({"id": range(1000), "v": range(1000)})
    numbers = iter(range(1 << 60))

    def same() -> None:
        for _ in range(500):
            con.execute("SELECT w, sum(c) FROM t WHERE id > ? GROUP BY w", [3]).fetchall()

    def other() -> None:
        for _ in range(100):
            con.execute(
                f"SELECT w, sum(c) AS s FROM t WHERE id > {next(numbers)} GROUP BY w"
            ).fetchall()

    def smallest() -> None:
        for _ in range(1000):
            con.execute("SELECT 1").fetchone()

    def frames(frame: pd.DataFrame = frame) -> None:
        for _ in range(100):
            con.sql("SELECT t.w, sum(v) AS s FROM frame JOIN t USING (id) GROUP BY t.w").df()

    def relations() -> None:
        for _ in range(100):
            con.table("t").filter("id > 3").aggregate("w, sum(c) AS s", "w").order("s").fetchall()

    def inserts() -> None:
        con.execute("CREATE OR REPLACE TABLE x (a INT, b INT)")
        for number in range(200):
            con.execute("INSERT INTO x VALUES (?, ?)", [number, number])

    def parquet() -> None:
        for _ in range(5):
            con.sql(
                f"SELECT w, avg(c) AS m FROM '{folder}/big.parquet' WHERE id > 9 GROUP BY w"
            ).df()

    def csv() -> None:
        for _ in range(5):
            con.sql(f"SELECT w, avg(c) AS m FROM '{folder}/some.csv' GROUP BY w").df()

    def joins() -> None:
        for _ in range(5):
            con.sql(
                "SELECT a.w, sum(b.c) AS s FROM big a JOIN big b USING (id) GROUP BY a.w ORDER BY s"
            ).df()

    return {
        "SELECT 1": (1000, smallest),
        "a parameter, the same text": (500, same),
        "a text of its own each time": (100, other),
        "a dataframe joined": (100, frames),
        "four relations and a fetch": (100, relations),
        "INSERT … VALUES": (200, inserts),
        "Parquet, a million rows": (5, parquet),
        "CSV, 100,000 rows": (5, csv),
        "a join of a million rows": (5, joins),
    }


def child(observed: bool) -> None:
    """Time each piece of work whenever the parent names it."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    before = time.perf_counter()
    if observed:
        from governed_kernel.capture import install
        from tests.capture.recording import ListEmitter

        install(ListEmitter(), session="benchmark")
    work = start()
    print(json.dumps(time.perf_counter() - before), flush=True)  # noqa: T201
    for line in sys.stdin:
        begun = time.perf_counter()
        exec("work()", {"work": work[line.rstrip("\n")][1]})
        print(json.dumps(time.perf_counter() - begun), flush=True)  # noqa: T201


def main() -> None:
    """Print a table of paired times."""
    children = [
        subprocess.Popen(
            [sys.executable, __file__, mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        for mode in ("plain", "observed")
    ]

    def ask(process: subprocess.Popen[str], name: str) -> float:
        assert process.stdin is not None
        assert process.stdout is not None
        if name:
            process.stdin.write(name + "\n")
        return float(process.stdout.readline())

    print(f"{'':30} {'plain':>9} {'observed':>9} {'ratio':>6} {'more a query':>13}")  # noqa: T201
    show("imports, tables made", 1, [ask(process, "") for process in children])
    for name, (queries, _) in start().items():
        rounds = [[ask(process, name) for process in children] for _ in range(ROUNDS)]
        show(name, queries, [min(times) for times in zip(*rounds, strict=True)])
    for process in children:
        process.communicate()


def show(name: str, queries: int, times: list[float]) -> None:
    """One line of the table."""
    plain, observed = (each / queries * 1e3 for each in times)
    more = observed - plain
    print(f"{name:30} {plain:6.3f} ms {observed:6.3f} ms {observed / plain:6.2f} {more:10.3f} ms")  # noqa: T201


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1] == "observed")
    else:
        main()
