"""Governed Notebooks: recorded, approved and reproducible notebooks.

The notebook API is ``from governed_kernel import data, training, release, validation``;
each is loaded when first used, so importing the package stays light.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["__version__", "data", "release", "training", "validation"]

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    if name in ("data", "release", "training", "validation"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
