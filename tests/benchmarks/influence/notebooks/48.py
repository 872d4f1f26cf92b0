# %%
import pandas as pd
import numpy as np
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, TargetEncoder, QuantileTransformer
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.ensemble import RandomForestRegressor, ExtraTreesRegressor, VotingRegressor
from sklearn.impute import SimpleImputer, MissingIndicator
from sklearn.linear_model import ElasticNet, LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor, export_text

class CFG:
    seed = 2023
    target = "cost"
    num = ["age", "weight", "los"]
    cat = ["ward", "town", "sex"]
# %%
v = pd.read_csv("visits.csv").dropna(subset=["cost", "pid"])
p = pd.read_csv("patients.csv").drop_duplicates("pid")
df = v.merge(p, on="pid", how="inner").reset_index(drop=True)
df[CFG.cat] = df[CFG.cat].astype(object).fillna("NA")
X, y, groups = df[CFG.num + CFG.cat], df[CFG.target], df["pid"]
# %%
num = make_pipeline(make_union(SimpleImputer(strategy="mean"), MissingIndicator(features="all")))
pre = ColumnTransformer([("n", num, CFG.num), ("t", TargetEncoder(target_type="continuous", cv=KFold(3, shuffle=True, random_state=CFG.seed)), CFG.cat)])
grid = GridSearchCV(
    make_pipeline(pre, SelectKBest(f_regression), ElasticNet(max_iter=5000)),
    {"selectkbest__k": [2, 4], "elasticnet__alpha": [.1, 1.0]}, cv=GroupKFold(3), scoring="neg_mean_absolute_error")
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    grid.fit(X, y, groups=groups)
cv = pd.DataFrame(grid.cv_results_)[["param_selectkbest__k", "param_elasticnet__alpha", "mean_test_score", "rank_test_score"]]
cv.columns = ["k", "alpha", "score", "rank"]
cv.to_csv("out/grid.csv", index=False)
# %%
vote = VotingRegressor([
    ("rf", make_pipeline(pre, RandomForestRegressor(20, max_depth=4, random_state=CFG.seed))),
    ("knn", make_pipeline(pre, QuantileTransformer(n_quantiles=20, random_state=0), KNeighborsRegressor(5))),
    ("lin", TransformedTargetRegressor(make_pipeline(pre, LinearRegression()), func=np.log1p, inverse_func=np.expm1)),
])
df["fold"], df["oof"] = -1, 0.0
for k, (tr, va) in enumerate(GroupKFold(4).split(X, y, groups)):
    vote.fit(X.iloc[tr], y.iloc[tr])
    df.loc[va, "oof"] = vote.predict(X.iloc[va])
    df.loc[va, "fold"] = k
df["err"] = df["oof"] - df[CFG.target]
df[["vid", "fold", "oof", "err"]].to_parquet("out/oof.parquet", index=False)
folds = df.groupby("fold")["err"].agg(mae=lambda e: e.abs().mean(), bias="mean", n="size").reset_index()
folds.to_csv("out/folds.csv", index=False)
# %%
# which kind of visit do we miss? a tree over the errors
Z = pd.get_dummies(df[CFG.num + CFG.cat], dtype=float).fillna(-1)
tree = DecisionTreeRegressor(max_leaf_nodes=5, random_state=0).fit(Z, df["err"].abs())
df["leaf"] = tree.apply(Z)
leaves = df.groupby("leaf").agg(n=("vid", "count"), mae=("err", lambda s: s.abs().mean()), los=("los", "mean"), ward=("ward", lambda s: s.mode().iat[0])).reset_index()
leaves["rule"] = leaves["leaf"].map(lambda i: Z.columns[tree.tree_.feature[0]] if i else "root")
leaves.to_csv("out/leaves.csv", index=False)
# %%
per = df.groupby("pid").agg(true=("cost", "sum"), pred=("oof", "sum"))
per["ratio"] = per["pred"] / per["true"]
band = per["ratio"].std() if len(per) > 1 else 1.0
per["audit"] = (per["ratio"] - 1).abs() > band
per.join(p.set_index("pid")[["name", "town"]]).query("audit").reset_index().to_json("out/audit.json", orient="records")
