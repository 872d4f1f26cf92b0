"""Features that an identifier went into, each in a file of its name."""

from __future__ import annotations

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
}
