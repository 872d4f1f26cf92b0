# %%
import polars as pl
import polars.selectors as cs

pl.Config.set_tbl_rows(20)
trips = pl.read_csv("trips.csv", try_parse_dates=True).filter(pl.col("began").is_not_null()).sort("car", "began", "trip")
cars = pl.read_csv("cars.csv").unique(subset="car", keep="first", maintain_order=True)
# %%
per = pl.col("began").over
feat = trips.with_columns(
    nr=pl.col("trip").cum_count().over("car"),
    odo=pl.col("km").cum_sum().over("car").round(2),
    gap=pl.col("began").diff().dt.total_minutes().over("car"),
    prev_driver=pl.col("driver").shift(1).over("car"),
    best=pl.col("kwh").cum_min().over("car"),
    share=(pl.col("km") / pl.col("km").sum()).over("driver"),
    pos=pl.col("km").rank("min", descending=True).over("car"),
).with_columns(
    changed=(pl.col("driver") != pl.col("prev_driver")).fill_null(True),
    shift_id=pl.col("driver").rle_id().over("car"),
)
feat.select("trip", "car", "odo", "gap", "share", "changed", "pos").write_csv("out/features.csv")
# %%
shifts = (
    feat.group_by("car", "shift_id", maintain_order=True)
    .agg(
        pl.col("driver").first(),
        pl.col("began").first().alias("from"),
        pl.col("began").last().alias("to"),
        pl.col("km").sum().round(2),
        events=(pl.col("event") != "none").sum(),
        seq=pl.col("event").filter(pl.col("event") != "none").str.join(","),
    )
    .with_columns(hours=(pl.col("to") - pl.col("from")).dt.total_seconds() / 3600)
)
shifts.write_parquet("out/shifts.parquet")
# %%
# battery simulation: recharge when the summed use passes the range
ranges = dict(zip(cars["car"], cars["range_km"]))
out = []
for (car,), g in feat.group_by("car", maintain_order=True):
    cap = (ranges.get(car) or 200) * 0.8
    left, charges = cap, 0
    level = []
    for km in g["km"].fill_null(0):
        if km > left:
            left, charges = cap, charges + 1
        left -= km
        level.append((round(left, 2), charges))
    out.append(g.select("trip", "car").with_columns(pl.Series("left", [l for l, _ in level]), pl.Series("charges", [c for _, c in level])))
sim = pl.concat(out)
sim.write_csv("out/battery.csv")
# %%
agg = sim.join(feat.select("trip", "car", "driver", "km"), on=["trip", "car"], maintain_order="left").group_by("driver").agg(
    low=(pl.col("left") < 30).mean(), km=pl.col("km").mean(), charges=pl.col("charges").max()).sort("driver")
means = agg.select(cs.numeric().mean()).row(0, named=True)
agg = agg.with_columns([(pl.col(c) - (m or 0)).alias(f"{c}_dev") for c, m in means.items()])
agg.write_csv("out/drivers.csv")
# %%
span = feat.select(lo=pl.col("began").min().dt.truncate("4h"), hi=pl.col("began").max()).row(0)
slots = pl.DataFrame({"slot": pl.datetime_range(span[0], span[1], "4h", eager=True)})
use = feat.group_by(slot=pl.col("began").dt.truncate("4h")).agg(cars=pl.col("car").n_unique(), km=pl.col("km").sum())
full = slots.join(use, on="slot", how="left", maintain_order="left").with_columns(pl.col("cars").fill_null(0), pl.col("km").fill_null(strategy="zero"))
full = full.with_columns(idle=pl.lit(cars.height) - pl.col("cars").cast(pl.Int64), km_lead=pl.col("km").shift(-1), peak=pl.col("km") == pl.col("km").max())
full.write_csv("out/slots.csv")
