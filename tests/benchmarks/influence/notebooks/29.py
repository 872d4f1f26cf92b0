# %%
import polars as pl
import json

CONFIG = {
    "thresholds": {"km": 0.9, "kwh": 0.9},
    "weights": {"brake": 1.0, "swerve": 2.5, "none": 0.0},
    "ids": ["trip", "car", "driver"],
}
# %%
trips = pl.read_csv("trips.csv").with_columns(pl.col("began").str.to_datetime(strict=False))
cars = pl.read_csv("cars.csv").unique("car", keep="first", maintain_order=True)

limits = {c: trips[c].quantile(q, interpolation="linear") for c, q in CONFIG["thresholds"].items()}
print(json.dumps(limits))
# %%
flags = [(pl.col(c) > limit).fill_null(False).alias(f"{c}_high") for c, limit in limits.items()]
scored = trips.with_columns(*flags, weight=pl.col("event").replace_strict(CONFIG["weights"], default=0.5))
scored = scored.with_columns(
    points=pl.sum_horizontal([pl.col(f"{c}_high").cast(pl.Int32) for c in limits]) + pl.col("weight"),
    any_high=pl.any_horizontal(pl.col("^.*_high$")),
)
scored.select(*CONFIG["ids"], "points", "any_high", "km_high").write_csv("out/scored.csv")
# %%
def summarise(df: pl.DataFrame, keys, metrics) -> pl.DataFrame:
    exprs = [getattr(pl.col(c), f)().alias(f"{c}_{f}") for c, fs in metrics.items() for f in fs]
    return df.group_by(keys, maintain_order=True).agg(exprs).sort(keys)

metrics = {"km": ["sum", "mean"], "points": ["sum", "max"], "kwh": ["std"]}
tables = {"driver": summarise(scored, ["driver"], metrics), "car": summarise(scored, ["car"], metrics)}
for k, t in tables.items():
    t.with_columns(pl.col(pl.Float64).round(4)).write_csv(f"out/by_{k}.csv")
# %%
order = tables["driver"].sort("points_sum", "driver", descending=[True, False])["driver"].to_list()
worst = order[0]
target = tables["car"].select(pl.col("km_sum").mean()).item()
busy = tables["car"].filter(pl.col("km_sum") > target)["car"].implode()
# %%
sub = (
    scored.filter(pl.col("driver") == worst)
    .with_columns(busy=pl.col("car").is_in(busy), nr=pl.int_range(pl.len()) + 1)
    .join(cars, on="car", how="left", maintain_order="left")
    .with_columns(reach=(pl.col("km") / pl.col("range_km")).round(3), old=pl.lit(2024) - pl.col("built"))
)
sub.select("nr", "trip", "busy", "reach", "old", "points").write_parquet("out/worst_driver.parquet")
# %%
missing = cars.join(trips, on="car", how="anti").select("car", "model", reason=pl.lit("never driven"))
used = cars.join(trips.filter(pl.col("km") > limits["km"]), on="car", how="semi").select("car", "model", reason=pl.lit("long trips"))
pl.concat([missing, used]).sort("reason", "car").write_csv("out/cars.csv")
