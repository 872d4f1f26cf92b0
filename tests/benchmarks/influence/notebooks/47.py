# %%
from __future__ import annotations
import polars as pl

labs = pl.read_csv("labs.csv", try_parse_dates=True)
pats = pl.read_csv("patients.csv")
# %%
UNITS = {"mg": 1.0, "g": 10.0}
labs = (
    labs.drop_nulls(["value", "pid"])
    .with_columns(v=pl.col("value") * pl.col("unit").replace_strict(UNITS, default=1.0))
    .with_columns(
        z=((pl.col("v") - pl.col("v").mean()) / pl.col("v").std()).over("test"),
        pct=(pl.col("v").rank() / pl.len()).over("test"),
        nth=pl.col("day").rank("ordinal").over("pid", "test"),
    )
)
labs.select("lid", "v", "z", "pct", "nth").sort("lid").write_csv("out/standardised.csv")
# %%
wide = (
    labs.sort("day", "lid")
    .pivot(on="test", index="pid", values="v", aggregate_function="last", sort_columns=True)
    .sort("pid")
)
tests = wide.columns[1:]
cover = wide.select(pl.col(tests).is_not_null().mean()).unpivot(variable_name="test", value_name="coverage")
medians = wide.select(pl.col(tests).median()).row(0, named=True)
filled = wide.with_columns(*[pl.col(t).is_null().alias(f"{t}_imp") for t in tests]).with_columns(*[pl.col(t).fill_null(medians[t]) for t in tests])
filled.write_parquet("out/wide.parquet")
# %%
trend = (
    labs.sort("pid", "test", "day", "lid")
    .with_columns(t=(pl.col("day") - pl.col("day").min().over("pid", "test")).dt.total_days().cast(pl.Float64))
    .group_by("pid", "test", maintain_order=True)
    .agg(
        n=pl.len(),
        first_last=pl.struct(first=pl.col("v").first(), last=pl.col("v").last()),
        cov=pl.cov("t", "v"),
        var=pl.col("t").var(),
    )
    .filter(pl.col("n") > 1)
    .with_columns(slope=pl.when(pl.col("var") > 0).then(pl.col("cov") / pl.col("var")))
    .unnest("first_last")
    .with_columns(direction=pl.when(pl.col("last") > pl.col("first") * 1.2).then(pl.lit("up")).when(pl.col("last") < pl.col("first") / 1.2).then(pl.lit("down")).otherwise(pl.lit("flat")))
)
trend.drop("cov", "var").write_csv("out/trend.csv")
# %%
rules = [
    ("inflammation", pl.col("crp") > 8, ["crp"]),
    ("anaemia", (pl.col("hb") < 4) & ~pl.col("hb_imp"), ["hb"]),
    ("diabetes", pl.col("glu") > pl.col("glu").quantile(0.85), ["glu"]),
]
found = []
for name, cond, need in rules:
    if not set(need) <= set(tests):
        continue
    hit = filled.filter(cond).select("pid", diagnosis=pl.lit(name), measure=pl.col(need[0]))
    found.append(hit)
diag = pl.concat(found).join(pats.select("pid", "age", "town", "weight"), on="pid", how="left", maintain_order="left")
extra = pats.filter(pl.col("weight") > 100).select("pid", "town", diagnosis=pl.lit("overweight"))
diag = pl.concat([diag, extra], how="diagonal_relaxed").sort("diagnosis", "pid", "measure")
diag.write_csv("out/diagnoses.csv")
# %%
count = diag.group_by("town", "diagnosis").len("n").join(pats.group_by("town").len("people"), on="town", how="right").with_columns(rate=(pl.col("n") / pl.col("people")).round(4))
count.join(cover.select(best=pl.col("coverage").max()), how="cross").sort("town", "diagnosis").write_csv("out/rates.csv")
