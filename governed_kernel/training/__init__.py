"""Determinism and constrained adaptation of base models.

Seeds, the platform's fingerprint, digests of weights, the change surface of an adaptation and
the artifacts of a run; torch and its friends are imported only when a function needs them.
"""

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
