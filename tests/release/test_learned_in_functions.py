"""What goes into data within functions, classes and modules of the user's is told apart.

A model may not be made from ``patient_id`` and ``name``: neither may a way past that stay open,
nor may honest features be refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governed_kernel.release.learned import Learned
from tests.release.functions import deciding, leaking
from tests.release.functions.honest import HONEST
from tests.release.learning import learned, people

MODULE = """
import pandas as pd
LABELS = {"Bonn": 0, "Kiel": 1, "Ulm": 2}
BINS = [0, 100, 150, 300]
class Prep:
    columns = ["age", "glucose"]
    def __init__(self): self.bins = [0, 100, 300]
    def cut(self, t): return pd.cut(t["glucose"], BINS, labels=False)
    def own(self, t): return pd.cut(t["glucose"], self.bins, labels=False)
def target(t): return t["city"].map(LABELS)
def inner(t): return target(t)
def cities(t): return t["city"].isin(["Bonn", "Kiel"]).astype(int)
def ids(t): return [int(b[1:]) for b in t["patient_id"]]
"""
BEGIN = """
import bisect, functools, heapq, operator, pickle, random, sys
import numpy as np, pandas as pd
sys.path.insert(0, ".")
def put_into(out, x): out.append(x)
def load(): return pd.read_csv("people.csv")[["age", "weight", "glucose", "city", "outcome"]]
def save(name, thing):
    with open(name + ".pkl", "wb") as file: pickle.dump(thing, file)
"""
LEAKING = {**leaking.LEAKING, **deciding.LEAKING}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Learned]]:
    """What the models of a session that ran all of these have learned."""
    folder = tmp_path_factory.mktemp("functions")
    cells = [BEGIN, *HONEST.values(), *LEAKING.values()]
    with learned(folder, {"prep.py": MODULE}, cells) as (kernel, found):
        # What was read stays what it was, whatever becomes of the file.
        path = kernel.workspace.root / "people.csv"
        path.write_text(people() + "P9999,Ann,1,1,1,Bonn,0\n")
        assert kernel.run("!cat people.csv > copy.csv; rm people.csv").status == "ok"
        yield found()


@pytest.mark.parametrize("name", HONEST)
def test_honest_features_have_learned_nothing(found: list[Learned], name: str) -> None:
    assert not [item for item in found if item.output == f"{name}.pkl" and item.went_in]


@pytest.mark.parametrize("name", LEAKING)
def test_what_must_not_be_learned_is_found(found: list[Learned], name: str) -> None:
    (*columns,) = {item.column for item in found if item.output == f"{name}.pkl" and item.went_in}
    assert columns
    assert set(columns) <= {"patient_id", "name", "*"}


def test_columns_by_which_rows_are_joined_are_told_and_have_not_gone_in(
    found: list[Learned],
) -> None:
    joined = {item.relation for item in found if item.output == "joined.pkl"}
    assert joined == {"JOIN", "FILTER", "SORT"}
    assert {item.relation for item in found if item.output == "grouped_by.pkl"} == {"WINDOW"}
