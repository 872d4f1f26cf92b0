# %% [markdown]
# ## Does smoking raise the cost of care?  (classical tests + bootstrap + OLS)
# %%
import numpy as np
import pandas as pd
import scipy.stats as st
import statsmodels.api as sm
rng = np.random.default_rng(2024)
# %%
visits = pd.read_csv("visits.csv")
patients = pd.read_csv("patients.csv")
tot = visits.groupby("pid", as_index=False).agg(cost=("cost", "sum"), n=("vid", "size"), los=("los", "sum"))
d = patients.merge(tot, on="pid", how="left").fillna({"cost": 0, "n": 0, "los": 0})
d["logcost"] = np.log1p(d["cost"])
# %%
def compare(frame, group, value):
    a, b = (frame.loc[frame[group] == g, value].dropna().to_numpy() for g in ("yes", "no"))
    if min(len(a), len(b)) < 2:
        return dict(value=value, n1=len(a), n0=len(b))
    t = st.ttest_ind(a, b, equal_var=False)
    u = st.mannwhitneyu(a, b)
    pooled = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    boots = np.array([rng.choice(a, len(a)).mean() - rng.choice(b, len(b)).mean() for _ in range(200)])
    lo, hi = np.percentile(boots, [2.5, 97.5])
    return dict(value=value, n1=len(a), n0=len(b), diff=a.mean() - b.mean(), t=t.statistic, p=t.pvalue, p_mw=u.pvalue, d=(a.mean() - b.mean()) / pooled if pooled > 0 else np.nan, lo=lo, hi=hi)

tests = pd.DataFrame([compare(d, "smoker", c) for c in ("cost", "logcost", "n", "los", "weight", "age")])
m = tests["p"].rank().to_numpy()
tests["p_bh"] = (tests["p"] * tests["p"].notna().sum() / m).clip(upper=1)
tests.to_csv("out/tests.csv", index=False)
# %%
reg = d.dropna(subset=["age", "weight", "logcost"])
X = pd.DataFrame({"smoker": (reg["smoker"] == "yes").astype(float), "age": reg["age"] / 10, "male": (reg["sex"] == "m") * 1.0, "w": reg["weight"] - reg["weight"].mean()})
X = sm.add_constant(X, has_constant="add")
fit = sm.OLS(reg["logcost"], X).fit()
ci = fit.conf_int()
coef = pd.DataFrame({"b": fit.params, "se": fit.bse, "p": fit.pvalues, "lo": ci[0], "hi": ci[1]}).rename_axis("term").reset_index()
coef.to_csv("out/ols.csv", index=False)
# %%
diag = pd.DataFrame({"pid": reg["pid"], "fitted": fit.fittedvalues, "resid": fit.resid, "cook": fit.get_influence().cooks_distance[0]})
diag["flag"] = diag["cook"] > 4 / len(diag)
diag.to_parquet("out/diagnostics.parquet", index=False)
# %%
groups = {t: g["cost"].values for t, g in d.groupby("town")}
ok = [v for v in groups.values() if len(v) > 1]
h = st.kruskal(*ok) if len(ok) > 1 else None
rows = [{"town": t, "n": len(v), "mean": v.mean(), "sem": st.sem(v) if len(v) > 1 else np.nan, "gmean": np.exp(np.log1p(v).mean()) - 1,
         "H": h.statistic if h else np.nan} for t, v in groups.items()]
pd.DataFrame(rows).to_csv("out/towns.csv", index=False)
# %%
cor = [(a, b, *st.spearmanr(d[a], d[b], nan_policy="omit")) for i, a in enumerate(["age", "weight", "n"]) for b in ["cost", "los"]]
pd.DataFrame(cor, columns=["x", "y", "rho", "p"]).round(5).to_csv("out/spearman.csv", index=False)
