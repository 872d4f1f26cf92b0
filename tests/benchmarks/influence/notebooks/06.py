# %%
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SEED = 42
# %%
loans = pd.read_csv("loans.csv", parse_dates=["start"])
clients = pd.read_csv("clients.csv")
df = loans.merge(clients, on="client", how="left")
df["late"] = (df["status"] == "late").astype(int)
df["start_month"] = df["start"].dt.month
print(df.shape, df["late"].mean())
# %%
num = ["amount", "rate", "income", "score"]
cat = ["segment", "region"]
X = df[num + cat + ["term"]].copy()
X["region"] = X["region"].astype(object).where(X["region"].notna(), "none")
y = df["late"]
X_train, X_test, y_train, y_test, id_train, id_test = train_test_split(X, y, df["loan"], test_size=0.3, random_state=SEED)
# %%
numeric = Pipeline([("imp", SimpleImputer(strategy="median")), ("sc", StandardScaler())])
prep = ColumnTransformer([
    ("num", numeric, num),
    ("cat", OneHotEncoder(handle_unknown="ignore"), cat),
])
logit = Pipeline([("prep", prep), ("clf", LogisticRegression(max_iter=500))])
forest = Pipeline([("prep", prep), ("clf", RandomForestClassifier(n_estimators=25, max_depth=4, random_state=SEED))])
# %%
rows = []
pred = pd.DataFrame({"loan": id_test.values, "y": y_test.values})
for name, model in {"logit": logit, "forest": forest}.items():
    if y_train.nunique() < 2:
        p = np.full(len(X_test), float(y_train.mean()))
    else:
        p = model.fit(X_train, y_train).predict_proba(X_test)[:, 1]
    pred[f"p_{name}"] = p.round(6)
    auc = roc_auc_score(y_test, p) if y_test.nunique() > 1 else np.nan
    rows.append({"model": name, "acc": accuracy_score(y_test, p > .5), "auc": auc, "n": len(p)})
pd.DataFrame(rows).to_csv("out/scores.csv", index=False)
pred.sort_values(["loan", "y"]).to_csv("out/test_predictions.csv", index=False)
# %%
best = max(rows, key=lambda r: (r["acc"], r["model"]))["model"]
final = {"logit": logit, "forest": forest}[best]
if y.value_counts().min() >= 3 and y.nunique() == 2:
    df["oof"] = cross_val_predict(final, X, y, cv=3, method="predict_proba")[:, 1]
else:
    df["oof"] = y.mean()
df["decile"] = pd.qcut(df["oof"].rank(method="first"), 10, labels=False)
lift = df.groupby("decile").agg(n=("loan", "size"), late=("late", "sum"), mean_p=("oof", "mean"), exposure=("amount", "sum"))
lift.reset_index().to_csv("out/lift.csv", index=False)
# %%
worst = df.nlargest(8, "oof")[["loan", "name", "oof", "amount"]]
worst.to_json("out/worst.json", orient="records")
