"""Promotion checks, the release registry, runs and bundles; `save_adapter` for notebooks.

``from governed_kernel import release`` gives a notebook `save_adapter` and `output_folder`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from governed_kernel.training.artifacts import output_folder, save_adapter

__all__ = ["output_folder", "save_adapter"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: commands that only list releases load nothing about weights.
    if name in __all__:
        from governed_kernel.training import artifacts

        return getattr(artifacts, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
