# %%
import pandas as pd
labs = pd.read_csv("labs.csv", index_col="lid", parse_dates=["day"])
pats = pd.read_csv("patients.csv", index_col=0)
# %%
labs.loc[labs.unit == "g", "value"] *= 10
labs["month"] = labs.day.dt.month
s = labs.groupby(["pid", "test", "month"])["value"].mean()
wide = s.unstack("test")
wide.columns.name = None
wide = wide.sort_index().groupby(level="pid").ffill()
wide.reset_index().to_csv("out/wide.csv", index=False)
# %%
tidy = wide.reset_index().melt(id_vars=["pid", "month"], var_name="test", value_name="value", value_vars=sorted(wide.columns)).dropna()
tidy = tidy.set_index(["test", "pid", "month"]).sort_index()
z = tidy["value"].groupby(level="test").transform(lambda x: (x - x.mean()) / (x.std() or 1))
tidy["z"] = z
tidy["rank"] = tidy["value"].groupby(level=["test", "month"]).rank(pct=True)
tidy.reset_index().to_csv("out/tidy.csv", index=False)
# %%
stats = labs.groupby(["test", "unit"])["value"].describe(percentiles=[.1, .9])
stats.columns = [c.replace("%", "pct") for c in stats.columns]
stats = stats.swaplevel().sort_index()
stats.to_csv("out/describe.csv")
# %%
idx = pd.IndexSlice
if "crp" in tidy.index.get_level_values("test"):
    crp = tidy.loc[idx["crp", :, :], :].droplevel("test")
else:
    crp = tidy.iloc[:0].droplevel("test")
peak = crp.groupby(level="pid")["value"].agg(["max", "size"]).join(pats[["age", "town", "weight"]], how="left")
peak["per_kg"] = peak["max"] / peak["weight"]
peak.to_parquet("out/crp_peak.parquet")
# %%
town = labs.join(pats["town"], on="pid").pivot_table(index="town", columns=["test", "unit"], values="value", aggfunc=["mean", "count"])
town = town.stack(level="unit").swaplevel(0, 1).sort_index()
town.columns = ["{}_{}".format(*c) for c in town.columns]
town.to_csv("out/town.csv")
# %%
corr = wide.corr(min_periods=2)
corr.index.name = "a"
pairs = corr.stack().rename_axis(["a", "b"]).reset_index(name="r")
pairs.query("a < b").to_json("out/corr.json", orient="records")
