"""What must never be learned is found in whole notebooks, and honest ones are left alone.

Each idiom is some cells, parted by lines of ``# %%``; all run in one session.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governed_kernel.release.learned import Learned
from tests.release.learning import learned

MODULES = {
    "limits.py": """
import pandas as pd
MEDIAN = None
LINE = ""
LIMIT = 50
IDS = " ".join(pd.read_csv("people.csv")["patient_id"])
def fit(t):
    global MEDIAN
    MEDIAN = float(t["patient_id"].str[1:].astype(int).median())
def note(t):
    global LINE
    LINE = ",".join(t["patient_id"])
def use(t):
    f = t[["age"]].copy(); f["n"] = MEDIAN; return f
def noted(t):
    f = t[["age"]].copy(); f["n"] = [int(x[1:]) for x in LINE.split(",")]; return f
def told(t):
    f = t[["age"]].copy(); f["n"] = [int(x[1:]) for x in IDS.split()]; return f
def old(t):
    f = t[["age"]].copy(); f["n"] = (f["age"] > LIMIT).astype(int); return f
""",
    "seeds.py": """
import random
SEED = None
def seed_everything(seed):
    global SEED
    SEED = seed; random.seed(seed)
""",
    "settings.py": "M = None\nRATE = 0.5\n",
    "scaling.py": """
MEAN = 0.0
def fit(t):
    global MEAN
    MEAN = t["age"].mean()
def use(t):
    f = t[["age"]].copy(); f["n"] = f["age"] - MEAN; return f
""",
}
BEGIN = """
import sys, duckdb, joblib
import numpy as np, pandas as pd, polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
sys.path.insert(0, ".")
FEATURES = ["age", "weight", "glucose"]
df = pd.read_csv("people.csv")
def number(text): return int(text[1:])
"""
HONEST = {
    "a_chain_of_functions": """
d = (
    df.assign(
        band=lambda t: pd.cut(t["age"], [0, 40, 60, 120], labels=False),
        kg=lambda t: t["weight"] - t.groupby("city")["weight"].transform("mean"),
        heavy=lambda t: np.where(t["kg"] > 0, 1, 0),
    )
    .loc[lambda t: np.log1p(t["glucose"]) > 1]
    .assign(half=pd.col("age") / 2)
)
d[["band", "kg", "heavy", "half"]].to_pickle("a_chain_of_functions.pkl")
""",
    "earlier_of_each_patient": """
d = df.sort_values(["patient_id", "age"]).copy()
groups = d.groupby("patient_id")
d["before"], d["visit"] = groups["weight"].shift(), groups.cumcount()
d["mean"] = groups["glucose"].transform(lambda part: part.mean() / (1 + part.std()))
d["rising"] = np.where(d["weight"] > d["before"], 1, 0)
d[["before", "visit", "mean", "rising"]].to_pickle("earlier_of_each_patient.pkl")
""",
    "scores_of_each_patient": """
from scipy.stats import zscore
d = df.copy()
d["n"] = d.groupby("patient_id")["age"].transform(lambda part: zscore(part, nan_policy="omit"))
d[["age", "n"]].to_pickle("scores_of_each_patient.pkl")
""",
    "earlier_of_each_patient_in_polars": """
age = pl.col("age").mean().over("patient_id", order_by="weight")
d = pl.read_csv("people.csv").select(a=age).to_numpy()
joblib.dump(d, "earlier_of_each_patient_in_polars.pkl")
""",
    "earlier_of_each_patient_in_sql": """
text = "select lag(age) over (partition by patient_id order by weight) as a from 'people.csv'"
duckdb.sql(text).df().to_pickle("earlier_of_each_patient_in_sql.pkl")
""",
    "joined_then_chosen": """
weights = df[["patient_id", "weight"]].rename(columns={"weight": "kg"})
d = df[["patient_id", "age", "city"]].merge(weights, on="patient_id").drop_duplicates("patient_id")
d = d[d["patient_id"].notna()].sort_values("patient_id")
d["bonn"] = np.where(d["city"] == "Bonn", 1, 0)
d.loc[d["age"] > 50, "old"] = 1
d[["age", "kg", "bonn", "old"]].to_pickle("joined_then_chosen.pkl")
""",
    "joined_then_chosen_in_polars": """
d = pl.read_csv("people.csv").sort("patient_id")
d = d.select("patient_id", "age", "city").join(d.select("patient_id", "weight"), on="patient_id")
d = d.select("age", bonn=pl.when(pl.col("city") == "Bonn").then(1).otherwise(0))
joblib.dump(d.to_numpy(), "joined_then_chosen_in_polars.pkl")
""",
    "joined_then_chosen_in_sql": """
d = duckdb.sql('''select a.age, case when a.city = 'Bonn' then 1 else 0 end as bonn
    from 'people.csv' a join 'people.csv' b using (patient_id) order by patient_id''').df()
d.to_pickle("joined_then_chosen_in_sql.pkl")
""",
    "by_type": """
numbers = [c for c in df.select_dtypes("number").columns if c != "outcome"]
joblib.dump(LogisticRegression().fit(df[numbers], df["outcome"]), "by_type.pkl")
""",
    "by_looks": """
numeric = []
for c in df.columns:
    if pd.api.types.is_numeric_dtype(df[c]) and c != "outcome": numeric.append(c)
joblib.dump(LogisticRegression().fit(df[numeric], df["outcome"]), "by_looks.pkl")
""",
    "by_missing": """
missing = {c: int(df[c].isna().sum()) for c in df.columns}
keep = [c for c in FEATURES if missing[c] == 0]
joblib.dump(LogisticRegression().fit(df[keep], df["outcome"]), "by_missing.pkl")
""",
    "transformer": """
ct = ColumnTransformer([("n", StandardScaler(), FEATURES), ("oh", OneHotEncoder(), ["city"])])
m = make_pipeline(ct, LogisticRegression()).fit(df.drop(columns="outcome"), df["outcome"])
joblib.dump(m, "transformer.pkl")
""",
    "searched": """
ct = ColumnTransformer([("n", StandardScaler(), [2, 3]), ("d", "drop", ["name"])])
grid = GridSearchCV(make_pipeline(ct, LogisticRegression()), {}, cv=StratifiedGroupKFold(2))
# %%
grid.fit(df, df["outcome"], groups=df["patient_id"])
# %%
joblib.dump(grid.best_estimator_, "searched.pkl")
""",
    "models": """
models = [LogisticRegression(C=c).fit(df[FEATURES], df["outcome"]) for c in (0.1, 1)]
# %%
joblib.dump(models, "models.pkl")
""",
    "folds": """
models = []
for tr, va in KFold(3, shuffle=True, random_state=0).split(df):
    m = LogisticRegression().fit(df.iloc[tr][FEATURES], df.iloc[tr]["outcome"])
    models.append(m)
# %%
joblib.dump(models, "folds.pkl")
""",
    "limit": """
import limits
# %%
limits.old(df).to_pickle("limit.pkl")
""",
    "scaled": """
import scaling
# %%
scaling.fit(df)
# %%
scaling.use(df).to_pickle("scaled.pkl")
""",
    "reloaded": """
import importlib, settings
# %%
importlib.reload(settings)
# %%
def use(d):
    f = d[["age"]].copy(); f["n"] = f["age"] * settings.RATE; return f
use(df).to_pickle("reloaded.pkl")
""",
    "configured": """
import settings
def configure(): settings.RATE = 0.7
configure()
# %%
def use(d):
    f = d[["age"]].copy(); f["n"] = f["age"] * settings.RATE; return f
use(df).to_pickle("configured.pkl")
""",
    "seeded": """
import seeds
# %%
seeds.seed_everything(7)
# %%
def use(d):
    f = d[["age"]].copy(); f["n"] = f["age"] + seeds.SEED; return f
use(df).to_pickle("seeded.pkl")
""",
    "labelled_anew": """
f = df.set_index("patient_id")[["age", "weight"]].sort_index()
f = f.set_axis(range(len(f))).set_axis(["a", "w"], axis=1).reset_index()
f = f.set_index(pd.date_range("2020-01-01", periods=len(f)))[["a", "w"]]
f.resample("7D").mean().reset_index().to_pickle("labelled_anew.pkl")
""",
    "fitted_again": """
settings_of_it, spread = {"C": 0.5, "random_state": 7}, df["age"].std()
# %%
m = make_pipeline(
    StandardScaler(), LogisticRegression(**settings_of_it, class_weight={0: 1.0, 1: spread})
)
m.fit(df[FEATURES], df["outcome"]); m.fit(df[FEATURES], df["outcome"])
# %%
m.threshold_ = 0.4
# %%
m.fit(df[FEATURES], df["outcome"]); m.predict(df[FEATURES])
joblib.dump(m, "fitted_again.pkl")
""",
    "wide": """
wide = df.pivot_table(index="age", columns="city", values="glucose")
# %%
f = wide[[c for c in wide.columns if c.startswith("B")]]
f.to_pickle("wide.pkl")
""",
}
LEAKING = {
    "a_chain_that_begins_with_patients": """
d = df.assign(a=lambda t: t["patient_id"].str[1:].astype(int), n=lambda t: np.log1p(t["a"]))
d[["age", "n"]].to_pickle("a_chain_that_begins_with_patients.pkl")
""",
    "an_expression": """
d = df.assign(n=pd.col("age") + pd.col("patient_id").str[1:].astype(int))
d[["age", "n"]].to_pickle("an_expression.pkl")
""",
    "a_number_in_an_expression": """
most = df["patient_id"].str[1:].astype(int).max()
d = df.assign(n=pd.col("age") * most)
d[["age", "n"]].to_pickle("a_number_in_an_expression.pkl")
""",
    "number_of_the_group": """
d = df.copy(); d["n"] = d.groupby("patient_id").ngroup()
d[["age", "n"]].to_pickle("number_of_the_group.pkl")
""",
    "number_of_the_group_by_its_name": """
d = df.copy(); d["n"] = d.groupby("patient_id")["age"].transform("ngroup")
d[["age", "n"]].to_pickle("number_of_the_group_by_its_name.pkl")
""",
    "chosen_by_what_parts": """
early = pl.when(pl.col("patient_id") < "P0020").then(1).otherwise(0).max().over("patient_id")
d = pl.read_csv("people.csv").select(n=early)
joblib.dump(d.to_numpy(), "chosen_by_what_parts.pkl")
""",
    "name_of_the_group_by_a_thing": """
class Numbers:
    def of(self, part): return number(part.name)
numbers = Numbers()
d = df.copy(); d["n"] = d.groupby("patient_id")["age"].transform(lambda part: numbers.of(part))
d[["age", "n"]].to_pickle("name_of_the_group_by_a_thing.pkl")
""",
    "name_of_the_group_by_a_getter": """
from operator import attrgetter
d = df.groupby("patient_id")["age"].apply(attrgetter("name")).str[1:].astype(int)
d.reset_index(drop=True).to_frame("n").to_pickle("name_of_the_group_by_a_getter.pkl")
""",
    "numbers_of_chosen_rows": """
d = df[["age"]].copy()
d["n"] = np.where(d.index.isin(df[df["patient_id"] < "P0020"].index), 1, 0)
d.to_pickle("numbers_of_chosen_rows.pkl")
""",
    "name_of_the_group": """
def of(part): return number(part.name)
d = df.copy(); d["n"] = d.groupby("patient_id")["age"].transform(lambda part: of(part))
d[["age", "n"]].to_pickle("name_of_the_group.pkl")
""",
    "name_of_the_part": """
d = df.groupby("patient_id")[["age"]].apply(lambda part: part.assign(n=number(part.name)))
d.reset_index(drop=True).to_pickle("name_of_the_part.pkl")
""",
    "rank": """
d = df.copy(); d["n"] = d.groupby("city")["patient_id"].rank()
d[["age", "n"]].to_pickle("rank.pkl")
""",
    "rank_in_sql": """
text = "row_number() over (partition by city order by patient_id) as n"
text = f"select age, {text} from 'people.csv'"
duckdb.sql(text).df().to_pickle("rank_in_sql.pkl")
""",
    "rank_in_polars": """
n = pl.int_range(pl.len()).over("city", order_by="patient_id")
joblib.dump(pl.read_csv("people.csv").select("age", n=n).to_numpy(), "rank_in_polars.pkl")
""",
    "transposed": """
across = df.set_index("patient_id")[["age"]].T
f = df[["age"]].copy(); f["n"] = [number(c) for c in across.columns]
f.to_pickle("transposed.pkl")
""",
    "transposed_in_a_function": """
def go(t):
    across = t.set_index("patient_id")[["age"]].T
    f = t[["age"]].copy(); f["n"] = [number(c) for c in across.copy().columns]
    return f
go(df).to_pickle("transposed_in_a_function.pkl")
""",
    "dummies": """
def go(t):
    made = pd.get_dummies(t["patient_id"])
    f = t[["age"]].copy(); f["n"] = np.array([number(c) for c in made.columns])
    return f
go(df).to_pickle("dummies.pkl")
""",
    "names_of_both": """
both = pd.concat([pd.get_dummies(df["patient_id"]), pd.get_dummies(df["city"])], axis=1)
f = df[["age"]].copy(); f["n"] = [number(c) for c in both.columns[: len(df)]]
f.to_pickle("names_of_both.pkl")
""",
    "pivoted": """
made = df.pivot_table(index="city", columns="patient_id", values="age")
f = df[["age"]].copy(); f["n"] = [number(c) for c in made.columns]
f.to_pickle("pivoted.pkl")
""",
    "unstacked": """
made = df.set_index(["city", "patient_id"])["age"].unstack()
f = df[["age"]].copy(); f["n"] = made.columns.str[1:].astype(int)
f.to_pickle("unstacked.pkl")
""",
    "counted": """
def go(t):
    made = pd.crosstab(t["city"], t["patient_id"])
    f = t[["age"]].copy(); f["n"] = [number(c) for c in made.columns]
    return f
go(df).to_pickle("counted.pkl")
""",
    "polars_names": """
import polars as pl
table = pl.read_csv("people.csv")
made = table.select("age").transpose(column_names=table["patient_id"])
f = df[["age"]].copy(); f["n"] = [number(c) for c in made.columns]
f.to_pickle("polars_names.pkl")
""",
    "module_number": """
import limits
# %%
limits.fit(df)
# %%
limits.use(df).to_pickle("module_number.pkl")
""",
    "module_text": """
import limits
# %%
limits.note(df)
# %%
limits.noted(df).to_pickle("module_text.pkl")
""",
    "made_by_the_import": """
import limits
# %%
limits.told(df).to_pickle("made_by_the_import.pkl")
""",
    "cell_number": """
M = None
def fit(t):
    global M
    M = float(t["patient_id"].str[1:].astype(int).median())
fit(df)
# %%
f = df[["age"]].copy(); f["n"] = f["age"] * M
f.to_pickle("cell_number.pkl")
""",
    "set_from_outside": """
import settings
def fit(d): settings.M = float(d["patient_id"].str[1:].astype(int).median())
def use(d):
    f = d[["age"]].copy(); f["n"] = f["age"] * settings.M; return f
# %%
fit(df)
# %%
use(df).to_pickle("set_from_outside.pkl")
""",
    "target_frame": """
from sklearn.linear_model import LinearRegression
d = df.copy(); d["k"] = d["patient_id"].str[1:].astype(int)
m = make_pipeline(ColumnTransformer([("n", StandardScaler(), ["age"])]), LinearRegression())
m.fit(d, d[["age", "k"]])
# %%
joblib.dump(m, "target_frame.pkl")
""",
    "kept_in_models": """
ms = []
for i in range(2):
    m = LogisticRegression().fit(df[["age"]], df["outcome"])
    m.ids_ = [number(b) for b in df["patient_id"]]
    ms.append(m)
# %%
joblib.dump(ms, "kept_in_models.pkl")
""",
    "chosen_models": """
pair = [LogisticRegression(C=c).fit(df[["age"]], df["outcome"]) for c in (1, 2)]
# %%
ms = [pair[number(b) % 2] for b in df["patient_id"]]
# %%
joblib.dump(ms, "chosen_models.pkl")
""",
    "at_once": """
S = ""
def see(t):
    global S
    S = ",".join(t["patient_id"])
def use(t):
    f = t[["age"]].copy(); f["n"] = [number(x) for x in S.split(",")]; return f
def both(t):
    see(t); return use(t)
both(df).to_pickle("at_once.pkl")
""",
    "setting": """
c = df["patient_id"].str[1:].astype(int).mean()
# %%
m = LogisticRegression(C=c).fit(df[FEATURES], df["outcome"])
# %%
joblib.dump(m, "setting.pkl")
""",
    "setting_of_a_step": """
m = make_pipeline(StandardScaler(), LogisticRegression(C=c))
# %%
m.fit(df[FEATURES], df["outcome"]); joblib.dump(m, "setting_of_a_step.pkl")
""",
    "weights_of_classes": """
by_class = {0: float(number(df["patient_id"].iloc[3])), 1: 1.0}
# %%
m = LogisticRegression(class_weight=by_class).fit(df[FEATURES], df["outcome"])
joblib.dump(m, "weights_of_classes.pkl")
""",
    "start": """
from sklearn.cluster import KMeans
start = np.array([[float(number(b))] for b in df["patient_id"].iloc[[3, 8]]])
# %%
m = KMeans(2, init=start, n_init=1, max_iter=1).fit(df[["age"]])
joblib.dump(m, "start.pkl")
""",
    "set_later": """
m = LogisticRegression(); m.set_params(C=df["patient_id"].str[1:].astype(int).mean())
m.fit(df[FEATURES], df["outcome"]); joblib.dump(m, "set_later.pkl")
""",
    "set_later_of_a_step": """
m = make_pipeline(LogisticRegression())
m.set_params(logisticregression__C=df["patient_id"].str[1:].astype(int).mean())
# %%
m.fit(df[FEATURES], df["outcome"]); joblib.dump(m, "set_later_of_a_step.pkl")
""",
    "set_as_an_attribute": """
m = LogisticRegression(); m.C = df["patient_id"].str[1:].astype(int).mean()
m.fit(df[FEATURES], df["outcome"]); joblib.dump(m, "set_as_an_attribute.pkl")
""",
    "learned_by_another_name": """
m = LogisticRegression().fit(df[FEATURES], df["outcome"]); learned = m.coef_
# %%
learned[:] = [number(b) for b in df["patient_id"][:3]]
# %%
joblib.dump(m, "learned_by_another_name.pkl")
""",
    "learned_set_by_name": """
m = LogisticRegression().fit(df[FEATURES], df["outcome"])
# %%
setattr(m, "coef_", np.array([[float(number(b)) for b in df["patient_id"][:3]]]))
# %%
joblib.dump(m, "learned_set_by_name.pkl")
""",
    "learned_copied_into": """
m = LogisticRegression().fit(df[FEATURES], df["outcome"])
# %%
np.copyto(m.coef_, np.array([[float(number(b)) for b in df["patient_id"][:3]]]))
# %%
joblib.dump(m, "learned_copied_into.pkl")
""",
    "labels": """
f = df[["age"]].set_axis([number(b) * 7 % 41 for b in df["patient_id"]])
# %%
f[f["age"] > 30].head(20).reset_index().to_pickle("labels.pkl")
""",
    "labels_of_a_series": """
f = df[["age"]].set_axis(df["patient_id"].str[1:].astype(int), axis=0)
f.reset_index().to_pickle("labels_of_a_series.pkl")
""",
    "labels_in_a_file": """
f = df[["age"]].set_axis([number(b) * 7 % 41 for b in df["patient_id"]])
f.to_pickle("labels_in_a_file.pkl")
""",
    "labels_as_a_list": """
f = df[["age"]].set_axis([number(b) * 7 % 41 for b in df["patient_id"]])
# %%
d = df[["age"]].copy(); d["n"] = list(f.index)
d.to_pickle("labels_as_a_list.pkl")
""",
    "labels_of_an_index": """
f = df[["age"]].set_index(pd.Index([number(b) * 7 % 41 for b in df["patient_id"]]))
f.reset_index().to_pickle("labels_of_an_index.pkl")
""",
    "labels_asked_for": """
f = df[["age"]].reindex([number(b) * 7 % 41 for b in df["patient_id"]])
f.reset_index().to_pickle("labels_asked_for.pkl")
""",
    "labels_within_a_function": """
def go(t):
    f = t[["age"]].set_axis([number(b) * 7 % 41 for b in t["patient_id"]])
    f["n"] = f.index * 2
    return f.reset_index(drop=True)
go(df).to_pickle("labels_within_a_function.pkl")
""",
    "weights": """
m = LogisticRegression().fit(
    df[FEATURES], df["outcome"], sample_weight=[number(b) % 7 + 1 for b in df["patient_id"]]
)
# %%
joblib.dump(m, "weights.pkl")
""",
    "weights_of_a_series": """
m = LogisticRegression()
m.fit(df[FEATURES], df["outcome"], df["patient_id"].str[1:].astype(int))
# %%
joblib.dump(m, "weights_of_a_series.pkl")
""",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Learned]]:
    """What the models of a session that ran all of these have learned."""
    idioms = "# %%".join((BEGIN, *LEAKING.values(), *HONEST.values()))
    folder = tmp_path_factory.mktemp("notebooks")
    with learned(folder, MODULES, idioms.split("# %%")) as (_, found):
        yield found()


@pytest.mark.parametrize("name", HONEST)
def test_honest_notebooks_have_learned_nothing(found: list[Learned], name: str) -> None:
    assert not [item for item in found if item.output == f"{name}.pkl" and item.went_in]


@pytest.mark.parametrize("name", LEAKING)
def test_what_must_not_be_learned_is_found(found: list[Learned], name: str) -> None:
    assert [item for item in found if item.output == f"{name}.pkl" and item.went_in]
