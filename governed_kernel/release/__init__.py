"""Promotion checks, the release registry, runs and bundles; `save_adapter` for notebooks.

``from governed_kernel import release`` gives a notebook `save_adapter` and `output_folder`.
"""

from governed_kernel.training.artifacts import output_folder, save_adapter

__all__ = ["output_folder", "save_adapter"]
