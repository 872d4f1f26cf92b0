"""Answers that are kept: at once where nothing was written since, and never of an earlier time."""

from __future__ import annotations

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from governed_server import keeping
from governed_server.following import Following
from governed_server.routes.lineage import Around, graph
from governed_server.service import Service

from governed_kernel.lineage import store as store_module
from governed_kernel.lineage.opening import connect
from governed_kernel.workspace import Workspace
from tests.kernel.running import make_workspace
from tests.lineage.sessions import CLEAN, Session, prepare

NOTEBOOK = "research/triage.ipynb"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path / "garden")
    prepare(made)
    return made


@pytest.fixture
def service(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(Following, "add", lambda *_: None)  # nobody else writes the store
    found = Service(cast("Any", SimpleNamespace(root_dir=str(workspace.root), kernel_manager={})))
    asked(found, CLEAN)  # brings the store up to date
    return found


@pytest.fixture
def opened(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The stores that are opened from now on."""
    found: list[Path] = []

    def counted(path: Path, *rest: Any, **more: Any) -> Any:
        found.append(path)
        return connect(path, *rest, **more)

    monkeypatch.setattr(store_module, "connect", counted)
    return found


def asked(service: Service, target: str = "", path: str = "") -> Any:
    return graph(service, Around(path=path, target=target))


def test_a_graph_is_there_at_once_where_nothing_was_written_since(
    service: Service, opened: list[Path]
) -> None:
    first = asked(service, path=NOTEBOOK)
    assert first["nodes"]
    opened.clear()
    assert asked(service, path=NOTEBOOK) == first
    assert opened == []


def test_a_graph_is_never_that_of_an_earlier_time(service: Service, workspace: Workspace) -> None:
    before = asked(service, path=NOTEBOOK)
    assert asked(service, path=NOTEBOOK) == before
    later = Session(workspace, "s7", start=9)
    later.cell("x")
    later.access("read", "file:///new.csv")
    later.end()
    after = asked(service, path=NOTEBOOK)
    assert "file:///new.csv" in {node["key"] for node in after["nodes"]}
    assert asked(service, path=NOTEBOOK) == after


def test_what_rests_on_files_that_lie_there_is_asked_anew(
    service: Service, opened: list[Path]
) -> None:
    """A path may mean what has the same content, and that may change."""
    asked(service, CLEAN)
    opened.clear()
    asked(service, CLEAN)
    assert opened


def test_many_threads_may_ask_at_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_mark", lambda _: ("as ever",))  # else files take all the time
    kept = keeping.Kept()

    def answer_of(number: int) -> tuple[int, bool]:
        return number, True

    def ask(seed: int) -> None:
        for number in random.Random(seed).choices(range(70), k=20_000):  # more than are kept
            assert kept.answer(workspace, number, partial(answer_of, number)) == number

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, range(4)))
    finally:
        sys.setswitchinterval(before)


def test_a_server_follows_its_workspace_before_anybody_asks(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[Path] = []
    monkeypatch.setattr(Following, "add", lambda _, root: followed.append(root))
    Service(cast("Any", SimpleNamespace(root_dir=str(workspace.root), kernel_manager={})))
    assert followed == [workspace.root]
