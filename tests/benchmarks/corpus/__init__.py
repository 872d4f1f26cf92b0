"""The published corpus of access idioms: ways to reach files, databases, networks, programs.

``python -m tests.benchmarks.corpus`` runs each as a cell of a real kernel and prints who saw it.
"""

from tests.benchmarks.corpus import (
    arrays,
    columnar,
    databases,
    frames,
    models,
    network,
    processes,
    standard,
)

__all__ = ["EXCLUDED", "IDIOMS"]

IDIOMS = (
    *standard.IDIOMS,
    *processes.IDIOMS,
    *network.IDIOMS,
    *databases.IDIOMS,
    *arrays.IDIOMS,
    *frames.IDIOMS,
    *columnar.IDIOMS,
    *models.IDIOMS,
)
EXCLUDED = {**frames.EXCLUDED, **columnar.EXCLUDED, **models.EXCLUDED}
