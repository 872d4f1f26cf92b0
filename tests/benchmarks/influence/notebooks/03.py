# %%
import duckdb, pandas as pd
con = duckdb.connect()
trips = pd.read_csv("trips.csv", parse_dates=["began"])
cars = pd.read_csv("cars.csv")
# %%
con.sql("create table t as select *, km / kwh as eff from trips")
day = con.sql("""
with d as (select car, date_trunc('day', began) as day, sum(km) km, sum(kwh) kwh, count(*) filter (event <> 'none') as bad from t group by all)
select d.*, cars.model, km - lag(km) over (partition by car order by day) as diff,
 row_number() over (partition by day order by kwh desc) as rn
from d left join cars using (car) order by day, car
""").df()
day.to_csv("out/day.csv", index=False)
# %%
worst = con.execute("select driver from t group by driver order by sum(kwh)/sum(km) desc, driver limit 1").fetchone()[0]
con.execute("copy (select trip, km, eff from t where driver = ? order by trip) to 'out/worst.csv' (header)", [worst])
# %%
q = con.sql("select model, quantile_cont(eff, 0.5) as med, avg(range_km) r from t join cars using(car) where built >= 2019 group by model having count(*) > 3 order by model")
q.write_parquet("out/model.parquet")
# %%
con.sql("create view v as select * from t where km > (select avg(km) from t)")
con.sql("select event, count(*) n, max(began) as last_at from v group by event order by event").df().to_csv("out/events.csv", index=False)
