# %% [markdown]
# Scorecard: WOE and IV of a few characteristics
# %%
import numpy as np
import pandas as pd

loans = pd.read_csv("loans.csv")
clients = pd.read_csv("clients.csv")
app = pd.merge(loans, clients, how="inner", on="client", suffixes=("", "_c"))
app["bad"] = np.where(app.status.eq("late"), 1, 0)
app["dti"] = app["amount"] / app["income"]
# %%
bins = {
    "score": [-np.inf, 450, 600, 720, np.inf],
    "rate": list(np.unique(app["rate"].quantile([0, .25, .5, .75, 1]))),
    "dti": [-np.inf, .25, .75, np.inf],
}
bins["rate"][0], bins["rate"][-1] = -np.inf, np.inf
for c, edges in bins.items():
    app[c + "_bin"] = pd.cut(app[c], edges).cat.codes      # -1 is missing
app["seg_bin"] = pd.factorize(app["segment"], sort=True)[0]
# %%
def woe_table(df, col, target="bad", eps=0.5):
    t = df.groupby(col)[target].agg(["count", "sum"]).rename(columns={"sum": "bads"})
    t["goods"] = t["count"] - t["bads"]
    pb = (t["bads"] + eps) / (t["bads"].sum() + eps)
    pg = (t["goods"] + eps) / (t["goods"].sum() + eps)
    t["woe"] = np.log(pg / pb)
    t["iv"] = (pg - pb) * t["woe"]
    t.insert(0, "variable", col)
    t.index.name = "bin"
    return t.reset_index()

chars = ["score_bin", "rate_bin", "dti_bin", "seg_bin"]
woe = pd.concat([woe_table(app, c) for c in chars], ignore_index=True)
woe.to_csv("out/woe.csv", index=False)
# %%
iv = woe.groupby("variable", as_index=False)["iv"].sum().sort_values("iv", ascending=False)
iv["use"] = iv["iv"] > 0.02
iv.to_csv("out/iv.csv", index=False)
kept = iv.loc[iv["use"], "variable"].tolist()
# %%
points = pd.Series(500.0, index=app.index)
for c in kept:
    mapping = dict(zip(woe.loc[woe.variable == c, "bin"], woe.loc[woe.variable == c, "woe"]))
    app[c.replace("_bin", "_woe")] = app[c].map(mapping)
    points += 20 / np.log(2) * app[c].map(mapping)
app["points"] = points.round(1)
app[["loan", "client", "points", "bad"]].to_csv("out/points.csv", index=False)
# %%
cut = np.nanpercentile(app["points"], 30)
decision = app.assign(decision=np.select([app.points < cut, app.points < cut + 20], ["reject", "refer"], "accept"))
dec = pd.crosstab(decision["decision"], decision["bad"], margins=True)
dec.columns = [f"bad_{c}" for c in dec.columns]
dec.to_csv("out/decisions.csv")
ks = app.sort_values(["points", "loan"])
ks["cum_bad"] = ks["bad"].cumsum() / max(ks["bad"].sum(), 1)
ks["cum_good"] = (1 - ks["bad"]).cumsum() / max((1 - ks["bad"]).sum(), 1)
ks["ks"] = (ks["cum_bad"] - ks["cum_good"]).abs()
ks[["points", "cum_bad", "cum_good", "ks"]].to_parquet("out/ks.parquet", index=False)
