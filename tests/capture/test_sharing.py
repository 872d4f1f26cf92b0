"""What a function changes by another name: read off its text in time that grows with the text."""

from __future__ import annotations

import ast

import pytest

from governed_kernel.capture.expressions import Expressions
from governed_kernel.capture.references import Made
from governed_kernel.capture.sharing import Sharing, Things


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
