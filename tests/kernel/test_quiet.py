"""Steps that are told without waking the recorder: they are on record all the same."""

from __future__ import annotations

import pytest

from governed_kernel.lineage.events import Access, CellStarted, Transformation
from tests.kernel.running import RunningKernel, events_of, wait_until

BEGIN = "import os, signal, time, pandas as pd\nframe = pd.DataFrame({'a': [1, 2]})\nframe + 1"


def _operations(kernel: RunningKernel) -> list[str]:
    """Of the cell that began last."""
    number = kernel.events(CellStarted)[-1].execution
    found = kernel.events(Transformation)
    return [event.operation for event in found if event.execution == number]


@pytest.fixture
def steps(kernel: RunningKernel) -> RunningKernel:
    """A kernel that has met pandas; so steps are all that its cells report."""
    kernel.run(BEGIN)
    return kernel


def test_what_an_ended_statement_did_is_on_record_while_the_next_one_runs(
    steps: RunningKernel,
) -> None:
    go = steps.workspace.root / "go"
    request = steps.send(
        f"double = frame + 1\nwhile not os.path.exists({str(go)!r}): time.sleep(0)"
    )
    try:
        wait_until(lambda: _operations(steps) == ["DataFrame.__add__"])
    finally:
        go.touch()
    assert steps.wait(request).status == "ok"
    assert _operations(steps) == ["DataFrame.__add__"]


def test_more_steps_than_the_system_keeps_arrive_all_and_in_order(steps: RunningKernel) -> None:
    count = 1_000
    # Each on a line of its own: of what one line does again and again, a hundred are told.
    code = "if frame is not None:\n" + "    frame = frame + 1\n" * count
    assert steps.run(code).status == "ok"
    found = steps.of_last(Transformation)
    numbers = [int(event.transformation_id.rpartition("/t")[2]) for event in found]
    assert numbers == list(range(numbers[0], numbers[0] + count))


def test_a_fork_neither_loses_nor_doubles_a_step(steps: RunningKernel) -> None:
    code = """
def both():
    result = frame - 1
    child = os.fork()
    if child == 0:
        other = result * 2
        os._exit(0)
    os.waitpid(child, 0)
both()
"""
    assert steps.run(code).status == "ok"
    assert sorted(_operations(steps)) == ["DataFrame.__mul__", "DataFrame.__sub__"]


def test_an_access_comes_after_what_was_made_before_it(steps: RunningKernel) -> None:
    code = "(frame * 3).to_csv('tripled.csv')"
    assert steps.run(code).status == "ok"
    assert _operations(steps) == ["DataFrame.__mul__", "pandas.to_csv"]


def test_a_kernel_that_is_killed_leaves_what_its_ended_statements_did(
    own_kernel: RunningKernel,
) -> None:
    own_kernel.run(BEGIN)
    own_kernel.send("double = frame + 1\nos.kill(os.getpid(), signal.SIGKILL)")
    own_kernel.await_end()
    found = events_of(own_kernel.journal, Transformation)
    assert [event.operation for event in found] == ["DataFrame.__add__"] * 2


def test_a_kernel_that_is_killed_leaves_what_its_last_statement_did_so_far(
    own_kernel: RunningKernel,
) -> None:
    own_kernel.run(BEGIN)
    own_kernel.send("(frame + 1, frame - 1, os.kill(os.getpid(), signal.SIGKILL))")
    own_kernel.await_end()
    found = events_of(own_kernel.journal, Transformation)
    assert [event.operation for event in found][1:] == ["DataFrame.__add__", "DataFrame.__sub__"]


def test_a_cell_that_closes_the_quiet_way_ends_the_session_in_words(
    own_kernel: RunningKernel,
) -> None:
    own_kernel.run(BEGIN)
    own_kernel.run("from governed_kernel.capture import emitter\nlink = emitter.current()")
    reply = own_kernel.run("frame + 1\nlink._wire._quiet.close()\nframe + 2")
    assert reply.status == "error"
    assert "closed its link" in reply.error
    assert own_kernel.run("1").status == "error"


def test_a_cell_begins_before_what_it_does(steps: RunningKernel) -> None:
    """Its start is confirmed while it is compiled; what it opens is its own all the same."""
    path = steps.workspace.root / "first.txt"
    path.write_text("x")
    for _ in range(20):
        steps.run(f"open({str(path)!r}).close()")
        found = [(event.uri, event.evidence) for event in steps.of_last(Access)]
        assert found == [(path.as_uri(), "observed")]
