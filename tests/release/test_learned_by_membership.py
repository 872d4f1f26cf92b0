"""Being among rows that a column has chosen is a value of it, once it stands in a column itself.

Each idiom chooses rows by ``name``, which must not be learned, and keeps who is among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.errors import CheckFailed
from governed_kernel.governance.register import Register
from governed_kernel.release.learned import Learned, check_learned, findings_of
from tests.release.learning import learned

BEGIN = """
import duckdb, sqlite3
import numpy as np, pandas as pd, polars as pl
df = pd.read_csv("people.csv")
pf = pl.read_csv("people.csv")
lazy = pl.scan_csv("people.csv")
keep = df[df["name"].str.startswith("Ann")]["age"]
kept = pf.filter(pl.col("name").str.starts_with("Ann"))["age"]
chosen = "select age from 'people.csv' where name like 'Ann%'"
con = sqlite3.connect("people.db")
df.to_sql("people", con, index=False)
"""
VALUES = {
    "isin": 'd = df[["age"]].assign(flag=df["age"].isin(keep))',
    "isin_of_other_rows": 'd = df[["age"]].assign(flag=~df["age"].isin(keep))',
    "isin_of_a_list": 'd = df[["age"]].assign(flag=df["age"].isin(keep.tolist()))',
    "isin_of_a_set": 'd = df[["age"]].assign(flag=df["age"].isin(set(keep)))',
    "isin_of_an_array": 'd = df[["age"]].assign(flag=df["age"].isin(keep.to_numpy()))',
    "isin_of_an_index": 'd = df[["age"]].assign(flag=df["age"].isin(pd.Index(keep)))',
    "where": 'd = df[["age"]].assign(flag=np.where(df["age"].isin(keep), 1, 0))',
    "a_sum_of_several": 'd = df[["age"]].assign(flag=df["age"].isin(keep) * 2 + df["age"])',
    "frame_isin": 'd = df[["age"]].isin(keep.tolist())',
    "index_isin": 'd = df[["age"]].assign(flag=df.set_index("age").index.isin(keep))',
    "loc": 'd = df[["age"]].assign(flag=0)\nd.loc[df["age"].isin(keep), "flag"] = 1',
    "numpy_isin": 'd = df[["age"]].assign(flag=np.isin(df["age"], keep))',
    "merge_indicator": (
        'd = df[["age"]].merge(keep.drop_duplicates(), how="left", indicator=True)\n'
        'd["flag"] = d.pop("_merge") == "both"'
    ),
    "comprehension": 'd = df[["age"]].assign(flag=[each in set(keep) for each in df["age"]])',
    "map_a_function": (
        'known = set(keep)\nd = df[["age"]].assign(flag=df["age"].map(lambda each: each in known))'
    ),
    "map_a_method": (
        'known = set(keep)\nd = df[["age"]].assign(flag=df["age"].map(known.__contains__))'
    ),
    "loop": (
        'known, flags = set(keep), []\nfor age in df["age"]:\n    if age in known:\n'
        "        flags.append(1)\n    else:\n        flags.append(0)\n"
        'd = df[["age"]].assign(flag=flags)'
    ),
    "own_function": (
        "def mark(ages, some):\n    known = set(some)\n    return [a in known for a in ages]\n"
        'd = df[["age"]].copy()\nd["flag"] = mark(df["age"], keep)'
    ),
    "own_function_by_names": (
        "def told(some, *, ages):\n    return [1 if a in some else 0 for a in ages]\n"
        'flags = told(ages=df["age"], some=keep.tolist())\nd = df[["age"]].assign(flag=flags)'
    ),
    "within_a_function": (
        'def features(t, some):\n    made, known = t[["age"]].copy(), set(some)\n'
        '    made["flag"] = [a in known for a in t["age"]]\n    return made\n'
        "d = features(df, keep)"
    ),
    "rank_among": 'd = df[["age"]].assign(flag=df["age"].isin(keep).rank())',
    "chosen_twice": (
        'some = df[df["age"].isin(keep)]["weight"]\n'
        'd = df[["age"]].assign(flag=df["weight"].isin(some))'
    ),
    "through_a_file": (
        'keep.to_frame().to_csv("keep.csv")\nback = pd.read_csv("keep.csv")\n'
        'd = df[["age"]].assign(flag=df["age"].isin(back["age"]))'
    ),
    "rank_through_a_file": (
        'keep.to_frame().to_csv("ranks.csv")\nback = pd.read_csv("ranks.csv")\n'
        'd = df[["age"]].assign(flag=df["age"].isin(back["age"]).rank())'
    ),
    "polars": "d = pf.select('age', flag=pl.col('age').is_in(kept.implode()))",
    "polars_series": "d = pf.select('age').with_columns(flag=pf['age'].is_in(kept.implode()))",
    "polars_list": "d = pf.select('age', flag=pl.col('age').is_in(kept.to_list()))",
    "polars_lazy": "d = lazy.select('age', flag=pl.col('age').is_in(kept.implode())).collect()",
    "polars_when": (
        "d = lazy.select('age', flag=pl.when(pl.col('age').is_in(kept.implode())).then(1)"
        ".otherwise(0)).collect()"
    ),
    "polars_own_rows": (
        "mine = pl.col('age').filter(pl.col('name').str.starts_with('Ann'))\n"
        "d = lazy.select('age', flag=pl.col('age').is_in(mine.implode())).collect()"
    ),
    "duckdb_case": (
        'd = duckdb.sql(f"select age, case when age in ({chosen}) then 1 else 0 end as flag '
        "from 'people.csv'\").df()"
    ),
    "duckdb_in": (
        "d = duckdb.sql(f\"select age, age in ({chosen}) as flag from 'people.csv'\").df()"
    ),
    "duckdb_not_in": (
        "d = duckdb.sql(f\"select age, age not in ({chosen}) as flag from 'people.csv'\").df()"
    ),
    "duckdb_exists": (
        "d = duckdb.sql(\"select age, exists(select 1 from 'people.csv' k where k.age = p.age "
        "and k.name like 'Ann%') as flag from 'people.csv' p\").df()"
    ),
    "duckdb_any": (
        "d = duckdb.sql(f\"select age, age = any({chosen}) as flag from 'people.csv'\").df()"
    ),
    "duckdb_of_a_frame": (
        "known = keep.to_frame()\n"
        'd = duckdb.sql("select age, age in (select age from known) as flag from df").df()'
    ),
    "duckdb_list": (
        'd = duckdb.sql(f"with k as ({chosen}) select age, list_contains('
        "(select list(age) from k), age) as flag from 'people.csv'\").df()"
    ),
    "sqlite": (
        "text = \"select age, case when age in (select age from people where name like 'Ann%') \"\n"
        'd = pd.read_sql(text + "then 1 else 0 end as flag from people", con)'
    ),
    "sqlite_exists": (
        'text = "select age, exists(select 1 from people k where k.age = p.age and "\n'
        "d = pd.read_sql(text + \"k.name like 'Ann%') as flag from people p\", con)"
    ),
    "polars_sql": (
        "text = \"select age from self where name like 'Ann%'\"\n"
        'd = pf.sql(f"select age, age in ({text}) as flag from self")'
    ),
}
ROWS = {
    "rows_isin": 'd = df[df["age"].isin(keep)][["age", "weight"]]',
    "rows_not_in": 'd = df[~df["age"].isin(keep)][["age", "weight"]]',
    "rows_by_a_flag": (
        'd = df.assign(flag=df["age"].isin(keep))\nd = d[d["flag"]][["age", "weight"]]'
    ),
    "rows_in_polars": "d = pf.filter(pl.col('age').is_in(kept.implode())).select('age', 'weight')",
    "rows_in_lazy_polars": (
        "d = lazy.filter(pl.col('age').is_in(kept.implode())).select('age', 'weight').collect()"
    ),
    "rows_of_a_semi_join": (
        "d = pf.join(kept.to_frame(), on='age', how='semi').select('age', 'weight')"
    ),
    "rows_in_duckdb": (
        "d = duckdb.sql(f\"select age, weight from 'people.csv' where age in ({chosen})\").df()"
    ),
    "rows_in_sqlite": (
        'text = "select age, weight from people where age in "\n'
        "d = pd.read_sql(text + \"(select age from people where name like 'Ann%')\", con)"
    ),
    "one_filtered_frame": 'd = df[df["name"].str.startswith("Ann")]\n'
    'd = d[["age"]].assign(old=d["age"].isin([50, 60]), rank=d["weight"].rank())',
    "words_of_the_text": (
        'd = df[df["name"].str.startswith("Ann")]\n'
        'd = d[["age"]].assign(n=[c in ("Bonn", "Kiel") for c in d["city"]],\n'
        '    m=d["city"].map(lambda c: c in ["Bonn"]), o=d["city"].isin(["Bonn"]))'
    ),
    "words_of_a_list": (
        'd, towns = df[df["name"].str.startswith("Ann")], ["Bonn"]\n'
        'd = d[["age"]].assign(n=[c in towns for c in d["city"]],\n'
        '    m=d["city"].map(lambda c: c in towns), o=d["city"].isin(towns))'
    ),
    "counts_of_words": (
        'd, held = df[df["name"].str.startswith("Ann")], df["city"].unique()\n'
        'd = d[["age"]].assign(n=d["city"].isin(held), m=[c in held for c in d["city"]])'
    ),
    "words_given_to_a_function": (
        "def coded(cities, towns):\n    return [c in towns for c in cities]\n"
        'd = df[df["name"].str.startswith("Ann")][["age", "city"]]\n'
        'd["n"] = coded(d["city"], ["Bonn"])\nd = d[["age", "n"]]'
    ),
    "columns_that_are_there": (
        'd = df[df["name"].str.startswith("Ann")][["age", "weight", "city"]]\n'
        'held = [c for c in ("age", "weight", "height") if c in d.columns]\n'
        'most = 0\nif "age" in d.columns and "age" in d:\n    most = d["age"].max()\n'
        'd = d[held].assign(n=d["age"] / most, m=[most for c in d["city"]])'
    ),
    "columns_within_a_function": (
        'def prepared(t):\n    made = t[["age", "weight"]].copy()\n'
        '    if "city" in t.columns:\n        made["n"] = [len(c) for c in t["city"]]\n'
        '    if "city" in t:\n        made["m"] = t["city"].map(lambda c: c in ("Bonn",))\n'
        "    for each in [c for c in ('weight', 'height') if c in t.columns]:\n"
        "        made['x' + each] = [len(c) for c in t['city']]\n"
        "    return made\n"
        'd = prepared(df[df["name"].str.startswith("Ann")][["age", "weight", "city"]])'
    ),
    "outer_rows_in_sql": (
        "text = \"select age, age in (select age from 'people.csv') as n, exists(select 1 from \"\n"
        "text += \"'people.csv' k where k.age = p.age and k.weight > 70) as m from (select * \"\n"
        "text += \"from 'people.csv' where name like 'Ann%') p\"\nd = duckdb.sql(text).df()"
    ),
    "a_flag_of_clean_columns": (
        'old = df[df["weight"] > 80]["age"]\nd = df[["age"]].assign(flag=df["age"].isin(old))'
    ),
}

BROUGHT = {
    "joined": ("JOIN", 'some = df[["name", "age"]].merge(df[["name", "city"]], on="name")["city"]'),
    "grouped": ("GROUP_BY", 'some = df.groupby("name")["city"].first()'),
    "sorted": ("SORT", 'some = df.sort_values("name")["city"].head(9)'),
    "joined_in_duckdb": (
        "JOIN",
        "text = \"select a.city from 'people.csv' a join 'people.csv' b using (name)\"\n"
        'some = duckdb.sql(text).df()["city"]',
    ),
    "joined_in_polars": (
        "JOIN",
        'some = pf.join(pf.select("name"), on="name")["city"].to_pandas()',
    ),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Learned]]]:
    """Name of an idiom → what its file has learned and must not."""
    cells = [BEGIN]
    for name, code in {**VALUES, **ROWS}.items():
        write = "d.to_pandas()" if "pl." in code or "pf" in code else "d"
        cells.append(f'{code}\n{write}.to_pickle("{name}.pkl")')
    for name, (_, code) in BROUGHT.items():
        cells.append(f"{code}\ntop = some.value_counts().head(2).index")
        cells.append(f'df[["age"]].assign(c=df["city"].isin(top)).to_pickle("{name}.pkl")')
    with learned(tmp_path_factory.mktemp("membership"), {}, cells) as (_, asked):
        told: dict[str, list[Learned]] = {name: [] for name in (*VALUES, *ROWS, *BROUGHT)}
        for each in asked():
            told.setdefault(each.output.removesuffix(".pkl"), []).append(each)
        yield told


@pytest.mark.parametrize("name", VALUES)
def test_being_among_chosen_rows_is_a_value_of_what_they_were_chosen_by(
    found: dict[str, list[Learned]], name: str
) -> None:
    assert [each for each in found[name] if each.column == "name" and each.went_in], found[name]


@pytest.mark.parametrize("name", ROWS)
def test_rows_chosen_by_being_among_others_owe_to_no_value(
    found: dict[str, list[Learned]], name: str
) -> None:
    assert [each for each in found[name] if each.went_in] == []
    known = {each.relation for each in found[name]}
    assert known == (set() if name == "a_flag_of_clean_columns" else {"FILTER"})


@pytest.mark.parametrize("name", BROUGHT)
def test_being_among_rows_that_a_key_brought_together_is_no_value_of_the_key(
    found: dict[str, list[Learned]], name: str
) -> None:
    assert [each for each in found[name] if each.went_in] == []
    assert {each.relation for each in found[name]} == {BROUGHT[name][0]}


MODEL = """
import joblib
from sklearn.linear_model import LogisticRegression
d = df[["age", "weight"]].assign(flag=np.where(df["age"].isin(keep), 1, 0))
joblib.dump(LogisticRegression().fit(d, df["outcome"]), "model.joblib")
"""


def test_a_model_trained_on_who_is_among_them_is_refused(tmp_path: Path) -> None:
    with learned(tmp_path, {}, [BEGIN, MODEL]) as (kernel, asked):
        told = {each.what: each for each in findings_of(asked())}
        finding = told["model.joblib owes to name of people@1 by CONDITIONAL"]
        assert (finding.code, finding.severity) == ("learned-what-it-must-not", "blocking")
        workspace, session = kernel.workspace, kernel.journal.name.partition(".")[0]
        with pytest.raises(CheckFailed, match="has learned what it must not"):
            check_learned(workspace, Register.read(workspace), session)
