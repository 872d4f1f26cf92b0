"""Features that no identifier went into, each in a file of its name."""

from __future__ import annotations

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
