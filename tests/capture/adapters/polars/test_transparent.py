"""polars behaves as before: each cell runs with the observers and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.recording import Recording, record

START = """
import polars as pl
frame = pl.read_csv("cases.csv")
lazy = pl.scan_csv("cases.csv")
"""
CELLS = {
    "SQL finds the user's names": """
people, wages = frame, lazy
def inside():
    local = people.head(2)
    return pl.sql("select a, b from local", eager=True)
print(inside().to_dicts(), pl.sql("select count(*) as n from wages").collect().item())
print(pl.SQLContext(register_globals=True).execute("select a from people limit 1").collect())
print(frame.sql("select sum(a) as s from self").item())
""",
    "signatures, sources and places stay": """
import inspect, re
for function in (pl.read_csv, pl.concat, pl.DataFrame.join, pl.LazyFrame.collect, pl.Series.sum,
                 pl.DataFrame.filter, pl.Series.str.fget, pl.Series.is_in, pl.lit,
                 pl.DataFrame.lazy):
    signature = re.sub(" at 0x[0-9a-f]+", "", str(inspect.signature(function)))
    print(function.__qualname__, signature, function.__doc__ is None)
    print(function.__code__.co_firstlineno, function.__defaults__, function.__kwdefaults__)
print(inspect.getsource(pl.DataFrame.head)[:60], hasattr(pl.DataFrame.join, "__wrapped__"))
""",
    "things are pickled and copied": """
import copy, pickle
print(pickle.loads(pickle.dumps(pl.read_csv)) is pl.read_csv)
print(pickle.loads(pickle.dumps(frame)).equals(frame), copy.deepcopy(frame).equals(frame))
print(pickle.loads(pickle.dumps(frame.head))(1).to_dicts())
print(pickle.loads(pickle.dumps(lazy)).collect().equals(frame))
print(pickle.loads(pickle.dumps(frame["a"])).to_list(), copy.copy(frame["a"]).sum())
""",
    "subclasses override and call their parents": """
class Mine(pl.DataFrame):
    def head(self, n=1):
        return super().head(n)
mine = Mine({"a": [1, 2]})
print(type(mine.head()).__name__, mine.head().shape, type(mine.filter(pl.col("a") > 1)).__name__)
print(type(mine.lazy().collect()).__name__)
""",
    "namespaces can be registered": """
@pl.api.register_dataframe_namespace("mine")
class Space:
    def __init__(self, frame):
        self._frame = frame
    def twice(self):
        return pl.concat([self._frame, self._frame])
@pl.api.register_lazyframe_namespace("mine")
class LazySpace:
    def __init__(self, frame):
        self._frame = frame
    def first(self):
        return self._frame.head(1)
print(frame.mine.twice().shape, lazy.mine.first().collect().shape)
""",
    "warnings point at the user's line": """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    lazy.columns
    frame.lazy().width
    frame.select(pl.col("a").map_elements(lambda x: x + 1))
    frame["a"].map_elements(lambda x: x * 2)
    pl.col("a") == None
    frame.filter(pl.col("a") == None)
    pl.DataFrame({"a": [1]}).to_init_repr()
    frame.lazy().collect(background=True).fetch_blocking()
    frame.gather([0])
print([(w.category.__name__, str(w.message)[:50], w.lineno, w.filename) for w in caught])
""",
    "configuration and string forms": """
with pl.Config(tbl_rows=2, set_verbose=False):
    print(frame, lazy.explain(), repr(frame["a"]), frame._repr_html_()[:80])
print(frame.glimpse(return_type="string"), frame.describe().shape, str(frame.schema))
""",
    "arrays, frames and buffers": """
import io, numpy as np
print(frame.to_numpy().tolist(), np.asarray(frame["a"]).tolist(), np.sqrt(frame["a"]).sum())
print(frame.to_pandas().shape, pl.from_pandas(frame.to_pandas()).equals(frame))
print(pl.from_arrow(frame.to_arrow()).equals(frame), frame.write_csv())
out = io.BytesIO()
frame.write_parquet(out)
out.seek(0)
print(pl.read_parquet(out).equals(frame), pl.read_csv(b"x\\n1").item())
print(list(frame.iter_rows()), frame.rows(named=True)[0], dict(frame.to_dict(as_series=False)))
""",
    "dataframes are freed when they go": """
import gc, weakref
gone = [weakref.ref(x) for x in (
    frame.filter(pl.col("a") > 1), frame.lazy(), frame["a"] + 1, frame.group_by("b"),
    pl.SQLContext(f=frame), frame["b"].str, frame.lazy().select("a").collect())]
gc.collect()
print([each() for each in gone])
""",
    "functions called from threads, sorts and maps": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool:
    print(list(pool.map(lambda n: frame.filter(pl.col("a") > n).height, range(4))))
    print(list(pool.map(lambda n: lazy.select(pl.col("a") + n).collect().sum().item(), range(4))))
print(list(map(frame.get_column, ["a"]))[0].to_list())
""",
    "waiting for a frame": """
import asyncio
async def go():
    one, two = await asyncio.gather(lazy.collect_async(), lazy.head(1).collect_async())
    try:
        await lazy.select("missing").collect_async()
    except Exception as error:
        print(type(error).__name__)
    return one.shape, two.shape, len(await pl.collect_all_async([lazy, lazy]))
print(asyncio.run(go()))
""",
    "batches and generators": """
print([batch.shape for batch in lazy.collect_batches()])
print(pl.concat(part for part in frame.iter_slices(2)).shape)
print(frame.select(name for name in ["a", "b"]).shape)
print([name for name, _ in frame.group_by("b", maintain_order=True)])
""",
    "a user's function sees polars as it is": """
def shape(part):
    return part.with_columns(n=pl.lit(part.height))
print(frame.group_by("b", maintain_order=True).map_groups(shape).to_dicts())
print(frame.with_columns(pl.col("a").map_batches(lambda s: s.sort() + 1)).to_dicts())
print(frame.pipe(lambda f: f.head(1)).to_dicts())
print(lazy.map_batches(lambda f: f.head(1)).collect().shape)
""",
}
FAILING = {
    "a failing function of batches": """
def take(batch):
    raise ValueError(str(batch.height))
frame.lazy().sink_batches(take)
""",
    "a missing column": "frame.select('missing')",
    "a missing column, lazily": "lazy.filter(pl.col('missing') > 1).collect()",
    "a missing file": "pl.read_csv('missing.csv')",
    "a missing file, lazily": "pl.scan_parquet('missing.parquet').collect()",
    "no such method": "frame.melt_down()",
    "a removed method": "frame.groupby('a')",
    "a wrong argument": "frame.join()",
    "an unknown option": "frame.head(wrong=1)",
    "keys that don't fit": "frame.join(frame, on='missing')",
    "a failing callback": "frame['a'].map_elements(lambda x: 1 / 0, pl.Int64)",
    "a failing callback in a plan": "lazy.map_batches(lambda x: 1 / 0).collect()",
    "a failing callback over rows": "frame.map_rows(lambda row: 1 / 0)",
    "no such table": "pl.sql('select * from nowhere', eager=True)",
    "a folder that is not there": "frame.write_csv('no/such/folder.csv')",
    "two columns of one name": "frame.select('a', 'a')",
    "a series of another length": "frame.with_columns(pl.Series([1, 2]))",
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, Recording]:
    folder = tmp_path_factory.mktemp("transparent")
    (folder / "cases.csv").write_text("a,b\n1,x\n2,y\n3,x\n")
    cells = [START, *CELLS.values(), *FAILING.values()]
    return record(folder, cells), record(folder, cells, observed=False)


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
import polars as pl
from governed_kernel.capture.adapters.polars import subjects
subjects.evaluate = None  # sabotage
print(pl.DataFrame({"a": [1, 2]}).select(pl.col("a") + 1)["a"].to_list())
"""
        ],
    )
    assert done.errors == [""]
    assert done.output == ["[2, 3]\n"]
    assert {each.error_name for each in done.of(ObserverLost)} == {"TypeError"}


def test_one_call_makes_one_record_and_polars_own_calls_none(tmp_path: Path) -> None:
    done = record(
        tmp_path,
        [
            "import polars as pl\nframe = pl.DataFrame({'a': [1, 2], 'b': ['x', 'y']})",
            "made = frame.describe()",
            "made = frame.pivot('b', index='a', values='a')",
            "made = frame.lazy().filter(pl.col('a') > 1).group_by('b').agg(pl.len()).collect()",
            "made = frame['a'].is_in([1]).sum()",
            "made = frame.group_by('b').agg(pl.col('a').sum())",
        ],
    )
    assert done.errors == [""] * 6
    kept = [
        [s.operation for s in done.of(Transformation, n) if s.library == "polars"]
        for n in range(2, 7)
    ]
    assert kept == [
        ["DataFrame.describe"],
        ["DataFrame.pivot", "DataFrame.pivot: names"],
        ["polars.LazyFrame.collect"],
        ["DataFrame.__getitem__", "Series.is_in", "Series.sum"],
        ["GroupBy.agg"],
    ]
