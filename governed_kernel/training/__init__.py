"""Determinism and constrained adaptation of base models.

Seeds, the platform's fingerprint, digests of weights, the change surface of an adaptation and
the artifacts of a run; torch and its friends are imported only when a function needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from governed_kernel.training.artifacts import output_folder, save_adapter
    from governed_kernel.training.determinism import SeedRecord, device, seed_everything
    from governed_kernel.training.fingerprints import fingerprint
    from governed_kernel.training.surface import AddedTensor, ChangeSurface, change_surface
    from governed_kernel.training.ticket import Ticket, current_ticket
    from governed_kernel.training.weights import (
        TensorDifference,
        TensorDigest,
        WeightsDigest,
        compare_weights,
        weights_digest,
    )

__all__ = [
    "AddedTensor",
    "ChangeSurface",
    "SeedRecord",
    "TensorDifference",
    "TensorDigest",
    "Ticket",
    "WeightsDigest",
    "change_surface",
    "compare_weights",
    "current_ticket",
    "device",
    "fingerprint",
    "output_folder",
    "save_adapter",
    "seed_everything",
    "weights_digest",
]

_HOMES = {
    "artifacts": ("output_folder", "save_adapter"),
    "determinism": ("SeedRecord", "device", "seed_everything"),
    "fingerprints": ("fingerprint",),
    "surface": ("AddedTensor", "ChangeSurface", "change_surface"),
    "ticket": ("Ticket", "current_ticket"),
    "weights": (
        "TensorDifference",
        "TensorDigest",
        "WeightsDigest",
        "compare_weights",
        "weights_digest",
    ),
}


def __getattr__(name: str) -> Any:
    # Loaded when asked for, so that `python -m governed_kernel.training.fingerprints` runs clean.
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
