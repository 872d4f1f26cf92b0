from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from governed_kernel.capture.observation import denied
from governed_kernel.governance import access, permission
from governed_kernel.governance.register import Register
from governed_kernel.governance.split import Split, divide
from governed_kernel.governance.withdrawal import withdraw
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.people import make_workspace, passphrase
from tests.governance.records import BY_PATIENT, register, rows, write_code, write_records


@dataclass(frozen=True)
class Divided:
    """A workspace whose dataset was divided; shared by the tests that only ask."""

    workspace: Workspace
    source: Path
    parts: Split


def divide_records(workspace: Workspace, source: Path) -> Divided:
    register(workspace, source)
    code = write_code(workspace, BY_PATIENT)
    return Divided(workspace, source, divide(workspace, "biopsies", code, "sam"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_records(tmp_path / "biopsies.csv")


@pytest.fixture(scope="module")
def divided(made_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Divided]:
    folder = tmp_path_factory.mktemp("divided")
    with pytest.MonkeyPatch.context() as patch:
        shutil.copytree(made_keys, folder / "home")
        patch.setenv("GOVERNED_HOME", str(folder / "home"))
        workspace = make_workspace(folder / "workspace")
        yield divide_records(workspace, write_records(folder / "biopsies.csv"))


def read(workspace: Workspace, path: Path | str) -> tuple[bool, list[str]]:
    decision = access.decide(workspace, "read", str(path))
    return decision.allowed, decision.policies


def test_a_file_nobody_registered_is_allowed_and_nothing_is_known_of_it(
    workspace: Workspace, source: Path
) -> None:
    decision = access.decide(workspace, "read", str(source))
    assert (decision.allowed, decision.dataset) == (True, "")


def test_a_registered_source_is_known_as_soon_as_the_ledger_says_so(
    workspace: Workspace, source: Path
) -> None:
    assert access.decide(workspace, "read", str(source)).dataset == ""
    register(workspace, source)
    decision = access.decide(workspace, "read", str(source))
    assert (decision.dataset, decision.version, decision.data_class) == ("biopsies", "1", "health")


def test_train_and_validation_are_read_in_research_and_the_holdout_is_not(divided: Divided) -> None:
    workspace, parts = divided.workspace, divided.parts
    assert read(workspace, parts.parts["train"].snapshot) == (True, ["read"])
    assert read(workspace, parts.parts["validation"].snapshot) == (True, ["read"])
    assert read(workspace, parts.parts["holdout"].snapshot) == (False, ["locked-holdout"])


def test_the_divided_dataset_contains_the_holdout_and_is_denied_too(divided: Divided) -> None:
    workspace, parts = divided.workspace, divided.parts
    assert read(workspace, divided.source) == (False, ["split-parent"])
    snapshot = workspace.snapshots / parts.parent.sha256 / "biopsies.csv"
    assert read(workspace, snapshot) == (False, ["split-parent"])


def test_who_is_refused_is_told_what_to_do_by_the_policy_or_the_rule_that_refused(
    divided: Divided,
) -> None:
    register = Register.read(divided.workspace)
    for part, purpose, advice in (
        ("biopsies-holdout", "train", "use the training or validation part of the split"),
        ("biopsies-train", "deploy", "use a version that admits it ('governed data list')"),
    ):
        decision = permission.decide_purpose(register, register.version(part), purpose)
        assert advice in decision.advice
        assert f"next: {decision.advice}" in str(denied("read", "file:///x", decision))


def test_a_holdout_is_recognised_by_any_other_name(divided: Divided, tmp_path: Path) -> None:
    workspace, parts = divided.workspace, divided.parts
    snapshot = parts.parts["holdout"].snapshot
    sha256 = parts.parts["holdout"].version.sha256
    (tmp_path / "link.csv").symlink_to(snapshot)
    os.link(snapshot, tmp_path / "hard.csv")
    (tmp_path / "folder").symlink_to(snapshot.parent)
    for other in (
        tmp_path / "link.csv",
        tmp_path / "hard.csv",
        tmp_path / "folder" / snapshot.name,
        workspace.objects / sha256[:2] / sha256,
        f"file://{snapshot}",
        os.path.relpath(snapshot),
        f"{workspace.root}/research/../.governed/snapshots/{sha256}/{snapshot.name}",
    ):
        assert read(workspace, other) == (False, ["locked-holdout"]), other


def test_a_renamed_source_is_the_same_file(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    divide_records(workspace, source)
    source.rename(tmp_path / "innocent.csv")
    assert read(workspace, tmp_path / "innocent.csv") == (False, ["split-parent"])


def test_a_copy_that_the_witness_keeps_shut_is_told_by_what_it_may_be_a_copy_of(
    divided: Divided, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session's own hashing of it is answered EACCES as well, so its length is all it knows."""
    copy = tmp_path / "copy.csv"
    copy.write_bytes(divided.parts.parts["holdout"].snapshot.read_bytes())

    def shut(path: str) -> str:
        raise PermissionError(path)

    monkeypatch.setattr(access, "digest_file", shut)
    said = access.Guard(divided.workspace).decide("read", str(copy))
    assert (said.allowed, said.policies, said.dataset) == (False, ["restricted-content"], "")
    assert "it is as long as biopsies-holdout@1" in said.reason
    assert "biopsies-holdout@1 is a locked holdout" in said.reason


def test_a_copy_of_a_holdout_is_the_holdout_and_a_file_of_its_size_is_not(
    divided: Divided, tmp_path: Path
) -> None:
    workspace, parts = divided.workspace, divided.parts
    content = parts.parts["holdout"].snapshot.read_bytes()
    (tmp_path / "copy.csv").write_bytes(content)
    (tmp_path / "other.csv").write_bytes(content[::-1])
    assert read(workspace, tmp_path / "copy.csv") == (False, ["locked-holdout"])
    assert read(workspace, tmp_path / "other.csv") == (True, [])
    (tmp_path / "other.csv").write_bytes(content)
    assert read(workspace, tmp_path / "other.csv") == (False, ["locked-holdout"])


def test_a_decision_asked_for_while_one_is_made_does_not_go_round_in_circles(
    divided: Divided, tmp_path: Path
) -> None:
    """The guard opens files itself, and the kernel's audit hook asks about every open."""
    workspace, parts = divided.workspace, divided.parts
    (tmp_path / "copy.csv").write_bytes(parts.parts["holdout"].snapshot.read_bytes())
    os.utime(workspace.ledger)  # one that has rested for a moment is not read again
    asked: list[str] = []
    guard = access.Guard(workspace)
    armed = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if armed and event == "open" and isinstance(arguments[0], str):
            asked.append(arguments[0])
            guard.decide("read", arguments[0])

    sys.addaudithook(hook)
    try:
        assert guard.decide("read", str(tmp_path / "copy.csv")).policies == ["locked-holdout"]
    finally:
        armed = False
    assert str(tmp_path / "copy.csv") in asked
    assert str(workspace.ledger) in asked


def test_what_lies_in_a_registered_folder_is_known_by_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "weights.bin").write_bytes(b"1234")
    done = register(workspace, folder, "minilm", kind="model", data_class="licensed")
    for path in (folder / "weights.bin", done.snapshot / "config.json"):
        assert access.decide(workspace, "read", str(path)).dataset == "minilm"


def test_of_all_that_is_registered_at_a_place_the_strictest_counts(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The first of them counted, so what came later was taken for readable."""
    folder = tmp_path / "visits"
    inner = folder / "inner"
    inner.mkdir(parents=True)
    for first in (0, 300):
        for number in range(2):
            write_records(folder / f"{number}.csv", rows(30, first + 50 * number))
            write_records(inner / f"{number}.csv", rows(9, 900 + 50 * number))
        register(workspace, folder, "visits")
    register(workspace, inner, "inner")
    withdraw(workspace, "inner@1", "ada", passphrase("ada"), "consent withdrawn")
    assert access.decide(workspace, "read", str(folder / "0.csv")).allowed
    assert access.decide(workspace, "read", str(inner / "new.csv")).dataset == "inner"
    withdraw(workspace, "visits@2", "ada", passphrase("ada"), "consent withdrawn")
    for name in ("0.csv", "new.csv"):
        assert access.decide(workspace, "read", str(folder / name)).policies == ["state"]


@pytest.mark.parametrize("operation", ["write", "delete"])
def test_a_notebook_does_not_write_into_the_workspaces_state(
    divided: Divided, operation: str
) -> None:
    workspace, parts = divided.workspace, divided.parts
    for path in (workspace.ledger, parts.parts["train"].snapshot, workspace.state / "new"):
        decision = access.decide(workspace, operation, str(path))  # type: ignore[arg-type]
        assert decision.policies == ["workspace-state"]
        assert not decision.allowed
    allowed = access.decide(workspace, "write", str(workspace.root / "research" / "out.csv"))
    assert allowed.allowed


@pytest.mark.parametrize("path", ["postgresql://host/db", "https://example.org/x", "", "\0"])
def test_what_is_no_file_is_no_concern_of_the_catalog(workspace: Workspace, path: str) -> None:
    assert access.decide(workspace, "read", path).allowed


def purpose(workspace: Workspace, name: str, wanted: str, *mode: str) -> list[str]:
    current = Register.read(workspace)
    return permission.decide_purpose(current, current.version(name), wanted, *mode).policies


def test_purposes_are_those_of_the_version_and_of_its_class(
    workspace: Workspace, source: Path
) -> None:
    register(workspace, source, purposes=["explore", "train"])
    assert purpose(workspace, "biopsies", "train") == ["read"]
    assert purpose(workspace, "biopsies", "evaluate") == ["version-purposes"]
    assert purpose(workspace, "biopsies", "deploy") == ["version-purposes", "class-purposes"]


def test_only_a_validation_run_validates_on_the_holdout(divided: Divided) -> None:
    workspace = divided.workspace
    holdout = "biopsies-holdout"
    assert purpose(workspace, holdout, "validate", "release", "validation") == ["read"]
    for mode in (
        ("research",),
        ("research", "validation"),
        ("release", "release"),
        ("release", "rerun"),
    ):
        assert "locked-holdout" in purpose(workspace, holdout, "validate", *mode)
    assert "locked-holdout" in purpose(workspace, holdout, "train", "release", "validation")
    for wanted in ("explore", "train", "evaluate"):
        assert purpose(workspace, "biopsies", wanted) == ["split-parent"]


def test_the_holdouts_content_stays_locked_under_another_name(
    workspace: Workspace, source: Path
) -> None:
    """An entry written into the ledger by hand does not unlock it."""
    parts = divide_records(workspace, source).parts
    holdout = parts.parts["holdout"].version
    again = msgspec.structs.replace(
        holdout, dataset="toys", version="1", state="approved", purposes=["train"]
    )
    Ledger(workspace).append(again)
    assert "locked-holdout" in purpose(workspace, "toys", "train")
    assert read(workspace, parts.parts["holdout"].snapshot)[0] is False


def test_what_had_to_be_gone_is_denied_to_every_run(workspace: Workspace, source: Path) -> None:
    register(workspace, source, retention_until="2020-01-01")
    assert purpose(workspace, "biopsies", "train") == ["retention"]
    assert purpose(workspace, "biopsies", "train", "release", "rerun") == ["retention"]
    assert read(workspace, source) == (False, ["retention"])


FORKING = """
import os, sys, threading, time
from pathlib import Path
from governed_kernel.capture.observation import denied
from governed_kernel.governance import access, permission
from governed_kernel.workspace import Workspace
workspace, file = Workspace.open(Path(sys.argv[1])), sys.argv[2]
over = False
def ask():
    while not over:
        access.decide(workspace, "read", file)
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(30):
    child = os.fork()
    if not child:
        access.decide(workspace, "read", file)
        os._exit(0)
    until = time.monotonic() + 20
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > until:
            os.kill(child, 9)
            print("a child waits for ever")
            os._exit(1)
        time.sleep(0.001)
over = True
"""


def test_a_child_forked_while_threads_ask_gets_its_answers(
    workspace: Workspace, source: Path
) -> None:
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, str(workspace.root), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, ""), found.stderr


def test_a_decision_costs_microseconds(divided: Divided) -> None:
    workspace, parts = divided.workspace, divided.parts
    import time

    path = str(parts.parts["train"].snapshot)
    access.decide(workspace, "read", path)
    started = time.perf_counter()
    for _ in range(1000):
        access.decide(workspace, "read", path)
    assert time.perf_counter() - started < 0.5
