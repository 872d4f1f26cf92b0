"""Who listens at an address, as another process sees it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from governed_kernel.recorder.connections import listens

HERE = os.getpid()
LISTEN = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.socket(family)
server.bind((sys.argv[1], int(sys.argv[2])))
server.listen()
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another(host: str, port: int = 0) -> Iterator[int]:
    """Another program that listens; gives its port."""
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN, host, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        yield int(program.stdout.readline())
        program.stdin.close()


@contextlib.contextmanager
def own(host: str, port: int = 0) -> Iterator[int]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        if ":" in host:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((host, port))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "127.0.0.2"])
def test_a_process_listens_at_its_own_port(host: str) -> None:
    reached = "127.0.0.1" if host == "0.0.0.0" else host
    with own(host) as port:
        assert listens(HERE, f"tcp://{reached}:{port}")
        assert not listens(HERE, f"tcp://{reached}:{port ^ 1}")
        assert not listens(os.getppid(), f"tcp://{reached}:{port}")


def test_by_the_newer_protocol_as_well() -> None:
    with own("::1") as port:
        assert listens(HERE, f"tcp://[::1]:{port}")
        assert not listens(HERE, f"tcp://127.0.0.1:{port}")


@pytest.mark.parametrize("host", ["127.0.0.2", "::"])
def test_the_same_port_elsewhere_does_not_make_anothers_its_own(host: str) -> None:
    with another("127.0.0.1") as port, own(host, port):
        assert not listens(HERE, f"tcp://127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:80", "udp://127.0.0.1:53", "unix:///x"])
def test_what_is_elsewhere_is_nobodys_own(address: str) -> None:
    assert not listens(HERE, address)
