"""Features that an identifier went into, most by what it decided or was put into."""

from __future__ import annotations

LEAKING = {
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
