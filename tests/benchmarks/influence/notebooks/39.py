# %%
import duckdb, json
con = duckdb.connect(config={"threads": 1})
con.execute("create table raw as select *, row_number() over () as rid from read_csv('payments.csv', header=true, nullstr='')")
con.execute("create table loans as from 'loans.csv'; create table clients as from 'clients.csv';")
# %%
con.execute("""
create table p as
select r.rid, r.loan, r.paid_at::date as d, r.paid, coalesce(r.channel, '?') as channel, l.client, l.amount, l.status
from raw r left join (from loans qualify row_number() over (partition by loan order by start, client) = 1) l on l.loan = r.loan
""")
# %%
# bursts: payments of one client less than 15 days apart
con.execute("""
create table bursts as
with gaps as (
  select *, date_diff('day', lag(d) over w, d) as gap from p where client is not null
  window w as (partition by client order by d, rid)),
isl as (select *, sum(case when gap is null or gap > 15 then 1 else 0 end) over (partition by client order by d, rid rows unbounded preceding) as burst from gaps)
select client, burst, count(*) n, min(d) as d_from, max(d) as d_to, sum(paid) as paid, count(distinct channel) as channels, max(gap) filter (gap <= 15) as maxgap
from isl group by client, burst
""")
con.execute("copy (select * from bursts where n >= 2 order by client, burst) to 'out/bursts.csv' (header)")
# %%
channels = [c for c, in con.execute("select channel from p group by channel order by count(*) desc, channel limit 3").fetchall()]
cols = ",\n".join(f"sum(paid) filter (where channel = '{c}') as \"{c}\", count(*) filter (where channel = '{c}') as \"n_{c}\"" for c in channels)
con.execute(f"copy (select date_trunc('month', d)::date as month, {cols} from p group by 1 order by 1) to 'out/channels.csv' (header)")
# %%
mu, sd = con.execute("select avg(n), coalesce(stddev_samp(n), 0) from bursts").fetchone()
rules = {"many": f"n > {mu + sd}", "mixed": "channels >= 3", "rich": "paid > (select quantile_disc(paid, 0.9) from bursts)"}
union = " union all ".join(f"select '{k}' as rule, client, burst, paid from bursts where {v}" for k, v in rules.items())
con.execute(f"create view hits as {union}")
con.execute("""copy (
 select h.client, c.region, string_agg(rule, '+' order by rule, burst) as rules, count(*) as n_hits, max(h.paid) as paid, c.score < 500 as weak
 from hits h left join clients c using (client) group by h.client, c.region, c.score order by h.client, c.region, c.score) to 'out/hits.parquet' (format parquet)""")
# %%
con.execute("""copy (
 select h.rule, h.n, h.clients, round(100.0 * h.clients / t.n, 1) as pct from
  (select rule, count(*) as n, count(distinct client) as clients from hits group by rule) h
  cross join (select count(distinct client) as n from p) t order by rule) to 'out/rules.csv' (header)""")
# %%
con.execute("""copy (
 with b as (select client, status, sum(paid) as paid from p group by all)
 from (pivot b on status in ('paid', 'open', 'late') using sum(paid) group by client)
 select client, coalesce(paid, 0) as paid, coalesce(open, 0) as open, coalesce(late, 0) as late, greatest(paid, open, late) as best
 where client is not null order by client) to 'out/by_status.csv' (header)""")
doc = con.execute("select {'loan': loan, 'n': count(*), 'last': strftime(max(d), '%d.%m.%Y')}::json as j from p where client is null group by loan order by loan").fetchall()
with open("out/unknown.jsonl", "w") as f:
    f.write("".join(json.dumps(json.loads(j), sort_keys=True) + "\n" for j, in doc))
