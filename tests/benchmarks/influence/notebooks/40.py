# %%
import numpy as np
import pandas as pd

clients = pd.read_csv("clients.csv", dtype={"client": "Int64"})
loans = pd.read_csv("loans.csv")
# %%
# 1. repair the client table (in place)
clients.drop_duplicates(subset=["client"], inplace=True)
clients.set_index("client", inplace=True)
clients.rename(columns={"income": "inc"}, inplace=True)
clients["inc_was_na"] = clients["inc"].isna()
by_region = clients.groupby("region")["inc"].median()
clients["inc"] = clients["inc"].fillna(clients["region"].map(by_region)).fillna(clients["inc"].median())
clients["inc"] = clients["inc"].mask(clients["inc"] < 20_000, 20_000)
clients["score"] = clients["score"].clip(clients["score"].quantile(.02), clients["score"].quantile(.98))
clients.sort_index(inplace=True)
# %%
# 2. repair the loans
loans.replace({"status": {"open": "active"}, "segment": {"sme": "business"}}, inplace=True)
loans["rate"] = loans["rate"].where(loans["rate"].between(1, 8.5), other=np.nan)
loans.loc[loans["rate"].isna(), "rate"] = loans["rate"].mean()
loans.loc[(loans["status"] == "paid") & (loans["term"] == 36), "term"] = 24
loans["amount"] = loans["amount"].round(-3).astype("float")
dup = loans.duplicated(["client", "segment", "term"], keep=False)
loans["dup"] = dup
loans.to_csv("out/loans_clean.csv", index=False)
# %%
# 3. overrides from a second source
override = pd.DataFrame({"score": clients["score"] * 0.9, "inc": clients["inc"].where(clients["inc"] > 90_000) * 1.1})
override = override[clients["inc_was_na"].to_numpy()]
patched = clients.copy()
patched.update(override)
extra = clients[["score"]].rename(columns={"score": "alt"}).iloc[::2]
patched["alt"] = extra["alt"].combine_first(patched["score"] + 1)
patched["changed"] = patched["score"].ne(clients["score"])
patched.reset_index().to_csv("out/clients_patched.csv", index=False)
# %%
# 4. a grade with masks
grade = pd.Series("C", index=patched.index, name="grade")
grade[patched["score"] >= 550] = "B"
grade[(patched["score"] >= 700) | (patched["inc"] > patched["inc"].quantile(.85))] = "A"
grade.iloc[np.flatnonzero(patched["changed"])] = "manual"
dtype = pd.CategoricalDtype(["A", "B", "C", "manual"], ordered=True)
patched["grade"] = grade.astype(dtype)
patched["grade_code"] = patched["grade"].cat.codes
worst = patched["grade"].max()
patched[["grade_code", "alt"]].assign(worst=patched["grade"].eq(worst)).reset_index().to_parquet("out/grades.parquet", index=False)
# %%
book = loans.merge(patched["grade"].astype(str).reset_index(), on="client", how="left")
book["grade"] = book["grade"].fillna("none")
limits = {"A": 40_000, "B": 25_000, "C": 10_000}
book["over"] = np.maximum(book["amount"] - book["grade"].map(limits).fillna(5_000), 0)
book.eval("cost = amount * rate / 100 * term / 12", inplace=True)
res = book.groupby(["grade", "status"])[["amount", "over", "cost"]].sum().unstack(fill_value=0)
res.columns = res.columns.map("|".join)
res.to_csv("out/grade_status.csv")
