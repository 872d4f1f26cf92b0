"""What a cell asks about itself: lineage of its frames, and the purpose of its data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from governed_kernel.lineage.events import Access, Transformation
from governed_kernel.workspace import Workspace
from tests.kernel.running import RunningKernel

PREPARE = """
import pandas as pd
made = pd.DataFrame({"weight": [1.0, 2.0], "height": [1, 2], "name": ["a", "b"]})
made.to_csv("w.csv", index=False)
raw = pd.read_csv("w.csv")
frame = raw.assign(ratio=raw.weight / raw.height)[["ratio", "name"]]
frame.to_csv("ratio.csv", index=False)
"""


def shown(kernel: RunningKernel, code: str) -> dict[str, Any]:
    reply = kernel.run(code)
    assert reply.status == "ok", reply.error
    return reply.result


def test_the_lineage_of_a_frame_is_live_and_stays_readable(kernel: RunningKernel) -> None:
    assert kernel.run(PREPARE).status == "ok"
    output = shown(kernel, "%lineage frame")
    text = output["text/plain"]
    assert "ratio ← " in text
    assert "TRANSFORMATION weight of w.csv" in text
    assert "TRANSFORMATION height of w.csv" in text
    assert "IDENTITY name of w.csv" in text
    html = output["text/html"]  # what a saved notebook keeps needs no script and fetches nothing
    assert "<svg" in html
    assert "<script" not in html
    assert "weight" in html
    assert "application/vnd.jupyter.widget-view+json" not in output  # an error without a kernel
    kept = output["application/vnd.governed-notebooks.view+json"]
    assert (kept["view"], kept["facts"]["name"]) == ("lineage", "frame")
    assert {row["input_column"] for row in kept["facts"]["rows"]} == {"weight", "height", "name"}
    program = kernel.run(
        "from ipywidgets import Widget\n"
        "from governed_kernel import widgets\n"
        "print(widgets.lineage(frame).live()._esm)"
    ).text
    assert "export default" in program
    assert "http" not in program


def test_a_written_file_has_a_lineage_and_what_nobody_saw_has_none(kernel: RunningKernel) -> None:
    assert kernel.run(PREPARE).status == "ok"
    assert "ratio ← " in shown(kernel, "%lineage 'ratio.csv'")["text/plain"]
    reply = kernel.run("%lineage object()")
    assert reply.status == "error"
    assert reply.error_name == "UnknownName"


def test_a_purpose_holds_for_its_cell_alone(kernel: RunningKernel) -> None:
    cell = "%%purpose training\nfrom governed_kernel import data\nx = 1\nprint(data._of_cell)"
    assert kernel.run(cell).text == "train\n"
    assert kernel.run("print(repr(data._of_cell))").text == "''\n"
    failed = kernel.run("%%purpose train\n1 / 0")
    assert (failed.status, failed.error_name) == ("error", "ZeroDivisionError")
    assert kernel.run("print(repr(data._of_cell))").text == "''\n"
    assert kernel.run("%%purpose fun\nprint('not reached')").error_name == "UsageError"
    assert kernel.run("%%purpose\n1").error_name == "UsageError"


def test_what_ipython_stores_for_another_notebook_is_followed(
    workspace: Workspace, tmp_path: Path
) -> None:
    kernel = RunningKernel(workspace, environment={**os.environ, "IPYTHONDIR": str(tmp_path)})
    try:
        kernel.run("import pandas as pd\nheld = pd.DataFrame({'a': [1]}) + 1")
        assert kernel.run("%store held").status == "ok"
        written = (tmp_path / "profile_default/db/autorestore/held").as_uri()
        assert [(e.uri, e.operation) for e in kernel.of_last(Access)] == [(written, "write")]
        assert [o.entity for e in kernel.of_last(Transformation) for o in e.outputs] == [written]
        assert kernel.run("del held\n%store -r").status == "ok"  # all that was ever stored
        (step,) = kernel.of_last(Transformation)
        assert [thing.entity for thing in step.inputs] == [written]
        assert [thing.name for thing in step.outputs] == ["held"]
    finally:
        kernel.close(now=True)
