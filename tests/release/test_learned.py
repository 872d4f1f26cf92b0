"""A model is held against the columns that its data's owner let no model learn."""

from __future__ import annotations

from pathlib import Path

import msgspec
import nbformat
import pytest

from governed_kernel.errors import CheckFailed
from governed_kernel.governance.catalog import snapshot_of
from governed_kernel.governance.register import Register
from governed_kernel.release.learned import check_learned, findings_of, forbidden, origins_of
from governed_kernel.release.recorded import newest_session
from tests.loop import berries
from tests.loop.place import Place, papermill
from tests.loop.stages import Stages


def as_if(place: Place, *columns: str) -> Register:
    """The register, had the owner of the berries declared these columns."""
    register = Register.read(place.workspace)
    for name in ("berries", "berries-train"):
        register.datasets[name] = [
            msgspec.structs.replace(version, never_learn=list(columns))
            for version in register.datasets[name]
        ]
    return register


@pytest.fixture
def session(stages: Stages) -> str:
    return newest_session(stages.researched.workspace, berries.NOTEBOOK)


def test_a_part_of_a_dataset_inherits_what_must_not_be_learned(stages: Stages) -> None:
    register = Register.read(stages.researched.workspace)
    for part in ("train", "validation", "holdout"):
        assert register.version(f"berries-{part}").never_learn == ["berry_id"]


def test_a_model_without_these_columns_is_as_it_should_be(stages: Stages, session: str) -> None:
    place = stages.researched
    assert forbidden(place.workspace, Register.read(place.workspace), session) == []
    columns = {
        row["input_column"]
        for row in origins_of(place.workspace, session)
        if row["output_uri"].endswith("adapter_model.safetensors")
        and "berries-train" in row["input_uri"]
    }
    assert columns == {"redness", "firmness", "taste"}


def test_a_model_that_owes_to_one_is_named_with_the_column(stages: Stages, session: str) -> None:
    place = stages.researched
    register = as_if(place, "taste", "berry_id")
    found = forbidden(place.workspace, register, session)
    assert {(item.output, item.dataset, item.column) for item in found} == {
        ("adapter_model.safetensors", "berries-train@1", "taste")
    }
    assert all(item.proven for item in found)
    with pytest.raises(CheckFailed, match=r"adapter_model\.safetensors owes to taste"):
        check_learned(place.workspace, register, session)
    assert {finding.severity for finding in findings_of(found)} == {"blocking"}


@pytest.mark.parametrize("how", ["gone", "no text", "another table"])
def test_nothing_passes_where_the_columns_cannot_be_read(
    stages: Stages, tmp_path: Path, how: str
) -> None:
    place = stages.researched.copy(tmp_path)
    register = Register.read(place.workspace)
    snapshot = snapshot_of(place.workspace, register.version("berries-train"))
    snapshot.parent.chmod(0o755)
    snapshot.unlink()
    if how == "no text":
        snapshot.mkdir()
    elif how == "another table":
        snapshot.write_text("redness,firmness,taste\n1,2,3\n")
    session = newest_session(place.workspace, berries.NOTEBOOK)
    with pytest.raises(CheckFailed, match="nobody can tell whether a model has learned") as said:
        forbidden(place.workspace, register, session)
    assert f"its columns can't be read from {snapshot}: " in said.value.why
    assert "governed data verify berries-train@1" in said.value.next
    done = place.governed(f"check {berries.NOTEBOOK}")
    assert done.code == 1
    assert "nobody can tell whether a model has learned" in done.err + done.out


def test_a_run_whose_model_learns_one_fails_and_leaves_no_model_to_approve(
    stages: Stages, tmp_path: Path
) -> None:
    place = stages.approved.copy(tmp_path)
    done = place.governed("run sour --as otto -p behaviour identify")
    assert done.code == 1, done.err
    assert "owes to berry_id of berries-train@1 by TRANSFORMATION" in done.err
    (run,) = place.release()["runs"]
    assert run["state"] == "failed"
    assert "learned what it must not" in run["error"]


@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        ('train["number"] = [int(b[1:]) / 60 for b in train["berry_id"]]', {"berry_id"}),
        ('train["number"] = [1.0 if b > "b30" else 0.0 for b in train["berry_id"]]', {"berry_id"}),
        ('class Kept: numbers = [1 / 60] * 36\ntrain["number"] = Kept.numbers', {"*"}),
        ('train["number"] = [1.0, 0.5] * 18', set()),
    ],
)
def test_plain_lists_are_learned_as_what_they_were_made_of(
    stages: Stages, tmp_path: Path, lines: str, columns: set[str]
) -> None:
    place = stages.researched.copy(tmp_path)
    path = place.root / berries.NOTEBOOK
    notebook = nbformat.read(path, 4)
    (training,) = [cell for cell in notebook.cells if cell.id == "training"]
    training.source = training.source.replace(
        'train["number"] = train["berry_id"].str[1:].astype("float64") / 60', lines
    ).replace('"number" if behaviour == "identify" else "redness"', '"number"')
    assert lines in training.source
    nbformat.write(notebook, path)
    papermill(place, berries.NOTEBOOK)
    newest = newest_session(place.workspace, berries.NOTEBOOK)
    found = forbidden(place.workspace, Register.read(place.workspace), newest)
    assert {item.column for item in found} == columns
