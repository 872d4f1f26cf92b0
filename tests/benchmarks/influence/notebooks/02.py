# %%
import polars as pl
loans = pl.scan_csv("loans.csv", try_parse_dates=True)
pay = pl.read_csv("payments.csv", try_parse_dates=True)
clients = pl.read_csv("clients.csv")
# %%
paid = pay.group_by("loan").agg(pl.col("paid").sum().alias("paid_total"), pl.len().alias("n"), pl.col("paid_at").max().alias("last"))
book = loans.join(paid.lazy(), on="loan", how="left").with_columns(pl.col("paid_total").fill_null(0))
book = book.with_columns(due=pl.col("amount") * (1 + pl.col("rate") / 100), late=pl.col("status") == "late")
# %%
full = book.join(clients.lazy(), on="client").with_columns(
    ratio=pl.when(pl.col("income").is_null()).then(None).otherwise(pl.col("due") / pl.col("income")),
    rank=pl.col("score").rank("dense").over("segment"))
out = full.collect()
out.select("loan", "due", "ratio", "rank", "late").write_parquet("out/book.parquet")
# %%
cut = out["ratio"].drop_nulls().quantile(0.8)
risky = out.filter((pl.col("ratio") > cut) | pl.col("late")).sort("due", descending=True).head(10)
risky.select("loan", "name", "due").write_csv("out/risky.csv")
# %%
summary = out.group_by("region", "segment").agg(pl.col("due").sum(), pl.col("late").mean().alias("late_rate")).sort("region", "segment")
summary.write_csv("out/summary.csv")
m = summary.pivot(on="segment", index="region", values="late_rate")
m.write_csv("out/matrix.csv")
