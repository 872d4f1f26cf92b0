from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from governed_kernel.capture import uris
from governed_kernel.recorder import paths

HERE = os.getpid()
WORKING_DIRECTORY = 0xFFFFFFFFFFFFFF9C


@pytest.mark.parametrize("name", ["plain.csv", "with space.csv", "ünïcode.csv", "a%b#c?.csv"])
def test_witness_and_observers_spell_a_file_alike(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    assert paths.file_uri(os.path.realpath(path)) == uris.file_uri(path)
    assert paths.local_path(uris.file_uri(path)) == os.path.realpath(path)


def test_bytes_that_are_no_text_have_a_uri(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")
    assert paths.file_uri(path).endswith("/%FF.csv")
    assert paths.local_path(paths.file_uri(path)) == os.path.realpath(path)


@pytest.mark.parametrize("uri", ["https://host/x", "tcp://1.2.3.4:5", "memory://s/1", "/plain"])
def test_what_is_not_local_has_no_path(uri: str) -> None:
    assert paths.local_path(uri) is None


def test_a_relative_path_is_taken_from_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths.resolve(HERE, b"x.csv") == str(tmp_path.resolve() / "x.csv")
    found = paths.resolve(HERE, b"x.csv", WORKING_DIRECTORY)
    assert found == str(tmp_path.resolve() / "x.csv")


def test_a_path_relative_to_a_descriptor_is_resolved(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert paths.resolve(HERE, b"sub/../x", folder) == str(tmp_path.resolve() / "x")
    finally:
        os.close(folder)


def test_the_last_link_is_followed_only_by_calls_that_do(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    path = os.fsencode(tmp_path / "link")
    assert paths.resolve(HERE, path) == str(tmp_path.resolve() / "target")
    assert paths.resolve(HERE, path, follow=False) == str(tmp_path.resolve() / "link")


def test_descriptors_are_those_of_the_process_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "descriptors").symlink_to("/proc/self/fd")
    with subprocess.Popen(
        [sys.executable, "-c", f"file = open({str(tmp_path / 'a.csv')!r}); print(file.fileno());"
         "input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        number = int(process.stdout.readline())
        for folder in ("/proc/self/fd", "/proc/thread-self/fd", "/dev/fd"):
            found = paths.resolve(process.pid, f"{folder}/{number}".encode())
            assert found == str(tmp_path / "a.csv")
        through = f"{tmp_path}/descriptors/../fd/{number}"
        assert paths.trace(process.pid, through) == (str(tmp_path / "a.csv"), True)
        process.communicate("\n")


@pytest.mark.parametrize("text", ["/", "/a/../b", "//a//b/", "/link/x", "/link/../x", "/loop/x"])
def test_links_are_followed_as_the_system_does(tmp_path: Path, text: str) -> None:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a/deep")
    (tmp_path / "up").symlink_to("../" + tmp_path.name)
    path = f"{tmp_path}{text}"
    if not text.startswith("/loop"):
        assert paths.real(HERE, path) == os.path.realpath(path)
        assert paths.trace(HERE, f"{tmp_path}/up{text}") == (os.path.realpath(path), False)
    (tmp_path / "loop").symlink_to("loop")
    assert paths.real(HERE, f"{tmp_path}/loop/x") == f"{tmp_path}/loop/x"


def test_addresses_are_read_from_memory() -> None:
    four = struct.pack("=H", socket.AF_INET) + struct.pack("!H", 5432) + bytes([10, 0, 0, 1])
    assert paths.address_of(four + bytes(8), HERE, "tcp") == "tcp://10.0.0.1:5432"
    six = struct.pack("=H", socket.AF_INET6) + struct.pack("!H", 53) + bytes(4)
    six += socket.inet_pton(socket.AF_INET6, "::1") + bytes(4)
    assert paths.address_of(six, HERE, "udp") == "udp://[::1]:53"
    unix = struct.pack("=H", socket.AF_UNIX)
    assert paths.address_of(unix + b"/run/x\0rest", HERE, "tcp") == "unix:///run/x"
    assert paths.address_of(unix + b"\0hidden", HERE, "tcp") == "unix://@hidden"
    assert paths.address_of(struct.pack("=H", socket.AF_NETLINK) + bytes(10), HERE, "tcp") is None
    assert paths.address_of(b"", HERE, "tcp") is None


def test_the_usual_ports_are_known() -> None:
    assert paths.host_and_port("https://host/x") == ("host", 443)
    assert paths.host_and_port("postgresql://host:6000/db") == ("host", 6000)
    assert paths.host_and_port("tcp://[::1]:9") == ("::1", 9)


def test_what_cannot_be_looked_at_is_not_taken_for_nothing(tmp_path: Path) -> None:
    assert paths.link(str(tmp_path)) is None
    assert paths.link(str(tmp_path / "missing")) is None
    assert paths.status(str(tmp_path / "missing")) is None
    (tmp_path / "file").write_text("x")
    assert paths.status(str(tmp_path / "file" / "below")) is None
    (tmp_path / "circle").symlink_to("circle")
    deep = str(tmp_path) + "/a" * 2_100
    for ask in (paths.link, paths.status, lambda path: paths.real(HERE, path)):
        with pytest.raises(paths.Unreachable):
            ask(deep)
    with pytest.raises(paths.Unreachable):
        paths.status(str(tmp_path / "circle"))
