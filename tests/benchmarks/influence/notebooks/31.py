# %%
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

loans = pcsv.read_csv("loans.csv")
pays = pcsv.read_csv("payments.csv", convert_options=pcsv.ConvertOptions(strings_can_be_null=True))
clients = pcsv.read_csv("clients.csv")
# %%
pays = pays.set_column(pays.schema.get_field_index("channel"), "channel", pc.fill_null(pays["channel"].cast(pa.string()), "unknown"))
per_loan = pays.group_by("loan").aggregate([("paid", "sum"), ("paid", "count"), ("paid_at", "max"), ("channel", "count_distinct")])
per_loan = per_loan.rename_columns({"paid_sum": "total", "paid_count": "n", "paid_at_max": "last", "channel_count_distinct": "channels"})
per_loan = per_loan.select(["loan", "total", "n", "last", "channels"]).sort_by("loan")
pcsv.write_csv(per_loan, "out/per_loan.csv")
# %%
interest = pc.multiply(pc.multiply(loans["amount"], pc.divide(loans["rate"], 100.0)), pc.divide(pc.cast(loans["term"], pa.float64()), 12.0))
loans = loans.append_column("due", pc.add(loans["amount"], interest))
loans = loans.append_column("late", pc.equal(loans["status"], "late"))
book = loans.join(per_loan, "loan", join_type="left outer").join(clients, "client", join_type="left outer")
book = book.append_column("open", pc.subtract(book["due"], pc.fill_null(book["total"], 0.0)))
book = book.sort_by([("loan", "ascending"), ("client", "ascending"), ("open", "ascending"), ("score", "ascending")])
pq.write_table(book.select(["loan", "client", "due", "open", "late", "region"]), "out/book.parquet")
# %%
mean_open = pc.mean(book["open"])
q = pc.quantile(book["score"], q=[0.25, 0.75])
mask = pc.and_kleene(pc.greater(book["open"], mean_open), pc.less(book["score"], pc.cast(q[0], pa.float64())))
risky = book.filter(pc.fill_null(mask, False))
risky = risky.append_column("gap", pc.subtract(risky["open"], mean_open))
pcsv.write_csv(risky.select(["loan", "name", "gap", "score"]), "out/risky.csv")
# %%
label = pc.case_when(
    pc.make_struct(pc.fill_null(pc.less(book["score"], q[0]), False), pc.fill_null(pc.greater(book["score"], q[1]), False)),
    pa.scalar("low"), pa.scalar("high"), pa.scalar("mid"))
book = book.append_column("tier", label)
tiers = book.group_by(["tier", "segment"]).aggregate([([], "count_all"), ("open", "mean"), ("late", "mean"), ("income", "approximate_median")])
pcsv.write_csv(tiers.sort_by([("tier", "ascending"), ("segment", "ascending")]), "out/tiers.csv")
# %%
pid = pc.utf8_upper(pc.utf8_slice_codeunits(pays["channel"], 0, 3))
month = pc.strftime(pays["paid_at"].cast(pa.timestamp("s")), format="%Y-%m")
t = pa.table({"code": pid, "month": month, "paid": pays["paid"]})
rows = t.group_by(["month", "code"]).aggregate([("paid", "sum")]).sort_by([("month", "ascending"), ("code", "ascending")]).to_pylist()
months = sorted({r["month"] for r in rows if r["month"]})
codes = sorted({r["code"] for r in rows})
cells = {(r["month"], r["code"]): r["paid_sum"] for r in rows}
pivot = pa.table({"month": months, **{c: [cells.get((m, c), 0.0) for m in months] for c in codes}})
pivot = pivot.append_column("cum_web", pc.cumulative_sum(pivot["WEB"])) if "WEB" in codes else pivot
pcsv.write_csv(pivot, "out/channels.csv")
