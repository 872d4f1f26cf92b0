# %%
import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.ensemble import IsolationForest
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegressionCV, LogisticRegression
from sklearn.metrics import roc_curve, precision_recall_curve, brier_score_loss, f1_score
from sklearn.preprocessing import StandardScaler, KBinsDiscretizer, OrdinalEncoder
# %%
trips = pd.read_csv("trips.csv", parse_dates=["began"])
sensors = pd.read_csv("sensors.csv", parse_dates=["ts"])
trips["event_bin"] = trips["event"].isin(["brake", "swerve"]).astype(int)
day = sensors.assign(h=sensors["ts"].dt.floor("h")).groupby(["car", "h"], as_index=False).agg(temp=("temp", "mean"), volt=("volt", "mean"), alarm=("alarm", "max"))
df = trips.assign(h=trips["began"].dt.floor("h")).merge(day, on=["car", "h"], how="left")
# %%
df["kwh_km"] = df["kwh"] / df["km"].clip(lower=.1)
cols = ["km", "kwh", "kwh_km", "temp", "volt", "alarm"]
X = df[cols].fillna(df[cols].median()).fillna(0)
X["driver"] = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit_transform(df[["driver"]].astype(object).fillna("d0"))
split = df["began"].quantile(.7)
tr = (df["began"] <= split).to_numpy()
scaler = StandardScaler().fit(X[tr])
Z = pd.DataFrame(scaler.transform(X), columns=X.columns, index=X.index)
y = df["event_bin"].to_numpy()
# %%
iso = IsolationForest(n_estimators=40, contamination=.08, random_state=0).fit(Z[tr])
df["anomaly"] = -iso.score_samples(Z)
df["is_anom"] = iso.predict(Z) == -1
df.loc[df["is_anom"], ["trip", "car", "anomaly", "kwh_km"]].sort_values(["anomaly", "trip"]).to_csv("out/anomalies.csv", index=False)
# %%
clf = LogisticRegression(C=.5, class_weight="balanced")
if len(set(y[tr])) > 1:
    clf.fit(Z[tr], y[tr])
else:
    clf.fit(Z, np.arange(len(Z)) % 2)
df["p"] = clf.predict_proba(Z)[:, 1]
thr = pd.DataFrame(zip(*roc_curve(y[tr], df.loc[tr, "p"])), columns=["fpr", "tpr", "thr"]).iloc[1:]
thr["j"] = thr["tpr"] - thr["fpr"]
thr.to_csv("out/roc.csv", index=False)
best = thr.loc[thr["j"].idxmax(), "thr"] if thr["j"].notna().any() else 0.5
# %%
test = df[~tr].copy()
test["flag"] = test["p"] >= best
test["bin"] = KBinsDiscretizer(4, encode="ordinal", strategy="uniform", subsample=None).fit_transform(test[["p"]])
cal = test.groupby("bin").agg(p=("p", "mean"), obs=("event_bin", "mean"), n=("trip", "size")).reset_index()
cal["brier"] = brier_score_loss(test["event_bin"], test["p"])
cal["f1"] = f1_score(test["event_bin"], test["flag"], zero_division=0)
cal.to_csv("out/calibration.csv", index=False)
test[["trip", "driver", "p", "flag", "bin"]].to_parquet("out/test_flags.parquet", index=False)
# %%
pi = permutation_importance(clf, Z[~tr], y[~tr], n_repeats=3, random_state=0)
imp = pd.DataFrame({"feature": Z.columns, "coef": clf.coef_[0], "perm": pi.importances_mean, "mean": scaler.mean_, "scale": scaler.scale_})
imp.to_json("out/importance.json", orient="records")
driver = test.groupby("driver").agg(flags=("flag", "sum"), events=("event_bin", "sum"), km=("km", "sum"))
driver["per_100km"] = 100 * driver["flags"] / driver["km"]
driver.to_csv("out/drivers.csv")
