# %%
"""Fleet log without pandas: dataclasses, itertools, bisect, heapq."""
import bisect, csv, heapq, json, math
import itertools as it
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import attrgetter, itemgetter
from typing import NamedTuple, Optional
# %%
class Reading(NamedTuple):
    at: datetime
    temp: float
    volt: Optional[float]
    alarm: int

@dataclass
class Trip:
    trip: int
    car: str
    driver: str
    began: datetime
    km: float
    kwh: float
    event: str
    temp: Optional[float] = None
    cost: float = 0.0

    @property
    def eff(self):
        return self.km / self.kwh if self.kwh else math.nan

def rows(name):
    with open(name + ".csv", newline="") as f:
        yield from csv.DictReader(f)

parse = datetime.fromisoformat
trips = [Trip(int(r["trip"] or 0), r["car"], r["driver"], parse(r["began"]), float(r["km"] or 0), float(r["kwh"] or 0), r["event"]) for r in rows("trips") if r["began"]]
readings = {}
for r in rows("sensors"):
    if r["ts"] and r["temp"]:
        readings.setdefault(r["car"], []).append(Reading(parse(r["ts"]), float(r["temp"]), float(r["volt"]) if r["volt"] else None, int(r["alarm"] or 0)))
for v in readings.values():
    v.sort(key=lambda x: (x.at, x.temp))
# %%
PRICES = [(0, .18), (7, .34), (19, .27)]
starts = [p[0] for p in PRICES]
for t in trips:
    log = readings.get(t.car, [])
    i = bisect.bisect_right([r.at for r in log], t.began) - 1
    if i >= 0 and t.began - log[i].at < timedelta(hours=3):
        t.temp = log[i].temp
    t.cost = round(t.kwh * PRICES[bisect.bisect_right(starts, t.began.hour) - 1][1], 3)

with open("out/trips.jsonl", "w") as f:
    for t in sorted(trips, key=attrgetter("trip", "began")):
        f.write(json.dumps({**{k: v for k, v in asdict(t).items() if k not in ("began", "driver")}, "eff": round(t.eff, 4) if t.kwh else None}) + "\n")
# %%
def dump(path, header, lines):
    with open(path, "w", newline="") as f:
        csv.writer(f).writerows([header, *lines])

trips.sort(key=attrgetter("driver", "began", "trip"))
lines = []
for d, group in it.groupby(trips, key=attrgetter("driver")):
    group = list(group)
    pauses = [(b.began - a.began).total_seconds() / 60 for a, b in it.pairwise(group)]
    streak = max((len(list(g)) for k, g in it.groupby(group, key=lambda t: t.event == "none") if k), default=0)
    longest = heapq.nlargest(3, group, key=lambda t: (t.km, -t.trip))
    lines.append((d, len(group), round(math.fsum(t.cost for t in group), 2), round(max(pauses, default=0), 1), streak, " ".join(str(t.trip) for t in longest)))
dump("out/drivers.csv", ["driver", "n", "cost", "max_pause", "calm_streak", "longest"], lines)
# %%
totals = reduce(lambda acc, t: {**acc, t.car: tuple(map(sum, zip(acc.get(t.car, (0, 0, 0)), (t.km, t.kwh, t.event != "none"))))}, trips, {})
fleet_eff = sum(v[0] for v in totals.values()) / (sum(v[1] for v in totals.values()) or 1)
meta = {r["car"]: r for r in rows("cars")}
dump("out/cars.csv", ["car", "model", "km", "events_per_100", "better"],
     [(c, meta.get(c, {}).get("model", "?"), round(km, 1), round(100 * ev / km, 3) if km else "", km / (kwh or 1) > fleet_eff) for c, (km, kwh, ev) in sorted(totals.items(), key=itemgetter(0))])
acc = list(it.accumulate((t.km for t in sorted(trips, key=attrgetter("began", "trip"))), lambda a, b: round(a + b, 2)))
dump("out/odometer.csv", ["i", "km", "over_mid"], [(i, a, a > acc[-1] / 2) for i, a in enumerate(acc) if i % 10 == 0])
