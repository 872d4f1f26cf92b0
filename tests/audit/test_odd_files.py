"""What is no file in a file's place: every command says so, none falls over, and none waits."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.cli.commands import Done
from tests.loop.place import Place
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow

SECONDS = 60
KINDS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}
QUESTIONS = ("audit verify", "lineage sql 'select 1'", "release show sour", "people list")
STATE = (
    *("ledger.jsonl", "ledger.lock", "ledger.together", "derived.jsonl", "derived.lock"),
    *("lineage.duckdb", "lineage.duckdb.wal", "lineage.lock", "erased.json", "erased.lock"),
    *("journals", "objects", "snapshots", "runs", "imported", "sealing.lock"),
    *("journals/{session}.jsonl.zst", "journals/{session}.jsonl", "journals/{session}.head"),
    *("journals/{session}.payloads.jsonl", "journals/cut.jsonl", "journals/cut.head"),
    *("runs/{run}/state.json", "runs/{run}/plan.json", "runs/{run}/state.lock"),
    *("runs/{run}/log.txt", "runs/{run}/output/notebook.ipynb", "runs/{run}/work/manifest.json"),
)
RELEASE = (
    *("manifest.json", "diff.html", "environment.json", "origin.ipynb", "card.toml"),
    *("research/sour.ipynb", "suites/berries/suite.toml"),
)


@pytest.fixture
def released(stages: Stages, tmp_path: Path) -> Place:
    return stages.released.copy(tmp_path)


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Who waits at a pipe is torn away from it."""

    def over(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"it waited for {SECONDS} s")

    before = signal.signal(signal.SIGALRM, over)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def ask(place: Place, command: str) -> Done:
    """Anything but an end in words, a traceback above all, is raised here."""
    signal.alarm(SECONDS)
    done = place.here(command)
    signal.alarm(0)
    assert done.code == 0 or "why: " in done.err, done.err
    return done


def lay(place: Place, name: str, kind: str) -> Path:
    """Put something else in the place of what has that name, there or not."""
    (run, *_) = place.events("RunStarted")
    session = min(place.workspace.journals.glob("*.payloads.jsonl")).name.partition(".")[0]
    path = place.root / name.format(session=session, run=run.run_id)
    if path.is_dir():
        for each in (path, *path.rglob("*")):
            if not each.is_symlink():
                each.chmod(0o755 if each.is_dir() else 0o644)
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.chmod(0o755)
    KINDS[kind](path)
    return path


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", [*(f".governed/{name}" for name in STATE), *(f"release/sour@1/{n}" for n in RELEASE)]
)
def test_whatever_lies_there_is_told_in_words(released: Place, name: str, kind: str) -> None:
    lay(released, name, kind)
    for question in QUESTIONS:
        ask(released, question)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["journals/{session}.jsonl", "journals/{session}.jsonl.zst", "journals/cut.head"]
)
def test_a_journal_s_place_is_not_called_empty(released: Place, name: str, kind: str) -> None:
    """The plain form beside the compressed one is looked at as well."""
    path = lay(released, f".governed/{name}", kind)
    done = ask(released, "audit verify")
    assert done.code == 4
    assert f"{path.name} can't be read: something that is no file is in its place" in done.err


@pytest.mark.parametrize("kind", KINDS)
def test_one_thing_that_can_t_be_verified_is_one_broken_line(released: Place, kind: str) -> None:
    """The code of a split; what comes after it is verified as well."""
    (code,) = (path for path in released.workspace.objects.glob("*/*") if _is_code(path))
    lay(released, str(code.relative_to(released.root)), kind)
    signal.alarm(SECONDS)
    checks = released.here("audit verify --json").facts["checks"]
    signal.alarm(0)
    (broken,) = (check for check in checks if check["outcome"] == "broken")
    assert broken["kind"] == "object"
    kinds = {check["kind"] for check in checks if check["outcome"] == "ok"}
    assert kinds > {"release", "run", "bundle", "deployment"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["policies/reading.cedar", "policies/another.cedar"])
def test_a_policy_that_is_no_file_is_one_broken_line_of_all(
    released: Place, name: str, kind: str
) -> None:
    """No approval counts meanwhile, and an auditor is told the rest."""
    lay(released, name, kind)
    signal.alarm(SECONDS)
    done = released.here("audit verify --json")
    shown = released.here("release show sour --json")
    signal.alarm(0)
    assert done.code == 4
    (broken,) = (check for check in done.facts["checks"] if check["outcome"] == "broken")
    assert broken["kind"] == "policy"
    assert f"{Path(name).name} can't be read" in broken["detail"]
    assert f"{Path(name).name} can't be read" in str(shown.facts["approvals"])


def _is_code(path: Path) -> bool:
    return b"def " in path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_that_is_no_file_is_not_opened(released: Place, kind: str) -> None:
    released.done_here("lineage sql 'select 1'")
    path = lay(released, ".governed/lineage.duckdb", kind)
    for question in ("audit verify", "lineage sql 'select 1'"):
        done = ask(released, question)
        if kind == "a link to itself":  # as none: it is made
            assert done.code == 0
        else:
            assert done.code in (4, 6)
            assert f"{path} can't be read" in done.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_ledger_that_is_no_file_is_not_called_missing(released: Place, kind: str) -> None:
    path = released.workspace.ledger
    path.unlink()
    KINDS[kind](path)
    for question in ("audit verify", "people list", "release show sour"):
        done = ask(released, question)
        assert done.code == 6
        assert f"{path} can't be read" in done.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_or_a_manifest_that_is_no_file_keeps_nobody_waiting(
    released: Place, kind: str
) -> None:
    lay(released, "cards/sour.toml", kind)
    assert "cards/sour.toml could not be read" in ask(released, "release card sour").err
    lay(released, "release/sour@1/manifest.json", kind)
    done = ask(released, "recall plan berries --json")
    assert done.code == 0
    assert "sour@1" in done.out  # whatever lies there now: the ledger says what it reads


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device"])
def test_what_sessions_made_is_not_decided_without_the_list_of_it(
    released: Place, kind: str
) -> None:
    path = lay(released, ".governed/derived.jsonl", kind)
    said = "--class public --owner O --legal-basis L --purpose train --as dora"
    done = ask(released, f"data register seeds berries.csv {said}")
    assert done.code == 6
    assert f"{path} can't be read" in done.err


def test_what_a_person_remembers_that_is_a_pipe_keeps_nobody_waiting(released: Place) -> None:
    known = released.home / "known_workspaces.json"
    known.unlink()
    os.mkfifo(known)
    assert "known_workspaces.json can't be read" in ask(released, "people list").err
