# %%
import json
import pandas as pd

patients = pd.read_csv("patients.csv").dropna(subset=["pid"]).drop_duplicates(subset="pid", keep="first")
visits = pd.read_csv("visits.csv")
labs = pd.read_csv("labs.csv")
# %%
# make a nested document per patient (as the API would give)
docs = []
for p in patients.to_dict("records"):
    mine = visits.loc[visits["pid"] == p["pid"]]
    l = labs.loc[labs["pid"] == p["pid"]].dropna(subset=["value"])
    docs.append({
        "id": p["pid"],
        "person": {"name": p["name"], "sex": p["sex"], "home": {"town": p["town"]}},
        "body": {"weight": p["weight"], "smoker": p["smoker"] == "yes"},
        "visits": mine[["vid", "ward", "cost"]].to_dict(orient="records"),
        "labs": {t: g["value"].round(2).tolist() for t, g in l.groupby("test")},
    })
with open("out/docs.jsonl", "w") as fh:
    fh.writelines(json.dumps(d, default=float) + "\n" for d in docs)
# %%
loaded = [json.loads(s) for s in open("out/docs.jsonl")]
flat = pd.json_normalize(loaded, sep="_").drop(columns=["visits"])
vis = pd.json_normalize(loaded, record_path="visits", meta=["id", ["person", "sex"], ["person", "home", "town"]], record_prefix="v_")
vis.to_csv("out/visits_flat.csv", index=False)
# %%
lab_cols = [c for c in flat.columns if c.startswith("labs_")]
for c in lab_cols:
    flat[c + "_n"] = flat[c].map(lambda x: len(x) if isinstance(x, list) else 0)
    flat[c + "_last"] = flat[c].apply(lambda x: x[-1] if isinstance(x, list) and x else None)
flat = flat.drop(columns=lab_cols)
flat.to_csv("out/flat.csv", index=False)
# %%
spend = {d["id"]: sum(v["cost"] for v in d["visits"]) for d in loaded}
wards = {d["id"]: {v["ward"] for v in d["visits"]} for d in loaded}
flat["spend"] = flat["id"].map(spend)
flat["was_icu"] = flat["id"].map(lambda i: "icu" in wards[i])
flat["n_wards"] = [len(wards[i]) for i in flat["id"]]
by_town = pd.DataFrame.from_dict(
    {t: {"people": len(g), "spend": g["spend"].sum(), "icu": int(g["was_icu"].sum()), "heaviest": g.loc[g["body_weight"].idxmax(), "person_name"] if g["body_weight"].notna().any() else None}
     for t, g in flat.groupby("person_home_town")},
    orient="index")
by_town.rename_axis("town").reset_index().to_json("out/by_town.json", orient="records")
# %%
ranked = flat.sort_values(["spend", "id"], ascending=[False, True]).reset_index(drop=True)
ranked["cum_share"] = ranked["spend"].cumsum() / ranked["spend"].sum()
ranked.loc[ranked["cum_share"] <= .5, ["id", "person_name", "spend", "cum_share", "n_wards"]].to_parquet("out/top_half.parquet")
