# %%
import pandas as pd
import numpy as np
labs = pd.read_csv("labs.csv", parse_dates=["day"])
visits = pd.read_csv("visits.csv", parse_dates=["day"])
patients = pd.read_csv("patients.csv").drop_duplicates("pid")
START = labs["day"].min()
# %%
REF = {"crp": (0, 5), "hb": (3, 12), "glu": (2, 9)}
lo = labs["test"].map(lambda t: REF.get(t, (0, 0))[0])
hi = labs["test"].map(lambda t: REF.get(t, (0, 0))[1])
labs["out_of_range"] = ~labs["value"].between(lo, hi) & labs["value"].notna()
labs["direction"] = np.select([labs["value"] < lo, labs["value"] > hi], ["low", "high"], default="normal")
# %%
first_bad = (labs[labs["out_of_range"]].sort_values(["day", "lid"]).drop_duplicates("pid")
             .set_index("pid")[["day", "test", "direction"]].add_prefix("bad_"))
surv = patients.set_index("pid").join(first_bad)
end_of_study = max(labs["day"].max(), visits["day"].max())
surv["event"] = surv["bad_day"].notna().astype("int8")
surv["time"] = (surv["bad_day"].fillna(end_of_study) - START).dt.days
surv[["event", "time", "bad_test", "bad_direction", "town"]].reset_index().to_csv("out/survival.csv", index=False)
# %%
# Nelson-Aalen per sex
pieces = []
for sex, g in surv.groupby("sex"):
    tab = g.groupby("time")["event"].agg(d="sum", c="count").sort_index()
    tab["at_risk"] = len(g) - tab["c"].cumsum().shift(fill_value=0)
    tab["H"] = (tab["d"] / tab["at_risk"]).cumsum()
    tab["S"] = np.exp(-tab["H"])
    pieces.append(tab.assign(sex=sex).reset_index())
na = pd.concat(pieces)
na.to_parquet("out/nelson_aalen.parquet", index=False)
# %%
# person-time and rates in 60 day periods
cut = [0, 60, 120, 10_000]
rates = []
for a, b in zip(cut[:-1], cut[1:]):
    pt = (surv["time"].clip(upper=b) - a).clip(lower=0)
    ev = surv["event"].where((surv["time"] >= a) & (surv["time"] < b), 0)
    tmp = pd.DataFrame({"smoker": surv["smoker"], "pt": pt, "ev": ev}).groupby("smoker").sum()
    tmp["rate_100"] = 100 * tmp["ev"] / tmp["pt"].replace(0, np.nan)
    rates.append(tmp.assign(period=f"{a}-{b}"))
rates = pd.concat(rates).set_index("period", append=True).unstack("smoker")
rates.columns = [f"{a}_{b}" for a, b in rates.columns]
rates.to_csv("out/rates.csv")
# %%
# visits within 30 days after the first bad result
w = visits.merge(first_bad.reset_index()[["pid", "bad_day", "bad_test"]], on="pid")
w["lag"] = (w["day"] - w["bad_day"]).dt.days
w = w[w["lag"].between(0, 30)]
follow = w.sort_values(["pid", "lag", "vid"]).groupby("pid").agg(first_ward=("ward", "first"), first_lag=("lag", "first"), cost=("cost", "sum"), n=("vid", "nunique"))
follow["bad_test"] = first_bad["bad_test"].reindex(follow.index)
follow.to_csv("out/follow_up.csv")
monthly = labs.groupby([pd.Grouper(key="day", freq="MS"), "test"])["out_of_range"].mean().unstack().rename_axis(columns=None)
monthly.reset_index().to_csv("out/monthly.csv", index=False)
