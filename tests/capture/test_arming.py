"""What observers make when a library is imported, and the collector."""

from __future__ import annotations

import gc
from pathlib import Path

from governed_kernel.capture.arming import _made_for_good

from .recording import record

LEFT = """
import gc
before = gc.get_threshold()
import pandas as pd
print(gc.isenabled(), gc.get_freeze_count(), gc.get_threshold() == before)
hooks = [thing for thing in gc.get_objects() if type(thing).__name__ == "_FollowingHooks"]
print(len(hooks) > 300)
"""
KEPT = """
import gc
gc.disable()
gc.freeze()
frozen = gc.get_freeze_count()
import pandas as pd
print(gc.isenabled(), gc.get_freeze_count() > frozen // 2)
"""


def test_what_is_made_for_good_is_among_the_oldest_at_once() -> None:
    with _made_for_good():
        assert not gc.isenabled()
        made = [[number] for number in range(5_000)]
    assert gc.isenabled()
    oldest = {id(thing) for thing in gc.get_objects(generation=2)}
    assert all(id(thing) in oldest for thing in made)


def test_the_collector_is_left_as_it_was_and_sees_everything(tmp_path: Path) -> None:
    (printed,) = record(tmp_path, [LEFT]).output
    assert printed.split("\n")[:2] == ["True 0 True", "True"]


def test_what_a_notebook_froze_and_switched_off_stays_so(tmp_path: Path) -> None:
    (printed,) = record(tmp_path, [KEPT]).output
    assert printed.strip() == "False True"
