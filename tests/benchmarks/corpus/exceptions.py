"""What no observer sees today, and why; all of it is witnessed.

The list may only shrink: an idiom that passes must leave it, or the test fails.
"""

from __future__ import annotations

__all__ = ["KNOWN", "UNSEEN"]

_REASONS: dict[str, tuple[str, ...]] = {
    "pyarrow's other readers and writers have no observer yet": (
        "fs.LocalFileSystem",
        "fs.LocalFileSystem, write",
    ),
    "HDF5, netCDF, torch's own files: no observer yet": ("h5py, external link",),
    "Python does not say which folder the name is relative to": ("os.open with dir_fd",),
    "another program, or Python started anew, has no observer inside": (
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
    "native code that nobody observes: the witness is there for it": (
        "ctypes, libc.fopen",
        "lxml, write",
        "blosc2",
    ),
}

KNOWN: dict[str, str] = {name: why for why, names in _REASONS.items() for name in names}
"""Idiom → why no observer sees it as it should."""

UNSEEN: frozenset[str] = frozenset({"load_sample_image"})
"""Of these, not even the witness sees all: it counts as environment."""
