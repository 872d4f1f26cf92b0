"""Messages that name where they go are connections, whoever sends them, and however."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governed_kernel.lineage.events import Access
from governed_kernel.workspace import Workspace
from tests.kernel.running import RunningKernel

BEGIN = """
import ctypes, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
keep = []
def held(data):
    keep.append(ctypes.create_string_buffer(data, len(data)))
    return ctypes.addressof(keep[-1])
def header(port):
    'struct msghdr: name, its length, a vector of one, no control data, no flags'
    name = struct.pack('=H', socket.AF_INET) + struct.pack('!H4s8x', port, b'\\x7f\\0\\0\\1')
    vector = held(struct.pack('PN', held(b'x'), 1))
    where = held(name) if port else 0
    return struct.pack('PI4xPNPNi4x', where, 16 if port else 0, vector, 1, 0, 0, 0)
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def sent(count):
    assert count > 0, ctypes.get_errno()
"""
ONE = "sent(libc.sendmsg(sender.fileno(), ctypes.c_void_p(held(header(9))), 0))"
MANY = (
    "sent(libc.sendmmsg(sender.fileno(), ctypes.c_void_p("
    "held(b''.join(header(port) + bytes(8) for port in (9, 10, 9)))), 3, 0))"
)
BY_PYTHON = "sender.sendmsg([b'x'], [], 0, ('127.0.0.1', 9))"
TO_WHERE_IT_LEADS = """
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
    other.connect(('127.0.0.1', 9))
    sent(libc.sendmsg(other.fileno(), ctypes.c_void_p(held(header(0))), 0))"""


@pytest.fixture(scope="module")
def kernel(shared_workspace: Workspace) -> Iterator[RunningKernel]:
    running = RunningKernel(shared_workspace)
    assert running.run(BEGIN).status == "ok"
    yield running
    running.close()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (ONE, {("udp://127.0.0.1:9", "witness:sendmsg")}),
        (MANY, {(f"udp://127.0.0.1:{port}", "witness:sendmmsg") for port in (9, 10)}),
        (BY_PYTHON, {("udp://127.0.0.1:9", "audit:socket.sendto")}),
        (TO_WHERE_IT_LEADS, {("udp://127.0.0.1:9", "audit:socket.connect")}),
    ],
)
def test_what_a_message_names_is_a_connection(
    kernel: RunningKernel, source: str, expected: set[tuple[str, str]]
) -> None:
    reply = kernel.run(source)
    assert reply.status == "ok", reply.error
    found = [event for event in kernel.of_last(Access) if event.operation == "connect"]
    assert {(event.uri, event.via) for event in found} == expected
    assert {event.evidence for event in found} <= {"observed", "unexplained"}


def test_a_message_that_nobody_can_read_is_an_error_and_no_more(kernel: RunningKernel) -> None:
    source = "assert libc.sendmsg(sender.fileno(), ctypes.c_void_p(8), 0) == -1"
    assert kernel.run(source + "; ctypes.get_errno()").result["text/plain"] == "14"  # EFAULT
