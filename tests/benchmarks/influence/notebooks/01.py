# %%
import pandas as pd, numpy as np
patients = pd.read_csv("patients.csv"); visits = pd.read_csv("visits.csv", parse_dates=["day"])
# %%
def clean(df):
    df = df.copy()
    df["age"] = df["age"].fillna(df["age"].median())
    df["bmi_like"] = df["weight"] / (1.7 ** 2)
    return df
patients = clean(patients)
# %%
merged = (visits.merge(patients, on="pid", how="left", indicator=True)
          .assign(month=lambda d: d.day.dt.to_period("M").astype(str), old=lambda d: d.age > 65))
merged = merged[merged["_merge"] == "both"].drop(columns="_merge")
# %%
per = merged.groupby(["town", "month"], as_index=False).agg(total=("cost", "sum"), n=("vid", "count"), worst=("los", "max"))
per["share"] = per.total / per.groupby("month")["total"].transform("sum")
per.to_csv("out/per.csv", index=False)
# %%
top_town = per.groupby("town").total.sum().idxmax()
limit = merged.cost.quantile(.9)
high = merged[(merged.town == top_town) & (merged.cost > limit)]
high[["vid", "name", "cost"]].to_csv("out/high.csv", index=False)
# %%
pivot = merged.pivot_table(index="ward", columns="sex", values="los", aggfunc="mean")
pivot.to_csv("out/pivot.csv")
# %%
X = pd.get_dummies(merged[["age", "sex", "smoker", "los"]], columns=["sex", "smoker"], dtype=int)
X = (X - X.mean()) / X.std()
X["y"] = (merged.cost > merged.cost.median()).astype(int)
X.to_parquet("out/train.parquet")
