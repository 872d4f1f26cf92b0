from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from governed_kernel import data
from governed_kernel.capture import emitter
from governed_kernel.capture.emitter import Cell, Decision, ObservedEvent
from governed_kernel.errors import (
    IntegrityBroken,
    PolicyDenied,
    ResourceMissing,
    UnknownName,
    UsageError,
)
from governed_kernel.governance.catalog import Registered
from governed_kernel.governance.split import Split, divide
from governed_kernel.lineage.events import Access, Decided, Operation
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.conftest import home, made_keys, workspace
from tests.governance.records import BY_PATIENT, register, write_code, write_records

__all__ = ["home", "made_keys", "workspace"]


class Session:
    """An emitter that keeps what it is given, as the kernel's hands it to the recorder."""

    def __init__(self) -> None:
        self.events: list[ObservedEvent] = []

    def emit(self, event: ObservedEvent) -> None:
        self.events.append(event)

    def cell(self) -> Cell:
        return Cell(3, "load-data")

    def payload(self, text: str) -> str:
        return text

    def decide(self, operation: Operation, path: str) -> Decision:
        return Decision(allowed=True)


@pytest.fixture
def session() -> Iterator[Session]:
    made, before = Session(), emitter.current()
    emitter.set_current(made)
    yield made
    emitter.set_current(before)


@pytest.fixture
def registered(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registered:
    monkeypatch.chdir(workspace.root / "research")
    return register(
        workspace, write_records(tmp_path / "biopsies.csv"), purposes=["explore", "train"]
    )


@pytest.fixture
def parts(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Split:
    monkeypatch.chdir(workspace.root)
    register(workspace, write_records(tmp_path / "biopsies.csv"))
    return divide(workspace, "biopsies", write_code(workspace, BY_PATIENT), "sam")


def test_a_dataset_is_loaded_as_what_is_asked_for(registered: Registered) -> None:
    import pandas as pd

    frame = data.load("biopsies", purpose="training")
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["patient", "size", "shape", "malignant"]
    table = data.load("biopsies@1", as_="arrow")
    assert type(table).__module__ == "pyarrow.lib"
    assert (table.num_rows, len(frame)) == (60, 60)
    assert data.load("biopsies", as_="path") == registered.snapshot


def test_an_unknown_form_name_or_purpose_is_said_to_be_so(registered: Registered) -> None:
    with pytest.raises(UsageError, match="can't be loaded as 'excel'"):
        data.load("biopsies", as_="excel")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no purpose is called"):
        data.load("biopsies", purpose="fun")
    with pytest.raises(UnknownName, match="no dataset"):
        data.load("nothing")
    with pytest.raises(UsageError, match="is registered as data"):
        data.model("biopsies")


def test_what_is_no_table_is_told_by_the_name_that_was_asked_for_and_what_lies_there(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workspace.root / "letters"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.txt").write_text("Dear Ann")
    register(workspace, folder, name="letters")
    monkeypatch.chdir(workspace.root)
    with pytest.raises(UsageError, match=r"^letters can't be read as a table") as refused:
        data.load("letters", purpose="train")
    assert refused.value.why.endswith("found: .txt")


def test_a_refused_load_in_a_plain_process_is_in_the_ledger(
    workspace: Workspace, registered: Registered
) -> None:
    with pytest.raises(PolicyDenied, match="may not be used to evaluate"):
        data.load("biopsies", purpose="evaluate")
    denied = Ledger(workspace).events()[-1]
    assert isinstance(denied, Decided)
    assert (denied.action, denied.resource, denied.purpose, denied.policies) == (
        "data load",
        "biopsies@1",
        "evaluate",
        ["version-purposes"],
    )


def test_a_load_in_a_governed_session_is_recorded_with_its_purpose(
    registered: Registered, session: Session
) -> None:
    data.load("biopsies", purpose="train")
    (event,) = session.events
    assert isinstance(event, Access)
    assert (event.kind, event.via, event.dataset, event.version, event.data_class) == (
        "dataset",
        "data.load",
        "biopsies",
        "1",
        "health",
    )
    assert (event.execution, event.cell_id, event.purpose, event.decision) == (
        3,
        "load-data",
        "train",
        "allowed",
    )
    assert event.sha256 == registered.version.sha256
    assert event.uri == registered.snapshot.as_uri()


def test_a_refused_load_in_a_governed_session_is_recorded_there(
    workspace: Workspace, registered: Registered, session: Session
) -> None:
    before = workspace.ledger.read_bytes()
    with pytest.raises(PolicyDenied):
        data.load("biopsies", purpose="evaluate")
    (event,) = session.events
    assert isinstance(event, Access)
    assert (event.decision, event.policies) == ("denied", ["version-purposes"])
    assert workspace.ledger.read_bytes() == before


def test_research_has_train_and_validation_and_neither_holdout_nor_the_whole(
    parts: Split,
) -> None:
    assert len(data.load("biopsies-train", purpose="training")) == 36
    assert len(data.load("biopsies-validation", purpose="evaluation")) == 12
    for name, purpose in (
        ("biopsies-holdout", "validate"),
        ("biopsies-holdout", "explore"),
        ("biopsies", "train"),
        ("biopsies", "explore"),
        ("biopsies-validation", "train"),
    ):
        with pytest.raises(PolicyDenied):
            data.load(name, purpose=purpose)


def test_bytes_that_changed_are_not_handed_out(registered: Registered) -> None:
    registered.snapshot.parent.chmod(0o755)
    registered.snapshot.chmod(0o644)
    with registered.snapshot.open("a") as file:
        file.write("99,1.0,1,1\n")
    with pytest.raises(IntegrityBroken, match="not what was registered"):
        data.load("biopsies")
    registered.snapshot.unlink()
    with pytest.raises(IntegrityBroken, match="is missing"):
        data.load("biopsies")


@pytest.fixture
def base_model(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registered:
    monkeypatch.chdir(workspace.root)
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    save_file({"scale": np.ones(8)}, folder / "model.safetensors")
    return register(workspace, folder, "base", kind="model", data_class="licensed")


def test_a_base_model_is_the_folder_of_its_snapshot(
    base_model: Registered, session: Session
) -> None:
    assert data.model("base") == base_model.snapshot
    (event,) = session.events
    assert isinstance(event, Access)
    assert (event.kind, event.via) == ("model", "data.model")


def test_a_file_added_to_a_base_model_is_noticed(base_model: Registered) -> None:
    base_model.snapshot.chmod(0o755)
    (base_model.snapshot / "modeling.py").write_text("import os")
    with pytest.raises(IntegrityBroken):
        data.model("base")
    with pytest.raises(UsageError, match="is registered as model"):
        data.load("base")


def ticket(tmp_path: Path, split: Split, kind: str, **changes: Any) -> Path:
    """What `release.tickets` writes for a run."""
    granted = {
        f"{found.version.dataset}@1": {
            "dataset": found.version.dataset,
            "version": "1",
            "kind": "data",
            "path": str(found.snapshot),
            "sha256": found.version.sha256,
            "data_class": "health",
            "purposes": list(found.version.purposes),
            **changes,
        }
        for part, found in split.parts.items()
        if (part == "holdout") == (kind == "validation")
    }
    path = tmp_path / "ticket.json"
    facts = {"run_id": "run-1", "release": "triage@1", "kind": kind, "inputs": granted}
    path.write_text(json.dumps(facts))
    return path


@pytest.fixture
def in_run(parts: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Enter a run: only the ticket can be read, neither ledger nor personal folder."""

    def enter(kind: str, **changes: Any) -> None:
        monkeypatch.setenv("GOVERNED_TICKET", str(ticket(tmp_path, parts, kind, **changes)))
        monkeypatch.setenv("GOVERNED_HOME", str(tmp_path / "nowhere"))
        monkeypatch.chdir(tmp_path)

    return enter


def test_a_run_reads_what_its_ticket_names(in_run: Any, session: Session) -> None:
    in_run("release")
    assert len(data.load("biopsies-train", purpose="train")) == 36
    event = session.events[-1]
    assert isinstance(event, Access)
    assert (event.dataset, event.decision) == ("biopsies-train", "allowed")
    with pytest.raises(UnknownName, match=r"no input of triage@1"):
        data.load("biopsies-holdout", purpose="validate")
    with pytest.raises(PolicyDenied, match="not to train"):
        data.load("biopsies-validation", purpose="train")


def test_a_validation_run_reads_the_holdout(in_run: Any) -> None:
    in_run("validation")
    assert len(data.load("biopsies-holdout", purpose="validate")) == 12
    with pytest.raises(PolicyDenied):
        data.load("biopsies-holdout", purpose="train")


def test_a_ticket_may_name_the_folder_of_a_file(in_run: Any, parts: Split) -> None:
    folder = parts.parts["holdout"].snapshot.parent
    in_run("validation", path=str(folder))
    assert len(data.load("biopsies-holdout", purpose="validate")) == 12


def test_a_ticket_that_can_not_be_read_is_not_taken_for_research(
    parts: Split, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ticket.json").write_text("{")
    for named in (tmp_path / "ticket.json", tmp_path / "gone.json"):
        monkeypatch.setenv("GOVERNED_TICKET", str(named))
        with pytest.raises(ResourceMissing, match="ticket"):
            data.load("biopsies-train", purpose="train")


def test_importing_it_brings_neither_pandas_nor_torch() -> None:
    code = (
        "import sys, governed_kernel.data\n"
        "print(*{'pandas', 'torch', 'pyarrow', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == ""
