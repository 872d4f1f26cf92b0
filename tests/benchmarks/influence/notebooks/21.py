# %%
import sqlite3
import pandas as pd
db = sqlite3.connect(":memory:")
for name in ("patients", "visits", "labs"):
    pd.read_csv(name + ".csv").to_sql(name, db, index=False)
db.execute("create index ix_v on visits(pid)")
# %%
q = """
select p.town, v.ward, count(*) as visits, count(distinct v.pid) as people,
       round(sum(v.cost), 2) as cost, avg(v.los) as mean_los
from visits v join patients p on p.pid = v.pid
group by p.town, v.ward
order by p.town, v.ward
"""
town_ward = pd.read_sql(q, db)
town_ward["cost_per_visit"] = town_ward["cost"] / town_ward["visits"]
town_ward.to_csv("out/town_ward.csv", index=False)
# %%
db.executescript("""
create table last_lab as
select pid, test, value, day from (
  select l.*, row_number() over (partition by pid, test order by day desc, lid desc) as rn
  from labs l where value is not null)
where rn = 1;
create view abnormal as
select pid, count(*) as n_abnormal, group_concat(test) as tests from (
  select * from last_lab where (test = 'crp' and value > 8) or (test = 'hb' and value < 4) or (test = 'glu' and value > 10)
  order by pid, test)
group by pid;
""")
ab = pd.read_sql_query("select a.pid, p.name, p.sex, a.n_abnormal, a.tests from abnormal a left join patients p using (pid) order by a.pid, p.name", db)
ab.to_csv("out/abnormal.csv", index=False)
# %%
cur = db.execute("select avg(cost), max(day) from visits")
mean_cost, last_day = cur.fetchone()
recent = pd.read_sql("""
  select vid, pid, cost, julianday(?) - julianday(day) as days_ago,
         case when cost > ? * 1.5 then 'high' when cost > ? then 'mid' else 'low' end as level
  from visits where day >= date(?, '-60 days') order by vid""", db, params=(last_day, mean_cost, mean_cost, last_day))
recent.to_csv("out/recent.csv", index=False)
# %%
db.create_function("agegroup", 1, lambda a: "?" if a is None else f"{int(a) // 20 * 20}+")
rows = db.execute("""
  with per as (select p.pid, agegroup(p.age) as g, coalesce(sum(v.cost), 0) as c
               from patients p left join visits v on v.pid = p.pid group by p.pid, p.age)
  select g, count(*), sum(c), max(c) from per group by g having count(*) >= 1 order by g""").fetchall()
pd.DataFrame(rows, columns=["agegroup", "n", "cost", "max_cost"]).to_csv("out/agegroups.csv", index=False)
# %%
town_ward.to_sql("tw", db, index=False, if_exists="replace")
share = pd.read_sql("""
  select t.town, t.ward, t.cost / s.total as share, t.people,
         sum(t.cost) over (partition by t.town order by t.cost desc, t.ward) as running
  from tw t join (select town, sum(cost) as total from tw group by town) s on s.town = t.town
  order by t.town, share desc, t.ward""", db)
share.to_parquet("out/share.parquet", index=False)
db.close()
