"""Files that are never half-made."""

from __future__ import annotations

import multiprocessing
import os
import resource
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from governed_kernel.canonical import digest_file
from governed_kernel.errors import ResourceMissing
from governed_kernel.files import open_regular, write_atomically, written_atomically


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def test_a_file_is_written_whole_with_its_mode_and_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    write_atomically(path, b"content", mode=0o444)
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o444
    assert [item.name for item in path.parent.iterdir()] == ["b.json"]


def test_an_existing_file_is_left_alone_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_atomically(path, b"first")
    with pytest.raises(FileExistsError):
        write_atomically(path, b"second", replace=False)
    assert path.read_bytes() == b"first"
    assert [item.name for item in tmp_path.iterdir()] == ["x"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_atomically(path, b"old")
    failure = _in_a_process(_write_too_much, path)
    assert failure == "ResourceMissing"
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["x"]


def test_a_folder_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResourceMissing, match="could not be written"):
        write_atomically(tmp_path / "file" / "x", b"")


def _write_too_much(path: Path) -> str:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        write_atomically(path, b"x" * 10_000)
    except ResourceMissing as error:
        return type(error).__name__
    return "written"


def _in_a_process(function: object, path: Path) -> object:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, (path,))  # type: ignore[arg-type]  # a plain function


def test_a_file_is_written_while_another_temporary_file_is_made(tmp_path: Path) -> None:
    """As when a policy is asked about the file by which `tempfile` tries a folder out."""

    def inside(_: object) -> None:
        write_atomically(tmp_path / "x", b"content")
        with written_atomically(tmp_path / "y") as file:
            file.write(b"content")

    with tempfile._once_lock:  # type: ignore[attr-defined]
        writer = threading.Thread(target=inside, args=(None,), daemon=True)
        writer.start()
        writer.join(timeout=30)
    assert not writer.is_alive()
    assert (tmp_path / "y").read_bytes() == (tmp_path / "x").read_bytes() == b"content"


def test_a_stream_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"before")

    def fail() -> None:
        with written_atomically(path) as file:
            file.write(b"half")
            raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        fail()
    assert path.read_bytes() == b"before"
    assert [item.name for item in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("lay", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), _socket])
def test_what_would_keep_its_reader_waiting_is_not_opened(
    lay: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "x"
    lay(path)
    for read in (open_regular, digest_file, lambda path: digest_file(path, 3)):
        with pytest.raises(OSError, match=r"no file|No such device"):
            read(path)
