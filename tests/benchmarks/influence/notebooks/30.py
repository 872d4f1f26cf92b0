# %%
# Looking at all the files, quality report
import pandas as pd
from glob import glob
import os

files = sorted(glob("*.csv"))
frames = {}
for f in files:
    frames[os.path.splitext(f)[0]] = pd.read_csv(f)
wanted = ["patients", "visits", "labs", "clients"]
# %%
report = []
for name in wanted:
    df = frames[name]
    for c in df.columns:
        miss = df[c].isnull().sum()
        report.append({"table": name, "column": c, "type": "number" if pd.api.types.is_numeric_dtype(df[c]) else "text",
                       "missing": miss, "pct": round(100 * miss / len(df), 1), "unique": df[c].nunique()})
report = pd.DataFrame(report)
report.to_csv("out/report.csv", index=False)
# %%
stats = []
for name in wanted:
    num = frames[name].select_dtypes("number")
    for col, s in num.items():
        q1, q3 = s.quantile(0.25), s.quantile(0.75)
        iqr = q3 - q1
        n_out = ((s < q1 - 1.5 * iqr) | (s > q3 + 1.5 * iqr)).sum()
        stats.append([name, col, s.min(), s.mean(), s.max(), s.std(), n_out])
stats = pd.DataFrame(stats, columns=["table", "column", "min", "mean", "max", "std", "outliers"])
stats.to_csv("out/stats.csv", index=False)
# %%
# most common value of each text column
top = []
for name in wanted:
    for c in frames[name].select_dtypes(exclude="number"):
        vc = frames[name][c].value_counts()
        vc = vc.reset_index().sort_values(["count", c], ascending=[False, True]).head(3)
        for value, n in zip(vc[c], vc["count"]):
            top.append((name, c, value, n))
pd.DataFrame(top, columns=["table", "column", "value", "n"]).to_csv("out/top_values.csv", index=False)
# %%
# keys: which pid of visits/labs are not known
known = set(frames["patients"]["pid"])
orphans = []
for name in ["visits", "labs"]:
    for i, pid in enumerate(frames[name]["pid"]):
        if pid not in known:
            orphans.append([name, i, pid])
pd.DataFrame(orphans, columns=["table", "row", "pid"]).to_csv("out/orphans.csv", index=False)
# %%
bad_cols = report[report["pct"] > 5]
filled = {}
for table, col in zip(bad_cols["table"], bad_cols["column"]):
    df = frames[table]
    if pd.api.types.is_numeric_dtype(df[col]):
        df[col] = df[col].fillna(df[col].mean())
    else:
        df[col] = df[col].fillna("missing")
    filled[table + "." + col] = len(df)
print(filled)
frames["patients"].to_csv("out/patients_clean.csv", index=False)
frames["clients"][["client", "income", "score"]].to_parquet("out/clients_clean.parquet")
