# %%
import polars as pl
import polars.selectors as cs

trips = pl.scan_csv("trips.csv", try_parse_dates=True)
cars = pl.scan_csv("cars.csv")
sensors = pl.scan_csv("sensors.csv", try_parse_dates=True)
# %%
trips = trips.filter(pl.col("began").is_not_null())
base = (
    trips.join(cars, on="car", how="left", maintain_order="left")
    .with_columns(
        eff=(pl.col("km") / pl.col("kwh")).round(4),
        hour=pl.col("began").dt.hour(),
        date=pl.col("began").dt.date(),
        used=pl.col("km") / pl.col("range_km"),
    )
    .with_columns(
        shift=pl.when(pl.col("hour") < 6).then(pl.lit("night")).when(pl.col("hour") < 14).then(pl.lit("early")).otherwise(pl.lit("late")),
        risky=pl.col("event").is_in(["brake", "swerve"]),
    )
)
# %%
per_driver = (
    base.group_by("driver", "shift")
    .agg(
        pl.len().alias("n"),
        pl.col("km").sum().round(2),
        pl.col("eff").median().alias("eff_med"),
        pl.col("risky").mean().alias("risk"),
        pl.col("model").drop_nulls().unique().sort().str.join("|").alias("models"),
    )
    .sort("driver", "shift")
    .collect()
)
per_driver.write_csv("out/per_driver.csv")
# %%
daily = (
    base.sort("began", "trip")
    .group_by_dynamic("began", every="12h", group_by="car")
    .agg(pl.col("kwh").sum(), pl.col("km").max().alias("km_max"), pl.col("trip").count().alias("trips"))
    .sort("car", "began")
    .with_columns(kwh_cum=pl.col("kwh").cum_sum().over("car"), chg=(pl.col("kwh") - pl.col("kwh").shift(1)).over("car"))
)
daily.collect().write_parquet("out/half_days.parquet")
# %%
joined = (
    trips.sort("began", "trip")
    .join_asof(sensors.rename({"ts": "began"}).sort("began", "temp"), on="began", by="car", strategy="backward", tolerance="2h", check_sortedness=False)
    .select("trip", "car", "began", "temp", "volt", "alarm")
    .with_columns(volt=pl.col("volt").fill_null(pl.col("volt").mean()))
    .sort("trip", "began")
    .collect()
)
joined.write_csv("out/with_sensor.csv")
# %%
hot = joined["temp"].drop_nulls().quantile(0.75) or 0.0
flag = joined.filter(pl.col("temp") >= hot).select(pl.col("trip"), over=pl.col("temp") - hot, low_volt=pl.col("volt") < 11.8)
flag.write_ndjson("out/hot.jsonl")
# %%
wide = base.select(cs.by_name("model"), cs.numeric()).group_by("model").agg(cs.float().mean().round(3)).sort("model").collect()
wide.select("model", "km", "kwh", "eff", "used").write_csv("out/model_means.csv")
