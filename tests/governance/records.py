"""A small dataset with an entity key, and code that divides it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from governed_kernel.governance import catalog
from governed_kernel.governance.catalog import Registered
from governed_kernel.governance.descriptions import Description
from governed_kernel.workspace import Workspace

PURPOSES = ("explore", "train", "evaluate", "validate")
BY_ROW = """
def split(frame):
    mixed = frame.sample(frac=1, random_state=7)
    return {"train": mixed[:30], "validation": mixed[30:45], "holdout": mixed[45:]}
"""
BY_PATIENT = """
def split(frame):
    part = frame["patient"] % 10
    return {"train": frame[part < 6], "validation": frame[part.between(6, 7)],
            "holdout": frame[part > 7]}
"""


def rows(count: int = 60, first: int = 0) -> list[str]:
    """Three records a patient, all different."""
    return [
        f"{number // 3},{number * 0.1:.1f},{number % 7},{number % 2}"
        for number in range(first, first + count)
    ]


def write_records(path: Path, lines: list[str] | None = None) -> Path:
    path.write_text("\n".join(["patient,size,shape,malignant", *(lines or rows())]) + "\n")
    return path


def describe(**changes: Any) -> Description:
    facts: dict[str, Any] = {
        "data_class": "health",
        "owner": "Clinic",
        "purposes": PURPOSES,
        "legal_basis": "consent",
    }
    return Description(**{**facts, **changes})


def register(
    workspace: Workspace, path: Path, name: str = "biopsies", person: str = "sam", **changes: Any
) -> Registered:
    return catalog.register(workspace, name, path, describe(**changes), person)


def write_code(workspace: Workspace, text: str, name: str = "divide.py") -> str:
    (workspace.root / name).write_text(text)
    return name
