"""What observers make when a library is imported, and the collector."""

from __future__ import annotations

from pathlib import Path

from .recording import record

COLLECTIONS = """
import gc
started = []
gc.callbacks.append(lambda phase, info: phase == "start" and started.append(info["generation"]))
import pandas as pd
print(gc.isenabled(), gc.get_freeze_count(), gc.get_threshold())
hooks = [thing for thing in gc.get_objects() if type(thing).__name__ == "_Followed"]
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


def test_the_collector_is_left_as_it_was_and_sees_everything(tmp_path: Path) -> None:
    (printed,) = record(tmp_path, [COLLECTIONS]).output
    assert printed.split("\n")[:2] == ["True 0 (700, 10, 10)", "True"]


def test_what_a_notebook_froze_and_switched_off_stays_so(tmp_path: Path) -> None:
    (printed,) = record(tmp_path, [KEPT]).output
    assert printed.strip() == "False True"
