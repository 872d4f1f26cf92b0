# %%
# Tariffs, lookups and interpolation (numpy + pandas, spreadsheet habits)
import numpy as np
import pandas as pd

trips = pd.read_csv("trips.csv")
trips["began"] = pd.to_datetime(trips["began"])
cars = pd.read_csv("cars.csv")
sensors = pd.read_csv("sensors.csv", parse_dates=["ts"]).dropna(subset=["ts"]).sort_values(["ts", "car"])
trips = trips[trips["began"].notna()].reset_index(drop=True)
# %%
# price by km step, and per hour
STEPS = np.array([0, 10, 30, 60])
PRICE = np.array([0.50, 0.42, 0.35, 0.30])
step = np.searchsorted(STEPS, trips["km"], side="right") - 1
trips["tariff"] = PRICE[np.clip(step, 0, 3)]
trips["peak"] = np.isin(trips["began"].dt.hour, [7, 8, 16, 17])
trips["price"] = np.round(trips["km"] * trips["tariff"] * np.where(trips["peak"], 1.25, 1), 2)
# %%
# outside temperature at the beginning, interpolated between readings of all cars
t0 = sensors["ts"].min()
sx = (sensors["ts"] - t0).dt.total_seconds().to_numpy()
tx = (trips["began"] - t0).dt.total_seconds().to_numpy()
trips["temp_i"] = np.interp(tx, sx, sensors["temp"].ffill().bfill())
trips["heating"] = np.maximum(18 - trips["temp_i"], 0) * 0.05
trips["margin"] = trips["price"] - 0.3 * (trips["kwh"] + trips["heating"])
trips[["trip", "car", "price", "temp_i", "heating", "margin"]].to_csv("out/priced.csv", index=False)
# %%
# co-use of cars by drivers: a matrix product
inc = pd.crosstab(trips["driver"], trips["car"])
co = inc.T.dot(inc)
arr = co.to_numpy(copy=True)
np.fill_diagonal(arr, 0)
co = pd.DataFrame(arr, index=co.index.rename("car_a"), columns=co.columns.rename("car_b"))
edges = co.stack().rename("weight").reset_index()
edges = edges[(edges["car_a"] < edges["car_b"]) & (edges["weight"] > np.median(arr))]
edges.to_csv("out/edges.csv", index=False)
# %%
# every car with every other: who could replace whom
pairs = cars.merge(cars, how="cross", suffixes=("", "_other"))
pairs = pairs[pairs["car"] != pairs["car_other"]]
need = trips.groupby("car")["km"].max()
pairs["ok"] = pairs["range_km_other"] >= pairs["car"].map(need).fillna(0) * 3
pairs["younger"] = pairs["built_other"] - pairs["built"]
pairs["fit"] = pairs["ok"].astype(int) * 2 + (pairs["model"] == pairs["model_other"]) + np.sign(pairs["younger"])
best = pairs.sort_values(["car", "fit", "car_other"], ascending=[True, False, True]).groupby("car").head(2)
best[["car", "car_other", "fit", "younger", "ok"]].to_csv("out/replace.csv", index=False)
# %%
hist, edges_km = np.histogram(trips["km"].dropna(), bins=8)
prob = hist / max(hist.sum(), 1)
dist = pd.DataFrame({"from_km": edges_km[:-1].round(2), "n": hist, "cdf": prob.cumsum(), "entropy": -np.where(prob > 0, prob * np.log2(np.where(prob > 0, prob, 1)), 0)})
dist.to_parquet("out/hist.parquet", index=False)
stats = trips.groupby(["driver", "peak"])["margin"].apply(lambda m: pd.Series({"mean": m.mean(), "worst": m.min(), "loss": (m < 0).mean()})).unstack()
top = stats["mean"].groupby(level="driver").transform("max")
stats["best_time"] = stats["mean"].eq(top)
stats.reset_index().to_json("out/margins.json", orient="records")
