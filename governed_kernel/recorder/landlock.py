"""Landlock: what a process and all it starts can't reach, by the system and for good.

Source of the formats: ``linux/landlock.h``, landlock(7).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Rule", "Unavailable", "confine", "confine_signals", "version"]

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

# LANDLOCK_ACCESS_FS_*
_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_FOLDER = 1 << 3
_TRUNCATE = 1 << 14
_DEVICE_CONTROL = 1 << 15
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL

# LANDLOCK_ACCESS_NET_*, LANDLOCK_SCOPE_*
_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2


class Unavailable(OSError):
    """The system can't confine; the message is the reason that goes on record."""


@dataclass(frozen=True)
class Rule:
    """What may be done at and below one path.

    Attributes
    ----------
    path : Path
        A path that does not exist is passed over.
    read, write, execute, names : bool
        Reading files and folders; every change; running files; reading folders only.
    device : bool
        Reading, writing and controlling device files (GPUs); in a folder nothing can be made.
    """

    path: Path
    read: bool = False
    write: bool = False
    execute: bool = False
    names: bool = False
    device: bool = False

    def rights(self, handled: int) -> int:
        """The rule as a set of LANDLOCK_ACCESS_FS bits out of `handled`."""
        bits = 0
        if self.names or self.read:
            bits |= _READ_FOLDER
        if self.read:
            bits |= _READ_FILE
        if self.execute:
            bits |= _EXECUTE
        if self.device:
            bits |= _READ_FOLDER | _READ_FILE | _WRITE_FILE | _TRUNCATE | _DEVICE_CONTROL
        if self.write:
            bits |= handled & ~(_EXECUTE | _READ_FILE | _READ_FOLDER | _DEVICE_CONTROL)
        if not self.path.is_dir():
            bits &= _OF_FILES
        return bits & handled


def version() -> int:
    """The system's Landlock ABI; 0 where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_CREATE, None, 0, 1)))


def confine_signals() -> None:
    """Signals from this process and all it starts reach only themselves.

    A cell can then neither kill nor trace the recorder, nor read its memory.
    """
    if version() < 6:
        raise Unavailable(f"Landlock ABI {version()} has no signal scope (6 has)")
    _restrict(_ruleset(0, 0, _SIGNALS))


def confine(rules: Iterable[Rule]) -> None:
    """Signals as in `confine_signals`, and files only as `rules` allow; no TCP ports."""
    abi = version()
    if abi < 6:
        raise Unavailable(f"Landlock ABI {abi} can't confine a release run (6 can)")
    handled = (1 << _RIGHTS_BY_VERSION[min(abi, 5)]) - 1
    ruleset = _ruleset(handled, _BIND_AND_CONNECT, _ABSTRACT_SOCKETS | _SIGNALS)
    for rule in rules:
        _allow(ruleset, rule, handled)
    _restrict(ruleset)


def _ruleset(files: int, network: int, scopes: int) -> int:
    attributes = struct.pack("QQQ", files, network, scopes)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = int(libc.syscall(_CREATE, attributes, len(attributes), 0))
    if descriptor < 0:
        raise _failed("landlock_create_ruleset")
    return descriptor


def _allow(ruleset: int, rule: Rule, handled: int) -> None:
    try:
        place = os.open(rule.path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        rights = rule.rights(handled)
        attributes = struct.pack("=Qi", rights, place)
        if rights and libc.syscall(_ADD, ruleset, _PATH_BENEATH, attributes, 0):
            raise _failed(f"landlock_add_rule for {rule.path}")
    finally:
        os.close(place)


def _restrict(ruleset: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise _failed("no_new_privs")
        if libc.syscall(_RESTRICT, ruleset, 0):
            raise _failed("landlock_restrict_self")
    finally:
        os.close(ruleset)


def _failed(call: str) -> Unavailable:
    number = ctypes.get_errno() or errno.ENOSYS
    return Unavailable(number, f"{call}: {os.strerror(number)}")
