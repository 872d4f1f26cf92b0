"""What no observer sees today, and why; all of it is witnessed.

The list may only shrink: an idiom that passes must leave it, or the test fails.
"""

from __future__ import annotations

__all__ = ["KNOWN"]

_REASONS: dict[str, tuple[str, ...]] = {
    "another program has no observer inside: its start is observed, its files are witnessed": (
        "subprocess, cat",
        "subprocess through the shell",
        "a static binary",
        "another Python",
        "os.system",
        "os.popen",
        "os.posix_spawn",
        "asyncio's subprocess",
        "!cat",
        "lines = !cat",
        "%%bash",
        "curl",
        "psql",
    ),
    "a method of a native class that nobody observes": ("lxml, write",),
    "HDF5 itself opens what a file links to": ("h5py, external link",),
    "Python does not tell which folder the name is relative to": ("os.open with dir_fd",),
    "nobody observes it: what the witness is there for": ("ctypes, libc.fopen", "blosc2"),
}

KNOWN: dict[str, str] = {name: why for why, names in _REASONS.items() for name in names}
"""Idiom → why no observer sees it as it should."""
