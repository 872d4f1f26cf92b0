"""Observed libraries behave as before: what looks at callers, signatures and frames still works.

Each cell runs with the observers and without; what it prints and raises must be the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.lineage.events import ObserverLost

from .recording import Recording, record

CELLS = {
    "a query sees the caller's variables": """
limit = 1
print(frame.query("a > @limit").to_dict(), frame.eval("a + @limit").tolist())
def inside():
    threshold = 2
    return frame.query("a >= @threshold")
print(len(inside()))
""",
    "signatures stay": """
import inspect
for function in (pd.DataFrame.merge, pd.read_csv, pd.concat, pd.DataFrame.groupby, pd.Series.map):
    print(inspect.signature(function))
print(pd.DataFrame.merge.__doc__ == pd.DataFrame.merge.__doc__, pd.read_csv.__defaults__)
print(inspect.getsource(pd.DataFrame.head)[:40], pd.DataFrame.head.__qualname__)
print(pd.DataFrame.merge.__code__.co_qualname, pd.DataFrame.merge.__code__.co_firstlineno)
print(pd.read_csv.__code__.co_varnames[: pd.read_csv.__code__.co_argcount])
""",
    "functions and bound methods are pickled": """
import pickle, copy
print(pickle.loads(pickle.dumps(pd.read_csv)) is pd.read_csv)
print(pickle.loads(pickle.dumps(frame.head))(1).to_dict(), copy.deepcopy(frame).equals(frame))
""",
    "subclasses override and call their parents": """
class Mine(pd.DataFrame):
    @property
    def _constructor(self):
        return Mine
    def head(self, n=1):
        return super().head(n)
mine = Mine({"a": [1, 2]})
print(type(mine.head()).__name__, len(mine.head()), type(mine[mine.a > 1]).__name__)
""",
    "a warning points at the user's line": """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    pd.to_datetime(["2020-01-01", "nonsense"], errors="coerce")
    pd.read_csv("cases.csv", parse_dates=["b"])
    pd.concat([frame], copy=False)
print([(str(w.message)[:60], w.lineno, w.filename) for w in caught])
""",
    "reading and writing are as before": """
print(pd.read_csv("cases.csv", usecols=["b"], index_col=None).to_csv(index=False))
print(pd.read_csv("cases.csv", chunksize=1).read().shape)
import io
print(pd.read_csv(io.StringIO("x\\n1")).x.sum())
""",
    "frames are freed when they go": """
import gc, weakref
gone = weakref.ref(frame[frame.a > 1].merge(frame, on="b"))
gc.collect()
print(gone())
""",
    "numpy's choices": """
import inspect, pickle
import numpy as np
print(np.where(frame.a > 1, frame.a, 0).tolist(), [part.tolist() for part in np.where(frame.a > 1)])
print(np.select([frame.a > 1], [frame.a], 9).tolist(), np.select([[True]], [[1]]).dtype)
print(np.where.__name__, np.where.__module__, np.where.__doc__[:40], callable(np.where))
print(isinstance(np.where, type(np.concatenate)), np.where == np.where, np.where in {np.where})
print(pickle.loads(pickle.dumps(np.where))([True], 1, 2).tolist(), inspect.signature(np.select))
class Own:
    def __array_function__(self, function, types, given, named):
        return function.__name__, {np.where: "known"}.get(function)
print(np.where(Own(), 1, 2), np.select.__qualname__)
""",
    "indexes and accessors": """
import inspect, pickle
index = frame.set_index("b").index
print(index.isin(["x"]).tolist(), index.unique().tolist(), pickle.loads(pickle.dumps(index)).name)
print(inspect.signature(pd.Index.isin), inspect.signature(pd.Series.dt.strftime))
print(frame.b.str.upper().tolist(), frame.b.astype("category").cat.codes.tolist())
print(type(frame.b.str).__name__, frame.b.str.cat(["1", "2", "3"]).tolist())
class Mine(pd.Index):
    pass
print(isinstance(index, pd.Index), frame.index[frame.a > 1].tolist(), issubclass(Mine, pd.Index))
""",
    "a replacement scan sees frames of nested functions": """
import duckdb
def outer():
    inner_frame = frame[frame.a > 1]
    def inner():
        local = inner_frame.assign(c=lambda d: d.a * 2)
        return duckdb.sql("select sum(c) from local").fetchone()
    return inner()
print(outer(), duckdb.sql("select count(*) from frame").fetchall())
""",
    "a query in a nested function sees its own variables": """
def outer(limit):
    def inner():
        low = limit
        return frame.query("a > @low and b != 'q'").eval("a * @low").tolist()
    return inner()
print(outer(1), [frame.query("a == @n").a.tolist() for n in (1, 2)])
""",
    "numbers are what they were": """
mean = frame.a.mean()
print(type(mean).__name__, type(frame.a.sum()).__name__, mean == 2.0, hash(mean) == hash(2.0))
print((frame.a > mean).tolist(), f"{mean:.2f}", [frame.a.max() for _ in range(3)])
""",
    "a warning of a lambda points at its line": """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    frame.assign(c=lambda d: warnings.warn("mine", stacklevel=1))
print([(str(w.message), w.lineno, w.filename) for w in caught])
""",
    "functions called from threads, sorts and maps": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool:
    print(list(pool.map(lambda n: int((frame.a + n).sum()), range(4))))
print(list(map(frame.__getitem__, ["a"]))[0].tolist())
""",
}
FAILING = {
    "a missing key": "frame.merge(frame, on='missing')",
    "a missing column": "frame['missing']",
    "a missing file": "pd.read_csv('missing.csv')",
    "a wrong argument": "frame.groupby()",
    "a failing callback": "frame.apply(lambda row: 1 / 0, axis=1)",
    "a missing attribute": "frame.missing",
    "an unknown option": "frame.head(wrong=1)",
    "a wrong number for numpy": "import numpy as np\nnp.where(frame.a > 1, 2)",
    "a failing function of assign": "frame.assign(c=lambda d: d.missing)",
    "an unknown name in a query": "frame.query('a > @nowhere')",
    "a missing table": "import duckdb\nduckdb.sql('from nowhere_at_all')",
    "a failing look-up": "frame.b.map(frame.set_index('a').missing)",
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, Recording]:
    folder = tmp_path_factory.mktemp("transparent")
    (folder / "cases.csv").write_text("a,b\n1,x\n2,y\n3,z\n")
    start = 'import pandas as pd\nframe = pd.read_csv("cases.csv")'
    cells = [start, *CELLS.values(), *FAILING.values()]
    observed, plain = record(folder, cells), record(folder, cells, observed=False)
    return observed, plain


@pytest.mark.parametrize("name", CELLS)
def test_it_behaves_as_without_observers(both: tuple[Recording, Recording], name: str) -> None:
    observed, plain = both
    place = 1 + list(CELLS).index(name)
    assert plain.errors[place] == ""
    assert plain.output[place]
    assert observed.errors[place] == ""
    assert observed.output[place] == plain.output[place]


@pytest.mark.parametrize("name", FAILING)
def test_an_error_has_the_same_traceback(both: tuple[Recording, Recording], name: str) -> None:
    observed, plain = both
    place = 1 + len(CELLS) + list(FAILING).index(name)
    assert plain.errors[place]
    assert observed.errors[place] == plain.errors[place]


def test_no_observer_failed(both: tuple[Recording, Recording]) -> None:
    observed, _ = both
    lost = observed.of(ObserverLost)
    assert not lost, [(each.observer, observed.texts[each.error]) for each in lost]


def test_a_failing_observer_leaves_the_users_result_and_a_trace(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        [
            """
import pandas as pd
from governed_kernel.capture.adapters.pandas import subjects
subjects.size = None  # sabotage
print(pd.DataFrame({"a": [1, 2]}).head(1)["a"].tolist())
"""
        ],
    )
    assert done.errors == [""]
    assert done.output == ["[1]\n"]
    assert {each.error_name for each in done.of(ObserverLost)} == {"TypeError"}


def test_an_interrupt_does_not_end_the_recording(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        [
            "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2]})",
            """
def stop(row):
    raise KeyboardInterrupt
frame.apply(stop, axis=1)
""",
            "frame.head()",
        ],
    )
    assert "KeyboardInterrupt" in done.errors[1]
    assert done.operations(3) == ["DataFrame.head"]


def test_a_loop_makes_few_records_and_a_library_none(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        [
            "import pandas as pd\nseries = pd.Series([1, 2])",
            "for _ in range(3000):\n    other = series + 1",
            "for _ in range(3000):\n    series = series + 1",
            "for n in range(3000):\n    pd.Series([n]).sum()",
            "repr(series); series.describe()",
        ],
    )
    assert done.errors == [""] * 5
    assert done.operations(2) == ["Series.__add__"]
    assert 50 < len(done.operations(3)) < 200
    assert len(done.operations(4)) < 200
    assert done.operations(5) == ["Series.describe"]


def test_what_was_imported_before_is_armed_too(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("a\n1\n")
    done = record(
        tmp_path,
        [
            """
import pandas as pd
from tests.capture.recording import ListEmitter
from governed_kernel.capture import install
emitter = ListEmitter()
install(emitter, session="late")
pd.read_csv("cases.csv").head()
print([event.operation for event in emitter.events])
"""
        ],
        observed=False,
    )
    assert done.errors == [""]
    assert done.output == ["['read', 'pandas.read_csv', 'DataFrame.head']\n"]


def test_importing_the_observers_imports_no_library(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        ["import sys; print({'pandas', 'numpy', 'torch', 'transformers'} & set(sys.modules))"],
    )
    assert done.output == ["set()\n"]


def test_pandas_still_knows_a_temporary_thing_from_one_that_is_kept(tmp_path: Path) -> None:
    """It counts references; a warning that it gives without observers it gives with them."""
    done = record(
        tmp_path,
        [
            "import pandas as pd, warnings\n"
            "warnings.simplefilter('error')\n"
            "frame = pd.DataFrame({'a': [1.0, None]})",
            "frame['a'].fillna(0, inplace=True)",
            "kept = frame['a']\nkept.fillna(0, inplace=True)",
        ],
    )
    assert "ChainedAssignmentError" in done.errors[1]
    assert done.errors[2] == ""


def test_frames_are_joined_under_keys_of_any_kind(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        [
            "import pandas as pd\none = pd.DataFrame({'a': [1]})",
            "both = pd.concat([one, one], keys=pd.Index(['x', 'y']))",
        ],
    )
    assert done.errors == ["", ""]
    assert done.of(ObserverLost) == []


def test_a_call_from_native_code_has_no_caller_to_look_at(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        [
            "import _thread, threading\nimport pandas as pd\n"
            "series, called = pd.Series([1]), threading.Event()\n"
            "_thread.start_new_thread(series.map, (lambda x: called.set(),))\n"
            "print(called.wait(30))"
        ],
    )
    assert (done.errors, done.output) == ([""], ["True\n"])


def test_the_first_call_of_each_cell_is_on_record_too(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        ["import pandas as pd\nseries = pd.Series([1])", "made = series + 1", "made = made * 2"],
    )
    assert done.errors == [""] * 3
    assert [done.operations(cell)[0] for cell in (2, 3)] == ["Series.__add__", "Series.__mul__"]
