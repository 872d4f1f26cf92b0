"""Compare: ``python -m tests.benchmarks.own_tests pandas.tests.frame [pytest options]``.

A package that ships no tests is held to those of its checkout: ``… duckdb-python/tests/fast``
(DuckDB's source distribution has none); what only its tests need may lie on ``PYTHONPATH``.

Exits with 1 when a test's outcome differs, and shows how it failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).parents[1]
QUIET = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb=short", "-W", "ignore"]


def outcomes(package: str, options: list[str], observed: bool) -> tuple[dict[str, Any], float]:
    """Run the tests of `package` once, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "outcomes.json"
        environment = {
            **os.environ,
            # Ours by another name: what is tested may have a package "tests" of its own.
            "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
            "OWN_TESTS_OUTCOMES": str(result),
            "OWN_TESTS_OBSERVED": "1" if observed else "",
            "PYTHONHASHSEED": "0",
        }
        before = time.perf_counter()
        command = [sys.executable, "-m", "pytest", *QUIET, "-c", os.devnull]
        command += ["-p", "own_tests.plugin", "--rootdir", folder, "--pyargs"]
        done = subprocess.run(
            [*command, package, *options],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if not result.exists():
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        return msgspec.json.decode(result.read_bytes()), time.perf_counter() - before


def main(arguments: list[str]) -> int:
    """Run both, print what differs."""
    package, *options = arguments
    plain, seconds = outcomes(package, options, observed=False)
    observed, longer = outcomes(package, options, observed=True)
    before, after = plain["outcomes"], observed["outcomes"]
    differing = [
        name
        for name in before.keys() | after.keys()
        if before.get(name, "not run").split("\n")[0] != after.get(name, "not run").split("\n")[0]
    ]
    say = sys.stdout.write
    say(
        f"{package}: {len(before)} tests, {len(differing)} differ; "
        f"{seconds:.0f} s plain, {longer:.0f} s observed, {observed['events']['count']} events\n"
    )
    for name in sorted(differing)[:40]:
        say(f"\n{name}\n  plain    {before.get(name, 'not run')}\n  observed {after.get(name)}\n")
    for observer, text in list(observed["lost"].items())[:20]:
        say(f"\nlost: {observer}\n{text[-700:]}\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
