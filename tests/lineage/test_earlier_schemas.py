"""What earlier versions wrote stays readable: workspaces as they left them, below ``fixtures``.

Each holds a real workspace's ledger, journals, catalog and objects, a checkpoint that was kept
elsewhere, and every row of every public view as that version showed it. Columns may be
added to views; what was there must stay as it was. Only what `column_origins` says over several
steps follows the rule of today (`lineage.relations.combined`), whenever the steps were recorded.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.audit.verification import verify_workspace
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from governed_kernel.release import projection
from governed_kernel.workspace import Workspace

FIXTURES = Path(__file__).with_name("fixtures")
VERSIONS = sorted(path.name for path in FIXTURES.iterdir())


@pytest.fixture(params=VERSIONS)
def kept(request: pytest.FixtureRequest) -> Path:
    return FIXTURES / str(request.param)


@pytest.fixture
def workspace(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("GOVERNED_HOME", str(tmp_path / "home"))
    root = tmp_path / "workspace"
    root.mkdir()
    shutil.copyfile(kept / "governed.toml", root / "governed.toml")
    shutil.copytree(kept / "catalog", root / "catalog")
    shutil.copytree(kept / "state", root / ".governed")
    return Workspace.open(root)


def test_there_is_one_of_each_schema() -> None:
    assert VERSIONS[0] == "schema-1"


def rows(store: Store, view: str) -> list[dict[str, Any]]:
    found = store.query(f"SELECT to_json(v)::VARCHAR AS row FROM {view} v")
    return [json.loads(row["row"]) for row in found]


def test_the_views_say_what_they_said_then(kept: Path, workspace: Workspace) -> None:
    """But for a run that was refused, of which ``decisions`` said nothing when it was kept."""
    store = projection.refresh(workspace)
    expected: dict[str, list[dict[str, Any]]] = json.loads((kept / "views.json").read_text())
    assert expected["column_origins"]
    for view, then in expected.items():
        columns = set(then[0]) if then else set()
        now = [{name: row[name] for name in row if name in columns} for row in rows(store, view)]
        assert sorted(map(json.dumps, now)) == sorted(map(json.dumps, then)), view


def test_what_could_not_be_read_then_is_still_said(workspace: Workspace) -> None:
    store = Store(workspace)
    assert [(journal.torn, journal.problem) for journal in store.ingest().journals if journal.torn]


def test_everything_verifies(kept: Path, workspace: Workspace) -> None:
    report = verify_workspace(workspace, since=kept / "checkpoint.json")
    assert [check for check in report.checks if check.outcome not in ("ok", "unsealed")] == []
    assert report.counts()["journal"] == {"ok": 1, "unsealed": 1}
    assert report.counts()["since"] == {"ok": 1}


def test_it_can_be_gone_on_with(kept: Path, workspace: Workspace) -> None:
    events = Ledger(workspace).events()
    Ledger(workspace).append(events[-1])
    assert len(Ledger(workspace).events()) == len(events) + 1
    report = verify_workspace(workspace, since=kept / "checkpoint.json")
    assert report.is_whole


@pytest.mark.parametrize("pattern", ["*.jsonl", "*.payloads.jsonl"])
def test_an_altered_byte_of_them_is_found(workspace: Workspace, pattern: str) -> None:
    for path in sorted(workspace.journals.glob(pattern)):
        whole = path.read_bytes()
        for place in range(0, len(whole) - 90, max(1, len(whole) // 40)):
            changed = bytearray(whole)
            changed[place] ^= 1
            path.write_bytes(changed)
            report = verify_workspace(workspace)
            named = path.name.partition(".")[0]
            assert [check.subject for check in report.broken] == [named], place
        path.write_bytes(whole)
