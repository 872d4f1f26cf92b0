"""What plain Python holds, and changes in place, keeps the class of what went in: that alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governed_kernel.lineage.events import Derived
from tests.governance.records import register
from tests.kernel.running import RunningKernel, home_of, make_workspace

BEGIN = """
import numpy as np, pandas as pd
from types import SimpleNamespace
h = pd.read_csv("health.csv"); p = pd.read_csv("towns.csv")
class Node:
    def __init__(self): self.value = 0
class Seen:
    def __init__(self): self.by = {"size": {"all": [0] * 9}}
    def see(self, f):
        for i, v in enumerate(f["size"]): self.by["size"]["all"][i] = int(v)
def append(d, f): d["a"].append(f["size"].tolist())
def fill(l, f):
    for i, v in enumerate(f["size"]): l[i] = int(v)
def put(l, f):
    for d, v in zip(l, f["size"]): d["value"] = v
def give(l, f):
    for n, v in zip(l, f["size"]): n.value = v
BOX = {"a": {"b": 0}}
def keep(f): BOX["a"]["b"] = float(f["size"].max())
"""
HEALTH = {
    "list_in_dict": ["a = {'a': []}", "append(a, h)", "a['a'][0]"],
    "assigned": ["b = {'a': {'b': 0}}; b['a']['b'] = int(h['size'].max())", "b['a']['b']"],
    "filled": ["c = [0] * 9", "fill(c, h)", "c"],
    "array": ["d = np.zeros(9)", "fill(d, h)", "d"],
    "dicts": ["e = [{} for _ in range(9)]", "put(e, h)", "[d['value'] for d in e]"],
    "looped": [
        "f = [{'value': 0} for _ in range(9)]",
        "for one, v in zip(f, h['size']): one['value'] = int(v)",
        "[d['value'] for d in f]",
    ],
    "objects": ["g = [Node() for _ in range(9)]", "give(g, h)", "[n.value for n in g]"],
    "space": ["i = SimpleNamespace(a={'b': [0] * 9})", "fill(i.a['b'], h)", "i.a['b']"],
    "held": ["j = Seen()", "j.see(h)", "j.by['size']['all']"],
    "global": ["keep(h)", "BOX['a']['b']"],
    "half": ["k = np.zeros(9); half = k[:5]", "half[:] = h['size'].to_numpy()[:5]", "k"],
    "reshaped": [
        "m = np.zeros((3, 3)); flat = m.reshape(-1)",
        "flat += h['size']",
        "m.ravel()",
    ],
    "views": [
        "n = np.zeros(9); ones = [n[i : i + 1] for i in range(9)]",
        "for one, v in zip(ones, h['size']): one[:] = v",
        "n",
    ],
    "tensor": [
        "import torch; t = torch.zeros(9)",
        "t.data.copy_(torch.tensor(h['size'].to_numpy()).float())",
        "t.numpy()",
    ],
    "tensor_s_column": [
        "import torch; w = torch.zeros((9, 2)); v = w[:, 0]",
        "v.data[:] = torch.tensor(h['size'].to_numpy()).float()",
        "w.numpy()[:, 0]",
    ],
    "copied": ["o = np.zeros(9)", "np.copyto(o, h['size'].to_numpy())", "o"],
    "named_twice": ["q = {'a': [0] * 9}; r = q['a']", "fill(q['a'], h)", "r"],
    "small": ["aa = int(h['n'].iloc[0] - 298)", "ab = 2", "ac = int(p['n'].iloc[0] - 398)", "aa"],
    "kept_under": ["ad = h['size'].tolist(); ae = ad", "ad = 0", "ae"],
    "kept_small": ["af = int(h['n'].iloc[0] - 297); ag = af", "af = 0", "ag"],
    "by_global": [
        "ah = int(h['n'].iloc[0] - 296)",
        "def raised(f): return f['size'] + ah",
        "raised(p)",
    ],
    "many": ["s = [0] * 20_000", "fill(s, h)", "s[:9]"],
}
PUBLIC = {
    "as_it_was": [
        "w = [1] * 9",
        "def weigh(f, w): return (f.iloc[:, 0] * w).sum()",
        "weigh(h, w)",
        "w",
    ],
    "settings": ["x = {'a': {'b': [1]}}", "h.sample(x['a']['b'][0])", "x['a']['b'][0]"],
    "other": ["y = {'a': []}; z = {'a': []}", "append(y, h)", "append(z, p)", "z['a'][0]"],
    "library": ["np.append(h['size'].to_numpy(), 1)", "np.zeros(9)"],
    "same_number": ["ba = int(h['n'].iloc[0] - 295)", "bb = 5", "bb"],
    "same_in_a_list": ["bc = int(h['n'].iloc[0] - 294)", "bd = {'k': 6}", "bd['k']"],
    "same_text": [
        "be = 'x' * int(p['n'].iloc[0] - 399)",
        "bf = 'x' * int(h['n'].iloc[0] - 299)",
        "be",
    ],
    "own_view": ["v = np.zeros(9); part = v[:3]", "part[:] = 3", "v"],
}


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Class of each file that a session wrote."""
    with pytest.MonkeyPatch.context() as patch:
        workspace = make_workspace(tmp_path_factory.mktemp("changed") / "workspace")
        patch.setenv("GOVERNED_HOME", str(home_of(workspace)))
        for name in ("health", "towns"):
            path = workspace.root / f"{name}.csv"
            first = 300 if name == "health" else 400
            path.write_text("size,n\n" + "".join(f"{n}.5,{n + first}\n" for n in range(9)))
            data_class = "public" if name == "towns" else name
            register(workspace, path, name, person="ada", data_class=data_class)
        kernel = RunningKernel(workspace)
        try:
            assert kernel.run(BEGIN).status == "ok"
            for name, (*cells, last) in {**PUBLIC, **HEALTH}.items():
                for code in (*cells, f"p.assign(x={last}).to_csv('{name}.csv')"):
                    done = kernel.run(code)
                    assert done.status == "ok", (name, done.error)
        finally:
            kernel.close()
        found = kernel.events(Derived)
        yield {each.uri.rpartition("/")[2].removesuffix(".csv"): each.data_class for each in found}


@pytest.mark.parametrize("name", HEALTH)
def test_what_was_filled_with_health_data_is_health_data(
    classes: dict[str, str], name: str
) -> None:
    assert classes[name] == "health"


@pytest.mark.parametrize("name", PUBLIC)
def test_what_holds_what_it_held_before_stays_public(classes: dict[str, str], name: str) -> None:
    assert classes[name] == "public"
