# %%
import polars as pl

loans = pl.read_csv("loans.csv", try_parse_dates=True)
clients = pl.read_csv("clients.csv")
pays = pl.read_csv("payments.csv", try_parse_dates=True)
print(loans.schema)
# %%
med_income = clients["income"].median()
clients = clients.with_columns(
    pl.col("income").is_null().alias("income_missing"),
    pl.col("income").fill_null(med_income if med_income is not None else 0),
    score_band=pl.col("score").cut([500, 650, 750], labels=["D", "C", "B", "A"]).cast(pl.String),
)
# %%
df = (
    loans.join(clients, on="client", how="left", maintain_order="left")
    .with_columns(
        monthly=pl.col("amount") / pl.col("term") + pl.col("amount") * pl.col("rate") / 1200,
        n_client=pl.len().over("client"),
        amount_share=pl.col("amount") / pl.col("amount").sum().over("segment"),
        amt_q=pl.col("amount").rank("ordinal").over("segment") * 4 // (pl.len().over("segment") + 1),
    )
    .with_columns(burden=pl.col("monthly") * 12 / pl.col("income"))
)
# %%
df = df.with_columns(
    grade=pl.when(pl.col("score_band").is_in(["A", "B"]) & (pl.col("burden") < 0.3)).then(pl.lit("prime"))
    .when((pl.col("burden") > 0.8) | (pl.col("score_band") == "D")).then(pl.lit("sub"))
    .otherwise(pl.lit("near"))
)
df.select("loan", "client", "monthly", "burden", "grade", "amt_q").write_csv("out/graded.csv")
# %%
grid = (
    df.group_by("grade", "status").agg(pl.len().alias("n"))
    .sort("grade", "status")
    .pivot(on="status", index="grade", values="n", sort_columns=True)
    .fill_null(0)
)
grid.write_csv("out/grade_status.csv")
# %%
paid = (
    pays.sort("loan", "paid_at", "paid")
    .group_by("loan", maintain_order=True)
    .agg(
        pl.col("paid").sum().round(2).alias("paid"),
        pl.col("paid").last().alias("last_payment"),
        pl.col("paid_at").diff().dt.total_days().mean().alias("mean_gap"),
        pl.col("channel").drop_nulls().mode().sort().first().alias("main_channel"),
    )
)
rest = df.join(paid, on="loan", how="left", maintain_order="left").with_columns(
    progress=(pl.col("paid").fill_null(0) / pl.col("amount")).clip(0, 1),
    silent=pl.col("paid").is_null(),
)
rest.select("loan", "progress", "silent", "last_payment", "mean_gap", "main_channel").write_parquet("out/progress.parquet")
# %%
avg_progress = dict(rest.group_by("segment").agg(pl.col("progress").mean()).sort("segment").iter_rows())
behind = rest.filter(pl.col("progress") < pl.col("segment").replace_strict(avg_progress, default=0.5, return_dtype=pl.Float64), pl.col("status") != "paid")
behind.sort("amount", "loan", descending=[True, False]).select("loan", "name", "region", "amount", "progress").head(15).write_csv("out/behind.csv")
