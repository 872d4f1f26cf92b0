"""What an installation put there is told from what somebody laid beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import pytest

from governed_kernel.recorder import installed
from governed_kernel.recorder.installed import Installed, versions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one/schema.json", "one/own.json", "shared/a.txt", "shared/b.txt", "two.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    for name, listed in {
        "one-1.0": "one/__init__.py,,\none/schema.json,sha256=x,1\nshared/a.txt,,\n",
        "two-1.0": 'shared/b.txt,,\n"two, three.txt",,\n',
        "unlisted-1.0": None,
    }.items():
        about = tmp_path / f"{name}.dist-info"
        about.mkdir()
        if listed is not None:
            (about / "RECORD").write_text(listed)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "installed"),
    [
        ("one/schema.json", True),
        ("one/own.json", False),
        ("one", True),
        ("shared/a.txt", True),
        ("shared/b.txt", True),
        ("two.txt", False),
        ("two, three.txt", True),
        ("schema.json", False),
        ("one/schema.json,sha256=x", False),
        ("nobody/x.txt", False),
    ],
)
def test_a_list_names_what_was_installed(folder: Path, name: str, installed: bool) -> None:
    lists = Installed(f"{folder}/")
    assert lists.names(f"{folder}/{name}") is installed
    assert lists.names(f"{folder}/{name}") is installed


def test_versions_are_read_off_the_names_of_what_installers_left(folder: Path) -> None:
    (folder / "Two_Words-2.1.post1.dist-info").mkdir()
    (folder / "strange.dist-info").mkdir()
    assert versions([str(folder / "nowhere"), str(folder)]) == {
        "one": "1.0",
        "two": "1.0",
        "two-words": "2.1.post1",
        "unlisted": "1.0",
    }


def test_no_more_lists_are_read_than_the_answer_needs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        other = folder / f"other{number}-1.0.dist-info"
        other.mkdir()
        (other / "RECORD").write_text(f"other{number}/a.txt,,\n")
        os.utime(other, (0, 0))
    read: list[str] = []

    def noting(path: str, _: str) -> IO[bytes]:
        read.append(Path(path).parent.name)
        return Path(path).open("rb")

    monkeypatch.setattr(installed, "open", noting, raising=False)
    lists = Installed(f"{folder}/")
    assert lists.names(f"{folder}/one/schema.json")
    assert read == ["one-1.0.dist-info"]
    assert lists.names(f"{folder}/shared/b.txt")
    assert "two-1.0.dist-info" in read[1:]
    assert len(read) <= 4
    assert not lists.names(f"{folder}/one/own.json")
    assert len(read) > 20  # that nobody installed it, only all of them can say
