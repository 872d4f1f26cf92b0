"""``governed store`` through the public command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from governed_kernel.cli import main
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
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
