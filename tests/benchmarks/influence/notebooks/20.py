# %%
import polars as pl
from polars import col, lit, when

visits = pl.read_csv("visits.csv").with_columns(col("day").str.to_date("%Y-%m-%d"), col("note").fill_null(""))
patients = pl.read_csv("patients.csv")
# %%
notes = visits.with_columns(
    words=col("note").str.split(" "),
    symptom=col("note").str.extract(r"(pain|cough|fever)", 1),
    n_chars=col("note").str.len_chars(),
).with_columns(
    n_words=when(col("note") == "").then(0).otherwise(col("words").list.len()),
    first_word=col("words").list.first(),
    denies=col("words").list.contains("no"),
)
notes.select("vid", "symptom", "n_words", "first_word", "denies", "n_chars").write_csv("out/notes.csv")
# %%
tokens = (
    notes.select("vid", "ward", "cost", "words").explode("words")
    .filter(col("words").str.len_chars() > 2)
    .group_by("words").agg(n=pl.len(), wards=col("ward").n_unique(), cost=col("cost").mean().round(2))
    .sort(["n", "words"], descending=[True, False])
)
tokens.write_csv("out/tokens.csv")
stop = set(tokens.filter(col("n") > tokens["n"].quantile(0.8))["words"])
# %%
history = (
    visits.sort("pid", "day", "vid")
    .group_by("pid", maintain_order=True)
    .agg(
        path=col("ward").str.join(">"),
        days=col("day"),
        costs=col("cost"),
        stay=pl.struct("los", "ward").sort_by("los").last(),
    )
    .with_columns(
        gap=col("days").list.diff().list.eval(pl.element().dt.total_days()).list.max(),
        top=col("costs").list.sort(descending=True).list.head(2).list.sum(),
        n=col("costs").list.len(),
        span=(col("days").list.max() - col("days").list.min()).dt.total_days(),
    )
    .unnest("stay")
    .drop("days", "costs")
)
history.write_parquet("out/history.parquet")
# %%
def initials(name: str) -> str:
    return "".join(w[0] for w in name.split() if w)

pat = patients.with_columns(
    ini=col("name").map_elements(initials, return_dtype=pl.String),
    tag=pl.format("{}-{}", col("town").str.to_lowercase(), col("pid")),
    surname=col("name").str.split_exact(" ", 1).struct.field("field_1"),
)
joined = history.join(pat, on="pid", how="inner", maintain_order="left").with_columns(
    risk=lit(1.0) + col("n") * 0.1 + when(col("smoker") == "yes").then(0.5).otherwise(0.0) + (col("age").fill_null(col("age").median()) / 100),
)
joined.select("pid", "tag", "ini", "risk", "path").sort("risk", "pid", descending=True).write_csv("out/risk.csv")
# %%
rest = notes.with_columns(kept=col("words").list.set_difference(list(sorted(stop))).list.sort().list.join(" "))
rest.filter(col("kept") != "").select("vid", "kept", "day").write_ndjson("out/kept.jsonl")
