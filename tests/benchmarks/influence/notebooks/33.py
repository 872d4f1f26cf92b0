# %%
# DuckDB: modern SQL features on hospital data
import duckdb
db = duckdb.connect()
db.execute("PRAGMA threads=1")
for n in "patients visits labs".split():
    db.execute(f"CREATE VIEW {n} AS SELECT * FROM '{n}.csv'")
# %%
db.execute("""
CREATE MACRO agegroup(a) AS CASE WHEN a IS NULL THEN 'n/a' WHEN a < 40 THEN 'young' WHEN a < 65 THEN 'mid' ELSE 'old' END;
CREATE MACRO norm(test, v, unit) AS v * (CASE unit WHEN 'g' THEN 10 ELSE 1 END) / (CASE test WHEN 'crp' THEN 5 WHEN 'hb' THEN 14 ELSE 6 END);
""")
# %%
db.execute("""
COPY (
  FROM (
    SELECT v.*, agegroup(p.age) AS ag, p.sex,
           avg(cost) OVER w AS avg3, count(*) OVER w AS n3,
           lead(day) OVER (PARTITION BY v.pid ORDER BY day, vid) - day AS days_to_next,
           ntile(4) OVER (ORDER BY cost, vid) AS quartile
    FROM visits v LEFT JOIN patients p USING (pid)
    WINDOW w AS (PARTITION BY v.pid ORDER BY day, vid ROWS BETWEEN 2 PRECEDING AND CURRENT ROW))
  SELECT vid, pid, ag, sex, round(avg3, 2) AS avg3, n3, days_to_next, quartile
  ORDER BY vid, pid
) TO 'out/windows.csv' (HEADER)
""")
# %%
db.execute("""
COPY (
  WITH RECURSIVE cal(d) AS (
     SELECT min(day)::DATE FROM visits
     UNION ALL SELECT (d + INTERVAL 7 DAY)::DATE FROM cal WHERE d < (SELECT max(day)::DATE FROM visits)),
  nights AS (SELECT vid, ward, cost, day::DATE AS a, day::DATE + los::INT AS b FROM visits)
  SELECT d, ward, count(*) AS in_bed, sum(cost) AS cost
  FROM cal JOIN nights ON d BETWEEN a AND b
  GROUP BY d, ward ORDER BY d, ward
) TO 'out/occupancy.parquet' (FORMAT PARQUET)
""")
# %%
db.execute("""
CREATE TABLE profile AS
SELECT pid, list({'test': test, 'v': round(norm(test, value, unit), 3)} ORDER BY day, lid) AS results,
       map_from_entries(list(DISTINCT (test, 1))) AS seen
FROM labs WHERE value IS NOT NULL GROUP BY pid
""")
db.execute("""
COPY (
  SELECT pid, len(results) AS n, results[-1].test AS last_test, results[-1].v AS last_v,
         list_max(list_transform(results, r -> r.v)) AS worst,
         len(list_filter(results, r -> r.v > 1.0)) AS n_over,
         list_contains(map_keys(seen), 'crp') AS has_crp
  FROM profile ORDER BY pid) TO 'out/profile.csv'
""")
# %%
limits = dict(db.execute("SELECT test, quantile_cont(norm(test, value, unit), 0.75) FROM labs WHERE value IS NOT NULL GROUP BY test ORDER BY test").fetchall())
db.execute("CREATE TEMP TABLE limits(test VARCHAR, lim DOUBLE)")
db.executemany("INSERT INTO limits VALUES (?, ?)", list(limits.items()))
db.execute("""
COPY (
  SELECT p.town, l.test, count(*) AS n, sum((norm(l.test, l.value, l.unit) > q.lim)::INT) AS n_high, mode(l.unit ORDER BY l.unit) AS unit
  FROM labs l JOIN limits q USING (test) SEMI JOIN visits v ON v.pid = l.pid JOIN patients p ON p.pid = l.pid
  GROUP BY CUBE (p.town, l.test) ORDER BY ALL
) TO 'out/cube.csv' (HEADER)
""")
# %%
db.sql("""
SELECT w.ward, w.word, count(*) AS n, sum(los) AS nights FROM (
   SELECT ward, los, unnest(string_split(note, ' ')) AS word FROM visits WHERE note IS NOT NULL) w
WHERE length(w.word) > 2 AND NOT regexp_matches(w.word, '^(and)$')
GROUP BY 1, 2 ORDER BY ward, n DESC, word""").df().to_json("out/words.json", orient="records")
