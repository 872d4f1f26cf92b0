"""What MLflow on SQLite takes for the nearest equivalents; run by an interpreter that has it.

    python -m venv V && V/bin/pip install mlflow-skinny sqlalchemy alembic
    MLFLOW_PYTHON=V/bin/python python -m tests.benchmarks.store

It prints one JSON object and imports nothing of ours.
"""

import json
import logging
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any


def main() -> None:
    logging.disable(logging.INFO)
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mlflow.db"
        client = MlflowClient(f"sqlite:///{path}")
        experiment = client.create_experiment("benchmark")
        found: dict[str, Any] = {
            "acknowledge": _acknowledge(str(path), experiment, int(sys.argv[1]))
        }
        before = path.stat().st_size
        run = client.create_run(experiment).info.run_id
        batches, start = 40, time.perf_counter()
        for batch in range(batches):
            client.log_batch(run, [Metric(f"m{i}", 1.0, batch, batch) for i in range(1000)])
        found["rows_a_second"] = batches * 1000 / (time.perf_counter() - start)
        found["bytes_a_row"] = (path.stat().st_size - before) / (batches * 1000)
        found["as_of"] = _as_of(client, path, experiment, int(sys.argv[2]))
    sys.stdout.write(json.dumps(found))


def _log(path: str, experiment: str, out: Any) -> None:
    logging.disable(logging.INFO)
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{path}")
    run = client.create_run(experiment).info.run_id
    times = []
    for number in range(60):
        start = time.perf_counter()
        client.log_metric(run, "m", float(number), step=number)
        times.append(time.perf_counter() - start)
    out.send(times)


def _acknowledge(path: str, experiment: str, processes: int) -> list[float]:
    """Seconds until one metric is committed, several processes at once."""
    context = get_context("spawn")
    pipes, started = [], []
    for _ in range(processes):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_log, args=(path, experiment, there))
        process.start()
        pipes.append(here)
        started.append(process)
    times: list[float] = []
    for pipe, process in zip(pipes, started, strict=True):
        there_was = pipe.poll(120)
        times += pipe.recv() if there_was else []
        process.join()
    return times


def _as_of(client: Any, path: Path, experiment: str, count: int) -> float:
    """Seconds to find the runs that went on at a moment, among as many runs."""
    with sqlite3.connect(path) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
        (sample,) = database.execute("SELECT * FROM runs LIMIT 1").fetchall()
        at = {name: place for place, name in enumerate(columns)}
        rows = []
        for number in range(count):
            row = list(sample)
            row[at["run_uuid"]] = f"{number:032x}"
            row[at["start_time"]] = number * 1000
            row[at["end_time"]] = (number + 1000) * 1000
            rows.append(row)
        marks = ", ".join("?" for _ in columns)
        database.executemany(f"INSERT INTO runs VALUES ({marks})", rows)
    middle = count // 2 * 1000
    asked = f"attributes.start_time <= {middle} AND attributes.end_time > {middle}"
    times = []
    for _ in range(5):
        start = time.perf_counter()
        found = client.search_runs([experiment], asked, max_results=5000)
        times.append(time.perf_counter() - start)
        assert len(found) == 1000, len(found)
    return statistics.median(times)


if __name__ == "__main__":
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    main()
