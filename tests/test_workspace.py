"""How a workspace is found, and that no path leads out of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from governed_kernel.errors import UnknownName, UsageError
from governed_kernel.workspace import Workspace, new_identifier, personal_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "research" / "deep").mkdir(parents=True)
    (folder / "governed.toml").write_text('[workspace]\nname = "x"\n')
    return folder


def test_it_is_the_nearest_one_above(root: Path) -> None:
    assert Workspace.find(root / "research" / "deep").root == root


def test_else_the_environment_names_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNED_WORKSPACE", str(root))
    assert Workspace.find(root.parent).root == root


def test_else_the_message_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOVERNED_WORKSPACE", raising=False)
    with pytest.raises(UnknownName, match="governed init"):
        Workspace.find(tmp_path)
    with pytest.raises(UnknownName, match="no workspace"):
        Workspace.open(tmp_path)


@pytest.mark.parametrize("path", ["../other", "/etc/passwd", "research/../../x", "link/x"])
def test_no_path_leaves_it(root: Path, path: str) -> None:
    (root / "link").symlink_to(root.parent)
    with pytest.raises(UsageError, match="outside the workspace"):
        Workspace.open(root).inside(path)


def test_a_path_inside_is_recorded_relative_to_the_root(root: Path) -> None:
    workspace = Workspace.open(root)
    assert workspace.relative(workspace.inside("research/deep")) == "research/deep"


def test_a_named_file_is_looked_for_here_and_then_in_the_workspace(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace.open(root)
    (root / "note").touch()
    monkeypatch.chdir(tmp_path)
    assert workspace.named("note") == root / "note"
    (tmp_path / "note").touch()
    assert workspace.named("note") == tmp_path / "note"


def test_names_of_sessions_and_runs_sort_by_time_and_differ() -> None:
    names = [new_identifier("run-") for _ in range(50)]
    assert len(set(names)) == 50
    assert all(re.fullmatch(r"run-\d{8}T\d{6}-[0-9a-f]{8}", name) for name in names)


def test_private_things_lie_where_the_person_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVERNED_HOME", str(tmp_path))
    assert personal_folder() == tmp_path
    monkeypatch.delenv("GOVERNED_HOME")
    assert personal_folder().name == "governed"
