# %%
import polars as pl
df = pl.read_csv("sensors.csv", try_parse_dates=True).drop_nulls("ts").sort("ts", "car", "temp")
df.describe()
# %%
df = df.with_columns(
    pl.col("volt").interpolate().over("car"),
    temp_z=((pl.col("temp") - pl.col("temp").mean()) / pl.col("temp").std()).over("car"),
    minute=pl.col("ts").dt.minute(),
    part=pl.col("ts").dt.truncate("6h"),
)
volt_by_car = df.group_by("car").agg(pl.col("volt").mean()).sort("car")
lookup = {c: v for c, v in volt_by_car.iter_rows()}
df = df.with_columns(volt=pl.coalesce("volt", pl.col("car").replace_strict(lookup, default=12.0, return_dtype=pl.Float64), pl.lit(12.0)))
# %%
rolled = df.rolling("ts", period="2h", group_by="car").agg(
    temp_2h=pl.col("temp").mean(), hi=pl.col("temp").max(), volt_min=pl.col("volt").min(), n=pl.len(), alarms=pl.col("alarm").sum(),
).sort("car", "ts", "n")
rolled.write_csv("out/rolling.csv")
# %%
grid = (
    df.group_by_dynamic("ts", every="1h", closed="left")
    .agg(pl.col("temp").mean().alias("t"), pl.col("volt").median().alias("v"), pl.col("alarm").sum().alias("a"))
    .upsample("ts", every="1h")
    .with_columns(pl.col("t").interpolate(), pl.col("a").fill_null(0), pl.col("v").forward_fill())
    .with_columns(
        t_lag=pl.col("t").shift(1),
        t_roll=pl.col("t").rolling_mean(4, min_samples=1),
        t_ewm=pl.col("t").ewm_mean(half_life=3),
        v_pct=pl.col("v").pct_change(),
        a_cum=pl.col("a").cum_sum(),
    )
)
grid.write_parquet("out/grid.parquet")
# %%
thr = float(grid["t"].std() or 0) * 0.8
shock = (
    grid.with_columns(jump=pl.col("t") - pl.col("t_lag"))
    .with_columns(state=pl.when(pl.col("jump") > thr).then(pl.lit("up")).when(pl.col("jump") < -thr).then(pl.lit("down")).otherwise(pl.lit("flat")))
    .with_columns(run=pl.col("state").rle_id())
)
runs = shock.group_by("run", maintain_order=True).agg(pl.col("state").first(), start=pl.col("ts").min(), hours=pl.len(), move=pl.col("jump").sum())
runs.write_csv("out/runs.csv")
# %%
by_part = df.group_by("part", "car").agg(pl.col("temp_z").abs().max().alias("max_z"), pl.col("alarm").mean().alias("alarm_rate"))
top = by_part.sort("part", "max_z", "car", descending=[False, True, False]).group_by("part", maintain_order=True).first()
top.write_csv("out/worst_car.csv")
ac = pl.DataFrame({"lag": list(range(1, 7))}).with_columns(
    r=pl.Series([grid.select(pl.corr("t", pl.col("t").shift(k))).item() for k in range(1, 7)])
)
ac.write_csv("out/acf.csv")
