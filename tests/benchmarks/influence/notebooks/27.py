# %%
import duckdb
import pandas as pd
import polars as pl

con = duckdb.connect()
visits_df = pd.read_csv("visits.csv", parse_dates=["day"])
patients_pl = pl.read_csv("patients.csv")
labs = con.read_csv("labs.csv")
# %%
# replacement scans: SQL over pandas + polars in one query
joined = con.sql("""
    SELECT v.vid, v.pid, v.day, v.ward, v.cost, v.los, p.sex, p.age, p.town
    FROM visits_df v JOIN patients_pl p ON v.pid = p.pid
""")
adults = joined.filter("age IS NULL OR age >= 30").project("*, cost / greatest(los, 1) AS per_day")
# %%
agg = adults.aggregate("town, ward, count(*) AS n, sum(cost) AS cost, median(per_day) AS med, bool_or(los > 10) AS any_long", "town, ward").order("town, ward")
agg.write_csv("out/town_ward.csv")
# %%
lab_stats = labs.filter("value IS NOT NULL").project("pid, test, CASE WHEN unit = 'g' THEN value * 10 ELSE value END AS v")
wide = con.sql("""
    SELECT pid, max(v) FILTER (test = 'crp') AS crp, min(v) FILTER (test = 'hb') AS hb, avg(v) FILTER (test = 'glu') AS glu
    FROM lab_stats GROUP BY pid
""")
m = con.sql("SELECT a.vid, a.pid, a.cost, w.crp, w.hb, w.glu FROM adults a LEFT JOIN wide w ON w.pid = a.pid").df()
m = m.sort_values(["vid", "pid", "cost", "crp", "hb"]).reset_index(drop=True)
m["inflamed"] = m["crp"] > m["crp"].median()
m.to_csv("out/visits_labs.csv", index=False)
# %%
con.register("m_view", m)
by_flag = con.execute("SELECT inflamed, avg(cost) AS cost, stddev(cost) AS sd, count(DISTINCT pid) AS people, regr_slope(cost, crp) AS slope FROM m_view GROUP BY inflamed ORDER BY inflamed").pl()
by_flag.write_csv("out/inflamed.csv")
# %%
towns = [t for (t,) in con.sql("SELECT town FROM agg GROUP BY town ORDER BY sum(cost) DESC, town LIMIT 2").fetchall()]
parts = []
for t in towns:
    q = con.execute("""SELECT ? AS town, date_trunc('month', day)::DATE AS month, sum(cost) AS cost,
                       sum(sum(cost)) OVER (ORDER BY date_trunc('month', day)) AS running
                       FROM joined WHERE town = ? GROUP BY date_trunc('month', day) ORDER BY month""", [t, t])
    parts.append(q.pl())
monthly = pl.concat(parts) if parts else pl.DataFrame()
monthly.with_columns(share=pl.col("cost") / pl.col("cost").sum().over("town")).write_parquet("out/monthly.parquet")
# %%
arrow = adults.project("pid, ward, cost").to_arrow_table()
res = con.sql("SELECT ward, quantile_cont(cost, [0.1, 0.5, 0.9]) AS q FROM arrow GROUP BY ward").project("ward, q[1] AS p10, q[2] AS p50, q[3] AS p90, q[3] - q[1] AS width").order("ward")
res.df().to_json("out/quantiles.json", orient="records")
