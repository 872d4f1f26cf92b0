"""Texts that were computed of data, and those that were not: each as a single value among rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governed_kernel.lineage.events import Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Begun, Recording, well_ended

READ = """
import duckdb, numpy as np, pandas as pd, polars as pl
cases = pd.read_csv("cases.csv")
def read(): return pl.read_csv("cases.csv")
"""
NAMED = "top = cases.groupby('town').sum(numeric_only=True)['paid'].idxmax()"
"""A text that owes to two columns, and is told from others by its name alone."""

Ask = Callable[..., dict[str, set[str]]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Column → ``paid FILTER``: what a table ``made`` by some cells owes to, once it is written."""
    folder = tmp_path_factory.mktemp("texts")
    rows = "Ann,Oslo,3,x\nBob,Rome,5,\nCid,Oslo,9,x\nDee,Rome,1,y\n"
    (folder / "cases.csv").write_text(f"name,town,paid,kind\n{rows}")
    begun = Begun(folder, [READ])

    def asked(*cells: str) -> dict[str, set[str]]:
        done = well_ended(begun.record((*cells, "made.to_csv('out.csv', index=False)")))
        return _origins(done)

    yield asked
    begun.end()


def _origins(done: Recording) -> dict[str, set[str]]:
    steps = done.of(Transformation)
    uri = (Path(done.folder) / "out.csv").as_uri()
    columns = {name for step in steps for out in step.outputs for name in out.columns}
    return {
        column: {f"{name} {relation}" for _, name, relation, _ in found}
        for column in columns
        if (found := origins_of(steps, uri, column))
    }


ROWS = {"town FILTER", "town GROUP_BY", "paid FILTER"}


@pytest.mark.parametrize(
    "cell",
    [
        "made = cases[cases.town == top][['name']]",
        "made = cases.loc[cases['town'].eq(top), ['name']]",
        "made = cases[cases.town.isin([top])][['name']]",
        "made = cases.query('town == @top')[['name']]",
        "made = cases[cases.town == top.title()][['name']]",
        "made = read().filter(pl.col('town') == top).select('name').to_pandas()",
        "made = read().lazy().filter(pl.col('town').eq(top)).collect().select('name').to_pandas()",
        "made = duckdb.execute('select name from cases where town = ?', [top]).df()",
        "made = duckdb.sql(f\"select name from cases where town = '{top}'\").df()",
    ],
)
def test_rows_that_a_computed_text_chooses_owe_to_what_it_is_made_of(ask: Ask, cell: str) -> None:
    assert ask(NAMED, cell) == {"name": {"name IDENTITY", *ROWS}}


def test_a_computed_text_is_followed_within_the_expression_that_takes_it(ask: Ask) -> None:
    text = "cases.groupby('town').sum(numeric_only=True)['paid'].idxmax()"
    made = ask(f"made = cases[cases.town == {text}][['name']]")
    assert made == {"name": {"name IDENTITY", *ROWS}}


@pytest.mark.parametrize(
    "value",
    [
        "cases.kind.fillna(first)",
        "cases.kind.fillna(cases.name.max())",
        "cases.kind.fillna(cases.name.iloc[0])",
        "cases.kind.replace('y', first)",
        "cases.kind.where(cases.kind != 'y', first)",
        "cases.kind + first",
        "cases.kind.str.cat(sep='') and cases.kind.str.replace('y', first)",
        "np.where(cases.kind == 'y', first, cases.kind)",
        "read()['kind'].fill_null(first)",
        "read().select(pl.col('kind').fill_null(first))['kind']",
        "read().select(pl.when(pl.col('kind') == 'y').then(pl.lit(first))"
        ".otherwise('kind'))['literal']",
    ],
)
def test_values_that_a_computed_text_goes_into_owe_to_what_it_is_made_of(
    ask: Ask, value: str
) -> None:
    made = ask("first = cases.name.max()", f"made = pd.DataFrame({{'kind': {value}}})")
    assert {each.split()[0] for each in made["kind"]} == {"kind", "name"}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["town = 'Oslo'", "made = cases[cases.town == town][['name']]"], {"town FILTER"}),
        (
            ["towns = ['Oslo', 'Rome']", "made = cases[cases.town == towns[0]][['name']]"],
            {"town FILTER"},
        ),
        (["made = pd.concat([cases[cases.town == each][['name']] for each in ['Oslo']])"], None),
        (["def of(rows, at='Oslo'): return rows[rows.town == at]", "made = of(cases)[['name']]"],
         {"town FILTER"}),
        (["made = cases[cases.town == 'OSLO'.title()][['name']]"], {"town FILTER"}),
        (["made = read().filter(pl.col('town') == 'Oslo').select('name').to_pandas()"],
         {"town FILTER"}),
        (["town = 'Oslo'",
          'made = duckdb.sql(f"select name from cases where town = \'{town}\'").df()'],
         {"town FILTER"}),
        (["label = cases[['paid']].mean().idxmax()", "made = cases.sort_values(label)[['name']]"],
         {"paid SORT"}),
    ],
)  # fmt: skip
def test_a_text_that_nothing_was_computed_for_brings_in_nothing(
    ask: Ask, cells: list[str], expected: set[str] | None
) -> None:
    made = ask(*cells)["name"]
    assert made == {"name IDENTITY", *(expected or {"town FILTER"})}


def test_a_text_beside_a_computed_number_stays_a_constant(ask: Ask) -> None:
    made = ask(
        "made = cases.assign("
        "paid=cases.paid.fillna(cases.paid.mean()), kind=cases.kind.fillna('x'))[['paid', 'kind']]"
    )
    assert {each.split()[0] for each in made["kind"]} == {"kind"}
    assert {each.split()[0] for each in made["paid"]} == {"paid"}


def test_the_names_of_columns_are_no_texts_of_data(ask: Ask) -> None:
    made = ask(
        "words = cases.select_dtypes('str').columns.tolist()",
        "for word in words: cases[word] = cases[word].fillna('-').str.lower()",
        "made = cases[['town']]",
    )
    assert {each.split()[0] for each in made["town"]} == {"town"}


def test_code_whose_names_are_looked_up_in_no_dictionary_is_followed(ask: Ask) -> None:
    """As formulas of statistics are evaluated: such names can't be listed."""
    made = ask(
        "class Names:\n"
        "    def __init__(self, known): self.known = known\n"
        "    def __getitem__(self, name): return self.known[name]\n"
        "    def get(self, name, default=None): return self.known.get(name, default)",
        "names = Names({'paid': cases.paid, 'top': cases.paid.max()})\n"
        "made = pd.DataFrame({'paid': eval('paid * 2 + top', {}, names)})",
    )
    assert {each.split()[0] for each in made["paid"]} == {"paid"}
