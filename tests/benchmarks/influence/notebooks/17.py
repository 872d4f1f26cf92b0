# %%
import numpy as np, pandas as pd
from sklearn.preprocessing import StandardScaler, MinMaxScaler
from sklearn.impute import KNNImputer
from sklearn.cluster import KMeans, AgglomerativeClustering
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
# %%
p = pd.read_csv("patients.csv")
v = pd.read_csv("visits.csv")
l = pd.read_csv("labs.csv")
l["value"] = np.where(l["unit"] == "g", l["value"], l["value"] / 10)
# %%
f_vis = v.groupby("pid").agg(n_vis=("vid", "count"), cost=("cost", "sum"), los=("los", "mean"))
f_lab = l.pivot_table(index="pid", columns="test", values="value", aggfunc="mean").add_prefix("lab_")
feat = p.groupby("pid")[["age", "weight"]].mean().join([f_vis, f_lab])
feat["n_vis"] = feat["n_vis"].fillna(0)
feat["smoker"] = p.groupby("pid")["smoker"].first().eq("yes").astype(int)
# %%
imp = KNNImputer(n_neighbors=3)
Z = StandardScaler().fit_transform(imp.fit_transform(feat))
pca = PCA(n_components=3, random_state=0)
pc = pca.fit_transform(Z)
pd.DataFrame({"component": range(1, 4), "explained": pca.explained_variance_ratio_, "top": [feat.columns[np.abs(c).argmax()] for c in pca.components_]}).to_csv("out/pca.csv", index=False)
# %%
tried = []
for k in range(2, 6):
    km = KMeans(n_clusters=k, n_init=5, random_state=1).fit(Z)
    tried.append((k, km.inertia_, silhouette_score(Z, km.labels_)))
tried = pd.DataFrame(tried, columns=["k", "inertia", "silhouette"])
tried.to_csv("out/elbow.csv", index=False)
best_k = int(tried.loc[tried.silhouette.idxmax(), "k"])
# %%
km = KMeans(n_clusters=best_k, n_init=5, random_state=1).fit(Z)
feat["cluster"] = km.labels_
order = feat.groupby("cluster")["cost"].mean().sort_values().index
feat["cluster"] = feat["cluster"].map({c: i for i, c in enumerate(order)})
feat["dist"] = km.transform(Z).min(axis=1)
feat["pc1"], feat["pc2"] = pc[:, 0], pc[:, 1]
feat["hier"] = AgglomerativeClustering(n_clusters=best_k).fit_predict(Z)
feat.reset_index()[["pid", "cluster", "hier", "dist", "pc1", "pc2"]].to_csv("out/assigned.csv", index=False)
# %%
prof = feat.groupby("cluster").mean(numeric_only=True).drop(columns=["hier"])
prof["size"] = feat.groupby("cluster").size()
scaled = pd.DataFrame(MinMaxScaler().fit_transform(prof.fillna(0)), columns=prof.columns, index=prof.index)
scaled.to_parquet("out/profile_scaled.parquet")
prof.T.rename_axis("feature").add_prefix("c").to_csv("out/profile.csv")
