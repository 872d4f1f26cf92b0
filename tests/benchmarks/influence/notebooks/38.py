# %%
import polars as pl

ctx = pl.SQLContext(
    visits=pl.scan_csv("visits.csv", try_parse_dates=True),
    patients=pl.scan_csv("patients.csv"),
    labs=pl.scan_csv("labs.csv", try_parse_dates=True),
)
# %%
ward = ctx.execute("""
    SELECT ward, COUNT(*) AS n, ROUND(SUM(cost), 2) AS cost, AVG(los) AS los
    FROM visits WHERE los > 0 GROUP BY ward ORDER BY ward
""", eager=True)
ward = ward.with_columns(share=pl.col("cost") / pl.col("cost").sum())
ward.write_csv("out/ward.csv")
# %%
lf = ctx.execute("SELECT v.*, p.town, p.sex, p.age FROM visits v INNER JOIN patients p ON v.pid = p.pid")
lf = lf.with_columns(
    month=pl.col("day").dt.strftime("%Y-%m"),
    weekend=pl.col("day").dt.weekday() > 5,
    agegroup=pl.col("age").fill_null(-1).cut([0, 40, 65], labels=["?", "a", "b", "c"]).cast(pl.String),
)
matrix = (
    lf.group_by("month", "town").agg(pl.col("cost").sum().round(2)).sort("month", "town").collect()
    .pivot(on="town", index="month", values="cost", aggregate_function="sum", sort_columns=True)
)
towns = [c for c in matrix.columns if c != "month"]
matrix = matrix.with_columns(total=pl.sum_horizontal(towns), best=pl.concat_list(towns).list.arg_max())
matrix.write_csv("out/matrix.csv")
# %%
back = (
    matrix.unpivot(on=towns, index=["month", "total"], variable_name="town", value_name="cost")
    .with_columns(pct=(pl.col("cost") / pl.col("total")).fill_null(0.0))
    .sort("town", "month")
    .with_columns(mom=pl.col("cost").fill_null(0).diff().over("town"), above=pl.col("pct") > pl.col("pct").mean().over("month"))
)
back.write_parquet("out/long.parquet")
# %%
median_cost = lf.select(pl.col("cost").median()).collect().item()
seen = ctx.execute("SELECT DISTINCT pid FROM visits")
people = pl.scan_csv("patients.csv").with_row_index("row", offset=1)
quiet = people.join(seen, on="pid", how="anti").select("row", "pid", "name", why=pl.lit("no visit"))
dear = people.join(lf.filter(pl.col("cost") > 1.7 * median_cost), on="pid", how="semi").select("row", "pid", "name", why=pl.lit("dear"))
pl.concat([quiet, dear], how="vertical").sort("row", "why").collect().write_csv("out/people.csv")
# %%
night = (
    lf.filter(~pl.col("weekend"))
    .group_by("agegroup", "sex")
    .agg(pl.len(), pl.col("los").quantile(0.5, "nearest").alias("los50"), pl.col("vid").sort_by("cost", "vid").last().alias("dearest"), (pl.col("los") == 0).sum().alias("outpatients"))
    .sort("agegroup", "sex")
)
night.collect(engine="streaming").write_csv("out/weekdays.csv")
