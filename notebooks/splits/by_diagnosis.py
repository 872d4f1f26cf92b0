"""Divide the records into train, validation and holdout, with the same share of each diagnosis.

Which part a record belongs to follows from the SHA-256 of its ``record_id``: no random numbers, no
order of rows, the same on every machine.
"""

from __future__ import annotations

import hashlib
from typing import Any

SHARES = {"train": 0.6, "validation": 0.2, "holdout": 0.2}


def split(frame: Any) -> dict[str, Any]:
    """The parts of a frame with ``record_id`` and ``diagnosis``, each in the frame's order."""
    parts: dict[str, list[int]] = {name: [] for name in SHARES}
    for _, group in frame.groupby("diagnosis", sort=True):
        order = sorted(group.index, key=lambda row: _digest(group.at[row, "record_id"]))
        start, reached = 0, 0.0
        for name, share in SHARES.items():
            reached += share
            end = round(len(order) * reached)
            parts[name] += order[start:end]
            start = end
    return {name: frame.loc[sorted(rows)] for name, rows in parts.items()}


def _digest(record_id: object) -> str:
    return hashlib.sha256(str(record_id).encode()).hexdigest()
