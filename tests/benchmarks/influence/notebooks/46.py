# %%
# Same warehouse as at work, but on sqlite through SQLAlchemy
import pandas as pd
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

engine = create_engine("sqlite://", poolclass=StaticPool)
SOURCES = {"dim_client": "clients.csv", "fact_loan": "loans.csv", "fact_payment": "payments.csv"}
for table, path in SOURCES.items():
    pd.read_csv(path).to_sql(table, engine, index=False, if_exists="replace")
# %%
with engine.begin() as cx:
    cx.execute(text("""
        CREATE TABLE mart AS
        SELECT l.loan, l.client, c.region, l.segment, l.status, l.amount, l.term,
               COALESCE(SUM(p.paid), 0) AS paid, COUNT(p.paid) AS n_paid,
               SUM(CASE WHEN p.channel = 'app' THEN 1 ELSE 0 END) AS n_app,
               MAX(p.paid_at) AS last_paid
        FROM fact_loan l
        LEFT JOIN fact_payment p ON p.loan = l.loan
        LEFT JOIN dim_client c ON c.client = l.client
        GROUP BY l.loan, l.client, c.region, l.segment, l.status, l.amount, l.term
    """))
    cx.execute(text("UPDATE mart SET status = 'settled' WHERE paid >= amount"))
    cx.execute(text("DELETE FROM mart WHERE amount < :floor"), {"floor": 1000})
# %%
mart = pd.read_sql("SELECT * FROM mart ORDER BY loan, client, amount, region", engine, parse_dates=["last_paid"])
mart["pct"] = (100 * mart["paid"] / mart["amount"]).round(2)
mart.to_csv("out/mart.csv", index=False)
# %%
sql = """
WITH m AS (
  SELECT region, segment, status, SUM(amount) AS amount, SUM(paid) AS paid, COUNT(*) AS n
  FROM mart WHERE region IS NOT NULL GROUP BY region, segment, status)
SELECT m.*, ROUND(1.0 * paid / amount, 4) AS ratio,
       RANK() OVER (PARTITION BY region ORDER BY amount DESC) AS rk,
       ROUND(amount * 1.0 / SUM(amount) OVER (), 4) AS weight
FROM m ORDER BY region, rk, segment, status
"""
summary = pd.read_sql(text(sql), engine)
summary.to_csv("out/summary.csv", index=False)
# %%
worst_region = summary[summary["status"] == "late"].groupby("region")["amount"].sum().sort_values(ascending=False, kind="stable")
worst_region = worst_region.index[0] if len(worst_region) else "n"
with engine.connect() as cx:
    res = cx.execute(text("""
        SELECT d.client, d.name, d.score, m.loan, m.amount - m.paid AS open_amount
        FROM mart m JOIN dim_client d ON d.client = m.client
        WHERE m.region = :r AND m.status IN ('late', 'open')
          AND d.score < (SELECT AVG(score) FROM dim_client)
        ORDER BY open_amount DESC, m.loan, d.name"""), {"r": worst_region})
    calls = pd.DataFrame(res.mappings().all(), columns=list(res.keys()))
calls["rank"] = calls.index + 1
calls.to_csv("out/calls.csv", index=False)
# %%
chunks = []
for i, chunk in enumerate(pd.read_sql("SELECT loan, paid_at, paid, channel FROM fact_payment ORDER BY paid_at, loan, paid", engine, chunksize=50)):
    chunk["month"] = chunk["paid_at"].str[:7]
    agg = chunk.groupby("month", as_index=False).agg(paid=("paid", "sum"), loans=("loan", "nunique"))
    chunks.append(agg.assign(chunk=i))
agg = pd.concat(chunks, ignore_index=True)
agg.to_sql("monthly", engine, index=False)
pd.read_sql("SELECT month, SUM(paid) AS paid, MAX(loans) AS max_loans, COUNT(*) AS parts FROM monthly GROUP BY month ORDER BY month", engine).to_parquet("out/monthly.parquet")
