"""What a cell shows is what IPython's own kernel shows: outputs, help, and errors line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from governed_kernel.workspace import Workspace
from tests.kernel.running import RunningKernel

START = """
import duckdb, inspect, numpy as np, pandas as pd, polars as pl, warnings
from safetensors import safe_open
frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
table = pl.DataFrame({"a": [1, 2, 3]})
frame.to_csv("frame.csv", index=False)
"""
CELLS = {
    # pandas' and polars' largest files have over 10,000 lines, which IPython shows in another way
    "a missing column": 'frame["missing"]',
    "a missing column, in a function": "def ask(d):\n    return d['missing']\nask(frame)",
    "a missing column, in a cell of long errors": "%xmode Verbose\nframe.groupby('missing').sum()",
    "columns of another length": '%xmode Context\nframe["c"] = [1, 2]',
    "a key that is not there": "frame.merge(frame, on='missing')",
    "a failing callback": "frame.apply(lambda row: row['missing'], axis=1)",
    "a wrong type": "frame.b.dt.year",
    "a missing file": "pd.read_csv('missing.csv')",
    "a wrong argument": "frame.merge()",
    "a missing column of polars": "table.select('missing')",
    "a failing callback of polars": "table.select(pl.col('a').map_elements(lambda n: 1 / 0))",
    "a missing file of polars": "pl.scan_parquet('missing.parquet').collect()",
    "a missing table of SQL": "duckdb.sql('from missing')",
    "a missing column of SQL": "duckdb.sql('select missing from frame')",
    "missing weights": "safe_open('missing.safetensors', 'np')",
    "an error with a cause": """
try:
    frame["missing"]
except KeyError as error:
    raise ValueError("two") from error
""",
    "a warning": "warnings.warn('mine')",
    "help": "frame.merge?",
    "help of a native class": "safe_open?",
    "help of a native function": "duckdb.sql?",
    "help of a dispatcher": "np.where?",
    "the source": "print(inspect.getsource(pd.DataFrame.head), inspect.signature(pd.read_csv))",
    "a table": "frame",
    "a shell line": "!echo here; exit 3",
    "a script that fails": "%%bash\nexit 3",
    "the end of it": "raise SystemExit(1)",
}
_VARYING = re.compile(r"\x1b\[[0-9;]*m|0x[0-9a-f]+|ipykernel_\d+/\d+")
"""Colours, addresses, and where a cell's text is kept."""


def _shown(client: BlockingKernelClient, code: str, folder: Path) -> list[tuple[str, str]]:
    """What a client is sent of a cell, in its order; parts of one stream come as they may."""
    found: list[tuple[str, str]] = []

    def take(message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            kind, told = content["name"], content["text"]
            if found and found[-1][0] == kind:
                told = found.pop()[1] + told
        elif kind == "error":
            told = "\n".join(content["traceback"])
        elif kind in ("execute_result", "display_data"):
            told = repr(content["data"])
        else:
            return
        found.append((kind, _VARYING.sub("", told).replace(str(folder), "")))

    reply = client.execute_interactive(code, timeout=60, allow_stdin=False, output_hook=take)
    content = reply["content"]
    return [*found, (content["status"], _VARYING.sub("", repr(content.get("payload"))))]


@pytest.fixture(scope="module")
def both(
    shared_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What a plain kernel and a governed one show of the same cells."""
    folder = tmp_path_factory.mktemp("plain")
    manager = KernelManager(
        kernel_name="python3", transport="ipc", connection_file=f"{folder}/kernel.json"
    )
    manager.start_kernel(cwd=str(folder))
    client = manager.client()
    client.start_channels()
    governed = RunningKernel(shared_workspace)
    try:
        client.wait_for_ready(timeout=60)
        shown = []
        for asked, place in ((client, folder), (governed.client, shared_workspace.root)):
            assert _shown(asked, START, place)[-1][0] == "ok"
            shown.append({name: _shown(asked, code, place) for name, code in CELLS.items()})
        yield shown[0], shown[1]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        governed.close(now=True)


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_shows_what_it_shows_in_a_plain_kernel(
    both: tuple[dict[str, Any], dict[str, Any]], name: str
) -> None:
    plain, governed = both
    *shown, (_, payload) = plain[name]
    assert shown or "page" in payload  # help opens a pager
    assert governed[name] == plain[name]
