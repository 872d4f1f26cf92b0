from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.workspace import Workspace
from tests.cli.commands import Command, Done
from tests.governance.records import BY_PATIENT, BY_ROW, write_code, write_records


@pytest.fixture
def source(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOVERNED_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("GOVERNED_PERSON", "sam")
    return write_records(tmp_path / "biopsies.csv")


def register(governed: Command, path: Path, *more: str) -> Done:
    return governed(
        "data",
        "register",
        "biopsies",
        str(path),
        "--class",
        "health",
        "--owner",
        "Clinic",
        "--purpose",
        "train",
        "--purpose",
        "validation",
        "--legal-basis",
        "consent",
        "--json",
        *more,
    )


def test_a_dataset_is_registered_listed_shown_and_verified(
    governed: Command, source: Path, workspace: Workspace
) -> None:
    done = register(governed, source, "--retention", "2099-12-31")
    assert done.code == 0, done.err
    assert (done.facts["version"], done.facts["new"]) == ("1", True)
    assert (workspace.root / done.facts["card"]).is_file()
    assert register(governed, source, "--retention", "2099-12-31").facts["new"] is False
    (row,) = governed("data", "list", "--json").facts
    assert (row["dataset"], row["class"], row["purposes"]) == (
        "biopsies",
        "health",
        ["train", "validate"],
    )
    shown = governed("data", "show", "biopsies", "--json").facts
    assert shown["research"]["train"] == "allowed"
    assert shown["research"]["explore"].startswith("denied")
    assert governed("data", "verify", "biopsies@1").code == 0


def test_a_changed_snapshot_has_exit_code_4(governed: Command, source: Path) -> None:
    register(governed, source)
    snapshot = Path(governed("data", "show", "biopsies", "--json").facts["snapshot"])
    snapshot.parent.chmod(0o755)
    snapshot.unlink()
    snapshot.write_text("other")
    done = governed("data", "verify", "biopsies")
    assert done.code == 4
    assert "not what was registered" in done.err


def test_a_dataset_is_divided_and_a_leak_has_exit_code_1(
    governed: Command, source: Path, workspace: Workspace
) -> None:
    register(governed, source)
    by_row = write_code(workspace, BY_ROW, "by_row.py")
    leaking = governed("data", "split", "biopsies", "--by", by_row, "--key", "patient")
    assert leaking.code == 1
    assert "entities by patient" in leaking.err
    by_patient = write_code(workspace, BY_PATIENT)
    done = governed("data", "split", "biopsies", "--by", by_patient, "--key", "patient", "--json")
    assert done.code == 0, done.err
    assert done.facts["holdout"] == "biopsies-holdout@1, 12 rows"
    shown = governed("data", "show", "biopsies-holdout", "--json").facts
    assert shown["state"] == "locked"
    assert shown["research"]["validate"].startswith("denied")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--class", "secret"), 2),
        (("--purpose", "fun"), 2),
        (("--kind", "rumour"), 2),
        (("--as", "olga"), 3),
        (("--as", "nobody"), 3),
    ],
)
def test_what_is_refused_has_its_exit_code(
    governed: Command, source: Path, more: tuple[str, ...], code: int
) -> None:
    assert register(governed, source, *more).code == code


def test_a_file_that_is_not_there_has_exit_code_6(governed: Command, source: Path) -> None:
    assert register(governed, source.with_name("gone.csv")).code == 6


def test_a_name_that_is_not_there_has_exit_code_2(governed: Command, source: Path) -> None:
    assert governed("data", "show", "nothing").code == 2
