# %%
import duckdb
con = duckdb.connect()
con.execute("SET threads = 1")
sql = con.sql
# %%
sql("CREATE TABLE trips AS FROM 'trips.csv'")
sql("CREATE TABLE sensors AS FROM read_csv('sensors.csv', nullstr='')")
sql("CREATE TABLE cars AS FROM 'cars.csv'")
# %%
# last reading before each trip
sql("""
CREATE TABLE enriched AS
SELECT t.*, s.temp, s.volt, date_diff('minute', s.ts, t.began) AS lag_min
FROM trips t ASOF LEFT JOIN (SELECT ts, car, avg(temp) AS temp, avg(volt) AS volt FROM sensors GROUP BY ts, car) s
  ON t.car = s.car AND t.began >= s.ts
""")
sql("SELECT trip, car, temp, volt, lag_min FROM enriched ORDER BY trip, car").write_csv("out/asof.csv")
# %%
# the three thirstiest trips per car
sql("""
COPY (
SELECT car, trip, driver, km / nullif(kwh, 0) AS eff,
       km - avg(km) OVER (PARTITION BY car) AS vs_mean
FROM enriched
QUALIFY row_number() OVER (PARTITION BY car ORDER BY km / nullif(kwh, 0), trip) <= 3
ORDER BY car, eff, trip) TO 'out/thirsty.csv'
""")
# %%
sql("""
COPY (SELECT * FROM (PIVOT trips ON event IN ('none', 'brake', 'swerve') USING count(*) AS n, round(sum(km), 1) AS km GROUP BY driver) ORDER BY driver)
TO 'out/events.csv'
""")
# %%
sql("""
COPY (
SELECT car, name, value
FROM (UNPIVOT (SELECT car, count(*)::DOUBLE AS n, avg(temp) AS temp, avg(volt) AS volt, sum(alarm)::DOUBLE AS alarms FROM sensors GROUP BY car)
      ON n, temp, volt, alarms INTO NAME name VALUE value)
ORDER BY car, name) TO 'out/long.parquet' (FORMAT parquet)
""")
# %%
hot = sql("SELECT coalesce(quantile_cont(temp, 0.8), 25) FROM sensors").fetchone()[0]
bad_cars = [r[0] for r in sql("SELECT car FROM sensors GROUP BY car HAVING avg(alarm) > (SELECT avg(alarm) FROM sensors) ORDER BY car").fetchall()]
con.execute("""
CREATE TABLE hot_trips AS
SELECT e.trip, e.car, c.model, e.temp, e.km / c.range_km AS used, e.car IN (SELECT unnest(?)) AS bad_car
FROM enriched e LEFT JOIN cars c ON c.car = e.car WHERE e.temp > ?
""", [bad_cars, hot])
sql("FROM hot_trips ORDER BY trip, model").write_parquet("out/hot_trips.parquet")
# %%
sql("""
COPY (
SELECT driver, list(trip ORDER BY km DESC, trip)[1:3]::VARCHAR AS longest, max(km) - min(km) AS spread,
       string_agg(DISTINCT car, '/' ORDER BY car) AS cars, arg_max(began, kwh) AS costliest_at
FROM trips GROUP BY driver ORDER BY driver) TO 'out/drivers.csv'
""")
