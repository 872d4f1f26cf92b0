# %%
"""Smoking, age and intensive care: a small cohort study."""
import math
import numpy as np
import pandas as pd
from scipy import stats

pat = pd.read_csv("patients.csv")
vis = pd.read_csv("visits.csv", parse_dates=["day"])
# %%
# exposure and outcome per person
icu = vis[vis.ward == "icu"].groupby("pid").day.min().rename("first_icu")
cohort = pat.join(icu, on="pid")
cohort["exposed"] = cohort.smoker == "yes"
cohort["case"] = cohort.first_icu.notna()
cohort["agegrp"] = np.digitize(cohort.age.fillna(cohort.age.mean()), [40, 65])
# %%
def two_by_two(d):
    a = ((d.exposed) & (d.case)).sum() + .5
    b = ((d.exposed) & (~d.case)).sum() + .5
    c = ((~d.exposed) & (d.case)).sum() + .5
    e = ((~d.exposed) & (~d.case)).sum() + .5
    lor = math.log(a * e / (b * c))
    se = math.sqrt(1/a + 1/b + 1/c + 1/e)
    return {"a": a, "b": b, "c": c, "d": e, "or": math.exp(lor), "lo": math.exp(lor - 1.96*se), "hi": math.exp(lor + 1.96*se)}

out = [dict(stratum="all", n=len(cohort), **two_by_two(cohort))]
for g, d in cohort.groupby("agegrp"):
    out.append(dict(stratum=f"age{g}", n=len(d), **two_by_two(d)))
for s, d in cohort.groupby("sex"):
    out.append(dict(stratum=f"sex_{s}", n=len(d), **two_by_two(d)))
odds = pd.DataFrame(out)
strata = odds[odds.stratum.str.startswith("age")]
mh = (strata.a * strata.d / strata.n).sum() / (strata.b * strata.c / strata.n).sum()
odds["mh_or"] = mh
odds.to_csv("out/odds.csv", index=False)
# %%
ct = pd.crosstab(cohort.exposed, cohort.case)
if ct.shape == (2, 2):
    chi2, p, dof, _ = stats.chi2_contingency(ct)
    fisher_or, fp = stats.fisher_exact(ct)
else:
    chi2 = p = fp = np.nan
    dof = 0
pd.DataFrame([{"chi2": chi2, "p": p, "dof": dof, "fisher_p": fp}]).to_csv("out/tests.csv", index=False)
# %%
# Kaplan-Meier: time to first icu from 1 January, censored at last visit seen
t0 = pd.Timestamp("2024-01-01")
last_seen = vis.groupby("pid")["day"].max()
cohort["end"] = cohort.first_icu.fillna(cohort.pid.map(last_seen))
cohort["t"] = (cohort.end - t0).dt.days
km_in = cohort.dropna(subset=["t"])

def km(d):
    times = np.sort(d.t.unique())
    s, rows = 1.0, []
    for t in times:
        at_risk = (d.t >= t).sum()
        events = ((d.t == t) & d.case).sum()
        s *= 1 - events / at_risk
        rows.append((t, at_risk, events, s))
    return pd.DataFrame(rows, columns=["t", "at_risk", "events", "surv"])

curves = pd.concat({k: km(g) for k, g in km_in.groupby("smoker")}, names=["smoker", "i"]).reset_index(level=0).reset_index(drop=True)
curves.to_csv("out/km.csv", index=False)
# %%
med = curves[curves.surv <= .5].groupby("smoker").t.min()
cohort["after_median"] = cohort.t > cohort.smoker.map(med)
cohort[["pid", "exposed", "case", "t", "agegrp", "after_median"]].to_parquet("out/cohort.parquet")
