from __future__ import annotations

import random
from pathlib import Path

import pytest

from governed_kernel.workspace import Workspace
from tests.cli.commands import Command, Done
from tests.governance.people import mask
from tests.governance.records import BY_PATIENT, BY_ROW, rows, write_code, write_records

BY_ORDER = """
def split(frame):
    return {"train": frame[:20], "validation": frame[20:28], "holdout": frame[28:]}
"""


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


def test_who_registers_what_had_to_be_gone_is_told_that_nobody_may_read_it(
    governed: Command, source: Path
) -> None:
    done = register(governed, source, "--retention", "2020-01-01")
    assert done.code == 0
    assert "biopsies@1 had to be gone by 2020-01-01: nobody may read it" in done.err


def test_whoever_looks_at_data_is_told_that_its_day_has_passed(
    governed: Command, source: Path, tmp_path: Path
) -> None:
    register(governed, source, "--retention", "2020-01-01")
    said = " ".join(governed("data", "show", "biopsies").out.split())
    assert "2020-01-01, which has passed" in said
    register(governed, write_records(tmp_path / "biopsies.csv", rows(30)))
    listed = governed("data", "list", "--json").facts
    assert [row["retention_over"] for row in listed] == [True, False]
    assert governed("data", "show", "biopsies@1", "--json").facts["retention_over"] is True
    assert governed("data", "show", "biopsies@2", "--json").facts["retention_over"] is False
    assert "passed" in governed("data", "list").out
    assert "passed" not in governed("data", "show", "biopsies@2").out


def test_a_later_day_for_the_same_content_is_said_not_to_be_taken(
    governed: Command, source: Path
) -> None:
    assert register(governed, source, "--retention", "2030-01-01").code == 0
    done = register(governed, source, "--retention", "2040-01-01")
    assert (done.code, done.facts["retention_until"]) == (0, "2030-01-01")
    assert "biopsies@1 is kept until 2030-01-01, as before: no later day is taken" in done.err
    assert "warning" not in register(governed, source, "--retention", "2030-01-01").err


def test_the_rules_that_the_help_of_a_transformation_shows_are_carried_out(
    governed: Command, source: Path, workspace: Workspace
) -> None:
    text = source.with_name("slides.csv")
    text.write_text(
        "size,note,name\n1,call 555-1234,ann\n0,none,bob\n1,call 555-1234,cy\n2,well,di\n"
    )
    assert register(governed, text, "--purpose", "explore").code == 0
    shown = governed("data", "transform", "--help").out.partition("For instance:\n")[2]
    (workspace.root / "rules.toml").write_text(shown.replace("minimum = 0.9", "minimum = 0.5"))
    done = governed("data", "transform", "rules.toml", "biopsies", "--as", "sam", "--json")
    assert done.code == 0, done.err
    assert done.facts["rows"] == {"before": 4, "after": 2}
    assert list(done.facts["kept"]) == ["size", "note"]
    assert "warning" not in done.err
    mistyped = (workspace.root / "rules.toml").read_text().replace("{3}", "{3")
    (workspace.root / "rules.toml").write_text(mistyped)
    done = governed("data", "transform", "rules.toml", "biopsies", "--as", "sam", "--json")
    assert done.code == 0, done.err
    assert r"matches nothing in note: is it what you look for?" in done.err


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


def test_texts_and_times_of_parts_block_or_warn(
    governed: Command, source: Path, workspace: Workspace
) -> None:
    chosen, words = random.Random(1), [f"word{number}" for number in range(300)]
    notes = [
        f"{n},{' '.join(chosen.choice(words) for _ in range(25))},2024-01-{n + 1:02}"
        for n in range(28)
    ]
    alike = notes[3].partition(",")[2].rpartition(",")[0]
    late = [f"90,{alike} again,2024-02-01", "91,nothing of the kind,2023-12-31"]
    source.write_text("\n".join(["patient,note,day", *notes, *late]) + "\n")
    assert register(governed, source).code == 0
    code = write_code(workspace, BY_ORDER, "by_order.py")
    split = ("data", "split", "biopsies", "--by", code, "--key", "patient")
    done = governed(*split, "--text", "note", "--time", "day")
    assert done.code == 1
    assert "near duplicates of note" in done.err
    assert "rows that by day are not after all of what comes before: 1" in done.err
    settings = workspace.root / "governed.toml"
    text = settings.read_text()
    settings.write_text(text.replace("[leaks]", '[leaks]\naction = "warn"'))
    assert governed("policy", "adopt", *governed.signed("ada")).code == 0
    warned = governed(*split, "--text", "note", "--time", "day", "--json")
    assert warned.code == 0, warned.err
    assert warned.facts["leaks"]["near duplicates of note"] == 1
    assert warned.facts["leaks"]["earlier by day"] == 1


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


@pytest.mark.parametrize(
    ("columns", "told", "warned"),
    [
        ('SIZE = "redact", no = "drop"', {"size": "redact"}, ""),
        ('names = "redact"', {}, "no column of biopsies@1 is called names: everybody sees all"),
    ],
)
def test_whoever_registers_is_told_which_columns_are_masked(
    governed: Command,
    source: Path,
    workspace: Workspace,
    columns: str,
    told: dict[str, str],
    warned: str,
) -> None:
    mask(workspace, f"{{ {columns} }}")
    done = register(governed, source)
    assert done.code == 0, done.err
    assert done.facts["masked"] == told
    assert warned in done.err
    assert ("warning" in done.err) == bool(warned)
    assert governed("data", "mask", "biopsies", "--json").facts["masked"] == told


def test_whoever_registers_no_table_of_a_masked_class_is_told_that_it_is_closed(
    governed: Command, source: Path, workspace: Workspace
) -> None:
    mask(workspace, '{ name = "redact" }')
    letter = source.with_suffix(".txt")
    letter.write_text("Dear Alice")
    done = register(governed, letter)
    assert (done.code, done.facts["masked"]) == (0, {})
    assert "no masked copy can be made" in done.err
