# %%
import pandas as pd
import numpy as np
from pandas.tseries.offsets import BDay, MonthEnd
# %%
visits = pd.read_csv("visits.csv", parse_dates=["day"]).dropna(subset=["day"])
daily = visits.groupby("day").agg(n=("vid", "size"), cost=("cost", "sum")).asfreq("D", fill_value=0)
daily["dow"] = daily.index.day_of_week
daily["business"] = daily["dow"] < 5
daily["wk"] = daily.index.to_period("W").start_time
# %%
daily["n_7"] = daily["n"].rolling("7D").sum()
daily["cost_exp"] = daily["cost"].expanding(min_periods=5).mean()
daily["cost_30"] = daily["cost"].rolling(30, center=True, min_periods=10).median()
daily["ytd"] = daily.groupby(daily.index.year)["cost"].cumsum()
daily["dd"] = daily["n_7"] / daily["n_7"].cummax() - 1
daily.to_csv("out/daily.csv")
# %%
week = daily.resample("W-SUN").agg({"n": "sum", "cost": ["sum", "max"], "business": "sum"})
week.columns = ["n", "cost", "cost_max", "workdays"]
week["per_workday"] = week["n"] / week["workdays"].replace(0, np.nan)
week["wow"] = week["cost"].pct_change(fill_method=None).replace([np.inf, -np.inf], np.nan)
week["lead"] = week["cost"].shift(-1)
week.reset_index().to_csv("out/weekly.csv", index=False)
# %%
# naive decomposition and forecast
trend = week["cost"].rolling(5, center=True, min_periods=3).mean()
x = np.arange(len(week))
slope, icpt = np.polyfit(x, week["cost"].to_numpy(), 1) if len(week) > 2 else (0.0, 0.0)
season = daily.groupby("dow")["cost"].mean() / daily["cost"].mean()
future = pd.date_range(daily.index[-1] + pd.Timedelta(days=1), periods=14, freq="D")
fc = pd.DataFrame({"day": future, "dow": future.day_of_week})
fc["level"] = (icpt + slope * (len(week) + np.arange(14) / 7)) / 7
fc["forecast"] = fc["level"] * fc["dow"].map(season).fillna(1)
resid = (week["cost"] - trend).dropna()
band = 1.96 * resid.std(ddof=1) / 7
fc["lo"], fc["hi"] = fc["forecast"] - band, fc["forecast"] + band
fc.to_csv("out/forecast.csv", index=False)
# %%
visits["out"] = visits["day"] + pd.to_timedelta(visits["los"], unit="D")
visits["bill_due"] = (visits["out"] + BDay(5)).where(visits["cost"] < 500, visits["out"] + MonthEnd(1))
visits["quarter"] = visits["out"].dt.to_period("Q").astype(str)
visits["wait"] = (visits["bill_due"] - visits["day"]) / pd.Timedelta(days=1)
visits[["vid", "out", "bill_due", "quarter", "wait"]].to_parquet("out/bills.parquet", index=False)
# %%
# beds in use: +1 on entry, -1 on leaving
moves = pd.concat([pd.Series(1, index=visits["day"]), pd.Series(-1, index=visits["out"] + pd.Timedelta(days=1))])
beds = moves.groupby(level=0).sum().sort_index().cumsum().rename("beds").dropna()
full = beds.reindex(pd.date_range(beds.index.min(), beds.index.max())).ffill()
month = full.resample("ME").agg(["mean", "max"]).rename_axis("month").reset_index()
month["full_days"] = full.ge(full.quantile(.9)).resample("ME").sum().to_numpy()
month.to_json("out/beds.json", orient="records", date_format="iso")
