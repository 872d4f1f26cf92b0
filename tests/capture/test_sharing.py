"""What a function changes by another name: read off its text in time that grows with the text."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from governed_kernel.capture.expressions import Expressions
from governed_kernel.capture.references import Made
from governed_kernel.capture.sharing import Sharing, Things
from governed_kernel.lineage.events import Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import record, well_ended


@pytest.mark.parametrize(
    ("begin", "part", "end"),
    [("", "f(", ")"), ("table", ".assign(n=row)", ""), ("", "sorted(x := max(row, ", "))")],
    ids=["calls_in_calls", "a_chain_of_methods", "calls_that_bind_names"],
)
def test_an_expression_of_many_calls_is_read_in_steps_that_grow_with_its_length(
    begin: str, part: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[ast.expr] = []
    value = Expressions.value

    def noting(reader: Expressions, node: ast.expr) -> Made:
        read.append(node)
        return value(reader, node)

    monkeypatch.setattr(Expressions, "value", noting)

    def steps(many: int) -> int:
        read.clear()
        middle = "" if begin else "row"
        text = f"made = {begin}{part * many}{middle}{end * many}"
        Sharing(Things(frozenset(("made", "table", "row")))).run(ast.parse(text).body)
        return len(read)

    assert steps(6) < 3 * steps(3)


def test_what_calls_in_calls_are_given_goes_into_what_they_may_change() -> None:
    text = "push = rows.append\nput(sorted(rows), push(min(first(b))))\nshown = rows"
    reader = Sharing(Things(frozenset(("push", "rows", "b", "shown"))))
    reader.run(ast.parse(text).body)
    assert "b" in {reference.name for reference in reader.bound["shown"].all}


FILLED = {
    "a function within that fills an array": (
        """
        made = np.zeros(2)
        def fill():
            made[:] = frame["w"]
        fill()
        """,
        {"w"},
    ),
    "one that is given the table": (
        """
        made = np.zeros(2)
        def fill(given):
            made[:] = given["w"]
        fill(frame)
        """,
        {"w"},
    ),
    "one by another name of the array": (
        """
        made = np.zeros(2)
        def fill(given):
            other = made
            np.copyto(other, given["w"])
        fill(frame)
        """,
        {"w"},
    ),
    "one that is called by another one": (
        """
        made = []
        def fill():
            def put(value):
                made.append(value)
            for value in frame["w"]:
                put(value)
        fill()
        """,
        {"w"},
    ),
    "one that binds a number of its surroundings": (
        """
        top = 0
        def find():
            nonlocal top
            top = float(frame["w"].max())
        find()
        made = [top, 2]
        """,
        {"w"},
    ),
    "one under a condition of its own": (
        """
        made = np.zeros(2)
        def fill():
            if frame["k"].max() > 1:
                made[:] = frame["w"]
        fill()
        """,
        {"w", "k"},
    ),
    "one that fills in a constant": (
        """
        made = np.zeros(2)
        def fill():
            made[:] = 3
        fill()
        """,
        set[str](),
    ),
}


def test_what_a_function_within_fills_owes_to_what_that_puts_into_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k,w,v\n1,7,1\n2,8,2\n")
    cells = ["import numpy as np\nimport pandas as pd\nt = pd.read_csv('t.csv')"]
    for number, (body, _) in enumerate(FILLED.values()):
        text = textwrap.indent(textwrap.dedent(body), "    ")
        made = f"def build(frame):{text}    return pd.DataFrame({{'made': made}})\n"
        cells.append(f"{made}build(t).to_parquet('{number}.parquet')")
    recording = well_ended(record(tmp_path, cells))
    steps, root = recording.of(Transformation), f"file://{recording.folder}"
    found = {
        name: {column for _, column, _, _ in origins_of(steps, f"{root}/{number}.parquet", "made")}
        for number, name in enumerate(FILLED)
    }
    assert found == {name: owed for name, (_, owed) in FILLED.items()}
