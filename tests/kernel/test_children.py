"""Children of the kernel are observed as the kernel is, however they are started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governed_kernel.lineage.events import Access, ObserverLost, Transformation
from governed_kernel.workspace import Workspace
from tests.kernel.running import END_CHILDREN, RunningKernel

START = """
import multiprocessing, pathlib
path = pathlib.Path("{name}.csv")
path.write_text("a,b\\n1,2\\n")
process = multiprocessing.get_context("{way}").Process(
    target=pathlib.Path.read_text, args=(path,))
process.start(); process.join()
print(process.exitcode)
"""
LOKY = """
import joblib, pathlib
from joblib.externals.loky import get_reusable_executor
path = pathlib.Path("loky.csv")
path.write_text("a,b\\n1,2\\n")
print(joblib.Parallel(2)([joblib.delayed(pathlib.Path.read_text)(path)] * 2))
get_reusable_executor().shutdown(wait=True)
"""


@pytest.fixture(scope="module")
def kernel(shared_workspace: Workspace) -> Iterator[RunningKernel]:
    running = RunningKernel(shared_workspace)
    yield running
    running.run(END_CHILDREN)
    running.close()


def _reads(kernel: RunningKernel, name: str) -> list[tuple[int, str, str]]:
    return [
        (access.execution, access.via, access.evidence)
        for access in kernel.events(Access)
        if access.uri.endswith(f"/{name}.csv") and access.operation == "read"
    ]


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_what_a_child_reads_is_observed_in_it(kernel: RunningKernel, way: str) -> None:
    reply = kernel.run(START.format(way=way, name=f"child-{way}"))
    assert reply.text.strip() == "0"
    assert _reads(kernel, f"child-{way}") == [(kernel.last(), "audit:open", "observed")]


def test_workers_of_joblib_are_observed(kernel: RunningKernel) -> None:
    assert kernel.run(LOKY).status == "ok"
    assert set(_reads(kernel, "loky")) == {(kernel.last(), "audit:open", "observed")}


def test_the_program_of_a_spawned_child_is_told_of(kernel: RunningKernel) -> None:
    kernel.run(START.format(way="spawn", name="program"))
    started = [access for access in kernel.of_last(Access) if access.operation == "execute"]
    assert {access.evidence for access in started} == {"observed"}


def test_what_a_child_starts_while_another_cell_runs_is_its_own_cell_s(
    kernel: RunningKernel,
) -> None:
    """Many of them, which are gone as soon as they have read."""
    begin = """
import os, subprocess, time
names = [f'late-{i}.csv' for i in range(40)]
for name in names: open(name, 'w').write('a')
code = 'while [ ! -e go ]; do sleep 0.05; done; for i in late-*; do cat $i > /dev/null; done'
later = subprocess.Popen(code + '; touch gone', shell=True)"""
    assert kernel.run(begin).status == "ok"
    cell = kernel.last()
    wait = "open('go', 'w').close()\nwhile not os.path.exists('gone'): time.sleep(0.05)"
    assert kernel.run(f"{wait}\nlater.wait()").status == "ok"
    reads = [read for i in range(40) for read in _reads(kernel, f"late-{i}")]
    assert reads == [(cell, "witness:openat", "unexplained")] * 40


def test_things_in_memory_have_names_that_no_other_process_gives(kernel: RunningKernel) -> None:
    source = """
import multiprocessing
import pandas as pd
frame = pd.DataFrame({"a": [1, 2]})
def work():
    frame.assign(b=1)
process = multiprocessing.get_context("fork").Process(target=work)
process.start(); process.join()
work()
"""
    assert kernel.run(source).status == "ok"
    made = [
        output.entity
        for step in kernel.of_last(Transformation)
        if "assign" in step.operation
        for output in step.outputs
    ]
    assert len(made) == len(set(made)) == 2
    names = [step.transformation_id for step in kernel.of_last(Transformation)]
    assert len(names) == len(set(names))


def test_a_child_that_cannot_be_observed_runs_all_the_same(own_kernel: RunningKernel) -> None:
    (own_kernel.workspace.root / "alone.csv").write_text("a")
    source = START.replace('path.write_text("a,b\\n1,2\\n")', "").format(way="spawn", name="alone")
    # What a child needs to observe is looked up there.
    breaking = "import os; os.environ['GOVERNED_WORKSPACE'] = '/nowhere/at/all'\n"
    reply = own_kernel.run(breaking + source)
    assert reply.text.strip() == "0"
    own_kernel.run(END_CHILDREN)
    assert [evidence for _, _, evidence in _reads(own_kernel, "alone")] == ["unexplained"]


def test_no_observer_was_lost(kernel: RunningKernel) -> None:
    texts = kernel.texts()
    assert not [texts.get(lost.error) for lost in kernel.events(ObserverLost)]
