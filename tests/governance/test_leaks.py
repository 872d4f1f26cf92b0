"""What two versions share that they must not is counted, put on record, and blocks or warns."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from governed_kernel.configuration import LeakSettings
from governed_kernel.errors import CheckFailed, UsageError
from governed_kernel.governance.leak_checks import check_leaks
from governed_kernel.governance.leaks import Asked, find_leaks, in_words
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import LeaksChecked
from governed_kernel.workspace import Workspace
from tests.governance.records import register


def texts(count: int, seed: int) -> list[str]:
    chosen = random.Random(seed)
    words = [f"word{number}" for number in range(300)]
    return [" ".join(chosen.choice(words) for _ in range(25)) for _ in range(count)]


def table(path: Path, found: list[str], first: int, year: int) -> Path:
    lines = [f"{first + n},{text},{year}-01-{n % 28 + 1:02}" for n, text in enumerate(found)]
    path.write_text("\n".join(["patient,note,day", *lines]) + "\n")
    return path


def test_each_kind_of_leak_is_found_and_nothing_else(tmp_path: Path) -> None:
    train = texts(60, 1)
    leaked = [train[0], train[1].upper().replace(" ", " - "), f"{train[2]} addendum"]
    one = table(tmp_path / "one.csv", train, 0, 2024)
    two = table(tmp_path / "two.csv", [*leaked, *texts(40, 2)], 59, 2025)
    asked = Asked(keys=["patient"], ignored=["day"], texts=["note"], time="day")
    assert find_leaks({"one": one, "two": two}, asked) == {
        "duplicate rows": 1,  # word for word
        "entities by patient": 1,  # number 59
        "texts of note": 2,  # word for word, and in capitals
        "near duplicates of note": 1,  # with a word more
        "earlier by day": 0,
    }
    backwards = find_leaks({"two": two, "one": one}, Asked(time="day", ignored=["note", "patient"]))
    assert backwards["earlier by day"] == 60
    assert in_words({"duplicate rows": 2, "texts of note": 0, "earlier by day": 60}) == (
        "duplicate rows in more than one of them: 2; "
        "rows that by day are not after all of what comes before: 60"
    )
    with pytest.raises(UsageError, match="column town"):
        find_leaks({"one": one, "two": two}, Asked(keys=["town"]))


def test_what_is_found_is_on_record_and_blocks_or_warns(
    workspace: Workspace, tmp_path: Path
) -> None:
    train = texts(20, 1)
    register(workspace, table(tmp_path / "one.csv", train, 0, 2024), "one")
    register(workspace, table(tmp_path / "two.csv", [*texts(9, 2), train[3]], 50, 2025), "two")
    asked = Asked(texts=["note"], ignored=["day", "patient"])
    with pytest.raises(CheckFailed, match="one and two share"):
        check_leaks(workspace, ["one", "two"], asked, "sam")
    said = [one for one in Register.read(workspace).events if isinstance(one, LeaksChecked)]
    assert [(one.outcome, one.versions) for one in said] == [("blocked", ["one@1", "two@1"])]
    assert said[0].checks["texts of note"] == 1
    lenient = msgspec.structs.replace(workspace.settings, leaks=LeakSettings(action="warn"))
    assert lenient.policy_digest() != workspace.settings.policy_digest()
    with pytest.raises(UsageError, match="nothing to hold"):
        check_leaks(workspace, ["one", "one@1"], asked, "sam")
