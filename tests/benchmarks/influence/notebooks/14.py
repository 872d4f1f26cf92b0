# %%
from __future__ import annotations
from dataclasses import dataclass, field
from pathlib import Path
import pandas as pd
# %%
@dataclass
class Config:
    out: Path = Path("out")
    stay_limit: int = 7
    keep_wards: list = field(default_factory=lambda: ["er", "icu"])
    fill: dict = field(default_factory=dict)

class Source:
    def __init__(self, name, dates=()):
        self.name, self.dates = name, list(dates)

    def load(self) -> pd.DataFrame:
        return pd.read_csv(f"{self.name}.csv", parse_dates=self.dates)
# %%
class Step:
    def __call__(self, df):
        raise NotImplementedError

class Fill(Step):
    def __init__(self, values): self.values = values
    def __call__(self, df): return df.fillna(self.values)

class KeepWards(Step):
    def __init__(self, wards): self.wards = set(wards)
    def __call__(self, df): return df[df["ward"].isin(self.wards)].copy()

class FlagLong(Step):
    def __init__(self, limit): self.limit = limit
    def __call__(self, df):
        df["long"] = df["los"] > self.limit
        df["excess"] = (df["los"] - self.limit).clip(lower=0)
        return df

class Pipeline:
    def __init__(self, *steps): self.steps, self.log = steps, []
    def run(self, df):
        for s in self.steps:
            before = len(df)
            df = s(df)
            self.log.append({"step": type(s).__name__, "rows_in": before, "rows_out": len(df), "cols": df.shape[1]})
        return df
# %%
patients = Source("patients").load()
visits = Source("visits", ["day"]).load()
cfg = Config(fill={"age": patients["age"].median(), "note": "-"})
pipe = Pipeline(Fill(cfg.fill), KeepWards(cfg.keep_wards), FlagLong(cfg.stay_limit))
work = pipe.run(visits.merge(patients, on="pid"))
work.to_parquet(cfg.out / "work.parquet", index=False)
pd.DataFrame(pipe.log).to_csv(cfg.out / "log.csv", index=False)
# %%
cached = pd.read_parquet(cfg.out / "work.parquet", columns=["vid", "ward", "town", "age", "cost", "long", "excess"])

def report(df: pd.DataFrame, by: str) -> pd.DataFrame:
    g = df.groupby(by)
    res = pd.DataFrame({"n": g.size(), "cost": g["cost"].sum(), "long": g["long"].mean(), "excess": g["excess"].sum()})
    res["rank"] = res["cost"].rank(ascending=False).astype(int)
    return res.reset_index(names="key").assign(by=by)

pd.concat([report(cached, b) for b in ("ward", "town")], ignore_index=True).to_csv(cfg.out / "report.csv", index=False)
# %%
elderly = cached.query("age >= 65 and long")
elderly[["vid", "ward", "cost"]].sort_values("vid").to_json(cfg.out / "elderly.json", orient="records")
