"""A seccomp filter that reports system calls to a listener, and the listener's end of it.

Source of the formats: ``linux/seccomp.h``, ``linux/filter.h``, seccomp_unotify(2). The numbers
are those of x86-64; elsewhere `install` says that there is no witness.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import struct
import sys
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["CALLS", "Call", "Listener", "Notification", "Unsupported", "install", "load", "program"]


class Unsupported(OSError):
    """The system can't witness; the message is the reason that goes on record."""


class Call(NamedTuple):
    """A system call that is reported.

    Attributes
    ----------
    name : str
        As in the manual.
    paths : tuple of (int or None, int)
        For each path: the argument that holds its directory's descriptor, and its own argument.
    flags : int or None
        The argument that holds the ``open`` flags.
    """

    name: str
    paths: tuple[tuple[int | None, int], ...]
    flags: int | None = None


CALLS: dict[int, Call] = {
    2: Call("open", ((None, 0),), 1),
    42: Call("connect", ()),
    44: Call("sendto", ()),
    46: Call("sendmsg", ()),
    59: Call("execve", ((None, 0),)),
    76: Call("truncate", ((None, 0),)),
    82: Call("rename", ((None, 0), (None, 1))),
    84: Call("rmdir", ((None, 0),)),
    85: Call("creat", ((None, 0),)),
    86: Call("link", ((None, 0), (None, 1))),
    87: Call("unlink", ((None, 0),)),
    88: Call("symlink", ((None, 0), (None, 1))),
    141: Call("setpriority", ()),
    142: Call("sched_setparam", ()),
    144: Call("sched_setscheduler", ()),
    203: Call("sched_setaffinity", ()),
    251: Call("ioprio_set", ()),
    257: Call("openat", ((0, 1),), 2),
    263: Call("unlinkat", ((0, 1),)),
    264: Call("renameat", ((0, 1), (2, 3))),
    265: Call("linkat", ((0, 1), (2, 3))),
    266: Call("symlinkat", ((None, 0), (1, 2))),
    302: Call("prlimit64", ()),
    307: Call("sendmmsg", ()),
    314: Call("sched_setattr", ()),
    316: Call("renameat2", ((0, 1), (2, 3))),
    322: Call("execveat", ((0, 1),)),
    437: Call("openat2", ((0, 1),)),
}
"""What is reported, by number."""

_GIVEN: dict[int, int] = {
    44: 4,  # sendto, when it names a peer
    **dict.fromkeys((142, 144, 203, 302, 314), 0),  # when it is about another thread
}
"""Calls that are reported only when the argument of that place is not null."""
_SOCKET = 41
_FORBIDDEN: dict[int, int] = {
    425: errno.ENOSYS,  # io_uring_setup: its opens pass every filter
    304: errno.EPERM,  # open_by_handle_at: opens without a path
    300: errno.EPERM,  # fanotify_init: hands out what the recorder itself opens
    # every path would mean something else than it does to the recorder:
    **dict.fromkeys((161, 155, 308), errno.EPERM),  # chroot, pivot_root, setns
    **dict.fromkeys((165, 166, 428, 429), errno.EPERM),  # mount, umount2, open_tree, move_mount
    **dict.fromkeys((430, 431, 432, 433, 442, 467), errno.EPERM),  # fsopen and what goes with it
}
_DONE = 0
_CHANGES_OF_ATTRIBUTES: dict[int, int] = {
    # Landlock knows no attributes: a cell could open the person's keys to everybody. Modes, owners
    # and times are answered as if set, so that a library that copies a file with them goes on.
    **dict.fromkeys((90, 91, 268, 452), _DONE),  # chmod, fchmod, fchmodat, fchmodat2
    **dict.fromkeys((92, 93, 94, 260), _DONE),  # chown, fchown, lchown, fchownat
    **dict.fromkeys((132, 235, 261, 280), _DONE),  # utime, utimes, futimesat, utimensat
    **dict.fromkeys((188, 189, 190, 463), errno.ENOTSUP),  # setxattr, l…, f…, …at
    **dict.fromkeys((197, 198, 199, 466), errno.ENOTSUP),  # removexattr, l…, f…, …at
    469: errno.ENOTSUP,  # file_setattr
}
_MEMORY_OF_THE_MACHINE: dict[int, int] = dict.fromkeys(
    (
        *(29, 30, 31, 67),  # shmget, shmat, shmctl, shmdt
        *(64, 65, 66, 220),  # semget, semop, semctl, semtimedop
        *(68, 69, 70, 71),  # msgget, msgsnd, msgrcv, msgctl
        *(240, 241),  # mq_open, mq_unlink
        *(248, 249, 250),  # add_key, request_key, keyctl
    ),
    errno.ENOSYS,  # what is left there outlives the run, and has no path that could be seen
)
_AF_UNIX, _STREAM, _SEQPACKET = 1, 1, 5
_IN_RELEASES = {**_CHANGES_OF_ATTRIBUTES, **_MEMORY_OF_THE_MACHINE}
_SOCKETPAIR, _TYPE_MASK = 53, 0xF

# classic BPF
_LOAD, _EQUALS, _AT_LEAST, _RETURN, _AND = 0x20, 0x15, 0x35, 0x06, 0x54
_ALLOW, _NOTIFY, _ERROR = 0x7FFF0000, 0x7FC00000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_X86_64 = 0xC000003E
_X32_BIT = 0x40000000

Instruction = tuple[int, int, int, int]


def program(*, network: bool) -> list[Instruction]:
    """The filter as (code, jump if true, jump if false, constant).

    Parameters
    ----------
    network : bool
        When false, for a release run: only Unix sockets that must be connected can be made (the
        peer of a datagram is named in memory, where no filter can look), no attribute of a file
        is changed, and nothing is left in memory that other processes share.
    """
    lines: list[Instruction] = [
        # 32-bit and x32 calls have other numbers: they do not exist here
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUALS, 1, 0, _X86_64),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
    ]
    for number, error in _FORBIDDEN.items():
        lines += [(_EQUALS, 0, 1, number), (_RETURN, 0, 0, _ERROR | error)]
    if not network:
        for number, error in _IN_RELEASES.items():
            lines += [(_EQUALS, 0, 1, number), (_RETURN, 0, 0, _ERROR | error)]
        lines += [
            (_EQUALS, 1, 0, _SOCKET),
            (_EQUALS, 0, 9, _SOCKETPAIR),
            (_LOAD, 0, 0, _ARGUMENTS),
            (_EQUALS, 1, 0, _AF_UNIX),
            (_RETURN, 0, 0, _ERROR | errno.EACCES),
            (_LOAD, 0, 0, _ARGUMENTS + 8),
            (_AND, 0, 0, _TYPE_MASK),
            (_EQUALS, 2, 0, _STREAM),
            (_EQUALS, 1, 0, _SEQPACKET),
            (_RETURN, 0, 0, _ERROR | errno.EACCES),
            (_RETURN, 0, 0, _ALLOW),
        ]
    for number, argument in _GIVEN.items():
        at = _ARGUMENTS + 8 * argument
        lines += [
            (_EQUALS, 0, 6, number),
            (_LOAD, 0, 0, at),  # both halves are looked at
            (_EQUALS, 0, 2, 0),
            (_LOAD, 0, 0, at + 4),
            (_EQUALS, 1, 0, 0),
            (_RETURN, 0, 0, _NOTIFY),
            (_RETURN, 0, 0, _ALLOW),
        ]
    for number in CALLS:
        if number not in _GIVEN:
            lines += [(_EQUALS, 0, 1, number), (_RETURN, 0, 0, _NOTIFY)]
    lines.append((_RETURN, 0, 0, _ALLOW))
    return lines


class _Filter(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Filter)))


_SYS_SECCOMP = 317
_SET_MODE_FILTER = 1
_SPECULATION_AS_BEFORE, _NEW_LISTENER, _WAIT_KILLABLE_RECV = 4, 8, 32
_PR_SET_NO_NEW_PRIVS = 38


def install(*, network: bool) -> int:
    """Filter this process and all it will start; returns the listener's descriptor.

    Raises
    ------
    Unsupported
        The system can't, or another listener is there already.
    """
    return load(program(network=network))


def load(instructions: list[Instruction]) -> int:
    """Put this process and all it will start under a filter; returns the listener's descriptor.

    Raises
    ------
    Unsupported
        The system can't, or another listener is there already.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Unsupported(f"no witness for {sys.platform} on {platform.machine()}")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise Unsupported(f"no_new_privs: {os.strerror(ctypes.get_errno())}")
    lines = [_Filter(*line) for line in instructions]
    code = _Program(len(lines), (_Filter * len(lines))(*lines))
    # Linux before 5.16 takes whoever has a filter for a sandbox of untrusted machine code, and
    # slows all of its memory accesses down. Ours looks at calls, of any machine code.
    usual = _NEW_LISTENER | _SPECULATION_AS_BEFORE
    for flags in (usual | _WAIT_KILLABLE_RECV, usual):
        descriptor = int(libc.syscall(_SYS_SECCOMP, _SET_MODE_FILTER, flags, ctypes.byref(code)))
        if descriptor >= 0:
            return descriptor
        if ctypes.get_errno() != errno.EINVAL:  # EINVAL: Linux before 5.19 has one flag less
            break
    if ctypes.get_errno() == errno.EBUSY:
        raise Unsupported("another witness listens to the process that started this kernel")
    raise Unsupported(f"seccomp: {os.strerror(ctypes.get_errno())}")


class Notification(NamedTuple):
    """One reported call, waiting for its answer."""

    id: int
    thread: int
    number: int
    arguments: tuple[int, ...]


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


_RECEIVE, _SEND, _SET_FLAGS = 0xC0502100, 0xC0182101, 0x40082104
_REQUEST = struct.Struct("QIIiIQ6Q")  # struct seccomp_notif
_NOTHING = bytes(_REQUEST.size)
_ANSWER = struct.Struct("QqiI")  # struct seccomp_notif_resp
_ADD_DESCRIPTOR = 0x40182103
_DESCRIPTOR = struct.Struct("QIIII")  # struct seccomp_notif_addfd
_AND_ANSWER = 2
_SYNC_WAKE_UP = 1
_CONTINUE = 1
_PAGE = 4096


class Unreadable(Exception):
    """What a call is about lies in memory that only the system can read."""


class Listener:
    """Receives notifications, reads their strings, answers them.

    Parameters
    ----------
    descriptor : int
        From `install`; closed by `close`.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        # PyDLL keeps the interpreter's lock: none of these calls waits, and taking the lock back
        # from another thread would cost more than the call.
        libc = ctypes.PyDLL(None, use_errno=True)
        self._control: Callable[..., int] = libc.ioctl
        libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
        self._read_memory: Callable[..., int] = libc.process_vm_readv
        libc.process_vm_readv.argtypes = [
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_ulong,
            ctypes.c_void_p,
            ctypes.c_ulong,
            ctypes.c_ulong,
        ]
        libc.process_vm_readv.restype = ctypes.c_ssize_t
        self._request = ctypes.create_string_buffer(_REQUEST.size)
        self._answer = ctypes.create_string_buffer(_ANSWER.size)
        self._text = ctypes.create_string_buffer(_PAGE)
        self._here = _Vector(ctypes.addressof(self._text), _PAGE)
        self._there = _Vector(0, 0)
        self._here_address = ctypes.addressof(self._here)
        self._there_address = ctypes.addressof(self._there)
        with contextlib.suppress(OSError):  # before Linux 6.6: a little slower
            fcntl.ioctl(descriptor, _SET_FLAGS, _SYNC_WAKE_UP)

    def receive(self) -> Notification | None:
        """The next call that waits; None when its thread is gone again."""
        self._request.raw = _NOTHING  # the system wants it empty
        if self._control(self.descriptor, _RECEIVE, self._request):
            return None
        fields = _REQUEST.unpack(self._request)
        return Notification(fields[0], fields[1], fields[3], fields[6:])

    def _read(self, thread: int, address: int, length: int) -> int:
        """Fill the text with memory of `thread`; returns how many bytes of it."""
        self._there.base = address
        self._there.length = self._here.length = length
        return self._read_memory(thread, self._here_address, 1, self._there_address, 1, 0)

    def memory(self, thread: int, address: int, length: int) -> bytes:
        """Up to `length` bytes at `address` of `thread`.

        Raises
        ------
        Unreadable
            The system may read there, and nobody else may.
        """
        count = self._read(thread, address, min(length, _PAGE))
        if count <= 0 < length:
            raise Unreadable
        return self._text.raw[: max(count, 0)]

    def text(self, thread: int, address: int) -> bytes:
        """The zero-terminated string at `address`; reads no page that it need not.

        Raises
        ------
        Unreadable
            As for `memory`.
        """
        count = self._read(thread, address, _PAGE - (address & (_PAGE - 1)))
        found: bytes = self._text.value
        if len(found) < count:
            return found
        if count <= 0:
            raise Unreadable
        found = self._text.raw[:count] + self.memory(thread, address + count, _PAGE)
        return found.partition(b"\0")[0]

    def proceed(self, notification: Notification) -> bool:
        """Let the call go on; false when it was interrupted or its thread died meanwhile."""
        _ANSWER.pack_into(self._answer, 0, notification[0], 0, 0, _CONTINUE)
        return not self._control(self.descriptor, _SEND, self._answer)

    def refuse(self, notification: Notification, error: int) -> None:
        """Make the call fail with `error`."""
        _ANSWER.pack_into(self._answer, 0, notification[0], 0, -error, 0)
        self._control(self.descriptor, _SEND, self._answer)

    def give(self, notification: Notification, descriptor: int) -> None:
        """Let the call succeed with a copy of the recorder's `descriptor`.

        Raises
        ------
        OSError
            It was interrupted, or its thread died meanwhile.
        """
        answer = _DESCRIPTOR.pack(notification[0], _AND_ANSWER, descriptor, 0, os.O_CLOEXEC)
        fcntl.ioctl(self.descriptor, _ADD_DESCRIPTOR, answer)

    def close(self) -> None:
        """Stop listening: from now on reported calls fail with ENOSYS."""
        os.close(self.descriptor)
