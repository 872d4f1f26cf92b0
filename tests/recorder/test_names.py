"""What names lead to is the same whatever was asked before."""

from __future__ import annotations

import os
import random
import shutil
import threading
from pathlib import Path

import pytest

from governed_kernel.recorder import paths
from governed_kernel.recorder.environment import Environment, resolve_places, session_variables
from governed_kernel.recorder.names import Names, _is_within


@pytest.fixture
def names(tmp_path: Path) -> Names:
    return Names(Environment(resolve_places(session_variables(tmp_path))), None)


def _tree(root: Path, rng: random.Random) -> list[bytes]:
    """Folders, files and links at random, some of them to nowhere or in circles; many paths."""
    folders, places = [root], [root]
    for number in range(40):
        here = rng.choice(folders) / f"n{number}"
        kind = rng.choice(("folder", "folder", "file", "link", "relative", "broken", "fleeting"))
        if kind == "folder":
            here.mkdir()
            folders.append(here)
        elif kind == "file":
            here.write_text("x")
        else:
            other = rng.choice(places)
            relative = os.path.relpath(other, here.parent)
            to = {"link": str(other), "relative": relative, "fleeting": "/proc/self/cwd"}
            here.symlink_to(to.get(kind, f"nowhere{number}"))
        places.append(here)
    names = (
        "a",
        "../n5",
        "./n6",
        "n7/..",
        "n8/b",
        *(place.name for place in rng.sample(places, 9)),
    )
    return [os.fsencode(f"{place}/{name}") for place in places for name in names]


@pytest.mark.parametrize("seed", range(20))
def test_a_place_is_what_following_every_link_finds(
    tmp_path: Path, names: Names, seed: int
) -> None:
    rng = random.Random(seed)
    thread = threading.get_native_id()
    asked = _tree(tmp_path, rng)
    rng.shuffle(asked)
    for path in asked:
        assert names.place(thread, path, None).path == paths.resolve(thread, path), path


def test_a_folder_in_proc_is_looked_at_each_time(names: Names) -> None:
    thread = threading.get_native_id()
    names.place(thread, b"/proc/x", None)
    for folder in (b"/proc/self/cwd", f"/proc/{os.getpid()}/cwd".encode(), b"/dev/fd"):
        found = names.place(thread, folder + b"/some/file", None).path
        assert found == paths.resolve(thread, folder + b"/some/file")
    here = Path.cwd()
    try:
        os.chdir("/")
        assert names.place(thread, b"/proc/self/cwd/some/file", None).path == "/some/file"
    finally:
        os.chdir(here)


def test_nothing_is_remembered_while_a_call_that_changes_names_is_under_way(
    tmp_path: Path, names: Names
) -> None:
    reading, writing = os.pipe()
    waiting = threading.Thread(target=os.read, args=(reading, 1))
    waiting.start()
    assert waiting.native_id is not None
    thread = threading.get_native_id()
    asked = os.fsencode(tmp_path / "folder" / "file")
    (tmp_path / "other").mkdir()
    names.changes(waiting.native_id, 0)  # as if its read(2) were the call
    while not _is_within(waiting.native_id, 0):
        pass
    assert names.place(thread, asked, None).path == os.fsdecode(asked)
    (tmp_path / "folder").symlink_to("other")
    assert names.place(thread, asked, None).path == str(tmp_path / "other" / "file")
    os.write(writing, b"x")
    waiting.join()
    while Path(f"/proc/{waiting.native_id}").exists():
        pass  # its last steps come after it was waited for
    assert names.place(thread, asked, None).path == str(tmp_path / "other" / "file")
    (tmp_path / "folder").unlink()  # nobody tells of it, so what is remembered shows
    assert names.place(thread, asked, None).path == str(tmp_path / "other" / "file")
    names.changes(thread, 88)
    names.arrived(thread)
    assert names.place(thread, asked, None).path == os.fsdecode(asked)


def test_a_file_is_read_once_more_only_while_the_name_leads_to_the_same_unchanged_file(
    tmp_path: Path, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = threading.get_native_id()
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text("a")
    file = tmp_path / "here" / "a.csv"
    monkeypatch.chdir(tmp_path / "here")

    def again(path: bytes = b"a.csv") -> bool:
        """Whether it was read before; from now on it is known to be."""
        known = names.is_read(thread, path, os.O_RDONLY)
        names.remember_read(path, names.place(thread, path, None), os.O_RDONLY)
        return known

    assert not again()
    assert again()
    assert not names.is_read(thread, b"a.csv", os.O_RDONLY | os.O_DIRECT)
    os.chdir("../there")
    assert not again()
    os.chdir("../here")
    assert not again()
    file.write_text("b")
    assert not again()
    file.chmod(0o600)
    assert not again()
    Path(shutil.copy(file, tmp_path / "copy")).replace(file)
    assert not again()
    assert again()
    names.forget()
    assert not again()
    (tmp_path / "link").symlink_to(file)
    link = os.fsencode(tmp_path / "link")
    assert [again(link), again(link)] == [False, False]  # it may lead elsewhere by the next time
    (tmp_path / "second").hardlink_to(file)
    assert [again(), again()] == [False, False]  # which of its names was read must be told
