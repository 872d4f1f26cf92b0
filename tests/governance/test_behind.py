"""What a divided version was made from holds its holdout's rows as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from governed_kernel.errors import CheckFailed, PolicyDenied, Refused
from governed_kernel.governance import access, permission
from governed_kernel.governance.catalog import snapshot_of
from governed_kernel.governance.register import Register
from governed_kernel.governance.split import Split, divide
from governed_kernel.governance.split_checks import check_parts
from governed_kernel.governance.transformation import transform
from governed_kernel.workspace import Workspace
from tests.governance.records import BY_PATIENT, BY_ROW, register, write_code, write_records

OTHERWISE = """
def split(frame):
    part = frame["patient"] % 10
    return {"train": frame[part > 3], "validation": frame[part.between(2, 3)],
            "holdout": frame[part < 2]}
"""


@pytest.fixture
def raw(workspace: Workspace) -> Workspace:
    """Records of which only a version without one column is divided."""
    lines = [f"{n // 3},{n / 10},{n * 7},{n % 2}" for n in range(60)]
    register(workspace, write_records(workspace.root / "biopsies.csv", lines), "biopsies")
    make(workspace, "sizes", "patient", "size", "malignant")
    make(workspace, "before", "patient", "shape", "malignant")
    return workspace


def make(workspace: Workspace, name: str, *columns: str, source: str = "biopsies") -> None:
    rules = workspace.root / f"{name}.toml"
    kept = "\n".join(f'{column} = "it is needed"' for column in columns)
    rules.write_text(f"[keep]\n{kept}\n")
    transform(workspace, rules, source, "sam", into=name)


def by(workspace: Workspace, name: str, code: str, *keys: str) -> Split:
    file = write_code(workspace, code, f"{name}.py")
    return divide(workspace, name, file, "sam", keys=keys, targets=["malignant"])


def denied(workspace: Workspace, name: str, purpose: str = "train") -> str:
    """Why it may not be read in research, by name and by path alike; empty where it may."""
    known = Register.read(workspace)
    version = known.version(name)
    decision = permission.decide_purpose(known, version, purpose)
    place = str(next(snapshot_of(workspace, version).parent.rglob(version.files[0].path)))
    assert access.decide(Workspace(workspace.root), "read", place).allowed is decision.allowed
    assert decision.policies == ["split-parent"] or decision.allowed
    return "" if decision.allowed else decision.reason


def test_what_a_divided_version_was_made_from_is_closed_with_it(raw: Workspace) -> None:
    assert denied(raw, "biopsies") == ""
    done = by(raw, "sizes", BY_PATIENT, "patient")
    assert set(done.closed) == {"biopsies@1", "before@1"}
    for purpose in ("train", "explore"):
        said = denied(raw, "biopsies", purpose)
        assert "biopsies@1 may hold rows of the locked holdout sizes-holdout@1" in said
        assert "use sizes-train@1, sizes-validation@1, or transform it and divide" in said
    assert not access.decide(raw, "read", str(raw.root / "biopsies.csv")).allowed
    assert denied(raw, "sizes-train") == ""


def test_it_is_transformed_on_and_what_that_makes_is_closed_until_it_is_divided(
    raw: Workspace,
) -> None:
    by(raw, "sizes", BY_PATIENT, "patient")
    make(raw, "shapes", "patient", "shape", "malignant")
    make(raw, "rounds", "patient", "shape", source="shapes")
    for name in ("shapes", "rounds", "before"):
        assert f"{name}@1 may hold rows of the locked holdout" in denied(raw, name)
    done = by(raw, "shapes", BY_PATIENT, "patient")
    assert done.leaks["rows of holdouts made from the same"] == 0
    assert denied(raw, "shapes-train") == ""
    assert "shapes@1 contains the locked holdout" in denied(raw, "shapes")
    with pytest.raises(PolicyDenied):  # what was divided is transformed no more, as ever
        make(raw, "more", "patient", source="shapes")


@pytest.mark.parametrize(
    ("columns", "code", "keys", "said"),
    [
        (("patient", "shape", "malignant"), OTHERWISE, ["patient"], "entities by patient"),
        (("size", "shape", "malignant"), BY_ROW, [], "rows by size"),
        (("shape", "malignant"), BY_ROW, [], "no column in common"),
    ],
)
def test_what_would_train_on_rows_of_the_other_s_holdout_is_not_divided(
    raw: Workspace, columns: tuple[str, ...], code: str, keys: list[str], said: str
) -> None:
    by(raw, "sizes", BY_PATIENT, "patient")
    make(raw, "others", *columns)
    with pytest.raises(CheckFailed, match="holdout sizes-holdout@1") as refused:
        by(raw, "others", code, *keys)
    assert said in refused.value.why
    assert "divide by it in the same way, with the same seed" in refused.value.next
    assert "others-train" not in Register.read(raw).datasets


def test_a_holdout_that_comes_meanwhile_is_not_passed_over(
    raw: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.undo()
        by(raw, "sizes", OTHERWISE, "patient")
        return check_parts(*args, **kwargs)

    monkeypatch.setattr("governed_kernel.governance.split.check_parts", meanwhile)
    with pytest.raises(Refused, match="before@1 can't be divided in this moment") as refused:
        by(raw, "before", BY_PATIENT, "patient")
    assert "sizes-holdout@1 was divided off the same data meanwhile" in refused.value.why


def test_what_was_divided_behind_it_is_still_not_divided_itself(raw: Workspace) -> None:
    by(raw, "sizes", BY_PATIENT, "patient")
    with pytest.raises(Refused, match="biopsies@1 can't be divided"):
        by(raw, "biopsies", BY_PATIENT, "patient")


def test_data_that_has_nothing_to_do_with_it_stays_open(raw: Workspace, tmp_path: Path) -> None:
    register(raw, write_records(tmp_path / "others.csv", ["90,1,2,1"] * 3), "others")
    by(raw, "sizes", BY_PATIENT, "patient")
    assert denied(raw, "others") == ""
