"""Links between libraries and over their own objects: loaders, datasets, batches, scalars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation

from .origins import origins_of
from .recording import Begun, Recording, record, well_ended

FILES = {"t.csv": "k,v,s\n1,3.5,x\n2,4.0,y\n2,5.0,x\n", "u.csv": "k,w\n1,7\n2,8\n"}


Run = Callable[..., Recording]
TORCH = """
import pandas as pd, torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split
"""
DATASETS = """
import pandas as pd
from datasets import Dataset, concatenate_datasets
"""


def run(folder: Path, *cells: str) -> Recording:
    write_files(folder)
    return well_ended(record(folder, cells))


@pytest.fixture(scope="module")
def run_from(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Records cells that go on from a first one, which is run once."""
    begun: dict[str, Begun] = {}

    def recorded(first: str, *cells: str) -> Recording:
        if first not in begun:
            folder = tmp_path_factory.mktemp("links")
            write_files(folder)
            begun[first] = Begun(folder, [first])
        return well_ended(begun[first].record(cells))

    yield recorded
    for each in begun.values():
        each.end()


def write_files(folder: Path) -> None:
    for name, content in FILES.items():
        (folder / name).write_text(content)


def origins(done: Recording, name: str, column: str) -> set[str]:
    """``file.column RELATION``, with ``~`` for inferred and ``?`` for conservative."""
    root = f"file://{done.folder}/"
    marks = {"observed": "", "inferred": "~", "conservative": "?"}
    return {
        f"{source.removeprefix(root)[:1]}.{into} {relation}{marks[evidence]}"
        for source, into, relation, evidence in origins_of(
            done.of(Transformation), root + name, column
        )
    }


def training_inputs(done: Recording) -> set[tuple[str, str]]:
    """Kind and evidence of what a training took."""
    (step,) = [each for each in done.of(Transformation) if each.operation == "train"]
    kinds = {each.entity: each.kind for each in step.inputs}
    return {(kinds[edge.input_entity], edge.evidence) for edge in step.columns}


TRAIN = """
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for batch in loader:
    batch = batch[0] if isinstance(batch, list) else batch
    optimizer.zero_grad()
    model(batch).sum().backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
"""


@pytest.mark.slow
def test_a_training_owes_to_the_loader_whose_batches_its_steps_followed(run_from: Run) -> None:
    done = run_from(
        TORCH,
        "frame = pd.read_csv('t.csv')[['k', 'v']]",
        "x = torch.tensor(frame.to_numpy(), dtype=torch.float32)\n"
        "part, rest = random_split(TensorDataset(x), [2, 1])\n"
        "loader, other = DataLoader(part, batch_size=2), DataLoader(rest)",
        TRAIN.replace(
            "optimizer.step()",
            "optimizer.step()\n    with torch.no_grad():\n        next(iter(other))",
        ),
    )
    steps = done.of(Transformation)
    made = {each.operation for each in steps}
    assert {"torch.TensorDataset", "torch.random_split", "torch.DataLoader"} <= made
    assert training_inputs(done) == {("loader", "observed"), ("model", "observed")}
    # What was looked at without learning from it is no input.
    (training,) = [each for each in steps if each.operation == "train"]
    assert sum(each.kind == "loader" for each in training.inputs) == 1
    expected = {"t.k TRANSFORMATION~", "t.v TRANSFORMATION~"}
    assert origins(done, "model.pt", "*") >= expected


OWN = """
class Rows(Dataset):
    def __init__(self, frame): self.frame = frame
    def __len__(self): return len(self.frame)
    def __getitem__(self, place):
        row = self.frame.iloc[place]
        return torch.tensor([row["k"], row["v"]], dtype=torch.float32)
loader = DataLoader(Rows(pd.read_csv("t.csv")[["k", "v"]]), batch_size=2)
"""


@pytest.mark.slow
def test_a_dataset_of_ones_own_hands_on_what_it_holds(run_from: Run) -> None:
    done = run_from(TORCH, OWN, "torch.save(next(iter(loader)), 'batch.pt')", TRAIN)
    assert training_inputs(done) == {("loader", "observed"), ("model", "observed")}
    expected = {"t.k TRANSFORMATION~", "t.v TRANSFORMATION~"}
    assert origins(done, "batch.pt", "*") == expected
    assert origins(done, "model.pt", "*") >= expected


@pytest.mark.slow
def test_a_dataset_over_a_file_owes_to_the_file(run_from: Run) -> None:
    done = run_from(
        TORCH,
        "class Lines(Dataset):\n"
        "    def __init__(self, path): self.lines = open(path).read().splitlines()[1:]\n"
        "    def __len__(self): return len(self.lines)\n"
        "    def __getitem__(self, place): return len(self.lines[place])\n"
        "loader = DataLoader(Lines('t.csv'), batch_size=2)",
        "torch.save(next(iter(loader)), 'batch.pt')",
    )
    assert origins(done, "batch.pt", "*") == {"t.* TRANSFORMATION~"}


@pytest.mark.slow
def test_steps_of_hugging_face_datasets_keep_their_columns(run_from: Run) -> None:
    done = run_from(
        DATASETS,
        "data = Dataset.from_pandas(pd.read_csv('t.csv'))",
        "longer = data.map(lambda row: {'n': len(row['s'])})\n"
        "some = longer.filter(lambda row: row['k'] > 1).sort('v').rename_column('v', 'value')\n"
        "parts = some.train_test_split(test_size=0.5, seed=1)\n"
        "both = concatenate_datasets([parts['train'], parts['test']])",
        "both.to_pandas().to_csv('out.csv', index=False)",
        "both.select_columns(['k']).to_parquet('k.parquet')",
        "def any_of_it(row):\n    row['k'] = sum(map(len, map(str, row.values())))\n"
        "    return row\n"
        "data.map(any_of_it).remove_columns(['v']).to_csv('any.csv')",
    )
    rows = {"t.k FILTER~", "t.v SORT"}
    assert origins(done, "out.csv", "n") == {"t.s TRANSFORMATION~", *rows}
    assert origins(done, "out.csv", "value") == {"t.v IDENTITY", *rows}
    assert origins(done, "k.parquet", "k") == {"t.k IDENTITY", *rows}
    assert origins(done, "any.csv", "s") == {"t.s IDENTITY"}
    assert origins(done, "any.csv", "k") == {
        "t.k TRANSFORMATION?",
        "t.v TRANSFORMATION?",
        "t.s TRANSFORMATION?",
    }


@pytest.mark.slow
def test_what_hugging_face_reads_of_files_keeps_its_columns(run_from: Run) -> None:
    done = run_from(
        DATASETS,
        "from datasets import load_from_disk\ndata = Dataset.from_csv('t.csv')",
        "data.filter(lambda row: row['k'] > 1).to_pandas()[['v']].to_csv('out.csv', index=False)",
        "data.save_to_disk('kept')\n"
        "load_from_disk('kept').to_pandas()[['s']].to_csv('again.csv', index=False)",
    )
    assert origins(done, "out.csv", "v") == {"t.v IDENTITY", "t.k FILTER~"}
    assert origins(done, "again.csv", "s") == {"k.s IDENTITY"}
    assert origins(done, "kept", "s") == {"t.s IDENTITY"}


@pytest.mark.slow
def test_a_tokenizer_goes_into_what_it_makes_of_a_dataset(run_from: Run) -> None:
    done = run_from(
        DATASETS,
        "from tokenizers import Tokenizer, models, pre_tokenizers\n"
        "from transformers import PreTrainedTokenizerFast\n"
        "words = Tokenizer(models.WordLevel({'x': 0, 'y': 1, '?': 2}, unk_token='?'))\n"
        "PreTrainedTokenizerFast(tokenizer_object=words, unk_token='?').save_pretrained('words')",
        "from transformers import AutoTokenizer\ntokenize = AutoTokenizer.from_pretrained('words')",
        "data = Dataset.from_pandas(pd.read_csv('t.csv')[['s']])\n"
        "tokens = data.map(lambda rows: tokenize(rows['s']), batched=True)\n"
        "tokens.select_columns(['input_ids']).to_parquet('tokens.parquet')",
    )
    assert origins(done, "tokens.parquet", "input_ids") == {
        "t.s TRANSFORMATION?",
        "w.* TRANSFORMATION?",
    }


def test_batches_of_polars_owe_to_their_plan(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "import polars as pl\nparts = []\n"
        "plan = pl.scan_csv('t.csv').filter(pl.col('k') > 1).select('v')",
        "plan.sink_batches(lambda batch: parts.append(batch))",
        "pl.concat(parts).write_csv('out.csv')",
        "def keep(batch):\n    batch.select(w=pl.col('v') * 2).write_csv('inside.csv')\n"
        "plan.sink_batches(keep)",
        "frame = pl.read_csv('t.csv')\n"
        "for number, part in enumerate(frame.iter_slices(2)):\n"
        "    part.write_csv(f'slice{number}.csv')",
    )
    assert origins(done, "out.csv", "v") == {"t.v IDENTITY", "t.k FILTER"}
    assert origins(done, "inside.csv", "w") == {"t.v TRANSFORMATION", "t.k FILTER"}
    # The parts of a generator of polars' own: its statement tells, and it can't tell columns apart.
    assert {"t.k TRANSFORMATION~"} < origins(done, "slice1.csv", "k")


def test_frames_put_together_out_of_a_generator_are_told_by_the_statement(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "import polars as pl\nframes = pl.read_csv('t.csv')[['k']], pl.read_csv('u.csv')[['k']]",
        "pl.concat(frame for frame in frames).write_csv('out.csv')",
        "pl.concat(list(frames)).write_csv('list.csv')",
    )
    assert origins(done, "out.csv", "k") == {"t.k TRANSFORMATION~", "u.k TRANSFORMATION~"}
    assert origins(done, "list.csv", "k") == {"t.k IDENTITY", "u.k IDENTITY"}


@pytest.mark.parametrize(
    "cell",
    [
        "least = g['w'].mean()\nf.filter(pl.col('v') < least)",
        "f.filter(f['v'] < g['w'].mean())",
        "least = g.select(pl.col('w').mean()).item()\nf.filter(pl.col('v') < least)",
    ],
)
def test_a_number_of_one_frame_decides_about_another(tmp_path: Path, cell: str) -> None:
    *before, last = cell.splitlines()
    done = run(
        tmp_path,
        "import polars as pl\nf, g = pl.read_csv('t.csv'), pl.read_csv('u.csv')",
        "\n".join([*before, f"made = {last}", "made.select('k').write_csv('out.csv')"]),
    )
    assert origins(done, "out.csv", "k") == {"t.k IDENTITY", "t.v FILTER", "u.w FILTER"}


AS_BEFORE = {
    "datasets keep their fingerprints": """
import inspect
from datasets import Dataset
data = Dataset.from_dict({"a": [1, 2, 3], "b": ["x", "y", "z"]})
longer = data.map(lambda row: {"n": row["a"] * 2}).filter(lambda row: row["n"] > 2)
print(longer._fingerprint, longer.to_dict(), longer.column_names)
print(inspect.signature(Dataset.map), Dataset.map.__qualname__, Dataset.filter.__doc__[:40])
print({name: part.num_rows for name, part in data.train_test_split(1, seed=2).items()})
""",
    "loaders give the same batches": """
import inspect, pickle, torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split
torch.manual_seed(1)
items = TensorDataset(torch.arange(6.0).reshape(6, 1))
class Mine(DataLoader):
    def __iter__(self):
        return super().__iter__()
print([batch[0].flatten().tolist() for batch in Mine(items, batch_size=2, shuffle=True)])
print([batch[0].sum().item() for batch in DataLoader(items, batch_size=3, num_workers=1)])
print([len(part) for part in random_split(items, [4, 2])], inspect.signature(DataLoader)==None)
print(len(pickle.loads(pickle.dumps(DataLoader(items, batch_size=2)))), len(DataLoader(items)))
""",
    "a failing dataset": """
import torch, traceback
from torch.utils.data import DataLoader, Dataset
class Broken(Dataset):
    def __len__(self): return 2
    def __getitem__(self, place): raise KeyError(place)
try:
    next(iter(DataLoader(Broken())))
except KeyError as error:
    print(traceback.format_exc())
""",
}


@pytest.mark.slow
def test_datasets_and_loaders_behave_as_without_observers(tmp_path: Path) -> None:
    cells = list(AS_BEFORE.values())
    observed = record(tmp_path, cells)
    plain = record(tmp_path, cells, observed=False)
    assert plain.errors == ["", "", ""]
    assert observed.errors == plain.errors
    assert observed.output == plain.output
    assert not observed.of(ObserverLost)


def test_a_dataset_of_arrow_leads_from_its_files_to_what_is_made_of_it_later(
    tmp_path: Path,
) -> None:
    done = run(
        tmp_path,
        "import pyarrow.dataset as ds\nfiles = ds.dataset(['t.csv'], format='csv')",
        "table = files.to_table(columns=['k', 'v'], filter=ds.field('v') > 1)",
        "table.to_pandas()[['k']].to_csv('out.csv', index=False)",
    )
    assert origins(done, "out.csv", "k") == {"t.k IDENTITY", "t.v FILTER"}
