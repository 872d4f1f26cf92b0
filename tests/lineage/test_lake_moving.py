"""The lineage store from a file into a lake and back: the same contents, or the old one stays."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from governed_kernel.audit.projected import check_store
from governed_kernel.configuration import parse
from governed_kernel.errors import CheckFailed, UsageError
from governed_kernel.lineage.lake import Lake
from governed_kernel.lineage.store import Store
from governed_kernel.release import moving
from governed_kernel.release.moving import move, with_store
from governed_kernel.release.projection import rebuild, refresh
from governed_kernel.workspace import Workspace
from tests.kernel.running import home_of, make_workspace
from tests.lineage import lakes
from tests.lineage.sessions import prepare, train

TOML = '# ours\n[workspace]\nname = "x" # a name\n\n[run]\nthreads = 4\n'


def test_settings_keep_everything_but_the_store() -> None:
    lake = "ducklake:postgres:service=lineage"
    text = with_store(TOML, lake, "/srv/lake", "team")
    settings = parse(text, Path("governed.toml"))
    assert (settings.store, settings.lake.data, settings.lake.schema) == (lake, "/srv/lake", "team")
    assert "# ours" in text
    assert 'name = "x" # a name' in text
    again = with_store(text, lake, "/srv/other", "")
    assert parse(again, Path("governed.toml")).lake.data == "/srv/other"
    assert parse(again, Path("governed.toml")).lake.schema == "team"
    assert again.count("store =") == again.count("data =") == 1
    back = parse(with_store(again, "file", "", ""), Path("governed.toml"))
    assert (back.store, back.run.threads) == ("", 4)


@pytest.fixture
def told(
    server: lakes.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Workspace, str, str]:
    """A workspace with two sessions, and the lake and folder that its store may move into."""
    monkeypatch.setenv("PGPASSWORD", lakes.PASSWORD)
    workspace = make_workspace(tmp_path / "workspace")
    monkeypatch.setenv("GOVERNED_HOME", str(home_of(workspace)))
    prepare(workspace)
    train(workspace)
    return workspace, f"ducklake:postgres:{server.connection}", str(tmp_path / "lake")


@pytest.mark.slow
def test_a_store_moves_into_a_lake_and_back_and_says_the_same(
    told: tuple[Workspace, str, str],
) -> None:
    workspace, target, data = told
    fingerprint, path = refresh(workspace).fingerprint(), workspace.store
    there, rows = move(workspace, target, data, "moved")
    assert isinstance(there, Lake)
    assert rows["cell_started"] == 6
    assert there.fingerprint() == fingerprint
    assert not path.exists()
    with pytest.raises(UsageError, match="already"):
        move(there.workspace, target)
    here, _ = move(there.workspace, "file")
    assert here.path == path
    assert here.fingerprint() == fingerprint
    with there.copying() as connection:
        found = connection.execute("SELECT count(*) FROM base.cell_started").fetchall()
    assert found == [(6,)], "who still names the lake brings the records there again"


@pytest.mark.full
def test_a_store_that_was_edited_or_a_move_that_is_cut_short_changes_nothing(
    told: tuple[Workspace, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, target, data = told
    fingerprint, path = refresh(workspace).fingerprint(), workspace.store
    with duckdb.connect(path) as connection:  # somebody edits a row
        connection.execute("UPDATE base.cell_ended SET status = 'error'")
    with pytest.raises(CheckFailed, match="cell_ended") as refused:
        move(workspace, target, data, "edited")
    assert "audit verify" in refused.value.next
    assert path.exists()
    assert not Workspace(workspace.root).settings.store
    rebuild(workspace)

    with monkeypatch.context() as patch:
        patch.setattr(moving, "write_atomically", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            move(workspace, target, data, "edited")
    assert Store(Workspace(workspace.root)).fingerprint() == fingerprint

    there, _ = move(workspace, target, data, "edited")
    assert [check.outcome for check in check_store(there.workspace)] == ["ok"]
    assert isinstance(there, Lake)
    with there._writing(exclusive=True) as connection:
        connection.execute("UPDATE base.cell_ended SET status = 'error'")
    broken = [check.subject for check in check_store(there.workspace) if check.outcome == "broken"]
    assert broken == ["lake: cell_ended"]
    rebuild(there.workspace)
    assert there.fingerprint() == fingerprint


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
