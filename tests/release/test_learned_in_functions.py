"""What goes into data within functions, classes and modules of the user's is told apart.

A model may not be made from ``patient_id`` and ``name``: neither may a way past that stay open,
nor may honest features be refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governed_kernel.release.learned import Learned
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
HONEST = {
    "grouped_by": """
f = load()[["age"]]; ids = pd.read_csv("people.csv")["patient_id"]
f["n"] = f["age"].groupby([int(b[1:]) // 10 for b in ids]).transform("mean")
f.to_pickle("grouped_by.pkl")
""",
    "constants": """
def features(f):
    f = f.copy()
    f["flag"] = 1
    f.loc[f.age > 50, "old"] = 1
    f["old"] = f["old"].fillna(0)
    f["who"] = np.where(f.age > 3, 1, 2)
    f["yes"] = f.outcome.map({0: "no", 1: "yes"})
    f["bin"] = pd.cut(f["age"], [0, 30, 60, 120], labels=["young", "mid", "old"])
    return f
features(load()).to_pickle("constants.pkl")
""",
    "chance": """
def features(f, scale=0.1):
    f = f.copy()
    f["noise"] = np.random.default_rng(0).normal(size=len(f)) * scale
    f["n"] = range(len(f))
    f["k"] = np.arange(len(f)) % 5
    f["z"] = [0] * len(f)
    f["e"] = list(range(len(f)))
    return f
features(load()).to_pickle("chance.pkl")
""",
    "numbered": """
whole = pd.read_csv("people.csv")
whole["noise"] = np.random.default_rng(0).normal(size=len(whole))
whole["n"] = range(whole.shape[0])
whole.drop(columns=["patient_id", "name"]).to_pickle("numbered.pkl")
""",
    "settings": """
CFG = {"bins": [0, 40, 120]}
h = load()
h["b"] = pd.cut(h["age"], CFG["bins"], labels=False)
h[["b"]].to_pickle("settings.pkl")
""",
    "loops": """
def features(f):
    f = f.copy()
    for c, m in {"age": [0, 50, 99], "weight": [0, 70, 200]}.items():
        f[c + "_bin"] = pd.cut(f[c], m, labels=False)
    return f
features(load()).to_pickle("loops.pkl")
""",
    "limits": """
def limits(t):
    quantiles = t[[n for n in t.columns if n in ("age", "weight")]].quantile([0.2, 0.8])
    return {n: [float(limit) for limit in quantiles[n]] for n in quantiles.columns}
def words(t, limits):
    out = pd.DataFrame(index=t.index)
    for name, found in limits.items():
        edges = [float("-inf"), *found, float("inf")]
        out[name] = pd.cut(t[name], edges, right=False, labels=list("abc")).astype(str)
    return out
whole = pd.read_csv("people.csv"); words(whole, limits(whole)).to_pickle("limits.pkl")
""",
    "module": """
from prep import Prep, cities, inner
h = load(); p = Prep()
pd.DataFrame({"a": p.cut(h), "b": p.own(h), "c": inner(h), "d": cities(h)}).to_pickle("module.pkl")
""",
    "classes": """
class Encoder:
    MAP = {"Bonn": 0, "Kiel": 1, "Ulm": 2}
    def encode(self, t, more={"Bonn": 5}): return t["city"].map(self.MAP) + t["city"].map(more)
save("classes", Encoder().encode(load()))
""",
    "joined": """
left = pd.read_csv("people.csv")[["patient_id", "age"]]
right = pd.read_csv("people.csv")[["patient_id", "weight"]].drop_duplicates("patient_id")
both = left.merge(right, on="patient_id").sort_values("patient_id")
both[["age", "weight"]].to_pickle("joined.pkl")
""",
    "atomic": """
import os, torch
h = load()
inputs = torch.tensor(h[["age", "weight"]].values, dtype=torch.float32)
net = torch.nn.Linear(2, 1); optimizer = torch.optim.SGD(net.parameters(), 0.0001)
for _ in range(2): optimizer.zero_grad(); net(inputs).mean().backward(); optimizer.step()
torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, "atomic.tmp")
os.replace("atomic.tmp", "atomic.pkl")
""",
    "settled": """
import duckdb
LIMIT, CITIES = 50, ("Bonn", "Kiel")
def flags(f, limit=40):
    f = f.copy()
    f["a"] = f["age"].where(f["age"] > limit, 0)
    f.loc[f.index[:5], "b"] = 1
    f["c"] = f["age"].groupby(f["city"]).transform("mean")
    order = np.argsort(f["age"].to_numpy())
    return f.iloc[order].assign(d=range(len(f)))
whole = pd.read_csv("people.csv"); t = flags(whole)
where = " or ".join(f"city = '{city}'" for city in CITIES)
made = duckdb.sql(f"select age, age > {LIMIT} as n from t where {where} limit {len(t)}").df()
whole.loc[whole.index[:5], "first"] = 1
half = whole.sample(frac=0.5, random_state=1).head(len(whole) // 4).sort_values("age")
both = [t[["age", "a", "b", "c", "d"]], made, whole[["age", "first"]], half[["age"]]]
save("settled", pd.concat(both))
""",
    "checked": """
def features(f, most=100):
    if f["patient_id"].duplicated().any(): raise ValueError("twice")
    if not len(f): return f
    rows = []
    for r in f.itertuples():
        if r.age > most: continue
        rows.append(r.glucose)
        if len(rows) > 30: break
    return pd.DataFrame({"g": rows})
features(pd.read_csv("people.csv")).to_pickle("checked.pkl")
missing = pd.read_csv("people.csv"); kept = []
for c in missing.columns:
    if not pd.api.types.is_numeric_dtype(missing[c]): continue
    kept.append(c)
missing[kept].drop(columns="outcome").to_pickle("kept_columns.pkl")
""",
    "kept_columns": "",
    "attempted": """
def features(t):
    t = t.copy()
    try:
        t = t.drop(columns=["no such column"])
        t["one"] = 1
    except KeyError: t["one"] = 2
    return t[["age", "one"]]
features(pd.read_csv("people.csv")).to_pickle("attempted.pkl")
""",
    "attempted_row_by_row": """
def features(t):
    ages, ids, bad = [], [], []
    for r in t.itertuples():
        try:
            ids.append(r.patient_id)
            ages.append(float(r.age))
        except ValueError:
            bad.append(r.patient_id); ages.append(0.0)
    return pd.DataFrame({"a": ages})
features(pd.read_csv("people.csv")).to_pickle("attempted_row_by_row.pkl")
""",
    "called_for_some": """
def mark(f, i, value=1): f.loc[i, "old"] = value
def features(t):
    f = t[["patient_id", "age"]].copy(); f["old"] = 0
    if f["patient_id"].duplicated().any(): raise ValueError("twice")
    for i, r in f.iterrows():
        if r["age"] > 50: mark(f, i)
        if r["age"] > 70: mark(f, i, 2)
    return f[["age", "old"]]
features(pd.read_csv("people.csv")).to_pickle("called_for_some.pkl")
""",
    "changed_by_others": """
def features(t):
    ages, ids, weights = [], [], np.zeros(len(t))
    push, note = ages.append, ids.append
    for a, b in zip(t["age"], t["patient_id"]):
        push(a); note(b)
    np.copyto(weights, t["weight"].to_numpy())
    heap = []
    for a in t["glucose"]: heapq.heappush(heap, a)
    return pd.DataFrame({"a": ages, "w": weights, "g": heap})
features(pd.read_csv("people.csv")).to_pickle("changed_by_others.pkl")
""",
    "within_managers": """
from contextlib import contextmanager
@contextmanager
def timed(what):
    try: yield
    finally: print(what)
class Quiet:
    def __enter__(self): return self
    def __exit__(self, *error): return None
def features(t):
    f = t[["age"]].copy()
    with timed("features"), Quiet():
        print(len(set(t["patient_id"])))
        f["one"] = 1
    return f
features(pd.read_csv("people.csv")).to_pickle("within_managers.pkl")
""",
    "logged": """
import logging
log = logging.getLogger("features")
def features(t):
    ages = []
    for r in t.itertuples():
        log.debug("patient %s", r.patient_id)
        ages.append(r.age)
    return pd.DataFrame({"a": ages})
features(pd.read_csv("people.csv")).to_pickle("logged.pkl")
""",
    "checked_first": """
def sound(t):
    if t["patient_id"].duplicated().any(): raise ValueError
def features(t):
    out = t.copy()
    try:
        sound(out)
        out["one"] = 1
        out["n"] = [k % 2 for k in range(len(out))]
    except ValueError: raise
    return out[["age", "one", "n"]]
features(pd.read_csv("people.csv")).to_pickle("checked_first.pkl")
""",
    "options": """
from dataclasses import dataclass
@dataclass(frozen=True)
class Options:
    bins: tuple = (0, 30, 60, 120)
options = Options()
h = load(); h["b"] = pd.cut(h["age"], list(options.bins), labels=False)
h[["b"]].to_pickle("options.pkl")
""",
    "attempts": """
class Total:
    def fit(self, x): self.total = sum(x); return self
Total().fit([int(b[1:]) for b in pd.read_csv("people.csv")["patient_id"]])
save("attempts", Total().fit(load()["age"].tolist()).total)
""",
}
LEAKING = {
    "listed": """
def features(f):
    f = f.copy()
    f["x"] = [int(b[1:]) for b in f["patient_id"]]
    return f[["age", "x"]]
features(pd.read_csv("people.csv")).to_pickle("listed.pkl")
""",
    "edges": """
def words(t):
    out = pd.DataFrame(index=t.index)
    out["x"] = pd.cut(t["age"], sorted({int(b[1:]) for b in t["patient_id"]}), labels=False)
    return out
words(pd.read_csv("people.csv")).to_pickle("edges.pkl")
""",
    "edged": """
def words(t):
    ids = sorted({int(b[1:]) for b in t["patient_id"]})
    out = pd.DataFrame(index=t.index)
    out["x"] = pd.cut(t["age"], ids, labels=False)
    return out
words(pd.read_csv("people.csv")).to_pickle("edged.pkl")
""",
    "parted": """
def features(f):
    ids = [int(b[1:]) for b in f["patient_id"]]
    f = f[["age"]].copy()
    f["x"] = ids
    return f
features(pd.read_csv("people.csv")).to_pickle("parted.pkl")
""",
    "helped": """
def numbers(): return [int(b[1:]) for b in pd.read_csv("people.csv")["patient_id"]]
def features(f):
    f["x"] = numbers()
    return f
features(load()).to_pickle("helped.pkl")
""",
    "imported": """
import prep
def features(f):
    g = f[["age"]].copy()
    g["x"] = prep.ids(f)
    return g
features(pd.read_csv("people.csv")).to_pickle("imported.pkl")
""",
    "put": """
def put(out, i, v): out.loc[i, "x"] = v
def features(f):
    out = f[["age"]].copy()
    for i, b in enumerate(f["patient_id"]): put(out, i, int(b[1:]))
    return out
features(pd.read_csv("people.csv")).to_pickle("put.pkl")
""",
    "decided": """
def features(f):
    out = f[["age"]].copy()
    out["x"] = 0
    for i, b in f["patient_id"].items():
        if b > "P0020": out.loc[i, "x"] = 1
    return out
features(pd.read_csv("people.csv")).to_pickle("decided.pkl")
""",
    "several": """
p = pd.read_csv("people.csv"); f = p[["age"]].assign(x=0, y=0)
for i, b in p["patient_id"].items():
    if b > "P0020": f.loc[i, ["x", "y"]] = [1, 1]
f.to_pickle("several.pkl")
""",
    "turns": """
def features(f):
    out, parts = f[["age"]].copy(), {}
    for c in ("patient_id", "age"):
        x = f[c].astype(str)
        parts[c] = [int(v.strip("P")) for v in x]
    out["n"] = parts["patient_id"]
    return out
features(pd.read_csv("people.csv")).to_pickle("turns.pkl")
""",
    "dropped": """
def features(f):
    numbers = [int(b[1:]) for b in f["patient_id"]]
    f.drop(columns=["patient_id", "name"], inplace=True)
    f["n"] = numbers
    return f
features(pd.read_csv("people.csv")).to_pickle("dropped.pkl")
""",
    "overwritten": """
def features(f):
    numbers = [int(b[1:]) for b in f["patient_id"]]
    f["patient_id"] = 0
    f["n"] = numbers
    return f[["age", "n"]]
features(pd.read_csv("people.csv")).to_pickle("overwritten.pkl")
""",
    "named_so": """
class Columns:
    def see(self, f): self.columns = [int(b[1:]) for b in f["patient_id"]]
p = pd.read_csv("people.csv"); keeper = Columns(); keeper.see(p)
f = p[["age"]].copy(); f["x"] = keeper.columns; f.to_pickle("named_so.pkl")
""",
    "at_once": """
p = pd.read_csv("people.csv"); f = p[["age"]].copy(); f["x"] = 0
for i, b in p["patient_id"].items():
    if b > "P0020": f.loc[i, "x"] = 1
f.to_pickle("at_once.pkl")
""",
    "kept": """
class Keep:
    def see(self, f): self.ids = [int(b[1:]) for b in f["patient_id"]]
    def run(self, f): f = f[["age"]].copy(); f["x"] = self.ids; return f
p = pd.read_csv("people.csv"); k = Keep(); k.see(p); k.run(p).to_pickle("kept.pkl")
""",
    "global": """
IDS = []
def both():
    p = pd.read_csv("people.csv")
    for b in p["patient_id"]: IDS.append(int(b[1:]))
    f = p[["age"]].copy(); f["x"] = IDS; return f
both().to_pickle("global.pkl")
""",
    "class_level": """
class Box:
    items = []
    def add(self, x): self.items.extend(x)
p = pd.read_csv("people.csv")
Box().add([int(b[1:]) for b in p["patient_id"]])
f = p[["age"]].copy()
f["x"] = Box.items
f.to_pickle("class_level.pkl")
""",
    "opened": """
def both():
    import builtins
    f = pd.read_csv("people.csv")[["age"]]
    f["x"] = [int(l.split(",")[0][1:]) for l in builtins.open("people.csv").readlines()[1:]]
    return f
both().to_pickle("opened.pkl")
""",
    "enclosed": """
def make(p):
    ids = [int(b[1:]) for b in p["patient_id"]]
    def run(f): f = f.copy(); f["x"] = ids; return f
    return run
def both():
    p = pd.read_csv("people.csv"); return make(p)(p[["age"]])
both().to_pickle("enclosed.pkl")
""",
    "lengths": """
def both():
    p = pd.read_csv("people.csv"); f = p[["age"]].copy()
    f["x"] = [len(n) for n in p["name"]]
    return f
both().to_pickle("lengths.pkl")
""",
    "renamed": """
t = pd.read_csv("people.csv", names=list("abcdefg"), header=0); t["x"] = t["a"].str[1:].astype(int)
t[["x", "c"]].to_pickle("renamed.pkl")
""",
    "by_hand": """
t = pd.read_csv("people.csv"); net = torch.nn.Linear(1, 1)
numbers = torch.tensor(t["patient_id"].str[1:].astype(int).values, dtype=torch.float32)
net(numbers[:, None]).mean().backward()
with torch.no_grad():
    for parameter in net.parameters(): parameter -= 0.01 * parameter.grad
torch.save(net.state_dict(), "by_hand.pkl")
""",
    "buffered": """
import io, pathlib
t = pd.read_csv("people.csv"); buffer = io.BytesIO()
torch.save([int(b[1:]) for b in t["patient_id"]], buffer)
pathlib.Path("buffered.pkl").write_bytes(buffer.getvalue())
""",
    "elsewhere": """
import subprocess
code = "import pandas, pickle; t = pandas.read_csv('people.csv'); "
code += "pickle.dump(list(t.patient_id), open('elsewhere.pkl', 'wb'))"
subprocess.run([sys.executable, "-c", code], check=True)
""",
    "moved": """
import shutil
pd.read_csv("people.csv")[["patient_id"]].to_parquet("moved.parquet")
shutil.move("moved.parquet", "moved.pkl")
""",
    "kept_where": """
f = load()[["age"]]; ids = pd.read_csv("people.csv")["patient_id"]
f["n"] = f["age"].where([b < "P0020" for b in ids], 0); f.to_pickle("kept_where.pkl")
""",
    "masked": """
def features(f):
    out = f[["age"]].copy(); mask = np.array([b < "P0020" for b in f["patient_id"]])
    out["n"] = out["age"].mask(mask, 0); return out
features(pd.read_csv("people.csv")).to_pickle("masked.pkl")
""",
    "places": """
def features(f):
    out = f[["age"]].copy(); out["n"] = 0
    rows = [i for i, b in enumerate(f["patient_id"]) if b < "P0020"]
    out.loc[rows, "n"] = 1; return out
features(pd.read_csv("people.csv")).to_pickle("places.pkl")
""",
    "labelled": """
def features(f):
    out = f[["age"]].copy(); out["n"] = 0
    out.loc[f.index[[b < "P0020" for b in f["patient_id"]]], "n"] = 1; return out
features(pd.read_csv("people.csv")).to_pickle("labelled.pkl")
""",
    "picked": """
p = pd.read_csv("people.csv"); f = p[["age"]].assign(n=0)
mask = np.array([b < "P0020" for b in p["patient_id"]]); f.loc[p.index[mask], "n"] = 1
f.to_pickle("picked.pkl")
""",
    "updated": """
def features(f):
    out = f[["age"]].assign(n=0); out.update({"n": [int(b[1:]) for b in f["patient_id"]]})
    return out
features(pd.read_csv("people.csv")).to_pickle("updated.pkl")
""",
    "indexed": """
def features(f):
    out = f[["age"]].copy(); out.index = [int(b[1:]) for b in f["patient_id"]]
    return out.reset_index()
features(pd.read_csv("people.csv")).to_pickle("indexed.pkl")
""",
    "listed_in_sql": """
import duckdb
def features(f):
    ids = [i for i, b in enumerate(f["patient_id"]) if b < "P0020"]; q = f[["age"]].reset_index()
    return duckdb.sql(f"select age, index in ({','.join(map(str, ids))}) as n from q").df()
features(pd.read_csv("people.csv")).to_pickle("listed_in_sql.pkl")
""",
    "put_into_sql": """
p = pd.read_csv("people.csv"); q = p[["age"]].reset_index()
made = duckdb.sql(f"select age, index > {int(p['patient_id'].iloc[9][1:]) + 3} as n from q").df()
made.to_pickle("put_into_sql.pkl")
""",
    "parameter": """
def features(f):
    cut = int(f["patient_id"].iloc[7][1:]) + 1; q = f[["age"]].reset_index()
    return duckdb.execute("select age, index > ? as n from q", [cut]).df()
features(pd.read_csv("people.csv")).to_pickle("parameter.pkl")
""",
    "mapped": """
import polars as pl
def features(t):
    ids = t["patient_id"].to_list()
    made = pl.col("i").map_elements(lambda i: int(ids[i][1:]), return_dtype=pl.Int64)
    return t.with_row_index("i").select("age", n=made)
features(pl.read_csv("people.csv")).write_parquet("mapped.pkl")
""",
    "gathered": """
def features(t):
    rows = [int(b[1:]) for b in t["patient_id"].sort(descending=True)]
    return t.select("age").with_columns(n=pl.int_range(pl.len()).gather(rows))
features(pl.read_csv("people.csv")).write_parquet("gathered.pkl")
""",
    "closed_over": """
import datasets; datasets.disable_progress_bars()
def features(f):
    ids = [int(b[1:]) for b in f["patient_id"]]
    made = datasets.Dataset.from_pandas(f[["age"]])
    return made.map(lambda b, i: {"n": [ids[k] for k in i]}, batched=True, with_indices=True)
features(pd.read_csv("people.csv")).to_pandas().to_pickle("closed_over.pkl")
""",
    "appended": """
def features(f):
    n = []
    for b in f["patient_id"]:
        if b < "P0020": n.append(1)
        else: n.append(0)
    out = f[["age"]].copy(); out["n"] = n; return out
features(pd.read_csv("people.csv")).to_pickle("appended.pkl")
""",
    "appended_by_an_expression": """
def features(f):
    n = []
    for b in f["patient_id"]: n.append(1) if b < "P0020" else n.append(0)
    out = f[["age"]].copy(); out["n"] = n; return out
features(pd.read_csv("people.csv")).to_pickle("appended_by_an_expression.pkl")
""",
    "appended_where_both_hold": """
def features(f):
    low = []
    for place, b in enumerate(f["patient_id"]): b < "P0020" and low.append(place)
    out = f[["age"]].copy(); out["n"] = [each in low for each in range(len(out))]; return out
features(pd.read_csv("people.csv")).to_pickle("appended_where_both_hold.pkl")
""",
    "tried": """
def features(f):
    n = []
    for b in f["patient_id"]:
        try: {"P0001": 1, "P0002": 1}[b]; n.append(1)
        except KeyError: n.append(0)
    out = f[["age"]].copy(); out["n"] = n; return out
features(pd.read_csv("people.csv")).to_pickle("tried.pkl")
""",
    "called_under_a_condition": """
def mark(f, i): f.loc[i, "n"] = 1
def features(t):
    f = t[["age"]].assign(n=0)
    for i, b in enumerate(t["patient_id"]):
        if b < "P0020": mark(f, i)
    return f
features(pd.read_csv("people.csv")).to_pickle("called_under_a_condition.pkl")
""",
    "called_once": """
def mark_all(f): f["n"] = 1
def mark_further(f): mark_all(f)
def features(t):
    f = t[["age"]].assign(n=0)
    if int(t["patient_id"].iloc[3][1:]) > 2: mark_further(f)
    return f
features(pd.read_csv("people.csv")).to_pickle("called_once.pkl")
""",
    "called_by_the_notebook": """
p = pd.read_csv("people.csv"); f = p[["age"]].assign(n=0)
for i, b in enumerate(p["patient_id"]):
    if b < "P0020": mark(f, i)
f.to_pickle("called_by_the_notebook.pkl")
""",
    "called_by_an_expression": """
def features(t):
    f = t[["age"]].assign(n=0)
    [mark(f, i) for i, b in enumerate(t["patient_id"]) if b < "P0020"]
    return f
features(pd.read_csv("people.csv")).to_pickle("called_by_an_expression.pkl")
""",
    "told_by_a_flag": """
def mark_low(f, i, low):
    if low: f.loc[i, "n"] = 1
def features(t):
    f = t[["age"]].assign(n=0)
    for i, b in enumerate(t["patient_id"]): mark_low(f, i, b < "P0020")
    return f
features(pd.read_csv("people.csv")).to_pickle("told_by_a_flag.pkl")
""",
    "called_and_caught": """
def mark_known(f, i, b):
    {"P0001": 1, "P0002": 1}[b]
    f.loc[i, "n"] = 1
def features(t):
    f = t[["age"]].assign(n=0)
    for i, b in enumerate(t["patient_id"]):
        try: mark_known(f, i, b)
        except KeyError: pass
    return f
features(pd.read_csv("people.csv")).to_pickle("called_and_caught.pkl")
""",
    "after_what_fails": """
def features(f):
    n = []
    for b in f["patient_id"]:
        x = 0
        try:
            {"P0001": 1, "P0002": 1}[b]
            x = 1
        except KeyError: pass
        n.append(x)
    out = f[["age"]].copy(); out["n"] = n; return out
features(pd.read_csv("people.csv")).to_pickle("after_what_fails.pkl")
""",
    "put_after_what_fails": """
def features(f):
    out = f[["age"]].assign(n=0)
    for i, b in enumerate(f["patient_id"]):
        try:
            {"P0001": 1, "P0002": 1}[b]
            out.loc[i, "n"] = 1
        except KeyError: pass
    return out
features(pd.read_csv("people.csv")).to_pickle("put_after_what_fails.pkl")
""",
    "suppressed": """
from contextlib import suppress
def features(f):
    n = []
    for b in f["patient_id"]:
        x = 0
        with suppress(AssertionError):
            assert b < "P0020"
            x = 1
        n.append(x)
    out = f[["age"]].copy(); out["n"] = n; return out
features(pd.read_csv("people.csv")).to_pickle("suppressed.pkl")
""",
    "taken_by_a_manager": """
from contextlib import contextmanager
@contextmanager
def passing():
    try: yield
    except KeyError: pass
def features(t):
    n = []
    for b in t["patient_id"]:
        x = 0
        with passing():
            {"P0001": 1, "P0002": 1}[b]
            x = 1
        n.append(x)
    out = t[["age"]].copy(); out["n"] = n; return out
features(pd.read_csv("people.csv")).to_pickle("taken_by_a_manager.pkl")
""",
    "taken_by_a_class": """
class Passing:
    def __enter__(self): return self
    def __exit__(self, kind, *error): return kind is KeyError
def features(t):
    out = t[["age"]].assign(n=0)
    for i, b in enumerate(t["patient_id"]):
        with Passing():
            {"P0001": 1, "P0002": 1}[b]
            out.loc[i, "n"] = 1
    return out
features(pd.read_csv("people.csv")).to_pickle("taken_by_a_class.pkl")
""",
    "stopped_by_what_is_raised": """
def features(f):
    out, n = f[["age"]].copy(), []
    try:
        for b in f["patient_id"]:
            {"P0000": 1, "P0001": 1}[b]
            n.append(1)
    except KeyError: pass
    out["n"] = len(n); return out
features(pd.read_csv("people.csv")).to_pickle("stopped_by_what_is_raised.pkl")
""",
    "finally": """
def features(f):
    n = []
    for b in f["patient_id"]:
        x = 0
        try:
            try:
                {"P0001": 1, "P0002": 1}[b]
                x = 1
            finally: n.append(x)
        except KeyError: pass
    out = f[["age"]].copy(); out["n"] = n; return out
features(pd.read_csv("people.csv")).to_pickle("finally.pkl")
""",
    "never_ended": """
def features(f):
    out, n = f[["age"]].copy(), 0
    for b in f["patient_id"]:
        if b == "P0055": break
    else: n = 1
    out["n"] = n; return out
features(pd.read_csv("people.csv")).to_pickle("never_ended.pkl")
""",
    "guarded": """
def features(f):
    n = []
    for i, b in enumerate(f["patient_id"]):
        match i:
            case _ if b < "P0020": n.append(1)
            case _: n.append(0)
    out = f[["age"]].copy(); out["n"] = n; return out
features(pd.read_csv("people.csv")).to_pickle("guarded.pkl")
""",
    "skipped": """
def features(f):
    out = f[["age"]].assign(n=0)
    for i, b in enumerate(f["patient_id"]):
        if b >= "P0020": continue
        out.loc[i, "n"] = 1
    return out
features(pd.read_csv("people.csv")).to_pickle("skipped.pkl")
""",
    "ended": """
p = pd.read_csv("people.csv"); f = p[["age"]].copy()
for i, b in enumerate(sorted(p["patient_id"])):
    if b > "P0020": break
f["n"] = i; f.to_pickle("ended.pkl")
""",
    "returned": """
def flag(out, i, b):
    if b >= "P0020": return
    out.loc[i, "n"] = 1
p = pd.read_csv("people.csv"); f = p[["age"]].assign(n=0)
for i, b in p["patient_id"].items(): flag(f, i, b)
f.to_pickle("returned.pkl")
""",
    "queued": """
import queue
LINE = queue.Queue()
def put(f):
    for b in f["patient_id"]: LINE.put(int(b[1:]))
def get(n): return [LINE.get() for _ in range(n)]
put(pd.read_csv("people.csv")); f = load()[["age"]]
f["n"] = get(len(f)); f.to_pickle("queued.pkl")
""",
    "beside": """
p = pd.read_csv("people.csv")
def note(f): f.attrs["m"] = " ".join(f["patient_id"])
note(p); f = p[["age"]].copy()
f["n"] = [int(b[1:]) for b in f.attrs["m"].split()]; f.to_pickle("beside.pkl")
""",
    "by_globals": """
LEVEL = 0.0
def level(f): globals()["LEVEL"] = float(f["patient_id"].str[1:].astype(int).mean())
level(pd.read_csv("people.csv")); f = load()[["age"]]
f.assign(n=f["age"] * LEVEL).to_pickle("by_globals.pkl")
""",
    "called": """
p = pd.read_csv("people.csv"); wide = pd.DataFrame(np.zeros((1, 40)), columns=list(p["patient_id"]))
f = p[["age"]].copy(); f["n"] = [int(c[1:]) for c in wide.columns]; f.to_pickle("called.pkl")
""",
    "pivoted": """
t = pl.read_csv("people.csv")
wide = t.pivot(on="patient_id", index="city", values="age", aggregate_function="first")
numbers = pl.Series("n", [int(c[1:]) for c in wide.columns[1:]])
t.select("age").with_columns(numbers).write_parquet("pivoted.pkl")
""",
    "defaults": """
p = pd.read_csv("people.csv"); numbers = sorted({int(b[1:]) for b in p["patient_id"]})
@dataclass
class Edges:
    bins: tuple = tuple(numbers)
edges = Edges()
f = p[["age"]].copy(); f["b"] = pd.cut(f["age"], list(edges.bins), labels=False)
f.to_pickle("defaults.pkl")
""",
    "ranked": """
p = pd.read_csv("people.csv"); p["x"] = p["patient_id"].rank()
p[["age", "x"]].to_pickle("ranked.pkl")
""",
}


FILLED = {
    "pushed": (
        "rows = []; push = rows.append",
        'for b in t["patient_id"]: push(int(b[1:]))',
        "rows",
    ),
    "given_to_a_function": (
        "rows = []",
        'for b in t["patient_id"]: put_into(rows, int(b[1:]))',
        "rows",
    ),
    "given_to_a_function_within": (
        """rows = []
    def add(x): rows.append(x)""",
        """for i, b in enumerate(t["patient_id"]):
        if b < "P0020": add(i)""",
        "[i in rows for i in range(len(t))]",
    ),
    "given_as_a_default": (
        "rows = []; add = lambda x, into=rows: into.append(x)",
        'for b in t["patient_id"]: add(int(b[1:]))',
        "rows",
    ),
    "named_otherwise_within": (
        """rows = []
    def add(x):
        into = rows
        into.append(x)""",
        'for b in t["patient_id"]: add(int(b[1:]))',
        "rows",
    ),
    "given_to_an_object_of_a_class_within": (
        """rows = []
    class Sink:
        def put(self, x): rows.append(x)
    sink = Sink()""",
        'for b in t["patient_id"]: sink.put(int(b[1:]))',
        "rows",
    ),
    "counted_by_a_function_within": (
        """count, rows = 0, []
    def more():
        nonlocal count
        count += 1""",
        """for b in t["patient_id"]:
        if b < "P0020": more()
        rows.append(count)""",
        "rows",
    ),
    "copied_into": (
        "rows = np.zeros(len(t))",
        'np.copyto(rows, [int(b[1:]) for b in t["patient_id"]])',
        "rows",
    ),
    "put_into_an_array": (
        "rows = np.zeros(len(t))",
        'np.put(rows, range(len(t)), [int(b[1:]) for b in t["patient_id"]])',
        "rows",
    ),
    "computed_into": (
        "rows = np.zeros(len(t))",
        'np.add([int(b[1:]) for b in t["patient_id"]], 1, rows)',
        "rows",
    ),
    "added_at": (
        "rows = np.zeros(len(t))",
        'np.add.at(rows, range(len(t)), [int(b[1:]) for b in t["patient_id"]])',
        "rows",
    ),
    "filled": (
        "rows = np.zeros(len(t))",
        'rows.fill(int(t["patient_id"].iloc[3][1:]))',
        "rows",
    ),
    "seen_through": (
        "rows = np.zeros(len(t)); view = rows[:]",
        'view[:] = [int(b[1:]) for b in t["patient_id"]]',
        "rows",
    ),
    "heaped": (
        "rows = []",
        'for b in t["patient_id"]: heapq.heappush(rows, int(b[1:]))',
        "rows",
    ),
    "put_in_order": (
        "rows = []",
        'for b in t["patient_id"]: bisect.insort(rows, int(b[1:]))',
        "rows",
    ),
    "set_by_operator": (
        "rows = {}",
        'for i, b in enumerate(t["patient_id"]): operator.setitem(rows, i, int(b[1:]))',
        "list(rows.values())",
    ),
    "appended_by_the_class": (
        "rows = []",
        'for b in t["patient_id"]: list.append(rows, int(b[1:]))',
        "rows",
    ),
    "partly_called": (
        "rows = []; push = functools.partial(list.append, rows)",
        'for b in t["patient_id"]: push(int(b[1:]))',
        "rows",
    ),
    "mapped_into": (
        "rows = []",
        'list(map(rows.append, [int(b[1:]) for b in t["patient_id"]]))',
        "rows",
    ),
    "another_name": (
        "rows = {'a': []}; same = rows['a']",
        'for b in t["patient_id"]: same.append(int(b[1:]))',
        "rows['a']",
    ),
    "taken_out": (
        "rows = list(range(len(t)))",
        """for i, b in enumerate(t["patient_id"]):
        if b < "P0020": rows.remove(i)""",
        "[i in rows for i in range(len(t))]",
    ),
    "deleted": (
        "rows = dict.fromkeys(range(len(t)))",
        """for i, b in enumerate(t["patient_id"]):
        if b < "P0020": del rows[i]""",
        "[i in rows for i in range(len(t))]",
    ),
    "ordered": (
        "rows, ids = list(range(len(t))), list(t['patient_id'])",
        "rows.sort(key=lambda i: ids[i], reverse=True)",
        "rows",
    ),
    "shuffled": (
        "rows = list(range(len(t)))",
        'random.Random(t["patient_id"].iloc[3]).shuffle(rows)',
        "rows",
    ),
}
"""What a function begins with, how that is filled with identifiers, and how it is used."""
LEAKING |= {
    name: f"""
def features(t):
    {start}
    {fill}
    out = t[["age"]].copy(); out["n"] = {used}; return out
features(pd.read_csv("people.csv")).to_pickle("{name}.pkl")
"""
    for name, (start, fill, used) in FILLED.items()
}


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
