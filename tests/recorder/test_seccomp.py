"""The filter, run over calls as the kernel's virtual machine runs it."""

from __future__ import annotations

import errno
import socket
import struct

import pytest

from governed_kernel.recorder.seccomp import CALLS, program

ALLOW, NOTIFY, ERROR = 0x7FFF0000, 0x7FC00000, 0x00050000
X86_64, I386 = 0xC000003E, 0x40000003
SOCKETPAIR, STREAM = 53, socket.SOCK_STREAM
SOCKET, SENDTO, READ, IO_URING_SETUP, OPEN_BY_HANDLE = 41, 44, 0, 425, 304


def outcome(number: int, *arguments: int, architecture: int = X86_64, network: bool = True) -> int:
    """What the filter answers to one call."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=IIQ6Q", number, architecture, 0, *padded)
    accumulator, place = 0, 0
    lines = program(network=network)
    while True:
        code, true, false, constant = lines[place]
        place += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, constant)
        elif code == 0x15:
            place += true if accumulator == constant else false
        elif code == 0x54:
            accumulator &= constant
        elif code == 0x35:
            place += true if accumulator >= constant else false
        else:
            assert code == 0x06
            return constant


OF_ANOTHER = (142, 144, 203, 302, 314)


@pytest.mark.parametrize("number", set(CALLS) - {SENDTO, *OF_ANOTHER})
def test_every_listed_call_is_reported(number: int) -> None:
    assert outcome(number) == NOTIFY
    assert outcome(number, network=False) == NOTIFY


@pytest.mark.parametrize("number", [READ, 1, 3, 9, 43, 45, 60, 258, 436])
def test_other_calls_pass(number: int) -> None:
    assert outcome(number) == ALLOW
    assert outcome(number, network=False) == ALLOW


@pytest.mark.parametrize("number", OF_ANOTHER)
def test_limits_and_priorities_are_reported_only_of_others(number: int) -> None:
    assert outcome(number, 0, 4, 0x7FFF00000000) == ALLOW
    assert outcome(number, 17, 4, 0x7FFF00000000) == NOTIFY


def test_sending_is_reported_only_when_it_names_a_peer() -> None:
    assert outcome(SENDTO, 3, 4, 5, 0, 0, 0) == ALLOW
    assert outcome(SENDTO, 3, 4, 5, 0, 0x7FFF00000000, 16) == NOTIFY
    assert outcome(SENDTO, 3, 4, 5, 0, 0x10, 16) == NOTIFY


@pytest.mark.parametrize("call", [SOCKET, SOCKETPAIR])
def test_without_network_only_unix_sockets_can_be_made(call: int) -> None:
    assert outcome(call, 1, STREAM, network=False) == ALLOW
    for family in (2, 10, 16, 17, 40):
        assert outcome(call, family, STREAM, network=False) == ERROR | errno.EACCES
        assert outcome(call, family, STREAM, network=True) == ALLOW


@pytest.mark.parametrize("call", [SOCKET, SOCKETPAIR])
@pytest.mark.parametrize("flags", [0, socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK])
def test_without_network_no_socket_names_its_peer_in_a_message(call: int, flags: int) -> None:
    for kind in (STREAM, socket.SOCK_SEQPACKET):
        assert outcome(call, 1, kind | flags, network=False) == ALLOW
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        assert outcome(call, 1, kind | flags, network=False) == ERROR | errno.EACCES
        assert outcome(call, 1, kind | flags, network=True) == ALLOW


@pytest.mark.parametrize("number", [90, 91, 92, 93, 94, 132, 235, 260, 261, 268, 280, 452])
def test_a_release_changes_no_mode_owner_or_time_but_is_told_that_it_did(number: int) -> None:
    assert outcome(number, network=False) == ERROR
    assert outcome(number, network=True) == ALLOW


@pytest.mark.parametrize("number", [188, 189, 190, 197, 198, 199, 463, 466, 469])
def test_a_release_changes_no_extended_attribute(number: int) -> None:
    assert outcome(number, network=False) == ERROR | errno.ENOTSUP
    assert outcome(number, network=True) == ALLOW


@pytest.mark.parametrize(
    "number", [29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 220, 240, 248, 249, 250]
)
def test_a_release_leaves_nothing_in_the_machines_memory(number: int) -> None:
    assert outcome(number, network=False) == ERROR | errno.ENOSYS
    assert outcome(number, network=True) == ALLOW


def test_a_release_keeps_its_root_folder() -> None:
    assert outcome(161, network=False) == ERROR | errno.EPERM  # chroot


def test_ways_around_do_not_exist() -> None:
    assert outcome(IO_URING_SETUP) == ERROR | errno.ENOSYS
    assert outcome(OPEN_BY_HANDLE) == ERROR | errno.EPERM
    assert outcome(5, architecture=I386) == ERROR | errno.ENOSYS  # open of 32-bit programs
    assert outcome(0x40000002) == ERROR | errno.ENOSYS  # open of the x32 kind
