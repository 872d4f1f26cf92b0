# %%
import numpy as np

raw = np.genfromtxt("trips.csv", delimiter=",", names=True, dtype=None, encoding="utf8")
raw.dtype.names
# %%
km = raw["km"].astype(float)
kwh = raw["kwh"].astype(float)
ok = np.isfinite(km) & np.isfinite(kwh) & (raw["began"] != "")
car, driver, event = raw["car"].astype(str)[ok], raw["driver"].astype(str)[ok], raw["event"].astype(str)[ok]
km, kwh, trip = km[ok], kwh[ok], raw["trip"][ok]
t = raw["began"][ok].astype("datetime64[s]")
hours = (t - t.min()).astype("timedelta64[s]").astype(float) / 3600
# %%
# least squares: kwh ~ 1 + km + driver dummies
levels, code = np.unique(driver, return_inverse=True)
D = np.eye(len(levels))[code][:, 1:]
X = np.column_stack([np.ones_like(km), km, D])
beta, *_ = np.linalg.lstsq(X, kwh, rcond=None)
fitted = X @ beta
resid = kwh - fitted
s2 = resid @ resid / max(len(kwh) - X.shape[1], 1)
se = np.sqrt(np.diag(np.linalg.pinv(X.T @ X)) * s2)
names = ["const", "km"] + [f"driver_{v}" for v in levels[1:]]
with open("out/coef.csv", "w") as f:
    f.write("term,beta,se,t\n")
    for n, b, s in zip(names, beta, se):
        f.write(f"{n},{b:.6f},{s:.6f},{(b / s if s > 0 else 0):.4f}\n")
# %%
H = X @ np.linalg.pinv(X.T @ X) @ X.T
lev = np.diag(H)
student = resid / np.sqrt(np.maximum(s2 * (1 - lev), 1e-9))
outlier = np.abs(student) > 2
np.savetxt("out/resid.csv", np.c_[trip, fitted, student, outlier], delimiter=",", header="trip,fitted,student,outlier", comments="", fmt=["%.0f", "%.5f", "%.5f", "%d"])
# %%
# km matrix car x driver
cars, ci = np.unique(car, return_inverse=True)
M = np.zeros((len(cars), len(levels)))
np.add.at(M, (ci, code), km)
N = np.zeros_like(M)
np.add.at(N, (ci, code), event != "none")
share = M / M.sum(axis=1, keepdims=True).clip(1e-9)
with open("out/matrix.csv", "w") as f:
    print("car", *(f"km_{d}" for d in levels), *(f"bad_{d}" for d in levels), "entropy", sep=",", file=f)
    for i, c in enumerate(cars):
        e = -(share[i] * np.log(np.where(share[i] > 0, share[i], 1))).sum()
        print(c, *M[i].round(2), *N[i].astype(int), round(float(e), 5), sep=",", file=f)
# %%
edges = np.arange(0, hours.max() + 6, 6)
slot = np.digitize(hours, edges) - 1
tot = np.bincount(slot, weights=kwh, minlength=len(edges))
cnt = np.bincount(slot, minlength=len(edges))
kern = np.ones(3) / 3
smooth = np.convolve(tot, kern, mode="same")
order = np.lexsort((trip, -km))
cumulative = np.cumsum(kwh[order]) / kwh.sum()
k80 = np.searchsorted(cumulative, 0.8)
np.savetxt("out/slots.csv", np.stack([edges, tot, cnt, smooth], axis=1), delimiter=",", header="from_hour,kwh,trips,smooth", comments="", fmt="%.4f")
np.savetxt("out/pareto.csv", np.transpose([trip[order][:k80], km[order][:k80], cumulative[:k80]]), delimiter=",", header="trip,km,cum", comments="", fmt="%.5f")
