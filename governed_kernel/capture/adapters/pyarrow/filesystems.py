"""Files that pyarrow's own filesystems open, copy, move and delete."""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import Any

from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import observe_native
from governed_kernel.capture.openings import report
from governed_kernel.capture.transfers import announce
from governed_kernel.lineage.events import Operation

__all__ = ["arm", "local_path"]

_OPERATIONS: dict[str, tuple[Operation, ...]] = {
    "open_input_file": ("read",),
    "open_input_stream": ("read",),
    "open_output_stream": ("write",),
    "open_append_stream": ("write",),
    "copy_file": ("read", "write"),
    "move": ("delete", "write"),
    "delete_file": ("delete",),
}
"""Method → what is done to each of its paths."""


def local_path(filesystem: Any, path: str) -> str | None:
    """The path on this machine; None for what lies elsewhere."""
    name = type(filesystem).__name__
    if filesystem is None or name == "LocalFileSystem":
        return path
    if name == "SubTreeFileSystem":
        return local_path(filesystem.base_fs, str(PurePath(filesystem.base_path, path)))
    return None


def _before(observation: Observation, call: Call) -> None:
    positional, keywords = call.arguments
    filesystem, *paths = positional
    paths += [keywords[name] for name in ("path", "src", "dest") if name in keywords]
    for operation, path in zip(_OPERATIONS[call.target.name], paths, strict=False):
        place = local_path(filesystem, path) if isinstance(path, str) else None
        if place is not None:
            announce(observation, call, operation, place)


def arm(observation: Observation) -> None:
    """Observe what every filesystem inherits."""
    below = sys.modules["pyarrow._fs"]
    for name in _OPERATIONS:
        observe_native(
            observation,
            "pyarrow",
            (below.FileSystem,),
            name,
            report,
            label=f"pyarrow.fs.{name}",
            before=_before,
        )
