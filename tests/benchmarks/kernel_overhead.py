"""What a governed kernel costs, as ratios against plain ipykernel.

Run it: ``python tests/benchmarks/kernel_overhead.py [PAIRS]``. Both kernels live at the same time
and take turns, so that a busy machine disturbs both alike. What is small takes turns cell by cell,
each kernel as often the first as the second: for some 50 ms after a cell the other kernel's
threads of linear algebra still turn, waiting for work. A notebook is run whole, cell after cell as
*Run all* does. Two equal kernels differ by several per cent for as long as they live, by where
their memory happens to lie, so the median over pairs of fresh kernels counts, not over turns.
Where other programs share the processors, the same cell of plain Python takes up to twice its time;
that can only add, so what a cell takes by itself is nearest to the fastest of its turns, and the
notebook is told by these as well as by the medians.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.benchmarks.bare_notification import microseconds
from tests.kernel.running import RunningKernel, make_workspace

# Byte code is kept, as it is where people work: else each start compiles this checkout anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROUNDS = 12
TURNS = 8
PAIRS = 12
PAUSE = 0.15  # seconds until the other kernel's threads and recorder are done
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
STEPS = """
small = made.head(569)
for _ in range(100):
    part = small[small["age"] > 30]
    part = part.assign(text=part["ward"] + " " + part["age"].astype(str))
    part.groupby("ward")["cost"].mean().sort_values().head()
"""
SMALL = {
    "series + 1, 100,000 times": (1, "for _ in range(100_000):\n    series + 1"),
    "100 times 8 steps over 569 rows": (1, STEPS),
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
    (folder / "plain").mkdir()
    say(f"{'':34} {'plain':>9} {'governed':>9}     ratio  limit")
    _small(folder)
    _notebook(folder, int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)


def _small(folder: Path) -> None:
    """What one thing costs, in one pair of kernels."""
    workspace = make_workspace(folder / "workspace")
    starts: list[tuple[float, float]] = []
    for _ in range(3):
        starts.append((_started(lambda: PlainKernel(folder / "plain")),
                       _started(lambda: RunningKernel(workspace))))  # fmt: skip
    line("start of the kernel", *_medians(starts), "s", "0.1 s more")
    plain, governed = PlainKernel(folder / "plain"), RunningKernel(workspace)
    clients = (plain.client, governed.client)
    for code in (PREPARE, WARDS, MANY):
        _pair(clients, code)
    for code in ("x = 1", "1 + 1"):
        one, other = _medians([_pair(clients, code) for _ in range(100)])
        more = f"{(other - one) * 1000:.2f} ms more; 1"
        line(f"a cell of one line, {code}", one * 1000, other * 1000, "ms", more)
    for name, (times, code) in SMALL.items():
        before, after = _medians([_pair(clients, code) for _ in range(ROUNDS)])
        more = f"{(after - before) / times * 1e6:.0f} µs more each; 50" if times > 1 else "1.3"
        line(name, before, after, "s", more)
    plain.close()
    governed.close()
    alone = statistics.median(microseconds() for _ in range(3))
    say(f"{'':34} of each open {alone:.0f} µs are the system's, whoever is told of it")


def _notebook(folder: Path, pairs: int) -> None:
    """The notebook in pairs of fresh kernels: its first time, what memory that takes, then turns.

    After several turns in one kernel, memory tells more of allocators than of anybody's needs.
    """
    firsts: list[tuple[float, float]] = []
    sizes: list[tuple[float, float]] = []
    wholes: list[tuple[float, float]] = []
    fastest: list[tuple[float, float]] = []
    cells: list[list[tuple[float, float]]] = [[] for _ in NOTEBOOK]
    for number in range(pairs):
        workspace = make_workspace(folder / f"workspace-{number}")
        plain, governed = PlainKernel(folder / "plain"), RunningKernel(workspace)
        clients = (plain.client, governed.client)
        opening = [_pair(clients, code) for code in (IMPORTS, PREPARE, WARDS, *NOTEBOOK.values())]
        firsts.append(_sums([opening[0], *opening[3:]]))
        both = megabytes(governed.kernel) + megabytes(governed.recorder)
        sizes.append((megabytes(plain.pid), both))
        turns = [_turn(clients, (number + turn) % 2) for turn in range(TURNS)]
        by_cell = list(zip(*turns, strict=True))
        for cell, taken in zip(cells, by_cell, strict=True):
            cell.append(_medians(taken))
        fastest.append(_sums([_fastest(taken) for taken in by_cell]))
        wholes.append(_medians([_sums(turn) for turn in turns]))
        plain.close()
        governed.close()
    for name, times in zip(NOTEBOOK, cells, strict=True):
        line(name, *_medians(times), "s")
    for name, sums in (("the whole notebook", wholes), ("the fastest of its turns", fastest)):
        ratios = sorted(after / before for before, after in sums)
        line(name, *_medians(sums), "s", f"{statistics.median(ratios):.3f}; 1.03")
        say(f"{'':34} ratios of the pairs: {', '.join(f'{ratio:.3f}' for ratio in ratios)}")
    line("first time, with its imports", *_medians(firsts), "s")
    line("memory, with the recorder", *_medians(sizes), "MB", "50 MB more")
    more = ", ".join(f"{size:.0f}" for size in sorted(other - one for one, other in sizes))
    say(f"{'':34} more in each pair: {more} MB")


def _turn(
    clients: tuple[BlockingKernelClient, BlockingKernelClient], first: int
) -> list[tuple[float, float]]:
    """Times of each cell, the notebook run whole by one kernel and then by the other."""
    times: list[list[float]] = [[], []]
    for which in (first, 1 - first):
        time.sleep(PAUSE)
        times[which] = [seconds(clients[which], code) for code in NOTEBOOK.values()]
    return list(zip(*times, strict=True))


def _sums(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(one for one, _ in pairs), sum(other for _, other in pairs)


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


def _fastest(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    before, after = zip(*pairs, strict=True)
    return min(before), min(after)


def _medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    before, after = zip(*pairs, strict=True)
    return statistics.median(before), statistics.median(after)


if __name__ == "__main__":
    main()
