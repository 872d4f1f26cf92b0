"""Shared memory that one release run has for itself, gone with it.

``/dev/shm`` is one folder for the whole machine: what a run leaves there, another could read, and
no record would say so. The recorder of a release therefore moves, before it starts the kernel,
into a mount namespace where an empty one lies over it. Recorder and kernel share that namespace,
so a path means the same to the witness and to what it watches.

Source: mount_namespaces(7), user_namespaces(7), tmpfs(5).
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from governed_kernel.recorder.capabilities import keep_only

__all__ = ["FOLDER", "REMEDY", "obstacle", "separate"]

FOLDER = "/dev/shm"  # noqa: S108 - it is this folder that is made private

REMEDY = "give the container CAP_SYS_ADMIN, or be an ordinary user who may make user namespaces"

_NEW_MOUNTS, _NEW_USERS = 0x0002_0000, 0x1000_0000
_NO_SETUID, _NO_DEVICES, _NO_PROGRAMS = 2, 4, 8
_RECURSIVE, _FOLLOWS = 0x4000, 0x8_0000
_OPTIONS = b"size=50%,mode=1777"  # as large as the system's own


def obstacle() -> str:
    """Why this process could not `separate`; empty when it could.

    It is tried in a child, since there is no way back: a namespace whose users could not be mapped
    can make no file any more.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            separate()
        except BaseException as error:
            os.write(writing, str(error).encode(errors="replace") or b"unknown")
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        why = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return why or (f"the trial ended with status {status}" if status else "")


def separate() -> None:
    """Give this process, and all it starts from now on, an empty ``/dev/shm``.

    Root needs the power to mount. Everybody else gets a user namespace with nobody but themselves
    in it, and gives up at once the powers that come with it: groups, and what belongs to whom,
    stay as they were.

    Raises
    ------
    OSError
        The system does not let it; the process must end then.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        _try(libc.unshare(_NEW_MOUNTS), "a mount namespace")
    else:
        _try(libc.unshare(_NEW_USERS | _NEW_MOUNTS), "a user and mount namespace")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            Path("/proc/self", name).write_text(text)
    # what is mounted here is seen nowhere else; what the machine mounts later is seen here
    _try(libc.mount(None, b"/", None, _RECURSIVE | _FOLLOWS, None), "mounts of its own")
    flags = _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS
    _try(libc.mount(b"tmpfs", FOLDER.encode(), b"tmpfs", flags, _OPTIONS), f"mounting {FOLDER}")
    if user != 0:
        keep_only(0)


def _try(outcome: int, what: str) -> None:
    if outcome:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
