"""What observing costs, as ratios against the same work unobserved.

Run it: ``python tests/benchmarks/capture_overhead.py``. Each pair runs in two fresh interpreters
that take turns, so that a busy machine disturbs both alike; the smallest time of each counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROUNDS = 5


def start() -> dict[str, Callable[[], object]]:
    """The pieces of work, after the imports that they share."""
    import pandas as pd

    series = pd.Series(range(100))
    count = 100_000
    frame = pd.DataFrame(
        {
            "id": range(count),
            "ward": [f"w{n % 40}" for n in range(count)],
            "age": [n % 90 for n in range(count)],
            "cost": [n * 7 % 1000 / 3 for n in range(count)],
        }
    )
    wards = pd.DataFrame({"ward": [f"w{n}" for n in range(40)], "beds": range(40)})

    def additions() -> None:
        for _ in range(100_000):
            series + 1

    def pipeline() -> None:
        for _ in range(10):
            kept = frame[(frame["age"] > 18) & (frame.cost < 300)]
            both = kept.merge(wards, on="ward", how="left")
            both["share"] = both["cost"] / both["beds"].clip(lower=1)
            both = both.assign(old=both["age"] > 65).sort_values("share")
            table = both.groupby("ward").agg(total=("cost", "sum"), share=("share", "mean"))
            table.reset_index().rename(columns=str.upper).describe()

    def small_frames() -> None:
        small = frame.head(569)
        for _ in range(100):
            part = small[small["age"] > 30]
            part = part.assign(text=part["ward"] + " " + part["age"].astype(str))
            part.groupby("ward")["cost"].mean().sort_values().head()

    def opens() -> None:
        for _ in range(20_000):
            with open(os.__file__):  # noqa: PTH123 - it is what is measured
                pass

    return {
        "series + 1, 100,000 times": additions,
        "a pipeline over 100,000 rows": pipeline,
        "many steps over 569 rows": small_frames,
        "20,000 opens of the environment": opens,
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
        exec("work()", {"work": work[line.rstrip("\n")]})
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

    print(f"{'':36} {'plain':>9} {'observed':>9} {'ratio':>6}")  # noqa: T201
    show("imports, frames made", [ask(process, "") for process in children])
    for name in start():
        rounds = [[ask(process, name) for process in children] for _ in range(ROUNDS)]
        show(name, [min(times) for times in zip(*rounds, strict=True)])
    for process in children:
        process.communicate()


def show(name: str, times: list[float]) -> None:
    """One line of the table."""
    plain, observed = times
    print(f"{name:36} {plain:8.3f}s {observed:8.3f}s {observed / plain:6.2f}")  # noqa: T201


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1] == "observed")
    else:
        main()
