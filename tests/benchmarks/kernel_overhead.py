"""What a governed kernel costs, as ratios against plain ipykernel.

Run it: ``python tests/benchmarks/kernel_overhead.py``. Both kernels live at the same time and take
turns cell by cell, so that a busy machine disturbs both alike; the median of each pair counts.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.kernel.running import RunningKernel, make_workspace

# Byte code is kept, as it is where people work: else each start compiles this checkout anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROUNDS = 11
PAIRS = 5
_TURNS = itertools.count()
IMPORTS = """
import warnings; warnings.filterwarnings("ignore")
import duckdb, numpy as np, pandas as pd, polars as pl
from sklearn.linear_model import LogisticRegression
"""
PREPARE = f"""{IMPORTS}
rng = np.random.default_rng(1)
rows = 1_000_000
made = pd.DataFrame({{
    "id": np.arange(rows), "ward": rng.integers(0, 40, rows).astype(str),
    "age": rng.integers(0, 90, rows), "cost": rng.random(rows) * 1000,
}})
wards = pd.DataFrame({{"ward": [str(n) for n in range(40)], "beds": range(40)}})
made.to_parquet("rows.parquet"); made.to_csv("rows.csv", index=False)
series = pd.Series(range(100))
"""
WARDS = "wards.to_csv('wards.csv', index=False)"
MANY = """
import os
os.mkdir("many")
for number in range(10_000):
    with open(f"many/{number}", "w") as file:
        file.write("x")
"""
NOTEBOOK = {
    "read_parquet, 1,000,000 rows": 'frame = pd.read_parquet("rows.parquet")',
    "read_csv, 1,000,000 rows": 'text = pd.read_csv("rows.csv")',
    "filter and assign": 'adults = frame[frame["age"] > 18].copy()\n'
    'adults["dear"] = adults["cost"] > adults["cost"].mean()',
    "merge": 'joined = adults.merge(wards, on="ward", how="left")',
    "groupby": 'table = joined.groupby("ward").agg(total=("cost", "sum"), age=("age", "mean"))',
    "SQL by DuckDB": 'sql = duckdb.sql("select ward, avg(cost) as m from joined '
    'where age > 30 group by ward order by m").df()',
    "polars, lazy": 'lazy = (pl.scan_parquet("rows.parquet").filter(pl.col("age") > 30)'
    '.group_by("ward").agg(pl.col("cost").mean()).collect())',
    "scikit-learn fit": "part = joined.head(100_000)\nmodel = LogisticRegression()"
    '.fit(part[["age", "cost"]], part["dear"])\nguess = model.predict(part[["age", "cost"]])',
    "a Python loop": "total = 0\nfor n in range(2_000_000):\n    total += n % 7",
    "write": 'table.to_csv("table.csv"); joined.head(200_000).to_parquet("joined.parquet")',
}
SMALL = {
    "series + 1, 100,000 times": (1, "for _ in range(100_000):\n    series + 1"),
    "a data file opened 20,000 times": (
        20_000,
        "for _ in range(20_000):\n    with open('wards.csv') as file:\n        pass",
    ),
    "10,000 data files opened once": (
        10_000,
        "for number in range(10_000):\n    with open(f'many/{number}') as file:\n        pass",
    ),
}


class PlainKernel:
    """ipykernel as it is."""

    def __init__(self, folder: Path) -> None:
        self._folder = tempfile.mkdtemp(prefix="pk-")
        file = f"{self._folder}/kernel.json"
        self.manager = KernelManager(kernel_name="python3", transport="ipc", connection_file=file)
        self.manager.start_kernel(cwd=str(folder))
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    @property
    def pid(self) -> int:
        """Its process."""
        return int(self.manager.provisioner.pid)  # type: ignore[union-attr]

    def close(self) -> None:
        """End it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def seconds(client: BlockingKernelClient, code: str) -> float:
    """Time from the request of a cell to its reply."""
    begun = time.perf_counter()
    reply = client.execute_interactive(code, timeout=600, output_hook=lambda _: None)
    if reply["content"]["status"] != "ok":
        raise RuntimeError("\n".join(reply["content"]["traceback"]))
    return time.perf_counter() - begun


def megabytes(pid: int) -> float:
    """Memory of a process that no other one shares, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) / 1024


def say(text: str) -> None:
    """One line of the report."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def line(name: str, plain: float, governed: float, unit: str, limit: str = "") -> None:
    """Both times and their ratio."""
    ratio = f"{governed / plain:6.3f}"
    say(f"{name:34} {plain:9.3f} {governed:9.3f} {unit:3} {ratio}  {limit}")


def main() -> None:
    """Print the table."""
    folder = Path(tempfile.mkdtemp(prefix="overhead-"))
    workspace = make_workspace(folder / "workspace")
    (folder / "plain").mkdir()
    starts: list[tuple[float, float]] = []
    for _ in range(3):
        starts.append((_started(lambda: PlainKernel(folder / "plain")),
                       _started(lambda: RunningKernel(workspace))))  # fmt: skip
    plain, governed = PlainKernel(folder / "plain"), RunningKernel(workspace)
    clients = (plain.client, governed.client)
    say(f"{'':34} {'plain':>9} {'governed':>9}     ratio  limit")
    line("start of the kernel", *_medians(starts), "s", "0.1 s more")
    for client in clients:
        seconds(client, PREPARE)
        seconds(client, WARDS)
    one, other = _medians([_pair(clients, "1 + 1") for _ in range(60)])
    line("a cell of one line", one * 1000, other * 1000, "ms", "1 ms more")
    totals = [[0.0, 0.0] for _ in range(ROUNDS)]
    for name, code in NOTEBOOK.items():
        pairs = [_pair(clients, code) for _ in range(ROUNDS)]
        for total, pair in zip(totals, pairs, strict=True):
            total[0] += pair[0]
            total[1] += pair[1]
        line(name, *_medians(pairs), "s")
    ratios = sorted(after / before for before, after in totals)
    line("the whole notebook", *_medians([(a, b) for a, b in totals]), "s", "1.03")
    say(f"{'':34} ratios of its rounds: {', '.join(f'{ratio:.3f}' for ratio in ratios)}")
    for client in clients:
        seconds(client, MANY)
    for name, (times, code) in SMALL.items():
        pairs = [_pair(clients, code) for _ in range(ROUNDS)]
        before, after = _medians(pairs)
        more = f"{(after - before) / times * 1e6:.0f} µs more each; 50" if times > 1 else "1.3"
        line(name, before, after, "s", more)
    plain.close()
    governed.close()
    _fresh(folder)


def _fresh(folder: Path) -> None:
    """The notebook once in each of some pairs of kernels: what memory it takes, and its first time.

    After several rounds in one kernel, memory tells more of allocators than of anybody's needs.
    """
    times, sizes = [], []
    for number in range(PAIRS):
        workspace = make_workspace(folder / f"workspace-{number}")
        plain, governed = PlainKernel(folder / "plain"), RunningKernel(workspace)
        clients = (plain.client, governed.client)
        pairs = [_pair(clients, IMPORTS)]
        for code in (PREPARE, WARDS):
            _pair(clients, code)
        pairs += [_pair(clients, code) for code in NOTEBOOK.values()]
        times.append((sum(one for one, _ in pairs), sum(other for _, other in pairs)))
        both = megabytes(governed.kernel) + megabytes(governed.recorder)
        sizes.append((megabytes(plain.pid), both))
        plain.close()
        governed.close()
    line("first time, with its imports", *_medians(times), "s")
    line("memory, with the recorder", *_medians(sizes), "MB", "50 MB more")
    more = ", ".join(
        f"{other - one:.0f}" for one, other in sorted(sizes, key=lambda s: s[1] - s[0])
    )
    say(f"{'':34} more in each pair: {more} MB")


def _started(start: Callable[[], PlainKernel | RunningKernel]) -> float:
    begun = time.perf_counter()
    kernel = start()
    taken = time.perf_counter() - begun
    kernel.close()
    return taken


def _pair(
    clients: tuple[BlockingKernelClient, BlockingKernelClient], code: str
) -> tuple[float, float]:
    """Both times, the first being another one in each turn."""
    turn = next(_TURNS) % 2
    first = seconds(clients[turn], code)
    second = seconds(clients[1 - turn], code)
    return (second, first) if turn else (first, second)


def _medians(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    before, after = zip(*pairs, strict=True)
    return statistics.median(before), statistics.median(after)


if __name__ == "__main__":
    main()
