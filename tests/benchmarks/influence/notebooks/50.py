# %%
import polars as pl
import numpy as np
rng = np.random.default_rng(99)
# %%
# Patients: polars for the wrangling, numpy for the simulation
pat = pl.read_csv("patients.csv").with_columns(pl.col("age").fill_null(strategy="mean"))
vis = pl.read_csv("visits.csv", try_parse_dates=True).drop_nulls("day")
per = vis.group_by("pid").agg(n=pl.len(), cost=pl.col("cost").sum(), icu=(pl.col("ward") == "icu").any(), last=pl.col("day").max())
df = pat.join(per, on="pid", how="left", maintain_order="left").with_columns(pl.col("n", "cost").fill_null(0), pl.col("icu").fill_null(False))
# %%
W = {"age": 0.03, "weight": 0.01, "n": 0.25}
mat = df.select(pl.col(list(W)).cast(pl.Float64)).fill_null(0).to_numpy()
lin = mat @ np.array(list(W.values())) + np.where(df["smoker"].to_numpy() == "yes", 0.7, 0.0)
prob = 1 / (1 + np.exp(-(lin - np.median(lin))))
df = df.with_columns(pl.Series("p", prob).round(6), pl.Series("draw", rng.random(df.height)))
df = df.with_columns(simulated=pl.col("draw") < pl.col("p"), decile=(pl.col("p").rank("ordinal") * 10 // (pl.len() + 1)))
df.select("pid", "p", "decile", "simulated", "icu").write_csv("out/risk.csv")
# %%
cal = df.group_by("decile").agg(pl.col("p").mean(), obs=pl.col("icu").cast(pl.Int8).mean(), sim=pl.col("simulated").sum(), who=pl.col("pid").sort()).sort("decile")
cal = cal.with_columns(n=pl.col("who").list.len(), first=pl.col("who").list.get(0, null_on_oob=True), hl=(pl.col("obs") - pl.col("p")) ** 2).drop("who")
cal.write_csv("out/calibration.csv")
# %%
# bootstrap the cost per town
towns = sorted(t for t in df["town"].unique().to_list() if t is not None)
res = {"town": [], "mean": [], "lo": [], "hi": [], "n": []}
for t in towns:
    c = df.filter(pl.col("town") == t).get_column("cost").to_numpy()
    idx = rng.integers(0, len(c), size=(300, len(c)))
    means = c[idx].mean(axis=1)
    res["town"].append(t)
    res["mean"].append(float(c.mean()))
    res["lo"].append(float(np.quantile(means, .025)))
    res["hi"].append(float(np.quantile(means, .975)))
    res["n"].append(len(c))
boot = pl.DataFrame(res).with_columns(width=pl.col("hi") - pl.col("lo"), rank=pl.col("mean").rank(descending=True).cast(pl.Int32))
boot.write_parquet("out/towns.parquet")
# %%
cheap = boot.filter(pl.col("mean") < boot["mean"].max()).get_column("town").to_list()
match = (
    df.filter(pl.col("smoker") == "yes").select("pid", "age", "sex", "cost").sort("age", "pid")
    .join_asof(df.filter(pl.col("smoker") != "yes").select(pl.col("pid").alias("control"), "age", "sex", pl.col("cost").alias("cost_c")).sort("age", "control"),
               on="age", by="sex", strategy="nearest", check_sortedness=False)
    .with_columns(diff=pl.col("cost") - pl.col("cost_c"))
    .sort("pid", "age")
)
match.write_csv("out/matched.csv")
sample = df.filter(pl.col("town").is_in(cheap)).sort("pid").sample(fraction=0.5, seed=4, shuffle=True)
sample.select("pid", "town", pl.col("last").dt.to_string("%d.%m.%Y").alias("last_visit"), pl.col("cost").round(0)).write_ndjson("out/sample.jsonl")
