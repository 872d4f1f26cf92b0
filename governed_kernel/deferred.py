"""Imports put off until they are used, in the processes that are ours alone: commands and workers.

``jsonschema``, which reading a notebook imports, imports ``rfc3987_syntax`` where Jupyter Server is
installed, and that builds 39 Earley grammars at once: a second of work, and five where the
allocator has to return and fetch the same arena each time (half a million ``munmap`` were counted).
No schema that these processes read asks for what it checks.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import Any

__all__ = ["defer_iri_grammars"]

_GRAMMARS = "rfc3987_syntax"


def defer_iri_grammars() -> None:
    """Let ``rfc3987_syntax`` be built when something is first checked with it."""
    if _GRAMMARS in sys.modules or importlib.util.find_spec(_GRAMMARS) is None:
        return
    sys.modules[_GRAMMARS] = _Deferred(_GRAMMARS)


class _Deferred(types.ModuleType):
    """Has what ``jsonschema`` takes from the module at import; anything else loads the module."""

    @staticmethod
    def is_valid_syntax(term: str, value: str) -> bool:
        return bool(_loaded().is_valid_syntax(term, value))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system's own questions
            raise AttributeError(name)
        return getattr(_loaded(), name)


def _loaded() -> types.ModuleType:
    if isinstance(sys.modules.get(_GRAMMARS), _Deferred):
        del sys.modules[_GRAMMARS]
    return importlib.import_module(_GRAMMARS)
