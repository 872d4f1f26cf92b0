# %%
# Payment fraud rules
import pandas as pd
import numpy as np

pay = pd.read_csv("payments.csv", parse_dates=["paid_at"])
loans = pd.read_csv("loans.csv", parse_dates=["start"]).drop_duplicates("loan").set_index("loan")
pay = pay.sort_values(["loan", "paid_at", "paid"], kind="mergesort").reset_index(drop=True)
pay.insert(0, "pay_id", np.arange(1, len(pay) + 1))
# %%
# baseline of each loan
g = pay.groupby("loan")["paid"]
pay["prev_mean"] = g.transform(lambda s: s.shift().expanding().mean())
pay["dev"] = pay["paid"] - pay["prev_mean"]
pay["days_since"] = pay.groupby("loan")["paid_at"].diff().dt.days
pay["roll3"] = g.rolling(3, min_periods=1).sum().reset_index(level=0, drop=True)
# %%
pay["alerts"] = 0
pay["reason"] = ""
limit_amount = pay["paid"].mean() + 1.5 * pay["paid"].std()
rare = pay["channel"].value_counts(normalize=True)
rare = list(rare[rare < 0.25].index)

def raise_alert(mask, why, pts=1):
    pay.loc[mask, "alerts"] += pts
    pay.loc[mask, "reason"] = pay.loc[mask, "reason"] + why + ";"

raise_alert(pay["paid"] > limit_amount, "big", 2)
raise_alert(pay["days_since"] < 10, "fast")
raise_alert(pay["channel"].isna(), "nochannel")
raise_alert(pay["channel"].isin(rare) & (pay["dev"].abs() > 800), "odd", 3)
raise_alert(~pay["loan"].isin(loans.index), "unknown loan", 5)
# %%
for i, row in pay.iterrows():
    if row["loan"] in loans.index:
        started = loans.at[row["loan"], "start"]
        if row["paid_at"] < started:
            pay.at[i, "alerts"] = pay.at[i, "alerts"] + 2
            pay.at[i, "reason"] += "before start;"
pay.loc[:, ["pay_id", "loan", "alerts", "reason"]].to_csv("out/alerts.csv", index=False)
# %%
queue = pay[pay["alerts"] >= 2].copy()
queue["amount"] = queue["loan"].map(loans["amount"])
queue["ratio"] = queue["paid"].div(queue["amount"])
queue["segment"] = queue["loan"].map(loans["segment"].to_dict()).fillna("none")
queue = queue.sort_values(["alerts", "paid", "pay_id"], ascending=[False, False, True])
queue["priority"] = range(1, len(queue) + 1)
queue[["priority", "pay_id", "ratio", "segment", "dev"]].to_csv("out/queue.csv", index=False)
# %%
reasons = queue.assign(reason=queue["reason"].str.rstrip(";").str.split(";")).explode("reason")
tab = reasons.pivot_table(index="reason", columns="segment", values="paid", aggfunc=["count", "sum"], fill_value=0)
tab.columns = ["_".join(c) for c in tab.columns.to_flat_index()]
tab.to_csv("out/reasons.csv")
per_loan = pay.groupby("loan").agg(first=("paid_at", "min"), alerts=("alerts", "sum"), biggest=("paid", "max"), roll=("roll3", "max"))
per_loan["blocked"] = per_loan["alerts"].gt(per_loan["alerts"].quantile(.9))
per_loan.reset_index().to_parquet("out/loans_flagged.parquet")
