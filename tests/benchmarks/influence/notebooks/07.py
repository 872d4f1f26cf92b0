# %%
# my first notebook about trips :)
import pandas as pd
trips = pd.read_csv("trips.csv")
cars = pd.read_csv("cars.csv")
trips = trips.dropna(subset=["car", "began"]).reset_index(drop=True)
trips.head()
# %%
# how far does every car drive?
total = {}
count = {}
for i in range(len(trips)):
    c = trips["car"][i]
    if c not in total:
        total[c] = 0
        count[c] = 0
    total[c] = total[c] + trips["km"][i]
    count[c] += 1
print(total)
# %%
names = []
kms = []
nums = []
models = []
for c in sorted(total):
    names.append(c)
    kms.append(round(total[c], 1))
    nums.append(count[c])
    m = cars[cars["car"] == c]
    if len(m) > 0:
        models.append(m["model"].iloc[0])
    else:
        models.append("?")
result = pd.DataFrame({"car": names, "km": kms, "trips": nums, "model": models})
result.to_csv("out/total_km.csv", index=False)
# %%
# is the trip long, middle or short
kinds = []
for km in trips["km"]:
    if km > 60:
        kinds.append("long")
    elif km > 20:
        kinds.append("middle")
    else:
        kinds.append("short")
trips["kind"] = kinds
hours = []
for b in trips["began"]:
    hours.append(int(str(b)[11:13]))
trips["hour"] = hours
trips[["trip", "kind", "hour"]].to_csv("out/kinds.csv", index=False)
# %%
# bad drivers
bad = []
for idx, row in trips.iterrows():
    if row["event"] != "none":
        bad.append([row["trip"], row["driver"], row["event"], row["kind"]])
bad_df = pd.DataFrame(bad, columns=["trip", "driver", "event", "kind"])
bad_df.to_csv("out/bad.csv", index=False)
# %%
points = {"brake": 1, "swerve": 3}
score = {"d1": 0, "d2": 0, "d3": 0}
for t, d, e, k in bad:
    if d in score:
        score[d] = score[d] + points.get(e, 0)
worst_driver = max(sorted(score), key=lambda d: score[d])
print("the worst driver is", worst_driver)
s = pd.DataFrame(list(score.items()), columns=["driver", "points"])
s["worst"] = s["driver"] == worst_driver
s.to_csv("out/points.csv", index=False)
# %%
mine = trips[trips["driver"] == worst_driver]
mine = mine.sort_values("km", ascending=False).head(10)
mine[["trip", "km", "kwh", "event"]].to_csv("out/worst_trips.csv", index=False)
