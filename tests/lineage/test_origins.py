"""Column origins: right, not generous; through cells, files, sessions and loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governed_kernel.lineage.events import Relation, openlineage_word
from governed_kernel.lineage.origins import weakest
from governed_kernel.lineage.relations import STRENGTHS, combined
from governed_kernel.lineage.session_views import CERTAINTY
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import CLEAN, MODEL, RAW, Session, prepare, train, workspace_at

Row = tuple[str, str, str, str, str]
OUT = "file:///out.csv"


def origins(store: Store, uri: str) -> set[Row]:
    """Output column, source, its column, relation, evidence."""
    rows = store.query("from column_origins where output_uri = ?", [uri])
    found = [tuple(list(row.values())[1:6]) for row in rows]
    assert len(set(found)) == len(found)
    return set(found)


def ingested(workspace: Workspace) -> Store:
    store = Store(workspace)
    store.ingest()
    return store


def test_columns_go_back_through_filters_and_sums(told: Store) -> None:
    assert origins(told, CLEAN) == {
        ("radius", RAW, "radius", "IDENTITY", "observed"),
        ("radius", RAW, "sex", "FILTER", "observed"),
        ("size", RAW, "radius", "TRANSFORMATION", "observed"),
        ("size", RAW, "texture", "TRANSFORMATION", "inferred"),
        ("size", RAW, "sex", "FILTER", "observed"),
    }, "and the constant column 'one' goes back to nothing"


def test_columns_go_back_across_sessions_to_the_sources_alone(told: Store) -> None:
    assert origins(told, MODEL) == {
        ("*", RAW, "radius", "AGGREGATION", "observed"),
        ("*", RAW, "texture", "AGGREGATION", "inferred"),
        ("*", RAW, "sex", "FILTER", "observed"),
        ("*", CLEAN, "one", "TRANSFORMATION", "conservative"),  # where its trail ends
    }


def test_a_file_that_was_changed_in_between_is_a_source_itself(workspace: Workspace) -> None:
    prepare(workspace)
    train(workspace, sha256="c" * 64)
    assert {row[1] for row in origins(ingested(workspace), MODEL)} == {CLEAN}


def test_without_digests_the_name_of_the_file_links_sessions(workspace: Workspace) -> None:
    prepare(workspace)
    train(workspace, sha256="")
    assert {row[1] for row in origins(ingested(workspace), MODEL)} == {RAW, CLEAN}


def test_a_digest_that_comes_later_corrects_the_link(workspace: Workspace) -> None:
    prepare(workspace)
    session = Session(workspace, "s2", start=1)
    session.cell("x")
    frame = session.read_file(CLEAN, ["size"])
    session.write_file(frame, ["size"], OUT)
    store = ingested(workspace)
    assert {row[1] for row in origins(store, OUT)} == {RAW}
    session.digest(1, CLEAN, "c" * 64)
    session.end()
    store.ingest()
    assert origins(store, OUT) == {("size", CLEAN, "size", "IDENTITY", "observed")}
    before = store.fingerprint()
    store.rebuild()
    assert store.fingerprint() == before


def test_sessions_may_be_ingested_in_any_order(workspace: Workspace) -> None:
    prepare(workspace)
    train(workspace)
    first = workspace.journals / "s1.jsonl"
    later = first.read_bytes()
    first.unlink()
    store = ingested(workspace)
    assert {row[1] for row in origins(store, MODEL)} == {CLEAN}
    first.write_bytes(later)
    store.ingest()
    assert {row[1] for row in origins(store, MODEL)} == {RAW, CLEAN}


def written_twice(workspace: Workspace, *, read: int, digests: bool) -> Store:
    """One file is written from a, then from b; session 2 reads what the `read`-th wrote."""
    first = Session(workspace, "s1")
    first.cell("x")
    for number, source in enumerate("ab", 1):
        frame = first.read_file(f"file:///{source}.csv", ["x"])
        first.write_file(frame, ["x"], CLEAN, f"{number:064x}" if digests else "")
        first.cell("next")
    first.end()
    second = Session(workspace, "s2", start=1)
    second.cell("y")
    frame = second.read_file(CLEAN, ["x"], f"{read:064x}" if digests else "")
    second.write_file(frame, ["x"], OUT)
    second.end()
    return ingested(workspace)


def test_a_file_written_twice_is_what_was_written_last(workspace: Workspace) -> None:
    store = written_twice(workspace, read=2, digests=False)
    assert {row[1] for row in origins(store, CLEAN)} == {"file:///b.csv"}
    assert {row[1] for row in origins(store, OUT)} == {"file:///b.csv"}


def test_a_read_goes_on_from_the_write_of_the_same_content(workspace: Workspace) -> None:
    store = written_twice(workspace, read=1, digests=True)
    assert {row[1] for row in origins(store, CLEAN)} == {"file:///b.csv"}
    assert {row[1] for row in origins(store, OUT)} == {"file:///a.csv"}


def test_a_file_read_changed_and_written_back_ends_where_it_began(workspace: Workspace) -> None:
    session = Session(workspace, "s")
    for number in range(3):
        session.cell("x")
        frame = session.read_file(CLEAN, ["n"], f"{number:064x}")
        plus = session.transform(
            "add", {frame: ["n"]}, session.memory(), ["n"], [("n", frame, "n", "TRANSFORMATION")]
        )
        session.write_file(plus, ["n"], CLEAN, f"{number + 1:064x}")
    session.end()
    expected = {("n", CLEAN, "n", "TRANSFORMATION", "observed")}
    assert origins(ingested(workspace), CLEAN) == expected


def test_an_append_lists_the_file_as_its_own_input(workspace: Workspace) -> None:
    session = Session(workspace, "s")
    session.cell("x")
    for source in "ab":
        frame = session.read_file(f"file:///{source}.csv", ["x"])
        edges: list[tuple[str, str, str, Relation]] = [
            ("x", frame, "x", "IDENTITY"),
            ("x", OUT, "x", "IDENTITY"),
        ]
        session.transform("append", {frame: ["x"], OUT: ["x"]}, OUT, ["x"], edges)  # type: ignore[arg-type]
    session.end()
    found = {row[1] for row in origins(ingested(workspace), OUT)}
    assert found == {"file:///a.csv", "file:///b.csv", OUT}, "what was there before the first, too"


def test_model_and_tokenizer_in_one_folder_do_not_hide_each_other(workspace: Workspace) -> None:
    first = Session(workspace, "s1")
    first.cell("x")
    for kind in ("model", "tokenizer"):
        thing = first.read_file(f"file:///base/{kind}", ["*"])
        first.write_file(thing, [], MODEL)
        first.transform("save", {thing: []}, MODEL, [], [("*", thing, "*", "IDENTITY")], kind=kind)
    first.end()
    second = Session(workspace, "s2", start=1)
    second.cell("y")
    frame = second.read_file(MODEL, ["*"])
    second.transform("save", {frame: []}, OUT, [], [("*", frame, "*", "IDENTITY")])
    second.end()
    store = ingested(workspace)
    both = {"file:///base/model", "file:///base/tokenizer"}
    assert {row[1] for row in origins(store, MODEL)} == both
    assert {row[1] for row in origins(store, OUT)} == both


def test_stars_stand_for_all_columns(workspace: Workspace) -> None:
    session = Session(workspace, "s")
    session.cell("x")
    frame = session.read_file(RAW, ["a", "b"])
    text = session.transform("to_text", {frame: ["a", "b"]}, session.memory(), [], [
        ("*", frame, "*", "TRANSFORMATION", "conservative"),
    ])  # fmt: skip
    both = session.transform("wide", {text: []}, session.memory(), ["p", "q"], [
        ("*", text, "*", "AGGREGATION"),
    ])  # fmt: skip
    session.write_file(both, ["p", "q"], OUT)
    session.end()
    assert origins(ingested(workspace), OUT) == {
        (output, RAW, source, "AGGREGATION", "conservative")
        for output in ("p", "q")
        for source in ("a", "b")
    }


def test_a_source_of_unknown_columns_is_a_star(workspace: Workspace) -> None:
    session = Session(workspace, "s")
    session.cell("x")
    image = session.transform(
        "read", {RAW: []}, session.memory(), [], [("*", RAW, "*", "IDENTITY")]
    )
    session.transform("save", {image: []}, OUT, [], [("*", image, "*", "IDENTITY")])
    session.end()
    assert origins(ingested(workspace), OUT) == {("*", RAW, "*", "IDENTITY", "observed")}


def test_one_name_for_what_a_loop_makes_owes_to_every_turn(workspace: Workspace) -> None:
    """The step from b to c is on record once, before b came to owe to the second file."""
    session = Session(workspace, "s")
    session.cell("for path in paths: …")
    b, c = session.memory(), session.memory()
    first = session.read_file("file:///1.csv", ["x"])
    second = session.read_file("file:///2.csv", ["x"])
    session.transform("f", {first: ["x"]}, b, ["x"], [("x", first, "x", "TRANSFORMATION")])
    session.transform("g", {b: ["x"]}, c, ["x"], [("x", b, "x", "AGGREGATION")])
    session.transform("h", {c: ["x"]}, b, ["x"], [("x", c, "x", "IDENTITY")])
    session.transform("f", {second: ["x"]}, b, ["x"], [("x", second, "x", "TRANSFORMATION")])
    session.write_file(c, ["x"], OUT)
    session.end()
    assert origins(ingested(workspace), OUT) == {
        ("x", "file:///1.csv", "x", "AGGREGATION", "observed"),
        ("x", "file:///2.csv", "x", "AGGREGATION", "observed"),
    }


def test_a_session_can_not_speak_for_things_in_another_s_memory(workspace: Workspace) -> None:
    first = Session(workspace, "s1")
    first.cell("x")
    first.read_file(RAW, ["secret"])
    first.end()
    second = Session(workspace, "s2", start=1)
    second.cell("y")
    second.write_file("memory://s1/1", ["secret"], OUT)
    second.end()
    assert origins(ingested(workspace), OUT) == set()


@pytest.mark.parametrize(
    ("near", "far", "path"),
    [
        ("IDENTITY", "IDENTITY", "IDENTITY"),
        ("IDENTITY", "AGGREGATION", "AGGREGATION"),
        ("AGGREGATION", "TRANSFORMATION", "AGGREGATION"),
        ("IDENTITY", "JOIN", "JOIN"),
        ("FILTER", "JOIN", "JOIN"),
        ("JOIN", "FILTER", "FILTER"),
        ("CONDITIONAL", "JOIN", "JOIN"),
        ("WINDOW", "CONDITIONAL", "WINDOW"),
        ("FILTER", "CONDITIONAL", "FILTER"),
        ("CONDITIONAL", "PARTITION", "PARTITION"),
        ("FILTER", "PARTITION", "FILTER"),
        ("GROUP_BY", "AGGREGATION", "GROUP_BY"),
        ("TRANSFORMATION AND MEMBERSHIP", "FILTER", "FILTER AND MEMBERSHIP"),
        ("AGGREGATION", "FILTER AND MEMBERSHIP", "FILTER AND MEMBERSHIP"),
        ("SORT", "FILTER AND MEMBERSHIP", "FILTER"),
        ("SORT", "TRANSFORMATION AND MEMBERSHIP", "SORT"),
        ("PARTITION", "TRANSFORMATION AND MEMBERSHIP", "PARTITION"),
        ("TRANSFORMATION AND MEMBERSHIP", "PARTITION", "PARTITION AND MEMBERSHIP"),
    ],
)
def test_relations_combine_along_a_path(near: str, far: str, path: str) -> None:
    assert combined(near, far) == path


def test_what_parts_the_rows_of_a_window_goes_in_by_no_value(workspace: Workspace) -> None:
    session = Session(workspace, "s")
    session.cell("x")
    edges: list[tuple[str, str, str, Relation]]
    edges = [("p", RAW, "a", "PARTITION"), ("p", RAW, "b", "WINDOW"), ("p", RAW, "c", "SORT")]
    both: list[tuple[str, str, str, Relation]]
    both = [("q", RAW, "a", "PARTITION"), ("q", RAW, "a", "WINDOW")]
    session.transform("window", {RAW: ["a", "b", "c"]}, OUT, ["p", "q"], [*edges, *both])
    session.end()
    store = ingested(workspace)
    for view, column in (("column_lineage", "p"), ("column_origins", "p"), ("column_origins", "q")):
        rows = store.query(f"from {view} where output_column = ?", [column])
        found = {(row["input_column"], row["relation"], row["by_value"]) for row in rows}
        if column == "p":
            assert found == {("a", "WINDOW", False), ("b", "WINDOW", True), ("c", "SORT", False)}
        else:
            assert found == {("a", "WINDOW", True)}


def test_being_among_chosen_rows_goes_in_by_a_value_until_it_only_chooses_rows(
    workspace: Workspace,
) -> None:
    session = Session(workspace, "s")
    session.cell("x")
    chosen = "file:///work/chosen.csv"
    session.transform(
        "choose",
        {RAW: ["id", "hiv"]},
        chosen,
        ["id"],
        [("id", RAW, "id", "IDENTITY"), ("id", RAW, "hiv", "FILTER")],
    )
    flag: list[tuple[str, str, str, Relation]]
    flag = [("flag", chosen, "id", "TRANSFORMATION AND MEMBERSHIP"), ("n", chosen, "id", "SORT")]
    session.transform("mark", {chosen: ["id"]}, OUT, ["flag", "n"], [*flag])
    session.end()
    store = ingested(workspace)
    rows = store.query("from column_origins where output_uri = ?", [OUT])
    assert {tuple(row[name] for name in TOLD) for row in rows} == {
        ("flag", "id", "TRANSFORMATION", True),
        ("flag", "hiv", "CONDITIONAL", True),
        ("n", "id", "SORT", False),
        ("n", "hiv", "FILTER", False),
    }


TOLD = ("output_column", "input_column", "relation", "by_value")
RELATIONS = get_args(Relation)


@given(*[st.sampled_from(RELATIONS)] * 3)
def test_relations_combine_the_same_wherever_a_path_is_cut(a: str, b: str, c: str) -> None:
    assert combined(combined(a, b), c) == combined(a, combined(b, c))


ENTITY = st.integers(0, 6)
COLUMN = st.sampled_from(["a", "b"])
STEP = st.tuples(
    ENTITY, COLUMN, ENTITY, COLUMN, st.sampled_from(RELATIONS), st.sampled_from(CERTAINTY[:3])
)
Reached = set[tuple[str, str, str, str]]


def by_every_path(edges: Sequence[tuple[str, str, str, str, str, str]], uri: str) -> set[Row]:
    """The definition: all paths, found by saturation."""
    found: set[tuple[str, str, str, str, str]] = {
        (edge[1], edge[2], edge[3], edge[4], edge[5]) for edge in edges if edge[0] == uri
    }
    while True:
        more = {
            (column, edge[2], edge[3], combined(relation, edge[4]), weakest(evidence, edge[5]))
            for column, entity, its, relation, evidence in found
            for edge in edges
            if (edge[0], edge[1]) == (entity, its)
        }
        if more <= found:
            break
        found |= more
    sources = [row for row in found if not row[1].startswith("memory:")]
    best: dict[tuple[str, str, str, str], str] = {}
    for *key, evidence in sources:
        place = (key[0], key[1], key[2], openlineage_word(key[3]))
        best[place] = min(best.get(place, evidence), evidence, key=CERTAINTY.index)
    return {(*place, evidence) for place, evidence in best.items()}


@pytest.mark.slow
@settings(max_examples=15)
@given(steps=st.lists(STEP, max_size=14))
def test_any_graph_with_any_cycles_gives_what_every_path_gives(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, str, int, str, Relation, str]],
) -> None:
    """Entity 0 is the source, 1 the output; the others lie in memory, in any tangle."""
    workspace = workspace_at(tmp_path_factory.mktemp("graph"))
    session = Session(workspace, "s")
    session.cell("x")
    names = [RAW, OUT, *(session.memory() for _ in range(5))]
    edges = []
    outgoing = []
    for output, column, source, its, relation, evidence in steps:
        if output == 0 or source == 1:
            continue
        edge = (names[output], column, names[source], its, relation, evidence)
        edges.append(edge)
        if output == 1:
            outgoing.append(edge)
            continue
        session.transform("step", {edge[2]: ["a", "b"]}, edge[0], ["a", "b"], [edge[1:]])  # type: ignore[list-item]
    session.transform("write", {}, OUT, ["a", "b"], [edge[1:] for edge in outgoing])  # type: ignore[misc]
    session.end()
    assert origins(ingested(workspace), OUT) == by_every_path(edges, OUT)


def test_the_order_of_relations_and_evidence_is_the_design_s() -> None:
    assert STRENGTHS == ("IDENTITY", "TRANSFORMATION", "AGGREGATION")
    assert CERTAINTY[:3] == ("observed", "inferred", "conservative")
