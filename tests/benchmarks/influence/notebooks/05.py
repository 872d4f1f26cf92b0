# %%
import duckdb
con = duckdb.connect(":memory:")
for t in ["loans", "payments", "clients"]:
    con.execute(f"CREATE TABLE {t} AS SELECT * FROM read_csv_auto('{t}.csv', header=true)")
# %%
con.execute("""
CREATE OR REPLACE VIEW paid_per_loan AS
SELECT loan,
       sum(paid)                                  AS paid_total,
       count(*)                                   AS n_payments,
       min(CAST(paid_at AS DATE))                 AS first_paid,
       max(CAST(paid_at AS DATE))                 AS last_paid,
       count(*) FILTER (WHERE channel = 'web')    AS web_payments
FROM payments GROUP BY loan
""")
# %%
con.execute("""
CREATE MACRO owed(amount, rate, term) AS amount * (1 + rate / 100.0 * term / 12.0);
CREATE TABLE book AS
SELECT l.loan, l.client, l.segment, l.status, l.amount,
       owed(l.amount, l.rate, l.term)             AS owed,
       coalesce(p.paid_total, 0)                  AS paid,
       owed - paid                                AS balance,
       date_diff('day', CAST(l.start AS DATE), p.first_paid) AS days_to_first
FROM loans l LEFT JOIN paid_per_loan p USING (loan);
""")
# %%
con.execute("""
COPY (
  WITH ranked AS (
    SELECT b.*, c.region, c.score,
           row_number() OVER (PARTITION BY c.region ORDER BY balance DESC, loan) AS rn,
           sum(balance) OVER (PARTITION BY b.client) AS client_balance
    FROM book b JOIN clients c ON c.client = b.client)
  SELECT region, rn, loan, balance, client_balance, score FROM ranked WHERE rn <= 5 ORDER BY region, rn, loan
) TO 'out/top_by_region.csv' (HEADER, DELIMITER ',')
""")
# %%
avg_balance = con.execute("SELECT avg(balance) FROM book WHERE status <> 'paid'").fetchone()[0] or 0.0
n_days = 45
con.execute("""
COPY (SELECT loan, client, balance, days_to_first, days_to_first > $days AS slow
      FROM book WHERE balance > $lim AND status IN ('open', 'late') ORDER BY loan, balance)
TO 'out/watch.parquet' (FORMAT parquet)""", {"days": n_days, "lim": avg_balance})
# %%
con.execute("""
COPY (
 SELECT segment, status, count(*) AS loans, round(sum(owed), 2) AS owed, round(avg(balance), 2) AS mean_balance
 FROM book GROUP BY ROLLUP (segment, status) ORDER BY segment NULLS LAST, status NULLS LAST)
TO 'out/rollup.csv' (HEADER)""")
# %%
con.execute("""
COPY (
  SELECT client, name, income,
         CASE WHEN income IS NULL THEN 'no income' WHEN income < 40000 THEN 'low' ELSE 'ok' END AS band,
         (SELECT count(*) FROM book b WHERE b.client = c.client AND b.status = 'late') AS n_late
  FROM clients c
  WHERE EXISTS (SELECT 1 FROM book b WHERE b.client = c.client)
  ORDER BY client, name
) TO 'out/clients.csv' (HEADER)""")
