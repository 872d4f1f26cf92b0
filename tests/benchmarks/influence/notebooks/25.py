# %%
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer, make_column_selector
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, RobustScaler
from sklearn.ensemble import GradientBoostingRegressor
# %%
class HourCycle(BaseEstimator, TransformerMixin):
    def __init__(self, column="began"):
        self.column = column
    def fit(self, X, y=None):
        self.mean_hour_ = X[self.column].dt.hour.mean()
        return self
    def transform(self, X):
        X = X.copy()
        h = X.pop(self.column).dt.hour.fillna(self.mean_hour_)
        X["h_sin"] = np.sin(2 * np.pi * h / 24)
        X["h_cos"] = np.cos(2 * np.pi * h / 24)
        return X
# %%
trips = pd.read_csv("trips.csv", parse_dates=["began"]).dropna(subset=["km", "kwh"])
cars = pd.read_csv("cars.csv").drop_duplicates("car")
data = trips.merge(cars[["car", "model", "built"]], on="car", how="left")
data["built"] = data["built"].fillna(2020)
data[["model", "driver"]] = data[["model", "driver"]].astype(object).fillna("none")
X = data[["km", "driver", "model", "built", "began"]]
y = np.log1p(data["kwh"])
# %%
pre = make_column_transformer(
    (make_pipeline(RobustScaler(), PolynomialFeatures(2, include_bias=False)), ["km", "built"]),
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_include=object)),
    remainder="passthrough",
)
models = {
    "ridge": make_pipeline(HourCycle(), pre, Ridge(alpha=2.0)),
    "gbm": make_pipeline(HourCycle(), pre, GradientBoostingRegressor(n_estimators=30, max_depth=2, random_state=3)),
}
cv = KFold(3, shuffle=True, random_state=11)
oof = pd.DataFrame({"trip": data["trip"], "car": data["car"], "y": y})
metrics = []
for n, m in models.items():
    oof[n] = cross_val_predict(m, X, y, cv=cv)
    metrics.append([n, mean_absolute_error(y, oof[n]), r2_score(y, oof[n])])
metrics = pd.DataFrame(metrics, columns=["model", "mae", "r2"]).sort_values(["mae", "model"])
metrics.to_csv("out/metrics.csv", index=False)
# %%
oof["blend"] = oof[["ridge", "gbm"]].mean(axis=1)
oof["resid"] = oof["y"] - oof["blend"]
oof.to_parquet("out/oof.parquet", index=False)
leak = oof.groupby("car")["resid"].agg(["mean", "std", "count"]).reset_index()
leak["suspicious"] = leak["mean"] > oof["resid"].std() / np.sqrt(leak["count"])
leak.to_csv("out/cars_resid.csv", index=False)
# %%
ridge = models["ridge"].fit(X, y)
names = ridge[1].get_feature_names_out()
coef = pd.Series(ridge[-1].coef_, index=names, name="coef").rename_axis("feature").reset_index()
coef["abs"] = coef["coef"].abs()
coef.sort_values(["abs", "feature"], ascending=[False, True]).head(8).to_csv("out/coef.csv", index=False)
grid = pd.DataFrame({"km": np.linspace(X["km"].min(), X["km"].max(), 10)})
grid = grid.assign(driver=X["driver"].mode()[0], model=X["model"].mode()[0], built=X["built"].median(), began=X["began"].min())
grid["kwh"] = np.expm1(ridge.predict(grid))
grid[["km", "kwh", "driver"]].to_csv("out/curve.csv", index=False)
