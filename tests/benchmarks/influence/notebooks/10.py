# %%
import pandas as pd
import numpy as np

ts = pd.read_csv("sensors.csv", parse_dates=["ts"]).dropna(subset=["ts"]).sort_values(["ts", "car"]).set_index("ts")
ts["volt"] = ts["volt"].interpolate(method="time", limit=2)
ts.index.is_monotonic_increasing
# %%
hourly = ts[["temp", "volt"]].resample("1h").mean()
hourly["alarms"] = ts["alarm"].resample("1h").sum()
hourly["temp_ma3"] = hourly["temp"].rolling(3, min_periods=1).mean()
hourly["temp_ewm"] = hourly["temp"].ewm(span=4, adjust=False).mean()
hourly["delta"] = hourly["temp"].diff()
hourly["lag2"] = hourly["temp"].shift(2)
hourly.to_csv("out/hourly.csv")
# %%
# anomaly: three sigmas of the last 6 hours (well, two)
mu = hourly["temp"].rolling(6, min_periods=3).mean().shift(1)
sd = hourly["temp"].rolling(6, min_periods=3).std().shift(1)
hourly["z"] = (hourly["temp"] - mu) / sd.replace(0, np.nan)
anom = hourly.loc[hourly["z"].abs() > 1.5, ["temp", "z"]].copy()
anom["side"] = np.sign(anom["z"]).map({1.0: "above", -1.0: "below"})
anom.reset_index().to_csv("out/anomalies.csv", index=False)
# %%
by_car = (ts.groupby("car")["temp"].resample("6h").agg(["mean", "min", "max", "count"]).reset_index())
by_car["range"] = by_car["max"] - by_car["min"]
by_car.to_parquet("out/by_car_6h.parquet", index=False)
# %%
spells = ts.reset_index()[["ts", "car", "alarm"]].sort_values(["car", "ts"], kind="stable").reset_index(drop=True)
spells["on"] = spells["alarm"] > 0
spells["run"] = (spells["on"] != spells.groupby("car")["on"].shift()).groupby(spells["car"]).cumsum()
runs = (spells[spells["on"]].groupby(["car", "run"])
        .agg(began=("ts", "first"), ended=("ts", "last"), n=("alarm", "size")).reset_index())
runs["minutes"] = (runs["ended"] - runs["began"]).dt.total_seconds() / 60
runs.to_csv("out/alarm_runs.csv", index=False)
# %%
trips = pd.read_csv("trips.csv", parse_dates=["began"]).dropna(subset=["began"]).sort_values(["began", "trip"])
m = pd.merge_asof(trips, ts.reset_index()[["ts", "car", "temp", "volt"]], left_on="began", right_on="ts", by="car",
                  direction="nearest", tolerance=pd.Timedelta("30min"))
m["age_min"] = (m["began"] - m["ts"]).dt.total_seconds().div(60)
m[["trip", "car", "temp", "volt", "age_min"]].to_csv("out/trip_temp.csv", index=False)
# %%
profile = hourly.groupby(hourly.index.hour)[["temp", "alarms"]].mean()
profile.index.name = "hour"
profile["seasonal"] = profile["temp"] - profile["temp"].mean()
profile.reset_index().to_json("out/profile.json", orient="records")
