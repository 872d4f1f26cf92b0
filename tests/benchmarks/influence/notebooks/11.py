# %%
import csv
import json
from collections import Counter, defaultdict
from datetime import date
from statistics import mean, median

def read(name):
    with open(f"{name}.csv", newline="") as fh:
        return list(csv.DictReader(fh))

def write(path, rows, fields):
    with open(path, "w", newline="") as fh:
        w = csv.DictWriter(fh, fieldnames=fields, extrasaction="ignore")
        w.writeheader()
        w.writerows(rows)

patients, visits, labs = map(read, ("patients", "visits", "labs"))
# %%
who = {p["pid"]: p for p in patients}
num = lambda s: float(s) if s not in ("", None) else None
ages = [num(p["age"]) for p in patients if num(p["age"]) is not None]
typical_age = median(ages) if ages else 50.0
# %%
results = defaultdict(lambda: defaultdict(list))
for row in labs:
    v = num(row["value"])
    if v is None:
        continue
    if row["unit"] == "g":
        v *= 1000
    results[row["pid"]][row["test"]].append((row["day"], v))
latest = []
for pid in sorted(results, key=lambda s: float(s or 0)):
    for test, vals in sorted(results[pid].items()):
        vals.sort()
        latest.append({"pid": pid, "test": test, "day": vals[-1][0], "last": round(vals[-1][1], 2),
                       "mean": round(mean(v for _, v in vals), 3), "n": len(vals)})
write("out/latest.csv", latest, ["pid", "test", "day", "last", "mean", "n"])
# %%
words = Counter()
by_ward = defaultdict(Counter)
for v in visits:
    for w in v["note"].split():
        words[w] += 1
        by_ward[v["ward"]][w] += int(num(v["los"]) or 0)
vocab = [w for w, _ in sorted(words.items(), key=lambda kv: (-kv[1], kv[0]))][:5]
out = [{"ward": w, **{k: c[k] for k in vocab}} for w, c in sorted(by_ward.items())]
write("out/word_nights.csv", out, ["ward"] + vocab)
# %%
def enrich(v):
    p = who.get(v["pid"])
    age = (num(p["age"]) if p else None) or typical_age
    y, m, d = map(int, v["day"].split("-"))
    return {"vid": v["vid"], "age": age, "imputed": not (p and p["age"]), "week": date(y, m, d).isocalendar()[1],
            "cost": num(v["cost"]) or 0.0, "old": age >= 65}

enriched = [enrich(v) for v in visits if v["day"]]
with open("out/enriched.jsonl", "w") as fh:
    for e in enriched:
        fh.write(json.dumps(e, sort_keys=True) + "\n")
# %%
weeks = defaultdict(float)
for e in enriched:
    weeks[e["week"]] += e["cost"]
budget = 1.2 * mean(weeks.values()) if weeks else 0
running = 0.0
rows = []
for wk in sorted(weeks):
    running += weeks[wk]
    rows.append(dict(week=wk, cost=round(weeks[wk], 2), running=round(running, 2), over=weeks[wk] > budget))
write("out/weeks.csv", rows, ["week", "cost", "running", "over"])
