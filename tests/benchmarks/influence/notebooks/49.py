# %%
import pandas as pd
from functools import reduce, partial

clients = pd.read_csv("clients.csv")
loans = pd.read_csv("loans.csv", parse_dates=["start"])
payments = pd.read_csv("payments.csv", parse_dates=["paid_at"])
CONFIG = dict(min_score=500, max_load=0.6, quant={"amount": .75, "rate": .5})
# %%
# ---- blocks, one frame per subject, all keyed by client
def block_loans(l):
    return l.groupby("client", as_index=False).agg(n_loans=("loan", "nunique"), amount=("amount", "sum"), rate=("rate", "mean"), first=("start", "min"))

def block_status(l):
    t = pd.crosstab(l["client"], l["status"])
    return t.add_prefix("n_").rename_axis(columns=None).reset_index()

def block_pay(l, p):
    x = pd.merge(p, l[["loan", "client"]], on="loan")
    a = x.groupby("client")["paid"].agg(paid="sum", biggest="max").reset_index()
    fav = x.dropna(subset=["channel"]).groupby(["client", "channel"]).size().reset_index(name="k").sort_values(["client", "k", "channel"], ascending=[True, False, True]).drop_duplicates("client")
    return a.merge(fav[["client", "channel"]], how="left", on="client")

def block_large(l, limit):
    big = l.nlargest(15, "amount")
    big = big[big["amount"] >= limit]
    return big.groupby("client")["loan"].apply(list).rename("big_loans").reset_index()

limits = {c: loans[c].quantile(q) for c, q in CONFIG["quant"].items()}
blocks = [clients, block_loans(loans), block_status(loans), block_pay(loans, payments), block_large(loans, limits["amount"])]
full = reduce(partial(pd.merge, on="client", how="left"), blocks)
# %%
counts = [c for c in full.columns if c.startswith("n_")]
full[counts] = full[counts].fillna(0).astype(int)
for c in ("n_late", "n_open", "n_paid"):
    if c not in full:
        full[c] = 0
full = full.eval("load = amount / income\nunpaid = amount - paid")
full["n_big"] = full["big_loans"].str.len().fillna(0)
full.drop(columns="big_loans").to_csv("out/full.csv", index=False)
# %%
min_score, avg_rate = CONFIG["min_score"], limits["rate"]
bad = full.query("score < @min_score or (n_late > 0 and rate > @avg_rate)")
good = full.query("score >= @min_score and load <= @CONFIG['max_load'] and n_late == 0")
rest = full[~full.index.isin(bad.index.union(good.index))]
label = {"bad": bad, "good": good, "rest": rest}
sizes = pd.DataFrame([{"group": k, "n": len(d), "unpaid": d["unpaid"].sum(), "income": d["income"].median(), "top": d["channel"].mode().iloc[0] if d["channel"].notna().any() else None} for k, d in label.items()])
sizes.to_csv("out/groups.csv", index=False)
# %%
tagged = pd.concat(label, names=["group"]).reset_index(level=0)
tagged = tagged.filter(items=["client", "group", "region", "channel", "load", "unpaid", "first"])
tagged["first"] = tagged["first"].dt.strftime("%d/%m/%y")
tagged.sort_values(["client", "group"]).to_parquet("out/tagged.parquet", index=False)
matrix = tagged.groupby(["region", "group"])["unpaid"].agg(["sum", "count"]).unstack("group").swaplevel(axis=1).sort_index(axis=1)
matrix.columns = [f"{a}_{b}" for a, b in matrix.columns]
matrix["worst"] = matrix.filter(like="_sum").idxmax(axis=1) if matrix.filter(like="_sum").notna().any(axis=1).all() else ""
matrix.reset_index().to_csv("out/region_group.csv", index=False)
# %%
exploded = full.dropna(subset=["big_loans"]).explode("big_loans").rename(columns={"big_loans": "loan"})
exploded["loan"] = exploded["loan"].astype(loans["loan"].dtype)
exploded[["client", "name", "loan"]].merge(loans[["loan", "amount", "term"]], on="loan").sort_values(["client", "loan", "amount"]).to_json("out/big.json", orient="records")
