"""What a repetition left, held against what the original left."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import nbformat
import pytest

from governed_kernel.audit.repeated import Apart, artifacts_apart, cells_apart, largest_step
from governed_kernel.canonical import digest_file
from governed_kernel.lineage.events import Artifact

Write = Callable[[Path, Any], None]


def _folders(tmp_path: Path, name: str, one: bytes, two: bytes) -> tuple[Path, Path]:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, data in ((before, one), (after, two)):
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return before, after


def _apart(before: Path, after: Path, *, moved: bool = False) -> list[Apart]:
    old, new = (
        [
            Artifact(path.name, path.as_uri(), digest_file(path), path.stat().st_size, "file")
            for path in sorted(folder.iterdir())
        ]
        for folder in (before, after)
    )
    return list(artifacts_apart(before, after, old, new, limit=0.02, moved=moved))


def test_the_same_bytes_are_no_difference(tmp_path: Path) -> None:
    assert _apart(*_folders(tmp_path, "report.txt", b"same", b"same")) == []


def test_what_is_missing_or_new_is_never_equivalent(tmp_path: Path) -> None:
    before, after = _folders(tmp_path, "a.csv", b"1", b"1")
    (before / "b.csv").touch()
    (after / "c.csv").touch()
    assert _apart(before, after) == [
        Apart("b.csv: missing in the re-run", tolerable=False),
        Apart("c.csv: only in the re-run", tolerable=False),
    ]


@pytest.mark.parametrize("name", ["predictions.csv", "report.txt", "facts.json", "table.parquet"])
def test_what_nothing_bounds_is_never_equivalent(tmp_path: Path, name: str) -> None:
    (found,) = _apart(*_folders(tmp_path, name, b"\x00one", b"\xfftwo"), moved=True)
    assert not found.tolerable
    assert found.what.startswith(f"{name}: ")
    assert found.what.endswith("; nothing bounds how far it may be")


def test_a_picture_follows_weights_that_moved_and_nothing_else(tmp_path: Path) -> None:
    folders = _folders(tmp_path, "roc.png", b"one", b"two")
    assert [found.tolerable for found in _apart(*folders, moved=True)] == [True]
    assert [found.tolerable for found in _apart(*folders, moved=False)] == [False]


def test_numbers_may_differ_as_much_as_was_approved(tmp_path: Path) -> None:
    near, far = b"id,p\na,0.51\n", b"id,p\na,0.9\n"
    (found,) = _apart(*_folders(tmp_path, "p.csv", b"id,p\na,0.5\n", near))
    assert found.tolerable
    assert found.what.endswith("its numbers differ by up to 0.01, approved is 0.02")
    (found,) = _apart(*_folders(tmp_path, "p.csv", b"id,p\na,0.5\n", far))
    assert not found.tolerable


def _as_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def _as_csv(path: Path, rows: Any) -> None:
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))


def _as_parquet(path: Path, rows: Any) -> None:
    values = ", ".join(f"('{name}', {number}::DOUBLE)" for name, number in rows)
    duckdb.sql(f"SELECT * FROM (VALUES {values}) AS t(name, number)").write_parquet(str(path))


@pytest.mark.parametrize(
    ("suffix", "write"), [(".json", _as_json), (".csv", _as_csv), (".parquet", _as_parquet)]
)
def test_how_far_the_numbers_of_two_tables_are_apart(
    tmp_path: Path, suffix: str, write: Write
) -> None:
    def step(one: Any, two: Any) -> float | None:
        before, after = tmp_path / f"before{suffix}", tmp_path / f"after{suffix}"
        write(before, one)
        write(after, two)
        return largest_step(before, after)

    rows = [["a", 1.0], ["b", 2.0]]
    assert step(rows, rows) == 0
    assert step(rows, [["a", 1.5], ["b", 1.75]]) == 0.5
    assert step(rows, [["a", 1.0], ["c", 2.0]]) is None
    assert step(rows, [*rows, ["c", 3.0]]) is None
    assert step(rows, rows[:1]) is None


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ({"loss": 1, "steps": [1, 2]}, {"loss": 1.25, "steps": [1, 2]}, 0.25),
        ({"loss": math.nan}, {"loss": math.nan}, 0.0),
        ({"loss": math.nan}, {"loss": 0.1}, math.inf),
        ({"loss": math.inf}, {"loss": math.inf}, 0.0),
        ({"passed": True}, {"passed": 1}, None),
        ({"passed": True}, {"passed": False}, None),
        ({"a": 1}, {"b": 1}, None),
        ({"a": 1}, {"a": "1"}, None),
        ({"a": None}, {"a": None}, 0.0),
        ([], {}, None),
        ({"id": 2**53}, {"id": 2**53 + 1}, 1.0),
        ({"id": 12345678901234567890}, {"id": 12345678901234567891}, 1.0),
        ({"id": 1}, {"id": int("1" + "0" * 400)}, None),
    ],
)
def test_what_is_no_number_must_be_the_same(
    tmp_path: Path, one: Any, two: Any, expected: float | None
) -> None:
    _as_json(tmp_path / "one.json", one)
    _as_json(tmp_path / "two.json", two)
    assert largest_step(tmp_path / "one.json", tmp_path / "two.json") == expected


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("12", "13", 1.0),
        ("0.5", "5e-1", 0.0),
        ("-1.25", "1.", 2.25),
        ("0012", "12", None),
        ("1_0", "10", None),
        ("12345678901234567890", "12345678901234567891", 1.0),
        ("nan", "0.5", None),
    ],
)
def test_a_cell_is_a_number_where_it_is_written_as_one(
    tmp_path: Path, one: str, two: str, expected: float | None
) -> None:
    for name, cell in (("one.csv", one), ("two.csv", two)):
        (tmp_path / name).write_text(f"id\n{cell}\n")
    assert largest_step(tmp_path / "one.csv", tmp_path / "two.csv") == expected


def test_what_cannot_be_read_is_bounded_by_nothing(tmp_path: Path) -> None:
    for name, data in {"deep.json": b"[" * 200_000, "x.parquet": b"PAR1", "x.csv": b"\xff"}.items():
        before, after = _folders(tmp_path, name, data, data + b" ")
        assert largest_step(before / name, after / name) is None


# --- what an executed notebook says --------------------------------------------------------------


def _executed(*outputs: nbformat.NotebookNode, source: str = "train()") -> Any:
    code = nbformat.v4.new_code_cell(source, id="train", outputs=list(outputs))
    injected = nbformat.v4.new_code_cell(
        "seed = 7", id="seed", metadata={"tags": ["injected-parameters"]}
    )
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# Title"), injected, code]
    )


def _printed(text: str, name: str = "stdout") -> Any:
    return nbformat.v4.new_output("stream", name=name, text=text)


def _result(text: str) -> Any:
    return nbformat.v4.new_output("execute_result", {"text/plain": text, "text/html": text})


def _lasting(seconds: float, text: str) -> Any:
    executed = _executed(_printed(text))
    executed.metadata["papermill"] = {"duration": seconds}
    return executed


PICTURE = nbformat.v4.new_output("display_data", {"image/png": "aGk="})
FAILURE = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])


def _said(one: nbformat.NotebookNode, two: nbformat.NotebookNode) -> list[Apart]:
    return list(cells_apart(one, two, moved=False))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (_printed("<A at 0x7f01>\n"), _printed("<A at 0x7f02>\n")),
        (_printed("run-20261122T122507-7c4e2725"), _printed("rerun-20261123T122507-7c4e2726")),
        (_printed("10%\r100%\ndone"), _printed("55%\r99%\r100%\ndone")),
        (
            _printed("{'train_runtime': 3.1, 'loss': 2}"),
            _printed("{'train_runtime': 4, 'loss': 2}"),
        ),
        (_printed("it took 3 s", "stderr"), _printed("it took 4 s", "stderr")),
        (_printed(""), _printed("building the font cache", "stderr")),
        (
            _result('<td id="T_0a1b2_row0_col0">1</td>'),
            _result('<td id="T_ffff0_row0_col0">1</td>'),
        ),
        (_result(f'<div id="{uuid.UUID(int=1)}">'), _result(f'<div id="{uuid.UUID(int=2)}">')),
    ],
)
def test_what_every_execution_says_anew_is_no_difference(
    one: nbformat.NotebookNode, two: nbformat.NotebookNode
) -> None:
    two = _executed(two)
    two.cells[-1].metadata["papermill"] = {"duration": 1.5}
    assert _said(_executed(one), two) == []


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("66 optimiser steps in 46 s", "66 optimiser steps in 47 s"),
        ("fitted in 812.4ms", "fitted in 1.02 seconds"),
        ("Wall time: 58 s", "Wall time: 1min 2s"),
        ("1.2 ms ± 3.4 µs per loop", "1.3 ms ± 3.1 µs per loop"),
        ("[75/75 00:34, Epoch 3/3]", "[75/75 01:02, Epoch 3/3]"),
        ("took 0:34", "took 1:02"),
        ("done, 3.87it/s", "done, 4.1it/s"),
        ("2.47 s/step, 812 tokens/s", "2.5 s/step, 799.5 tokens/s"),
    ],
)
def test_how_long_something_took_is_no_difference(one: str, two: str) -> None:
    assert _said(_lasting(100, one), _lasting(110, two)) == []


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("survived 66 min", "survived 67 min"),  # the run took less
        ("mean 3.2 min 1.1", "mean 3.3 min 1.1"),
        ("odds 1:10", "odds 1:11"),
        ("at 09:12", "at 09:13"),
        ("5 samples", "6 samples"),
        ("3 m/s", "4 m/s"),
        ("2026-11-22 00:00:07", "2026-11-22 00:00:08"),
        ("version 3.4s", "version 3.5.1 s"),
        ("-3 s", "-4 s"),
    ],
)
def test_a_number_that_is_no_duration_of_the_run_is_a_difference(one: str, two: str) -> None:
    (found,) = _said(_lasting(100, one), _lasting(110, two))
    assert (found.tolerable, found.said) == (True, True)


def test_where_nobody_wrote_how_long_a_run_was_its_durations_count() -> None:
    assert _said(_executed(_printed("in 46 s")), _executed(_printed("in 47 s")))


def test_in_how_many_pieces_a_stream_arrived_is_no_difference() -> None:
    pieces = [_printed(text) for text in ("51", " tokens", "\n")]
    assert (
        _said(
            _executed(_printed("51 tokens\n"), PICTURE), _executed(pieces[0], PICTURE, *pieces[1:])
        )
        == []
    )


@pytest.mark.parametrize("make", [_printed, _result])
def test_what_a_cell_prints_otherwise_is_shown_and_may_be_equivalent(
    make: Callable[[str], nbformat.NotebookNode],
) -> None:
    one, two = make("steps 300\naccuracy 0.93"), make("steps 300\naccuracy 0.08")
    assert _said(_executed(one), _executed(two)) == [
        Apart(
            "cell 2 says 'accuracy 0.93', in the re-run 'accuracy 0.08'", tolerable=True, said=True
        )
    ]


@pytest.mark.parametrize(
    ("kind", "one", "two"),
    [
        ("text/html", "<b>0.93</b>", "<b>0.08</b>"),
        ("text/markdown", "# 0.93", "# 0.08"),
        ("application/json", {"accuracy": 0.93}, {"accuracy": 0.08}),
    ],
)
def test_what_is_displayed_counts_in_every_form(kind: str, one: Any, two: Any) -> None:
    before, after = (
        _executed(
            nbformat.v4.new_output("display_data", {"text/plain": "<HTML object>", kind: shown})
        )
        for shown in (one, two)
    )
    (found,) = _said(before, after)
    assert "0.93" in found.what
    assert "0.08" in found.what


def test_an_error_that_says_something_else_is_shown() -> None:
    other = nbformat.v4.new_output("error", ename="ValueError", evalue="yes", traceback=[])
    (found,) = _said(_executed(FAILURE), _executed(other))
    assert (found.tolerable, found.said) == (True, True)


def test_a_line_of_megabytes_is_read_once() -> None:
    """A pattern that looked back from every letter took minutes for it."""
    line = "x" * 4_000_000
    (found,) = _said(_executed(_printed(line + "1")), _executed(_printed(line + "2")))
    assert len(found.what) < 300


@pytest.mark.parametrize("other", [PICTURE, FAILURE])
def test_other_pictures_and_errors_are_never_equivalent(other: nbformat.NotebookNode) -> None:
    found = _said(_executed(), _executed(other))
    assert not all(item.tolerable for item in found)


def test_other_cells_are_never_equivalent() -> None:
    (found,) = _said(_executed(), _executed(source="train(2)"))
    assert found == Apart("its cells are others", tolerable=False)
