"""What a loop repeats is remembered: its results owe to what a single call's result owes to."""

from __future__ import annotations

import pytest

from tests.capture.adapters.pandas.test_questions import READ, START
from tests.capture.asking import Answers, facts

CALLS = [
    'f["k"] + f["t"]',
    'f["k"] + 1',
    'f[["k", "t"]] * 2',
    'f["v"] > 3',
    'f["k"].div(f["t"], fill_value=0)',
    "f.head(2)",
    "f.copy()",
    'f[["k", "s"]]',
    'f["k"].astype(float)',
    "f.isna()",
    'f["v"].cumsum()',
    "f.shift(1)",
    "f.sum(numeric_only=True)",
    'pd.DataFrame({"a": [f["v"].mean()]})',
    'f["t"] - f["t"].mean()',
    "f.describe()",
    "f.corr(numeric_only=True)",
    'f["s"].value_counts()',
    'f.nlargest(2, "k")',
    "f.k * f.t",
    'f.filter(items=["k"])',
    'f.select_dtypes("number")',
    "f.sample(2, random_state=1)",
    'f[f["k"] > 1]',
    'f["k"].where(f["t"] > 1, g["w"])',
]
IN_TURN = {
    "two series": (
        """
made = {}
for turn in range(12):
    one = f["k"] if turn % 2 else g["w"]
    made[turn % 2] = one + 1
pd.DataFrame({"a": made[1], "b": made[0]})
""",
        "a < k TRANSFORMATION, b < o.w TRANSFORMATION",
    ),
    "two computed numbers": (
        """
made = {}
for turn in range(12):
    number = f["v"].mean() if turn % 2 else g["w"].mean()
    made[turn % 2] = f["k"] * number
pd.DataFrame({"a": made[1], "b": made[0]})
""",
        "a < k TRANSFORMATION, a < v AGGREGATION, b < k TRANSFORMATION, b < o.w AGGREGATION",
    ),
    "two names for each column": (
        """
h = f[["k", "t"]].copy()
for turn in range(9):
    h.columns = ["a", "b"] if turn % 2 else ["c", "d"]
    part = h.head(2)
part
""",
        "c < k IDENTITY, d < t IDENTITY",
    ),
    "a column, then another in its place": (
        """
h = f[["k", "t"]].copy()
for turn in range(9):
    h["a"] = f["s"] if turn % 2 else f["v"]
    part = h.copy()
part
""",
        "k < k IDENTITY, t < t IDENTITY, a < v IDENTITY",
    ),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    questions = {("once", call): f"made = {call}\nmade" for call in CALLS}
    for call in CALLS:
        questions["often", call] = f"for _ in range(9):\n    made = {call}\nmade"
    questions |= {("in turn", name): ask for name, (ask, _) in IN_TURN.items()}
    folder = tmp_path_factory.mktemp("repeats")
    return Answers(folder, questions, start=START, read=READ, suffix="csv")


@pytest.mark.parametrize("call", CALLS)
def test_the_ninth_result_owes_to_what_the_first_owes_to(answers: Answers, call: str) -> None:
    assert answers["often", call] == answers["once", call] != set()


@pytest.mark.parametrize("name", IN_TURN)
def test_what_differs_from_turn_to_turn_is_told_apart(answers: Answers, name: str) -> None:
    assert answers["in turn", name] == facts(IN_TURN[name][1])
