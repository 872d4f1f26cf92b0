"""What a divided version was made from holds its holdout's rows as well."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.errors import CheckFailed, PolicyDenied, Refused
from governed_kernel.governance import access, permission
from governed_kernel.governance.catalog import snapshot_of
from governed_kernel.governance.register import Register
from governed_kernel.governance.split import Split, divide
from governed_kernel.governance.split_checks import Beside, check_beside, check_parts
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


KEYED = '[[filter]]\nwhere = "patient is not null"\nreason = "patients alone"\n'


def keyed(workspace: Workspace, lines: list[str]) -> None:
    file = workspace.root / "more.csv"
    file.write_text("\n".join(["patient,size,shape,malignant", *lines]) + "\n")
    register(workspace, file, "more")


def written_otherwise(workspace: Workspace, name: str, rule: str, *columns: str) -> None:
    rules = workspace.root / f"{name}.toml"
    kept = "\n".join(f'{column} = "it is needed"' for column in columns)
    rules.write_text(f"{rule}\n[keep]\n{kept}\n")
    transform(workspace, rules, "more", "sam", into=name)


BY_NUMBER = """
def split(frame):
    part = frame["patient"].astype(str).str.extract(r"(\\d+)")[0].astype(float) % 10
    return {"train": frame[part SIGN 5], "validation": frame[part == 5],
            "holdout": frame[(part.notna()) & ~(part SIGN 5) & (part != 5)]}
"""


def test_a_key_that_one_version_writes_as_8_and_the_other_as_8_0_is_the_same(
    workspace: Workspace,
) -> None:
    """One row without a key is enough for pandas to write it with a point."""
    keyed(workspace, [",1,2,1", *(f"{n // 3},{n / 10},{n * 7},{n % 2}" for n in range(60))])
    written_otherwise(workspace, "sizes", KEYED, "patient", "size", "malignant")
    make(workspace, "others", "patient", "shape", "malignant", source="more")
    by(workspace, "sizes", BY_NUMBER.replace("SIGN", "<"), "patient")
    with pytest.raises(CheckFailed, match="holdout sizes-holdout@1") as refused:
        by(workspace, "others", BY_NUMBER.replace("SIGN", ">"), "patient")
    assert refused.value.why.startswith("8 entities by patient are in both")
    done = by(workspace, "others", BY_NUMBER.replace("SIGN", "<"), "patient")
    assert done.leaks["rows of holdouts made from the same"] == 0


def test_a_key_that_is_written_otherwise_can_t_be_told_apart(workspace: Workspace) -> None:
    keyed(workspace, [f"p{n // 3},{n / 10},{n * 7},{n % 2}" for n in range(60)])
    make(workspace, "sizes", "patient", "size", "malignant", source="more")
    redaction = '[[redact]]\ncolumns = ["patient"]\npattern = "p"\nwith = "q"\nreason = "x"\n'
    written_otherwise(workspace, "others", redaction, "patient", "shape", "malignant")
    by(workspace, "sizes", BY_NUMBER.replace("SIGN", "<"), "patient")
    with pytest.raises(CheckFailed, match="holdout sizes-holdout@1") as refused:
        by(workspace, "others", BY_NUMBER.replace("SIGN", ">"), "patient")
    assert "they may be the same, written otherwise" in refused.value.why
    assert "as it is and with all its rows" in refused.value.next


COMPARED: dict[str, tuple[str, ...]] = {
    "each key tells for itself": (
        "id,visit",
        "1,7;2,8",
        "3,8",
        "1,7;2,8;3,9",
        "1,7;2,8;3,8",
        "refused",
    ),
    "large numbers keep their digits": (
        "id",
        "12345678901234567890",
        "12345678901234567891",
        *["12345678901234567890;12345678901234567891"] * 2,
        "passes",
    ),
    "a large number and its float": (
        "id",
        "12345678901234567890",
        "1.2345678901234567e+19",
        "12345678901234567890",
        "1.2345678901234567e+19;0.5",
        "refused",
    ),
    "zeros before it": ("id", "0012;x", "12", "0012;x", "12", "refused"),
    "rows left out of one side": ("id", "1;2", "3", "1;2;3", "2;3", "passes"),
    "rows left out of the other": ("id", "1", "3", "1;2", "1;3", "passes"),
    "rows left out of both, which may be the same": ("id", "1;2", "3", "1;2", "1;3", "refused"),
    "rows without a key, which may be anybody": ("id", "'';1", "3", "'';1", "'';1;3", "refused"),
}


@pytest.mark.parametrize("case", COMPARED)
def test_how_what_is_trained_on_is_held_against_a_holdout(case: str, tmp_path: Path) -> None:
    names, *tables, outcome = COMPARED[case]
    train, held, mine, theirs = (tmp_path / f"{place}.csv" for place in range(4))
    for path, rows in zip((train, held, mine, theirs), tables, strict=True):
        path.write_text("\n".join([names, *rows.replace("''", '""').split(";")]) + "\n")
    beside = [Beside("sizes-holdout@1", held, theirs)]
    expected = pytest.raises(CheckFailed) if outcome == "refused" else contextlib.nullcontext()
    with expected:
        check_beside({"train": train}, mine, beside, names.split(","), [])


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
