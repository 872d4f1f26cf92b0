"""Origins that go through plain Python: lists, numbers, tensors, the user's own functions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governed_kernel.lineage.events import Transformation

from .origins import origins_of
from .recording import Begun, Recording, record, well_ended

READ = """
import pandas as pd
frame = pd.read_csv("in.csv")
"""


Run = Callable[..., Recording]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Records cells that go on from `READ`."""
    folder = tmp_path_factory.mktemp("variables")
    (folder / "in.csv").write_text("a,b,y,secret\n1,2,0,5\n3,4,1,6\n")
    begun = Begun(folder, [READ])

    def recorded(*cells: str) -> Recording:
        for made in folder.glob("out.*"):
            made.unlink()
        return well_ended(begun.record(cells))

    yield recorded
    begun.end()


def columns_behind(done: Recording, output: str, column: str = "*") -> set[str]:
    """``a inferred``: the columns of in.csv that a written file owes to, by the surest way."""
    uri = (Path(done.folder) / output).as_uri()
    found = origins_of(done.of(Transformation), uri, column)
    source = (Path(done.folder) / "in.csv").as_uri()
    assert {entity for entity, *_ in found} <= {source}
    return {f"{name} {evidence}" for _, name, _, evidence in found}


def test_a_list_made_of_two_columns_owes_to_these_two(run: Run) -> None:
    done = run(
        "texts = [f'{row.a} and {row.b}' for row in frame.itertuples()]",
        "pd.DataFrame({'text': texts, 'label': frame['y']}).to_csv('out.csv', index=False)",
    )
    assert columns_behind(done, "out.csv", "text") == {"a inferred", "b inferred"}
    assert columns_behind(done, "out.csv", "label") == {"y observed"}


EVERY = {"a inferred", "b inferred", "y inferred", "secret inferred"}


@pytest.mark.parametrize(
    ("made", "columns"),
    [
        ("{n: (frame[n].mean(), str(frame[n])) for n in ['a', 'b']}", {"a inferred", "b inferred"}),
        ("[float(frame[n][0]) for n in ['a'] for _ in range(200)]", {"a inferred"}),
        ("[frame[n].iat[0] for n in ['b']]", {"b inferred"}),
        ("[frame[n].iloc[-1] for n in ['b']]", {"b inferred"}),
        ("[frame[[n, 'y']].to_numpy().max() for n in ['b']]", {"b inferred", "y inferred"}),
        ("[(frame[n].mean(), str(frame)) for n in ['a']]", EVERY),
        ("[(frame[n].mean(), frame.iat[0, m]) for n in ['a'] for m in [3]]", EVERY),
        ("[frame[frame[n] > 1].to_json() for n in ['a']]", EVERY),
        ("[(frame[n].mean(), look()) for n in ['a']]", EVERY),
        ("[(frame[n].mean(), other) for n, other in [('a', str(frame))]]", EVERY),
        ("pd.Series([1]).apply(lambda _: [frame[n][0] for n in ['a']][0]).tolist()", EVERY),
        ("list(frame[n][0] for n in ['a'])", EVERY),
        ("[(frame[n].mean(), eval('str(frame)')) for n in ['a']]", EVERY),
        ("[(frame[n].mean(), str(globals()['frame'])) for n in ['a']]", EVERY),
    ],
)
def test_a_frame_that_is_only_asked_for_columns_gives_no_others(
    run: Run, made: str, columns: set[str]
) -> None:
    done = run(
        "def look():\n    return str(frame)",
        f"made = {made}",
        "pd.DataFrame({'made': [str(made)]}).to_csv('out.csv', index=False)",
    )
    assert columns_behind(done, "out.csv", "made") == columns


def test_so_does_one_that_a_loop_asks(run: Run) -> None:
    done = run(
        "made = []\nfor name in ['a', 'b']:\n    made.append(str(frame[name]))",
        "pd.DataFrame({'made': made}).to_csv('out.csv', index=False)",
    )
    assert columns_behind(done, "out.csv", "made") == {"a inferred", "b inferred"}


def test_all_in_one_cell_is_followed_as_well(run: Run) -> None:
    done = run(
        "texts = list(frame['a'])\n"
        "longer = [text * 2 for text in texts]\n"
        "pd.Series(longer, name='text').to_csv('out.csv', index=False)",
    )
    assert columns_behind(done, "out.csv", "text") == {"a inferred"}


def test_all_in_one_statement_is_followed_as_well(run: Run) -> None:
    done = run(
        "pd.DataFrame({'text': [str(a) for a in frame['a']]}).to_csv('out.csv', index=False)",
    )
    assert columns_behind(done, "out.csv", "text") == {"a inferred"}


def test_a_function_of_the_user_brings_in_what_it_reads(run: Run) -> None:
    done = run(
        "scale = frame['b'].max()\ndef scaled(items):\n    return [item / scale for item in items]",
        "import json\nwith open('out.json', 'w') as file:\n"
        "    json.dump(scaled(list(frame['a'])), file)",
    )
    assert columns_behind(done, "out.json") == {"a inferred", "b inferred"}


def test_what_decides_is_told_from_what_is_taken(run: Run) -> None:
    done = run(
        "rows = []\n"
        "for a, y in zip(frame['a'], frame['y']):\n"
        "    if y > 0:\n"
        "        rows.append(a)",
        "pd.DataFrame({'a': rows}).to_csv('out.csv', index=False)",
    )
    found = origins_of(done.of(Transformation), (Path(done.folder) / "out.csv").as_uri(), "a")
    relations = {(column, relation) for _, column, relation, _ in found}
    assert relations == {("a", "TRANSFORMATION"), ("y", "CONDITIONAL")}


@pytest.mark.parametrize(
    "cell",
    [
        "box = {'x': list(frame['a'])}",
        "box = {}\nbox['x'] = list(frame['a'])",
        "box = {}\nbox.update(x=list(frame['a']))",
        "class Box: pass\nbox = Box()\nbox.x = list(frame['a'])",
        "class Box:\n    def __init__(self, x): self.x = x\nbox = Box(list(frame['a']))",
        "class Box:\n    def take(self, x): self.x = x\nbox = Box()\nbox.take(list(frame['a']))",
        "box = []\ndef fill(box, items):\n    box += list(items)\nfill(box, frame['a'])",
        "import numpy as np\nbox = np.asarray(list(frame['a']))",
        "import numpy as np\nbox = np.zeros(2)\nbox[:] = frame['a'].to_list()",
        "box = [*frame['a']]",
        "box = (lambda f: list(f['a']))(frame[['a']])",
    ],
)
def test_a_thing_owes_to_what_was_put_into_it(run: Run, cell: str) -> None:
    done = run(cell, "open('out.txt', 'w').write(str(box))")
    assert columns_behind(done, "out.txt") == {"a inferred"}


def test_a_file_read_by_plain_python_is_an_origin(run: Run) -> None:
    done = run("with open('in.csv') as file:\n    lines = file.readlines()",
               "open('out.txt', 'w').writelines(lines[1:])")  # fmt: skip
    assert columns_behind(done, "out.txt") == {"* inferred"}


def test_a_file_completed_under_another_name_is_one_file(run: Run) -> None:
    done = run(
        "import os\nwith open('out.tmp', 'w') as file:\n    file.write(str(list(frame['a'])))\n"
        "    file.close()\n    os.replace('out.tmp', 'out.txt')",
    )
    outputs = {
        each.name or each.entity for step in done.of(Transformation, 2) for each in step.outputs
    }
    assert columns_behind(done, "out.txt") == {"a inferred"}
    assert not any(output.endswith("out.tmp") for output in outputs)


def test_another_name_for_a_thing_is_no_step(run: Run) -> None:
    done = run("same = frame\nagain = [same][0]\nnumber = 3\nname = 'x'")
    assert done.operations(2) == []


def test_what_is_bound_anew_owes_no_more_to_what_it_was(run: Run) -> None:
    done = run(
        "texts = list(frame['secret'])",
        "texts = list(frame['a'])",
        "open('out.txt', 'w').write(str(texts))",
    )
    assert columns_behind(done, "out.txt") == {"a inferred"}


def test_code_is_no_data(run: Run) -> None:
    done = run("import json\nread = frame.head\ndef f(): return frame\nclass C: pass")
    assert done.operations(2) == []


@pytest.mark.slow
def test_a_training_loop_is_one_step_and_the_saved_weights_owe_to_its_data(run: Run) -> None:
    done = run(
        """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def forward(self, x):
        return self.linear(x)

def train(model, inputs, targets):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        loss = ((model(inputs) - targets) ** 2).mean()
        loss.backward()
        optimizer.step()
    return loss.item()

inputs = torch.tensor([[float(value)] for value in frame["a"]])
targets = torch.tensor([[float(value)] for value in frame["y"]])
net = Net()
""",
        "history = train(net, inputs, targets)",
        "torch.save(net.state_dict(), 'net.pt')",
    )
    (trained,) = [step for step in done.of(Transformation, 3) if step.operation == "train"]
    assert (trained.facts["steps"], trained.facts["optimizer"]) == (5, "AdamW")
    assert columns_behind(done, "net.pt") == {"a inferred", "y inferred"}


def test_a_failing_cell_leaves_what_it_did_before(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    done = record(
        tmp_path, [READ, "texts = list(frame['a'])\n1 / 0", "open('o', 'w').write(str(texts))"]
    )
    assert "ZeroDivisionError" in done.errors[1]
    assert "statements" not in done.errors[1]
    assert columns_behind(done, "o") == {"a inferred"}


@pytest.mark.parametrize(
    ("line", "behind"),
    [
        ("frame['n'] = [s * 2 for s in frame['secret']]", {"secret inferred"}),
        ("frame = frame.assign(n=[s * 2 for s in frame['secret']])", {"secret inferred"}),
        (
            "frame['n'] = [1.0 if s in {5, 7} else 0.0 for s in frame['secret']]",
            {"secret inferred"},
        ),
        ("frame['n'] = [s > 5 for s in frame['secret']]", {"secret inferred"}),
        ("frame['n'] = [[0, 1][s > 5] for s in frame['secret']]", {"secret inferred"}),
        ("frame.insert(0, 'n', list(map({5: 0, 6: 1}.get, frame['secret'])))", {"secret inferred"}),
        ("frame['n'] = [row[3] for row in frame.values]", "all"),
        ("frame['n'] = [r['a'] for r in json.loads(frame.to_json(orient='records'))]", "all"),
        ("frame['n'] = [len(r) for r in frame.to_csv(index=False).splitlines()[1:]]", "all"),
    ],
)
def test_a_list_put_into_the_frame_that_it_is_made_of_owes_to_what_is_read(
    run: Run, line: str, behind: set[str] | str
) -> None:
    done = run("import json", line, "frame[['n']].to_csv('out.csv', index=False)")
    every = {"a inferred", "b inferred", "y inferred", "secret inferred"}
    assert columns_behind(done, "out.csv", "n") == (every if behind == "all" else behind)


@pytest.mark.parametrize(
    "lines",
    [
        "def keeper(): pass\nkeeper.ids = frame['secret'].tolist()\nframe['n'] = keeper.ids",
        "import types\nkept = types.ModuleType('kept')\nkept.ids = frame['secret'].tolist()\n"
        "frame['n'] = [each for each in kept.ids]",
        "import os\nos.environ['IDS'] = ','.join(map(str, frame['secret']))\n"
        "frame['n'] = [int(each) for each in os.environ['IDS'].split(',')]",
    ],
)
def test_what_is_kept_in_a_function_a_module_or_the_environment_comes_back(
    run: Run, lines: str
) -> None:
    done = run(lines, "frame[['n']].to_csv('out.csv', index=False)")
    assert columns_behind(done, "out.csv", "n") == {"secret inferred"}
    done = run(lines, "import os\nparts = [os.sep, os.linesep]")
    assert done.operations(3) == []


@pytest.mark.parametrize(
    ("value", "is_unknown"),
    [
        ("[1, 2]", False),
        ("['a'] * 1 + ['b'] * 1", False),
        ("[0] * 2", False),
        ("dict(p=1, q=2).values()", False),
        ("range(2)", False),
        ("np.random.default_rng(0).normal(size=2)", False),
        ("generator.normal(size=2)", False),
        ("Box.kept", True),
        ("[int(a) for a in gc.get_objects.__name__[:2].replace('g', '1').replace('e', '2')]", True),
    ],
)
def test_what_comes_by_a_way_that_nobody_has_seen_is_told_to_be_unknown(
    run: Run,
    value: str,
    is_unknown: bool,
) -> None:
    done = run(
        "import gc\nimport numpy as np\nclass Box: kept = [1, 2]",
        "generator = np.random.default_rng(0)",
        f"frame['n'] = {value}",
    )
    kinds = [each.kind for step in done.of(Transformation, 4) for each in step.inputs]
    assert ("unknown" in kinds) == is_unknown


def test_what_a_statement_reads_beside_its_steps_is_told_of_what_it_makes(run: Run) -> None:
    done = run(
        "other = frame[['a']].copy()",
        "part = other[[b > 2 for b in frame['b']]]",
        "part = other[frame['b'] > 2]",
        "part = other.head(1)",
        "if len(frame) > 1: part = other.head(1)",
    )

    def told(execution: int) -> list[Transformation]:
        steps = done.of(Transformation, execution)
        return [step for step in steps if step.library == "python" and not step.columns]

    assert [len(told(execution)) for execution in (3, 4, 5, 6)] == [1, 0, 0, 1]
    (beside,) = told(3)
    assert [each.columns for each in beside.inputs] == [["a", "b", "y", "secret"]]
    assert beside.outputs[0].name == "part"


HOLDERS = {
    "an array's item": ("held = frame['b'].to_numpy()", "held[0]"),
    "an array's mean": ("held = frame['b'].to_numpy()", "held.mean()"),
    "what a function of arrays gives": ("held = frame['b'].to_numpy()", "np.percentile(held, 90)"),
    "a series' item": ("held = frame['b'].describe()", "held['mean']"),
    "a set": ("held = set(frame['b'])", "max(held)"),
    "a dictionary of another class": ("held = Counter(frame['b'])", "held.most_common()[0][0]"),
    "a named tuple": ("held = Pair(frame['b'].mean(), 1)", "held.first"),
    "an iterator": ("held = iter(frame['b'].tolist())", "next(held)"),
    "a function with an argument": ("held = functools.partial(max, frame['b'].mean())", "held(0)"),
    "a method of a column": ("held = frame['b'].rename('c').max", "held()"),
    "a namespace": ("held = types.SimpleNamespace(most=frame['b'].max() / 3)", "held.most"),
    "a dictionary within an object": ("held = Means().fit(frame)", "held.means['b']"),
    "what an estimator has learned": ("held = Scaler().fit(frame[['b']])", "held.mean_[0]"),
    "an environment": ("held = os.environ\nheld['MOST'] = str(frame['b'].mean())",
                       "float(held['MOST'])"),
}  # fmt: skip
USES = {
    "a column": "other.assign(made=other['x'] * ({}))[['made']]",
    "a condition": "other[other['x'] > ({})].rename(columns={{'x': 'made'}})",
    "a choice of numpy's": "pd.DataFrame({{'made': np.where(other['x'] > 0, {}, other['x'])}})",
    "a column of polars": "polars.from_pandas(other).select(made=polars.col('x') * ({}))",
    "a column of a function's": "shaped(other, lambda t: t.assign(made=t['x'] * ({}))[['made']])",
}


START = """
import functools, os, types
from collections import Counter, namedtuple
import numpy as np, pandas as pd, polars
from sklearn.preprocessing import StandardScaler as Scaler
Pair = namedtuple("Pair", "first second")
class Means:
    def fit(self, frame):
        self.means = {"b": frame["b"].mean()}
        return self
def shaped(table, function):
    return function(table)
frame, other = pd.read_csv("in.csv"), pd.read_csv("other.csv")
"""


def _file_of(holder: str, use: str) -> str:
    return f"{list(HOLDERS).index(holder)}-{list(USES).index(use)}.csv"


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Each use of what each holder gives, in a cell of its own, written to a file of its own."""
    folder = tmp_path_factory.mktemp("holders")
    (folder / "in.csv").write_text("a,b\n1,2.5\n3,4.5\n")
    (folder / "other.csv").write_text("x\n1.5\n9.5\n")
    cells = []
    for holder, (held, taken) in HOLDERS.items():
        for use, made in USES.items():
            writes = "write_csv(" if "polars" in use else "to_csv(index=False, path_or_buf="
            path = _file_of(holder, use)
            cells += [held, f"{made.format(taken)}.{writes}{path!r})"]
    return well_ended(record(folder, [START, *cells]))


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("holder", HOLDERS)
def test_a_number_that_anything_of_an_earlier_cell_gives_is_followed(
    used: Recording, holder: str, use: str
) -> None:
    """Of numbers, lists, tuples and dictionaries it was; of all else nothing was found."""
    uri = f"file://{used.folder}/{_file_of(holder, use)}"
    found = origins_of(used.of(Transformation), uri, "made")
    told = {(source.rpartition("/")[2], column) for source, column, _, _ in found}
    assert told == {("in.csv", "b"), ("other.csv", "x")}


@pytest.mark.parametrize(
    "rows",
    [
        "np.argsort(frame['b'].to_numpy())",
        "np.flatnonzero(frame['b'] > 2)",
        "np.where(frame['b'] > 2)[0]",
        "np.argpartition(frame['b'].values, 1)[:1]",
    ],
)
@pytest.mark.parametrize(
    "taken",
    ["frame.iloc[rows]", "frame.iloc[rows[:1]]", "frame.take(rows)", "frame.loc[rows, ['a']]"],
)
def test_rows_by_numbers_of_an_earlier_cell_owe_to_what_gave_the_numbers(
    run: Run, rows: str, taken: str
) -> None:
    done = run(
        f"import numpy as np\nrows = {rows}", f"{taken}[['a']].to_csv('out.csv', index=False)"
    )
    assert columns_behind(done, "out.csv", "a") == {"a observed", "b inferred"}


@pytest.mark.parametrize(
    "rows",
    [
        "np.random.default_rng(0).permutation(len(frame))",
        "np.random.permutation(frame.shape[0])[: int(0.8 * len(frame))]",
        "np.random.default_rng(0).choice(frame.index, 1)",
        "list(range(0, len(frame), 2))",
    ],
)
def test_rows_by_numbers_that_only_count_rows_owe_to_nothing_else(run: Run, rows: str) -> None:
    done = run(
        f"import numpy as np\nrows = {rows}",
        "frame.iloc[rows][['a']].to_csv('out.csv', index=False)",
    )
    assert columns_behind(done, "out.csv", "a") == {"a observed"}


@pytest.mark.parametrize(
    "taken", ["reindex({})", "iloc[{}]", "loc[{}]", "take({})", "drop({})", "iloc[list({})]"]
)
@pytest.mark.parametrize(
    ("cells", "rows"),
    [
        (("n = int(frame['b'].min()) // 2",), "range(n)"),
        (("n = int(frame['b'].min()) // 2", "rows = range(n)"), "rows"),
        (("pass",), "range(int(frame['b'].min()) // 2)"),
    ],
    ids=["a number", "a range", "in the expression"],
)
def test_rows_that_are_counted_to_a_computed_number_owe_to_it(
    run: Run, taken: str, cells: tuple[str, ...], rows: str
) -> None:
    done = run(*cells, f"frame[['a']].{taken.format(rows)}.to_csv('out.csv', index=False)")
    found = columns_behind(done, "out.csv", "a")
    assert {each.partition(" ")[0] for each in found} == {"a", "b"}


@pytest.mark.parametrize(
    "rows", ["range(1)", "range(len(frame) - 1)", "range(frame.shape[0] // 2)"]
)
def test_rows_that_are_counted_otherwise_owe_to_nothing_else(run: Run, rows: str) -> None:
    done = run(f"frame[['a']].iloc[{rows}].to_csv('out.csv', index=False)")
    assert columns_behind(done, "out.csv", "a") == {"a observed"}


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        ("rows = np.flatnonzero(frame['b'] > n)\nmade = frame.iloc[rows]", {"b"}),
        ("rows = np.argsort(frame['b'].to_numpy())\nmade = frame.iloc[rows[:1]]", {"b"}),
        ("rows = [i for i, b in enumerate(frame['b']) if b > n]\nmade = frame.iloc[rows]", {"b"}),
        ("rows = frame.index[frame['b'] > n].tolist()\nmade = frame.loc[rows]", {"b"}),
        ("keys = [b / 2 for b in frame['b']]\nmade = frame[frame['a'].isin(keys)]", {"b"}),
        ("keys = [1, 3]\nmade = frame[frame['a'].isin(keys)]", set()),
        ("rows = list(range(n))\nmade = frame.iloc[rows]", set()),
        ("rows = np.random.permutation(len(frame))\nmade = frame.iloc[rows]", set()),
        ("weights = frame['b'].to_numpy() * 2\nmade = frame[['a']] * weights[0]", {"b"}),
        ("named = dict(zip(frame['a'], frame['b']))\nmade = frame[['a']].replace(named)", {"b"}),
    ],
)
@pytest.mark.parametrize("around", ["for n in [1]:", "if (n := 1):"])
def test_what_a_loop_or_a_branch_binds_owes_to_what_it_is_made_of_there(
    run: Run, around: str, body: str, columns: set[str]
) -> None:
    indented = "\n    ".join(body.splitlines())
    done = run(
        "import numpy as np",
        f"{around}\n    seen = frame['secret'].sum() * 2\n    {indented}",
        "made[['a']].to_csv('out.csv', index=False)",
    )
    assert columns_behind(done, "out.csv", "a") == {
        "a observed",
        *(f"{each} inferred" for each in columns),
    }


def test_rows_that_are_named_where_parts_are_put_together_owe_to_no_part(run: Run) -> None:
    done = run(
        "import numpy as np\nrows = np.argsort(frame['b'].to_numpy())",
        "made = pd.concat([frame.iloc[rows[:1]], frame.iloc[rows[1:]]])",
        "made[['a']].to_csv('out.csv', index=False)",
    )
    assert columns_behind(done, "out.csv", "a") == {"a observed", "b inferred"}


HOLDING = {
    "a context variable": ("kept = contextvars.ContextVar('kept')\nkept.set(VALUE)", "kept.get()"),
    "a function's cache": ("@functools.lru_cache\ndef kept(): return VALUE\nkept()", "kept()"),
    "a default": ("kept = lambda most=VALUE: most * 2", "kept()"),
    "slots": ("class Kept:\n    __slots__ = ('v',)\nkept = Kept()\nkept.v = VALUE", "kept.v"),
    "a namespace": ("kept = types.SimpleNamespace(v=VALUE, w=3)", "kept.v"),
    "a deque": ("kept = collections.deque()\nkept.append(VALUE)", "kept[-1]"),
    "maps in a chain": ("kept = collections.ChainMap({'v': VALUE}, {'w': 3})", "kept['v']"),
    "an enumeration": ("class Kept(enum.Enum):\n    V = VALUE", "Kept.V.value"),
}
USED = ["frame[frame['a'] < {}]", "frame.assign(a=frame['a'] * {})", "frame.fillna({{'a': {}}})"]


@pytest.mark.parametrize("used", USED)
@pytest.mark.parametrize("name", HOLDING)
def test_a_number_owes_to_its_column_whatever_has_kept_it(run: Run, name: str, used: str) -> None:
    keep, given = HOLDING[name]
    start = "import collections, contextvars, enum, functools, types"
    for value, columns in (("frame['b'].mean()", {"a", "b"}), ("2.25", {"a"})):
        done = run(
            start,
            keep.replace("VALUE", value),
            f"made = {used.format(given)}",
            "made[['a']].to_csv('out.csv', index=False)",
        )
        found = columns_behind(done, "out.csv", "a")
        assert {each.partition(" ")[0] for each in found} == columns


@pytest.mark.parametrize(
    ("number", "column"),
    [
        ("frame.describe().loc['mean', 'b']", "b observed"),
        ("frame.describe()['b']['mean']", "b observed"),
        ("frame.mean()['b']", "b observed"),
        ("frame.mean().b", "b observed"),
        ("frame.quantile(0.9).loc['b']", "b observed"),
        ("frame.agg({'b': 'max', 'y': 'min'})['b']", "b observed"),
        ("frame.agg(x=('b', 'max')).loc['x', 'b']", "b observed"),
        ("frame[['b']].cov().loc['b', 'b']", "b observed"),
        ("frame.groupby('a')['b'].max().iloc[0]", "b observed"),
        ("len(frame[frame['b'] > 2])", "b inferred"),
        ("frame[frame['b'] > 2].shape[0]", "b inferred"),
        ("len(frame)", ""),
        ("round(frame.shape[0] * 0.8)", ""),
        ("len(frame.columns)", ""),
        ("frame.size", ""),
        ("frame.rename(columns={'b': 'size'})['size'].max()", "b observed"),
    ],
)
@pytest.mark.parametrize("place", ["in the expression", "in a cell", "in a loop"])
def test_a_number_taken_of_a_summary_owes_to_the_column_that_it_is_of(
    run: Run, number: str, column: str, place: str
) -> None:
    taken = f"taken = {number}" if place == "in a cell" else ""
    used = "made = frame[['a']] * " + ("taken" if taken else f"({number})")
    if place == "in a loop":
        used = f"for _ in range(2):\n    seen = frame['secret'].sum() * 2\n    {used}"
    done = run(taken, used, "made.to_csv('out.csv', index=False)")
    found = columns_behind(done, "out.csv", "a")
    assert {each.partition(" ")[0] for each in found} == {"a", *filter(None, [column[:1]])}
    assert "inferred" in column or not any("inferred" in each for each in found)


def test_a_number_of_a_table_of_an_earlier_cell_owes_to_the_column_of_its_label(run: Run) -> None:
    done = run(
        "means, table = frame.mean(), frame.describe()",
        "made = frame[['a']] * means['b'] + table.loc['max', 'y']",
        "made.to_csv('out.csv', index=False)",
    )
    columns = {each.partition(" ")[0] for each in columns_behind(done, "out.csv", "a")}
    assert columns == {"a", "b", "y"}


@pytest.mark.parametrize(
    "window",
    [
        "frame[['a']].rolling({})",
        "frame[['a']].expanding(min_periods={})",
        "frame[['a']].ewm(span={})",
        "frame[['a', 'y']].groupby('y').rolling(window={})",
    ],
)
def test_windows_owe_to_the_number_that_says_how_far_they_reach(run: Run, window: str) -> None:
    for number, columns in (("n", {"a", "b"}), ("2", {"a"})):
        done = run(
            "n = int(frame['b'].max()) - 2",
            f"made = {window.format(number)}.mean()",
            "made[['a']].to_csv('out.csv', index=False)",
        )
        found = {each.partition(" ")[0] for each in columns_behind(done, "out.csv", "a")}
        assert found - {"y"} == columns


@pytest.mark.parametrize(
    "prepared",
    [
        "frame.fillna(frame.mean())",
        "(frame - frame.mean()) / frame.std()",
        "(frame - means) / frame.std()",
        "frame.sub(means, axis='columns').div(frame.std(), axis=1)",
    ],
)
def test_labels_of_a_summary_meet_the_columns_that_it_is_of(run: Run, prepared: str) -> None:
    done = run("means = frame.mean()", f"({prepared})[['a']].to_csv('out.csv', index=False)")
    assert columns_behind(done, "out.csv", "a") == {"a observed"}


def test_what_a_function_reads_for_an_operation_in_a_loop_is_not_lost(run: Run) -> None:
    done = run(
        "def most():\n    return float(pd.read_csv('in.csv')['b'].max()) * 2",
        "for _ in range(2):\n    made = frame[['a']] * most()",
        "made.to_csv('out.csv', index=False)",
    )
    assert {"a observed", "b inferred"} <= columns_behind(done, "out.csv", "a")


def test_a_number_that_libraries_have_one_object_of_is_no_value_of_an_earlier_cell(
    run: Run,
) -> None:
    done = run(
        "import numpy as np\nnone = frame['b'][:0]\nnone.max(), none.min(), none.median()",
        "made = frame[['a']].where(frame['a'] > 1, np.nan).fillna(np.inf) * np.nan",
        "made.to_csv('out.csv', index=False)",
    )
    assert columns_behind(done, "out.csv", "a") == {"a observed"}


TEXT = {
    "of pandas": "frame['b'].astype(str).max()",
    "of polars": "pl.from_pandas(frame)['b'].cast(str).max()",
    "of DuckDB": "duckdb.sql('select max(b::varchar) from frame').fetchone()[0]",
    "of Python": "sorted(str(each) for each in frame['b'])[-1]",
    "a letter": "frame['b'].astype(str).max()[0]",
}
TEXT_USES = {
    "a condition": "frame[frame['a'].astype(str) == text][['a']]",
    "filled in": "frame['a'].astype(str).fillna(text).to_frame()",
    "added": "(frame['a'].astype(str) + text).to_frame()",
    "put in the place": "frame['a'].astype(str).replace('1', text).to_frame()",
    "looked for": "frame[frame['a'].astype(str).str.contains(text)][['a']]",
    "chosen": "frame['a'].astype(str).where(frame['a'] > 1, text).to_frame()",
    "in polars": "pl.from_pandas(frame).filter(pl.col('a').cast(str) == text).select('a')",
    "in an expression": "pl.from_pandas(frame).select(pl.col('a').cast(str) + text)",
    "as a column": "pl.from_pandas(frame).select(pl.lit(text).alias('a'))",
    "in SQL": "duckdb.sql(f\"select a from frame where a::varchar = '{text}'\").df()",
    "as a parameter": "duckdb.execute('select a from frame where a::varchar = ?', [text]).df()",
}
WRITE = "made.write_csv('out.csv') if hasattr(made, 'write_csv') else made.to_csv('out.csv')"


PLACES = ("in an earlier cell", "in the same one")


def _text_file(text: str, use: str, place: str) -> str:
    return f"out_{[*TEXT].index(text)}_{[*TEXT_USES].index(use)}_{PLACES.index(place)}.csv"


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Every computed text in every use."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "in.csv").write_text("a,b,y,secret\n12,25,0,5\n31,43,1,6\n")
    cells = ["import duckdb\nimport polars as pl" + READ]
    for text, use, place in itertools.product(TEXT, TEXT_USES, PLACES):
        taken = f"text = {TEXT[text]}"
        used = f"made = {TEXT_USES[use]}\n{WRITE}".replace("out.csv", _text_file(text, use, place))
        cells += [taken, used] if place == PLACES[0] else [f"{taken}\n{used}"]
    return well_ended(record(folder, cells))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("use", TEXT_USES)
@pytest.mark.parametrize("text", TEXT)
def test_a_text_that_was_computed_is_followed_as_a_number_is(
    texts: Recording, text: str, use: str, place: str
) -> None:
    found = columns_behind(texts, _text_file(text, use, place), "a")
    assert "b" in {each.partition(" ")[0] for each in found}


@pytest.mark.parametrize("text", ["'43'", "'4'", "['43'][0]", "str(43)"])
@pytest.mark.parametrize("use", ["a condition", "filled in", "added", "put in the place"])
def test_a_text_that_is_written_out_owes_to_nothing(run: Run, use: str, text: str) -> None:
    done = run(
        "top = frame['b'].astype(str).max()",
        f"text = {text}",
        f"made = {TEXT_USES[use]}\nmade.to_csv('out.csv')",
    )
    assert {each[0] for each in columns_behind(done, "out.csv", "a")} == {"a"}


@pytest.mark.parametrize(
    "use",
    [
        "frame[name]",
        "frame.sort_values(name)",
        "frame.set_index(name).reset_index()",
        "frame.groupby(name)[['y']].sum().reset_index()",
        "frame.merge(frame[[name]], on=name)",
    ],
)
def test_a_columns_name_that_was_computed_is_no_value_of_the_column(run: Run, use: str) -> None:
    done = run(
        "name = frame[['a', 'b']].isna().sum().idxmin()",
        f"{use}.to_csv('out.csv', index=False)",
    )
    assert {each[0] for each in columns_behind(done, "out.csv", "a")} == {"a"}


@pytest.mark.parametrize("fill", ["frame['b'].median()", "b", "float(frame['b'].max()) * 2", "t"])
@pytest.mark.parametrize(
    "use", ["fillna({{'y': {0}}})", "fillna(value={{'y': {0}}})", "replace({{'y': {{0: {0}}}}})"]
)
def test_what_is_given_for_a_column_by_its_name_goes_into_no_other(
    run: Run, use: str, fill: str
) -> None:
    done = run(
        "b, t = frame['b'].median(), frame['b'].astype(str).max()",
        f"frame.{use.format(fill)}.to_csv('out.csv', index=False)",
    )
    assert {each[0] for each in columns_behind(done, "out.csv", "y")} == {"b", "y"}
    assert columns_behind(done, "out.csv", "a") == {"a observed"}


NOTHING_LEFT = "left = frame[frame['a'] > 100]"
MISSING_VALUES = {
    "np.nan": "found = left['b'].max()",
    "pd.NaT": "found = pd.to_datetime(left['b']).max()",
    "pd.NA": "found = left['b'].astype('Int64').max()",
    "np.inf": "found = float((frame['b'] / 0).max())",
}


@pytest.mark.parametrize(
    "use", ["where(frame['y'] > 0, {})", "replace(1, {})", "fillna({})", "mask(frame['y'] > 0, {})"]
)
@pytest.mark.parametrize("missing", MISSING_VALUES)
def test_a_missing_value_of_a_library_is_not_what_a_name_stands_for(
    run: Run, missing: str, use: str
) -> None:
    kind = "pd.to_datetime(frame['a'])" if "NaT" in missing else "frame['a'].astype('Int64')"
    kind = kind if "pd" in missing else "frame['a'].astype(float)"
    done = run(
        f"import numpy as np\n{NOTHING_LEFT}\n{MISSING_VALUES[missing]}",
        f"{kind}.{use.format(missing)}.to_csv('out.csv', index=False)",
    )
    assert not {each for each in columns_behind(done, "out.csv", "a") if each[0] == "b"}


def test_a_name_that_stands_for_a_missing_value_owes_to_what_gave_it(run: Run) -> None:
    done = run(
        f"{NOTHING_LEFT}\nfound = left['b'].max()",
        "frame['a'].where(frame['y'] > 0, found).to_csv('out.csv', index=False)",
    )
    columns = {each.partition(" ")[0] for each in columns_behind(done, "out.csv", "a")}
    assert "b" in columns
