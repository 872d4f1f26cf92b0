# %%
import pandas as pd
from datetime import timedelta
# %%
loans = pd.read_csv("loans.csv", parse_dates=["start"])
payments = pd.read_csv("payments.csv", parse_dates=["paid_at"])
loans = loans[loans["start"].notna()]
# %%
def annuity(principal, yearly, n):
    r = yearly / 100 / 12
    if r == 0:
        return principal / n
    return principal * r / (1 - (1 + r) ** -n)

def schedule(loan):
    """yield one line per month"""
    left = float(loan.amount)
    due = annuity(left, loan.rate, int(loan.term))
    for k in range(1, int(loan.term) + 1):
        interest = left * loan.rate / 1200
        principal = min(due - interest, left)
        left -= principal
        yield {"loan": loan.loan, "k": k, "due_at": loan.start + timedelta(days=30 * k), "due": round(due, 2),
               "interest": round(interest, 2), "left": round(left, 2)}

plan = pd.DataFrame([line for loan in loans.dropna(subset=["amount", "rate", "term"]).itertuples(index=False) for line in schedule(loan)])
plan.to_parquet("out/plan.parquet", index=False)
# %%
today = payments["paid_at"].max()
due_now = plan[plan["due_at"] <= today].groupby("loan").agg(months=("k", "max"), expected=("due", "sum"), interest=("interest", "sum"))
got = payments.groupby("loan")["paid"].sum()
pos = due_now.join(got).fillna({"paid": 0.0})
pos["arrears"] = pos["expected"] - pos["paid"]
pos["buckets"] = pd.cut(pos["arrears"] / (pos["expected"] / pos["months"]), [-1e9, 0, 1, 3, 1e9], labels=["ahead", "0-1", "1-3", "3+"]).astype(str)
pos.round(2).reset_index().to_csv("out/position.csv", index=False)
# %%
# walk over the payments: waterfall, interest first
state = {}
events = []
owed = due_now["interest"].to_dict()
for p in payments.sort_values(["paid_at", "loan", "paid"]).itertuples():
    if p.loan not in owed:
        events.append((p.loan, p.paid_at, 0.0, 0.0, "unmatched"))
        continue
    st = state.setdefault(p.loan, {"interest": owed[p.loan], "principal": 0.0})
    to_interest = min(p.paid, st["interest"])
    st["interest"] -= to_interest
    st["principal"] += p.paid - to_interest
    events.append((p.loan, p.paid_at, to_interest, p.paid - to_interest, "closed interest" if st["interest"] == 0 else "open"))
alloc = pd.DataFrame(events, columns=["loan", "at", "interest", "principal", "state"])
alloc.to_csv("out/allocation.csv", index=False)
# %%
monthly = alloc.set_index("at").groupby("state")[["interest", "principal"]].resample("MS").sum().reset_index()
monthly["total"] = monthly[["interest", "principal"]].sum(axis="columns")
monthly.to_csv("out/monthly.csv", index=False)
final = pd.DataFrame.from_dict(state, orient="index").rename_axis("loan").sort_index().reset_index()
final["done"] = final["interest"].le(0.005)
final.to_json("out/final.json", orient="records")
