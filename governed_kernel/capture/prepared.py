"""What was rewritten once is kept beside this package's own byte code.

To parse, change and compile the seven hundred functions of pandas and polars takes a quarter of a
second, and gives the same each time. As Python keeps compiled modules in ``__pycache__``, so this
keeps compiled functions, under a digest of the very program that they were made from. The file is
trusted as far as any other byte code there; a release kernel reads none.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import marshal
import os
import sys
import types
from pathlib import Path

__all__ = ["Prepared"]

_MOST = 5_000
_FORM = 2
"""Of the marshalled program: later ones depend on how often its parts are used elsewhere."""


class Prepared:
    """Keeps rewritten code between sessions.

    Parameters
    ----------
    path : Path, optional
        The file; by default the one beside this package's byte code, and none in a release run
        or where Python was told to keep no byte code.
    """

    def __init__(self, path: Path | None = None) -> None:
        usual = path is None and os.environ.get("GOVERNED_MODE") != "release"
        self.path = _usual_path() if usual else path
        self._kept: dict[bytes, bytes] | None = None
        self._new = False

    @functools.cached_property
    def _version(self) -> bytes:
        """Who rewrites: a digest of the very programs."""
        told = hashlib.sha256()
        for part in ("rewriting.py", "unwinding.py"):
            told.update(Path(__file__).with_name(part).read_bytes())
        return told.digest()

    def key(self, code: types.CodeType, outermost: bool) -> bytes:
        """Digest of a program, of the way to rewrite it, and of who rewrites."""
        said = hashlib.sha256(self._version + bytes([outermost]))
        said.update(marshal.dumps(code, _FORM))
        return said.digest()

    def get(self, key: bytes) -> types.CodeType | None:
        """The rewritten code that was kept, or None."""
        found = self._known().get(key)
        if found is None:
            return None
        code = marshal.loads(found)  # noqa: S302 - byte code, as in any .pyc beside it
        return code if isinstance(code, types.CodeType) else None

    def put(self, key: bytes, code: types.CodeType) -> None:
        """Keep rewritten code; `save` writes it."""
        self._known()[key] = marshal.dumps(code)
        self._new = True

    def save(self) -> None:
        """Write what is new, complete or not at all; whoever can't write goes on without."""
        if self.path is None or not self._new or self._kept is None:
            return
        self._new = False
        if sys.dont_write_bytecode:
            return
        waiting = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            everything = {**self._read(), **self._kept}
            if len(everything) > _MOST:  # of versions that are no longer installed
                everything = self._kept
            waiting.parent.mkdir(exist_ok=True)
            waiting.write_bytes(marshal.dumps((self._version, everything)))
            waiting.replace(self.path)

    def _known(self) -> dict[bytes, bytes]:
        if self._kept is None:
            self._kept = self._read()
        return self._kept

    def _read(self) -> dict[bytes, bytes]:
        if self.path is None:
            return {}
        try:
            version, kept = marshal.loads(self.path.read_bytes())  # noqa: S302 - as above
        except (OSError, EOFError, ValueError, TypeError):
            return {}
        return kept if version == self._version and isinstance(kept, dict) else {}


def _usual_path() -> Path | None:
    try:
        return Path(importlib.util.cache_from_source(__file__, optimization="observed"))
    except NotImplementedError:  # this Python keeps no byte code at all
        return None
