# %%
import re
import pandas as pd
from collections import Counter
v = pd.read_csv("visits.csv")
v["note"] = v["note"].fillna("")
p = pd.read_csv("patients.csv")
# %%
# names: "Gan Mor" -> initials etc
ex = p["name"].astype(str).str.extract(r"^(?P<first>\w+)\s+(?P<last>\w+)$")
p = p.join(ex)
p["initials"] = p["first"].str[0].fillna("?") + p["last"].str[0].fillna("?")
p["login"] = p["last"].str.lower().str.cat(p["pid"].astype(str).str.zfill(3), sep=".")
p["vowels"] = p["name"].str.lower().str.count(r"[aeiou]")
p["town_code"] = p["town"].str.upper().str.slice(0, 3) + "-" + p["sex"].str.replace("f", "W").str.replace("m", "M")
p[["pid", "initials", "login", "vowels", "town_code"]].to_csv("out/names.csv", index=False)
# %%
v["severity"] = v["note"].str.extract(r"\b(severe|stable)\b", expand=False).fillna("plain")
v["symptoms"] = v["note"].str.findall(r"cough|fever|pain")
v["negated"] = v["note"].str.match(r"no\s")
v["n_words"] = v["note"].str.split().str.len()
long = v.explode("symptoms").dropna(subset=["symptoms"])
long = long[~long["negated"]]
long.groupby("symptoms").agg(n=("vid", "nunique"), cost=("cost", "mean"), los=("los", "max")).reset_index().to_csv("out/symptoms.csv", index=False)
# %%
dummies = v["note"].str.replace(" and ", " ").str.get_dummies(sep=" ")
dummies.columns = ["w_" + re.sub(r"\W+", "_", c) for c in dummies.columns]
wide = pd.concat([v[["vid", "pid", "n_words", "severity"]], dummies], axis=1)
wide.to_parquet("out/bag.parquet", index=False)
# %%
cost_by_word = {c[2:]: v.loc[dummies[c] == 1, "cost"].mean() for c in dummies}
expensive = {w for w, c in cost_by_word.items() if c > v["cost"].mean()}
pattern = "|".join(sorted(map(re.escape, expensive))) or "$^"
v["pricey_words"] = v["note"].str.count(pattern)
v["masked"] = v["note"].str.replace(pattern, lambda m: "*" * len(m.group()), regex=True)
v[["vid", "pricey_words", "masked", "cost"]].to_csv("out/masked.csv", index=False)
# %%
pairs = Counter()
for pid, notes in v.sort_values(["pid", "day", "vid"]).groupby("pid")["note"]:
    seq = [n.split()[0] if n else "none" for n in notes]
    pairs.update(zip(seq, seq[1:]))
trans = pd.DataFrame([(a, b, n) for (a, b), n in sorted(pairs.items())], columns=["from", "to", "n"])
trans["prob"] = trans["n"] / trans.groupby("from")["n"].transform("sum")
trans.to_csv("out/transitions.csv", index=False)
# %%
m = v.merge(p, on="pid", how="left")
m["label"] = m.apply(lambda r: f"{r['initials']}/{r['ward']}:{r['severity'][:2]}" if isinstance(r["initials"], str) else "unknown", axis=1)
m.loc[m["severity"].eq("severe"), ["vid", "label", "login", "day"]].to_json("out/severe.json", orient="records")
