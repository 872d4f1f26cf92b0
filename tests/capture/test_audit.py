"""What Python's own audit events become."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.lineage.events import Access

from .recording import Recording, record

CELLS = [
    """
open("notes.txt", "w").write("a")
open("notes.txt").read()
open("notes.txt", "a").close()
open("notes.txt", "r+").close()
""",
    """
import os
descriptor = os.open("notes.txt", os.O_RDONLY)
os.close(descriptor)
os.rename("notes.txt", "kept.txt")
os.symlink("kept.txt", "link.txt")
os.remove("link.txt")
os.remove("kept.txt")
""",
    """
try:
    open("missing.txt")
except FileNotFoundError:
    pass
import os, json.tool
os.listdir(".")
""",
    """
import sqlite3
sqlite3.connect("cases.db").close()
sqlite3.connect(":memory:").close()
""",
    """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.socket()
client.connect(server.getsockname())
client.close(); server.close()
""",
    """
import subprocess
subprocess.run(["true", "--secret"])
""",
    """
import urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:9/data/file.csv?token=abc", timeout=1)
except OSError:
    pass
""",
    """
open("forbidden/patients.csv").read()
""",
    """
import threading
def read():
    open("catalogued/patients.csv").read()
thread = threading.Thread(target=read); thread.start(); thread.join()
""",
    """
import os, shutil, tempfile
os.mkdir("tree"); os.mkdir("tree/inner")
open("tree/inner/leaf.txt", "w").close()
open("leaf.txt", "w").close()
shutil.rmtree("tree")
folder = os.open(".", os.O_RDONLY)
os.rename("leaf.txt", "fallen.txt", src_dir_fd=folder, dst_dir_fd=folder)
os.symlink("fallen.txt", "soft.txt", dir_fd=folder)
os.close(os.open("unseen.txt", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
""",
    """
import tempfile
tempfile.NamedTemporaryFile(dir=".", prefix="made-").close()
""",
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("audited")
    for name in ("forbidden", "catalogued"):
        (folder / name).mkdir()
        (folder / name / "patients.csv").write_text("id\n1\n")
    return record(folder, CELLS)


def test_opens_are_reads_and_writes_by_their_mode(recording: Recording) -> None:
    assert recording.accesses(1) == [
        ("write", "notes.txt", "audit:open"),
        ("read", "notes.txt", "audit:open"),
        ("write", "notes.txt", "audit:open"),
        ("read", "notes.txt", "audit:open"),
        ("write", "notes.txt", "audit:open"),
    ]


def test_renames_links_and_removals_are_seen_by_the_name_they_concern(
    recording: Recording,
) -> None:
    assert recording.accesses(2) == [
        ("read", "notes.txt", "audit:open"),
        ("write", "kept.txt", "audit:os.rename"),
        ("delete", "notes.txt", "audit:os.rename"),
        ("write", "link.txt", "audit:os.link"),
        ("delete", "link.txt", "audit:os.remove"),
        ("delete", "kept.txt", "audit:os.remove"),
    ]


def test_names_are_relative_to_the_folder_that_comes_with_them(recording: Recording) -> None:
    assert recording.accesses(10) == [
        ("write", "tree/inner/leaf.txt", "audit:open"),
        ("write", "leaf.txt", "audit:open"),
        ("delete", "tree/inner/leaf.txt", "audit:os.remove"),
        ("delete", "tree/inner", "audit:os.remove"),
        ("delete", "tree", "audit:os.remove"),
        ("write", "fallen.txt", "audit:os.rename"),
        ("delete", "leaf.txt", "audit:os.rename"),
        ("write", "soft.txt", "audit:os.link"),
        # Python does not tell the folder of os.open; the witness does.
    ]


def test_a_temporary_file_is_a_file_and_not_its_folder(recording: Recording) -> None:
    assert {operation for operation, _, _ in recording.accesses(11)} == {"write", "delete"}
    assert all(path.startswith("made-") for _, path, _ in recording.accesses(11))


def test_missing_files_folders_and_the_environment_are_no_accesses(recording: Recording) -> None:
    assert recording.accesses(3) == []


def test_databases_in_files_are_connected_to_and_those_in_memory_are_not(
    recording: Recording,
) -> None:
    uri = f"sqlite://{recording.folder}/cases.db"
    assert recording.accesses(4) == [("connect", uri, "audit:sqlite3.connect")]


def test_a_socket_is_named_by_its_peer(recording: Recording) -> None:
    (access,) = recording.of(Access, 5)
    assert (access.operation, access.kind) == ("connect", "socket")
    assert access.uri.startswith("tcp://127.0.0.1:")


def test_a_process_is_named_by_its_program_and_its_words_are_erasable(
    recording: Recording,
) -> None:
    (access,) = recording.of(Access, 6)
    assert (access.operation, access.kind) == ("execute", "process")
    assert Path(access.uri).name in ("true", "coreutils")
    assert recording.texts[access.detail] == "true --secret"


def test_a_url_is_recorded_without_credentials_and_query(recording: Recording) -> None:
    (access,) = [found for found in recording.of(Access, 7) if found.kind == "http"]
    assert access.operation == "read"
    assert access.uri == "http://127.0.0.1:9/data/file.csv"


def test_what_policy_forbids_raises_before_the_file_is_read(recording: Recording) -> None:
    # writing the traceback may read source files as well
    (access,) = [found for found in recording.of(Access, 8) if "patients.csv" in found.uri]
    assert access.decision == "denied"
    assert access.policies == ["no-forbidden"]
    assert "PolicyDenied: read of file://" in recording.errors[7]
    assert "why:  read is forbidden here" in recording.errors[7]


def test_catalogued_data_carries_its_name_and_class(recording: Recording) -> None:
    (access,) = recording.of(Access, 9)
    assert (access.dataset, access.version, access.data_class) == ("patients", "1", "health")
    assert access.decision == "allowed"


def test_nothing_else_went_wrong(recording: Recording) -> None:
    assert [n for n, error in enumerate(recording.errors, 1) if error] == [8]


def test_credentials_in_a_proxy_or_an_unusual_url_stay_out(tmp_path: Path) -> None:
    from governed_kernel.capture.uris import url_uri

    assert url_uri("HTTPS://u:p@Example.org:8443/a b?sig=1#x") == "https://example.org:8443/a%20b"
    assert url_uri("postgresql://u:p@db/cases") == "postgresql://db/cases"
    assert url_uri("http://u:p@[::1]:80/") == "http://[::1]:80/"


def test_a_statement_that_reads_one_unchanged_file_again_and_again_says_it_once(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "same").symlink_to("a.txt")
    cells = [
        "for name in ('a.txt', 'a.txt', './a.txt', 'same'):\n    open(name).close()",
        "for letter in 'bc':\n    open('a.txt').close(); open('a.txt', 'a').write(letter)",
        "open('a.txt').close()\nopen('a.txt').close()",
        "for _ in range(2):\n"
        "    open('a.txt').close(); os.rename('a.txt', 'b.txt')\n"
        "    open('b.txt').close(); os.rename('b.txt', 'a.txt')",
    ]
    recording = record(tmp_path, ["import os", *cells])
    assert recording.errors == [""] * 5
    read, write = ("read", "a.txt", "audit:open"), ("write", "a.txt", "audit:open")
    assert recording.accesses(2) == [read]
    assert recording.accesses(3) == [read, write] * 2
    assert recording.accesses(4) == [read] * 2
    reads = [access[1] for access in recording.accesses(5) if access[0] == "read"]
    assert reads == ["a.txt", "b.txt"] * 2
