# %%
# Hospital activity: tidy, chained pandas
import numpy as np
import pandas as pd

pd.set_option("display.width", 160)
# %%
def read_visits(path):
    return (
        pd.read_csv(path, parse_dates=["day"])
        .assign(
            note=lambda d: d["note"].fillna("").str.strip(),
            month=lambda d: d["day"].dt.strftime("%Y-%m"),
            weekday=lambda d: d["day"].dt.day_name().str[:3],
            long_stay=lambda d: d["los"].ge(7),
        )
        .rename(columns={"los": "nights"})
    )

visits = read_visits("visits.csv")
patients = pd.read_csv("patients.csv").rename(columns=str.lower)
# %%
def add_cost_per_night(df, floor=1):
    return df.assign(cost_per_night=df["cost"] / df["nights"].clip(lower=floor))

def winsorise(df, col, lo=.05, hi=.95):
    a, b = df[col].quantile([lo, hi])
    return df.assign(**{f"{col}_w": df[col].clip(a, b)})

base = (
    visits.pipe(add_cost_per_night)
    .pipe(winsorise, "cost")
    .merge(patients.drop(columns=["weight"]), how="left", on="pid")
    .assign(
        age_band=lambda d: pd.cut(d["age"], [0, 30, 50, 70, 120], labels=["<30", "30-49", "50-69", "70+"], right=False).astype(object).fillna("unknown"),
        pain=lambda d: d["note"].str.contains("pain") & ~d["note"].str.startswith("no "),
    )
)
# %%
by_band = (
    base.groupby(["age_band", "ward"])
    .agg(visits=("vid", "size"), people=("pid", "nunique"), median_cost=("cost_w", "median"), long_share=("long_stay", "mean"))
    .reset_index()
    .sort_values(["age_band", "ward"])
)
by_band.to_csv("out/by_band.csv", index=False)
# %%
weekday_table = (
    base.pivot_table(index="weekday", columns="ward", values="cost_per_night", aggfunc="mean")
    .reindex(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    .round(3)
    .rename_axis(columns=None)
    .reset_index()
)
weekday_table.to_csv("out/weekday.csv", index=False)
# %%
first_last = (
    base.sort_values(["pid", "day", "vid"])
    .assign(nth=lambda d: d.groupby("pid").cumcount() + 1, gap=lambda d: d.groupby("pid")["day"].diff().dt.days)
    .query("nth > 1")
    .loc[:, ["vid", "pid", "nth", "gap", "pain", "cost_w"]]
)
first_last.to_parquet("out/readmissions.parquet", index=False)
# %%
(
    base.loc[base["pain"], ["vid", "name", "town", "note"]]
    .assign(surname=lambda d: d["name"].str.split(" ").str[-1])
    .drop(columns="name")
    .sort_values("vid")
    .to_json("out/pain.json", orient="records")
)
