"""What functions and objects of the user's keep in one cell, and give in a later one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from governed_kernel.capture.scalars import is_single
from governed_kernel.lineage.events import Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record, well_ended

START = """
import pandas as pd
a, b = pd.read_csv("a.csv"), pd.read_csv("b.csv")
def maker():
    top = 0
    def put(frame):
        nonlocal top
        top = {computed}
    def get():
        return top
    return put, get
def made(frame):
    top = {computed}
    return lambda: top
def bind(frame):
    global TOP
    TOP = {computed}
def remember(frame):
    remember.top = {computed}
class Counter:
    by = 3
    top = 0
    def __init__(self):
        self.half = 0.5
    def put(self, frame):
        self.top = {computed}
    def get(self):
        return self.top
    @classmethod
    def put_in_class(cls, frame):
        cls.top = {computed}
put, get = maker()
counter, other = Counter(), Counter()
"""
COMPUTED = {
    "a number of its own": 'frame["w"].max() * 1.01',
    "one of the small integers": 'int(frame["w"].max())',
    "what a call gave": 'frame["w"].mean()',
}
WAYS = {
    "a closure": ("put(b)", "get()"),
    "a closure that its function made": ("give = made(b)", "give()"),
    "a global name": ("bind(b)", "TOP"),
    "an attribute of a function": ("remember(b)", "remember.top"),
    "an attribute of an object": ("counter.put(b)", "counter.top"),
    "what a method gives of an object": ("counter.put(b)", "counter.get()"),
    "an attribute of a class": ("Counter.put_in_class(b)", "Counter.top"),
    "an attribute of a class by its object": ("Counter.put_in_class(b)", "Counter().top"),
    "an attribute of a class by an object that was there": ("Counter.put_in_class(b)", "other.top"),
}
CONSTANTS = ("counter.by", "counter.half", "Counter.by", "get() + 2", "8")
USES = ("a.assign(made=a.x * {})[['made']]", "a[a.x > {}][['x']].rename(columns={{'x': 'made'}})")


def _recorded(folder: Path, computed: str, cells: list[str]) -> Recording:
    (folder / "a.csv").write_text("x,name\n11.5,p\n12,q\n")
    (folder / "b.csv").write_text("w,name\n7,p\n8,q\n")
    return well_ended(record(folder, [START.replace("{computed}", computed), *cells]))


def _origins(recording: Recording, path: str) -> set[tuple[str, str]]:
    steps = recording.of(Transformation)
    root = f"file://{recording.folder}/"
    found = origins_of(steps, f"{root}{path}", "made")
    return {(source.removeprefix(root), column) for source, column, _, _ in found}


@pytest.mark.parametrize("computed", COMPUTED)
@pytest.mark.parametrize("use", USES, ids=["value", "condition"])
def test_a_number_that_the_users_code_keeps_is_followed_into_a_later_cell(
    tmp_path: Path, computed: str, use: str
) -> None:
    puts = list(dict.fromkeys(does for does, _ in WAYS.values()))
    uses = [
        f"{use.format(kept)}.to_parquet('{number}.parquet')"
        for number, (_, kept) in enumerate(WAYS.values())
    ]
    recording = _recorded(tmp_path, COMPUTED[computed], [*puts, *uses])
    wrong = {
        way: found
        for number, way in enumerate(WAYS)
        if (found := _origins(recording, f"{number}.parquet")) != {("a.csv", "x"), ("b.csv", "w")}
    }
    assert wrong == {}


def test_a_constant_that_the_users_code_keeps_owes_to_nothing(tmp_path: Path) -> None:
    uses = [
        f"a.assign(made=a.x * ({kept}))[['made']].to_parquet('{number}.parquet')"
        for number, kept in enumerate(CONSTANTS)
    ]
    recording = _recorded(tmp_path, "3", ["put(b)\ncounter.put(b)\nb.w.max()", *uses])
    wrong = {
        kept: found
        for number, kept in enumerate(CONSTANTS)
        if (found := _origins(recording, f"{number}.parquet")) != {("a.csv", "x")}
    }
    assert wrong == {}


def test_constants_stay_constants_beside_what_an_object_has_learned(tmp_path: Path) -> None:
    uses = [
        f"a.assign(made=a.x * {kept})[['made']].to_parquet('{number}.parquet')"
        for number, kept in enumerate(CONSTANTS[:3])
    ]
    recording = _recorded(tmp_path, 'frame["w"].max() * 1.01', ["counter.put(b)", *uses])
    assert {n: _origins(recording, f"{n}.parquet") for n in range(3)} == {
        n: {("a.csv", "x")} for n in range(3)
    }


def test_a_number_that_a_condition_has_chosen_tells_of_it(tmp_path: Path) -> None:
    cells = [
        "counter.put(b)",
        "a.assign(made=a.x * counter.top)[['made']].to_parquet('0.parquet')",
    ]
    recording = _recorded(tmp_path, '3 if frame["w"].max() > 5 else 4', cells)
    assert _origins(recording, "0.parquet") == {("a.csv", "x"), ("b.csv", "w")}


def test_what_keeps_a_number_is_not_kept_alive_for_it(tmp_path: Path) -> None:
    cells = [
        "import weakref\ncounter.put(b)\nwatched = weakref.ref(counter)",
        "del counter\nimport gc\ngc.collect()\nprint(watched() is None)",
    ]
    recording = _recorded(tmp_path, 'frame["w"].mean()', cells)
    assert recording.output[2] == "True\n"


def test_an_array_without_dimensions_is_no_single_value() -> None:
    """What is found of one thing is taken for all of its type, and a long array is none."""
    assert not is_single(np.array(1.5))
    assert all(map(is_single, (np.float64(1.5), np.datetime64(3, "D"), 1.5, "text")))
