# %%
import json
import polars as pl
from collections import defaultdict

loans = pl.read_csv("loans.csv")
clients = pl.read_csv("clients.csv")
# %%
# dicts of rows, like in the good old times
by_client = defaultdict(list)
for row in loans.iter_rows(named=True):
    by_client[row["client"]].append(row)
info = {c["client"]: c for c in clients.to_dicts()}
# %%
def client_line(c, rows):
    me = info.get(c, {})
    amount = sum(r["amount"] or 0 for r in rows)
    weighted = sum((r["rate"] or 0) * (r["amount"] or 0) for r in rows)
    return {
        "client": c,
        "name": me.get("name"),
        "n_loans": len(rows),
        "amount": amount,
        "avg_rate": round(weighted / amount, 4) if amount else None,
        "statuses": "/".join(sorted({r["status"] or "?" for r in rows})),
        "income": me.get("income"),
    }

book = pl.DataFrame([client_line(c, by_client[c]) for c in sorted(by_client, key=lambda k: (k is None, k))], infer_schema_length=None)
book = book.with_columns(load=pl.col("amount") / pl.col("income").cast(pl.Float64))
book.write_csv("out/book.csv")
# %%
def stress(rate: float) -> float:
    return min(rate * 1.5 + 1, 12.0)

stressed = loans.with_columns(
    rate_s=pl.col("rate").map_elements(stress, return_dtype=pl.Float64),
    code=pl.struct("segment", "status").map_elements(lambda s: f"{(s['segment'] or '-')[0]}{(s['status'] or '-')[0]}".upper(), return_dtype=pl.String),
).with_columns(extra=((pl.col("rate_s") - pl.col("rate")) * pl.col("amount") / 100).round(2))
stressed.select("loan", "rate_s", "code", "extra").write_csv("out/stress.csv")
# %%
parts = stressed.partition_by("code", as_dict=True, maintain_order=True)
lines = []
for (code,), part in sorted(parts.items()):
    top = part.sort("extra", "loan", descending=True).row(0, named=True)
    lines.append({"code": code, "n": part.height, "extra": part["extra"].sum(), "top_loan": top["loan"], "top_start": top["start"],
                  "share": part["amount"].sum() / max(loans["amount"].sum(), 1)})
pl.DataFrame(lines).write_parquet("out/codes.parquet")
# %%
heavy = [l["code"] for l in lines if l["share"] > 1 / len(lines)]
regions = {}
for c, r in zip(clients["client"], clients["region"]):
    regions[c] = r
picked = stressed.filter(pl.col("code").is_in(heavy))
picked = picked.with_columns(pl.Series("region", [regions.get(c, "none") for c in picked["client"]], dtype=pl.String))
summary = picked.group_by("region").agg(pl.col("extra").sum(), pl.col("loan").n_unique().alias("n"), pl.col("term").mode().min().alias("term")).sort("region")
summary.write_csv("out/heavy_regions.csv")
with open("out/clients.jsonl", "w") as f:
    for r in book.filter(pl.col("load") > book["load"].median()).iter_rows(named=True):
        f.write(json.dumps({"id": r["client"], "load": round(r["load"], 4), "kinds": r["statuses"].split("/")}) + "\n")
