"""``governed store`` through the public command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.cli import main
from governed_kernel.errors import Refused, ResourceMissing
from governed_kernel.governance.signing import record_refusal
from governed_kernel.lineage import opening
from governed_kernel.lineage.store import Store
from governed_kernel.release import projection
from governed_kernel.workspace import Workspace
from tests.governance.people import make_workspace
from tests.lineage.sessions import prepare, train, workspace_at


@pytest.fixture
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = workspace_at(tmp_path_factory.mktemp("store"))
    workspace.ledger.unlink()  # journals alone: what the ledger adds is the projection's to test
    prepare(workspace)
    train(workspace)
    return workspace


def run(workspace: Workspace, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["--workspace", str(workspace.root), "store", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_rebuilt_store_says_the_same(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(workspace)
    store.ingest()
    before = store.fingerprint()
    assert run(workspace, "rebuild", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["events"] == sum(journal.events for journal in store.report.journals)
    assert store.fingerprint() == before


def test_an_export_is_a_folder_of_parquet(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "export"
    assert run(workspace, "export", "--parquet", str(folder), "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["folder"], facts["rows"]["sessions"]) == (str(folder), 2)
    assert (folder / "column_origins.parquet").is_file()
    assert run(workspace, "export", "--parquet", str(folder)) == 2


def test_info_says_what_there_is_and_how_large(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(workspace, "info", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    journals = sum(path.stat().st_size for path in workspace.journals.glob("s?.jsonl"))
    assert facts["sessions"] == 2
    assert facts["journals_bytes"] == facts["journals_on_disk"] == journals
    assert facts["bytes"] == workspace.store.stat().st_size


@pytest.fixture
def initialised(home: Path, tmp_path: Path) -> Workspace:
    """A workspace with people, which this person has seen."""
    assert home.is_dir()
    workspace = make_workspace(tmp_path / "workspace")
    assert run(workspace, "rebuild") == 0
    return workspace


def test_without_the_ledger_that_was_there_nothing_is_made(
    initialised: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    before = initialised.store.read_bytes()
    initialised.ledger.rename(initialised.ledger.with_suffix(".away"))
    for command in (("store", "rebuild"), ("lineage", "sql", "select 1")):
        with pytest.raises(SystemExit) as ended:
            main(["--workspace", str(initialised.root), *command])
        assert ended.value.code == 2
        assert "has no ledger" in capsys.readouterr().err
    assert initialised.store.read_bytes() == before


@pytest.mark.parametrize("kilobytes", [40, 200, 1000])
def test_a_disk_that_is_full_half_way_is_told_and_the_store_stays(
    small_disk: Path, home: Path, kilobytes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert home.is_dir()
    full = make_workspace(small_disk / "workspace")
    assert run(full, "rebuild") == 0
    before = full.store.read_bytes()
    filler = full.root / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(full.root).free - 1024 * kilobytes))
    assert run(full, "rebuild") == 6
    assert "No space left on device" in capsys.readouterr().err
    assert full.store.read_bytes() == before
    filler.unlink()
    assert run(full, "rebuild") == 0


def test_what_people_say_comes_into_the_store_between_two_openings_that_read(
    initialised: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        projection.refresh(initialised)
        refused = Refused("no", why="x", next="y")
        record_refusal(initialised, "rita", "revoke", f"triage@{number}", refused)
    read_only: list[bool] = []
    really = opening.connect

    def connect(*given: Any, **named: Any) -> Any:
        read_only.append(named["read_only"])
        return really(*given, **named)

    monkeypatch.setattr("governed_kernel.lineage.store.connect", connect)
    with projection.opened(initialised) as store:
        told = store.query("SELECT resource FROM decisions WHERE action = 'revoke' ORDER BY ALL")
    assert [row["resource"] for row in told] == ["triage@1", "triage@2"]
    assert read_only == [True, False, True]


def test_what_a_disk_hinders_is_on_record_as_failed_and_not_as_denied(
    initialised: Workspace,
) -> None:
    full = ResourceMissing("it could not be written", why="the disk is full", next="make room")
    record_refusal(initialised, "rita", "revoke", "triage@1", full)
    record_refusal(initialised, "rita", "revoke", "triage@1", Refused("no", why="x", next="y"))
    with projection.opened(initialised) as store:
        told = store.query("SELECT outcome FROM decisions WHERE action = 'revoke' ORDER BY ALL")
    assert [row["outcome"] for row in told] == ["denied", "failed"]
