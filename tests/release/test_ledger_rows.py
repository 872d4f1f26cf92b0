"""The ledger as rows: what is left out of them can't have changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.governance.register import Register
from governed_kernel.governance.split import divide
from governed_kernel.governance.transformation import transform
from governed_kernel.governance.withdrawal import withdraw
from governed_kernel.lineage.schema import LEDGER_TABLES
from governed_kernel.release.ledger_rows import tables_of
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace
from tests.governance import records
from tests.governance.conftest import made_keys
from tests.governance.people import passphrase
from tests.release.test_registry import RISKY, candidate, home, told

__all__ = ["candidate", "home", "made_keys"]

RULES = """
[keep]
patient = "one part a patient"
size = "it is predicted from"
malignant = "it is predicted"

[[criterion]]
name = "enough is left"
sql = "(select count(*) from after) / (select count(*) from before)"
minimum = 0.5
"""


def held(workspace: Workspace) -> None:
    """Let the catalog hold data that was divided, made smaller and taken back."""
    source = records.write_records(workspace.root / "biopsies.csv")
    records.register(workspace, source)
    other = records.write_records(workspace.root / "small.csv", records.rows(30, 300))
    records.register(workspace, other, "small")
    divide(workspace, "biopsies", records.write_code(workspace, records.BY_ROW), "sam")
    (workspace.root / "minimal.toml").write_text(RULES)
    transform(workspace, workspace.root / "minimal.toml", "small", "sam")
    withdraw(workspace, "biopsies@1", "ada", passphrase("ada"), "consent withdrawn")


@pytest.mark.usefixtures("home")
def test_tables_that_are_left_out_are_as_they_were_wherever_the_ledger_went_on(
    candidate: Path,
) -> None:
    workspace = told(candidate, RISKY).workspace
    held(workspace)
    events = Register.read(workspace).events
    registries = [Registry(Register(workspace, events[:end])) for end in range(2, len(events) + 1)]
    whole = [tables_of(registry) for registry in registries]
    assert whole[-1].keys() == LEDGER_TABLES.keys()
    assert {name for name, rows in whole[-1].items() if not rows} == {
        *("checkpoints", "incidents", "recalls")
    }
    left_out = set()
    for taken, before in enumerate(whole, 2):
        for registry, after in zip(registries[taken - 1 :], whole[taken - 1 :], strict=True):
            new = tables_of(registry, taken)
            left_out |= after.keys() - new.keys()
            assert {**before, **new} == after
    assert left_out == {
        *("artifacts", "validations"),
        *("datasets", "dataset_versions", "dataset_files", "dataset_parents"),
        "data_transformations",
    }
