"""Asked for some resources, column origins are what the view says of them."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from governed_kernel.lineage.column_paths import origins_of
from governed_kernel.lineage.events import NOT_BY_VALUE, Relation, openlineage_word
from governed_kernel.lineage.relations import combined
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import CLEAN, MODEL, RAW, Session, prepare, train


def both(store: Store, *uris: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    listed = ", ".join(f"'{uri}'" for uri in uris)
    view = f"SELECT * FROM column_origins WHERE output_uri IN ({listed}) ORDER BY ALL"
    with store.read() as connection:
        return origins_of(connection, uris), store.query(view)


@pytest.mark.parametrize("uris", [[MODEL], [CLEAN], [MODEL, CLEAN], [RAW], ["file:///none"], []])
def test_it_is_what_the_view_says(told: Store, uris: list[str]) -> None:
    fast, shown = both(told, *(uris or ["file:///none"]))
    assert fast == shown
    assert bool(shown) == bool({MODEL, CLEAN} & set(uris))


def test_all_relations_go_through_files_by_one_rule(workspace: Workspace) -> None:
    words = get_args(Relation)
    first, second = Session(workspace, "one"), Session(workspace, "two", start=1)
    names = [f"c{number}" for number, _ in enumerate(words)]
    first.cell("x")
    frame = first.read_file(RAW, ["a"])
    edges = [(name, frame, "a", word) for name, word in zip(names, words, strict=True)]
    made = first.transform("near the source", {frame: ["a"]}, first.memory(), names, [*edges])
    first.write_file(made, names, CLEAN)
    first.end()
    second.cell("x")
    frame = second.read_file(CLEAN, names)
    pairs = {
        f"{near} of {name}": (near, name, far)
        for near in words
        for name, far in zip(names, words, strict=True)
    }
    edges = [(pair, frame, name, near) for pair, (near, name, _) in pairs.items()]
    made = second.transform("near the output", {frame: names}, second.memory(), [*pairs], [*edges])
    second.write_file(made, [*pairs], MODEL)
    second.end()
    store = Store(workspace)
    store.ingest()
    fast, shown = both(store, MODEL)
    assert fast == shown
    paths = {pair: combined(near, far) for pair, (near, _, far) in pairs.items()}
    assert {row["output_column"]: (row["relation"], row["by_value"]) for row in shown} == {
        pair: (openlineage_word(word), word not in NOT_BY_VALUE) for pair, word in paths.items()
    }


def test_through_files_written_again_and_again_and_in_circles(workspace: Workspace) -> None:
    prepare(workspace)
    train(workspace)
    for number, (source, target) in enumerate(
        [(CLEAN, RAW), (RAW, CLEAN), (MODEL, CLEAN), (CLEAN, "file:///b"), ("file:///b", MODEL)]
    ):
        session = Session(workspace, f"t{number}", start=number + 2)
        session.cell("x")
        columns = ["radius", "size", "one"][: 1 + number % 3]
        frame = session.read_file(source, columns)
        made = session.transform(
            "mix",
            {frame: columns},
            session.memory(),
            columns,
            [
                (columns[0], frame, columns[-1], "AGGREGATION", "inferred"),
                ("*", frame, columns[0], "FILTER"),
                (columns[-1], frame, "*", "TRANSFORMATION", "conservative"),
            ],
        )
        session.write_file(made, columns, target)
        session.write_file(made, columns, target, kind="model")
        session.end()
    store = Store(workspace)
    store.ingest()
    every = [RAW, CLEAN, MODEL, "file:///b"]
    for uris in [[uri] for uri in every] + [every]:
        fast, shown = both(store, *uris)
        assert fast == shown
        assert shown
