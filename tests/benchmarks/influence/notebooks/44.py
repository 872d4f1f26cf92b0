# %%
# RFM of the borrowers, in polars
import polars as pl
from datetime import date, timedelta

q = pl.scan_csv("payments.csv", try_parse_dates=True).join(pl.scan_csv("loans.csv", try_parse_dates=True).select("loan", "client", "segment"), on="loan", how="inner")
clients = pl.scan_csv("clients.csv")
asof: date = pl.scan_csv("payments.csv", try_parse_dates=True).select(pl.col("paid_at").max()).collect().item() + timedelta(days=1)
# %%
rfm = (
    q.group_by("client")
    .agg(
        recency=(pl.lit(asof) - pl.col("paid_at").max()).dt.total_days(),
        frequency=pl.len().cast(pl.Int64),
        monetary=pl.col("paid").sum().round(2),
        webby=(pl.col("channel") == "web").mean(),
        segments=pl.col("segment").unique().sort().str.join("+"),
    )
    .sort("client")
    .collect()
)
# %%
def quint(name: str, reverse: bool = False) -> pl.Expr:
    r = (pl.col(name).rank("ordinal", descending=reverse) - 1) * 5 // pl.len() + 1
    return r.cast(pl.Int32).alias(name[0].upper())

rfm = rfm.with_columns(quint("recency", reverse=True), quint("frequency"), quint("monetary"))
rfm = rfm.with_columns(code=pl.concat_str("R", "F", "M"), total=pl.sum_horizontal("R", "F", "M"))
SEGMENTS = {r"^5[45]": "champion", r"^[34]": "loyal", r"^[12][45]": "at risk"}
expr = pl.lit("other")
for pat, label in reversed(SEGMENTS.items()):
    expr = pl.when(pl.col("code").str.contains(pat)).then(pl.lit(label)).otherwise(expr)
rfm = rfm.with_columns(rfm_segment=expr)
rfm.select("client", "recency", "monetary", "code", "total", "rfm_segment").write_csv("out/rfm.csv")
# %%
size = rfm.group_by("rfm_segment").agg(pl.len().alias("n"), pl.col("monetary").sum().alias("money"), pl.col("webby").mean().alias("web")).sort("money", "rfm_segment", descending=True)
size = size.with_columns(cum=pl.col("money").cum_sum() / pl.col("money").sum(), rank=pl.int_range(1, pl.len() + 1))
size.write_csv("out/segments.csv")
top = size["rfm_segment"][0]
# %%
target = (
    rfm.lazy().filter(pl.col("rfm_segment") == top)
    .join(clients, on="client", how="left", maintain_order="left")
    .select("client", "name", "segments", offer=pl.when(pl.col("score") > 600).then(pl.col("monetary") * 0.05).otherwise(0.0).round(2), vip=pl.col("income") > pl.col("income").mean())
    .collect()
)
target.write_ndjson("out/offers.jsonl")
# %%
cross = rfm.select(pl.col("R"), pl.col("F"), pl.col("monetary")).pivot(on="F", index="R", values="monetary", aggregate_function="mean", sort_columns=True).sort("R")
cross.write_csv("out/r_by_f.csv")
reg = rfm.join(clients.collect(), on="client", maintain_order="left").group_by("region").agg(
    pl.col("total").mean(), pl.corr("total", "score").alias("corr"), pl.col("rfm_segment").value_counts(sort=True).struct.field("count").max().alias("mode_n")).sort("region")
reg.write_parquet("out/regions.parquet")
