"""Lists by page: what waits first, every row once, counts of all there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governed_kernel.governance import approvals
from governed_kernel.release.lists import (
    WAITING,
    Page,
    listed_evaluations,
    listed_releases,
    listed_runs,
    listed_verdicts,
    listed_versions,
)
from governed_kernel.release.registry import DeploymentRecord, Registry
from tests.benchmarks.registry_size import fill
from tests.governance.conftest import made_keys
from tests.governance.people import RELEASE, make_workspace, passphrase, promote

__all__ = ["made_keys"]
RELEASES, VERSIONS, LAST = 12, 20, "triage-0@3"


@pytest.fixture(scope="module")
def registry(made_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Twelve releases that are live, before them one that waits for its approvals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", str(made_keys))
        workspace = make_workspace(tmp_path_factory.mktemp("lists") / "workspace")
        promote(workspace)
        approvals.approve(
            workspace, RELEASE, "run", "rita", passphrase("rita"),
            meaning="reviewed", digest=Registry.read(workspace).release(RELEASE).digest,
        )  # fmt: skip
        fill(workspace, RELEASES, VERSIONS)
        approvals.reject(
            workspace, LAST, "rita", passphrase("rita"),
            digest=Registry.read(workspace).release(LAST).digest, reason="it changed last",
        )  # fmt: skip
        yield Registry.read(workspace)


def test_what_is_live_is_folded_once_for_a_page(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Registry] = []
    really = Registry.live

    def live(registry: Registry) -> dict[str, list[DeploymentRecord]]:
        asked.append(registry)
        return really(registry)

    monkeypatch.setattr(Registry, "live", live)
    assert len(listed_releases(registry, limit=5).rows) == 5
    assert len(asked) == 1


def test_what_waits_for_a_person_comes_first_whatever_changed_since(registry: Registry) -> None:
    for person, waits in (("dora", True), ("rita", False), ("sam", False), ("", False)):
        page = listed_releases(registry, person, limit=5)
        assert (page.total, page.all, len(page.rows)) == (RELEASES + 1, RELEASES + 1, 5)
        assert page.rows[0]["release"] == (RELEASE if waits else LAST), person
        assert page.counts == {
            "candidate": 1,
            "rejected": 1,
            "released": RELEASES - 1,
            WAITING: int(waits),
        }
        mine = listed_releases(registry, person, state=WAITING)
        assert [row["waits_for_me"] for row in mine.rows] == ["run"] * waits


def test_pages_hold_every_row_once(registry: Registry) -> None:
    lists: dict[str, Callable[..., Page]] = {
        "release": lambda **said: listed_releases(registry, "dora", **said),
        "run": lambda **said: listed_runs(registry, **said),
        "rerun": lambda **said: listed_verdicts(registry, **said),
        "validation": lambda **said: listed_evaluations(registry, **said),
        "sha256": lambda **said: listed_versions(registry.register, **said),
    }
    for key, listed in lists.items():
        whole = [row[key] for row in listed().rows]
        pages = [listed(limit=5, offset=at).rows for at in range(0, len(whole) + 5, 5)]
        assert [row[key] for page in pages for row in page] == whole, key
        assert len(set(whole)) == len(whole) >= RELEASES
        assert pages[-1] == []


def test_a_search_is_for_every_word_in_letters_of_either_case(registry: Registry) -> None:
    found = listed_releases(registry, search="TRIAGE-1@ sam")
    assert [row["release"] for row in found.rows] == ["triage-1@2", "triage-1@1"]
    assert (found.total, found.all) == (2, RELEASES + 1)
    assert listed_releases(registry, search="triage-1@ nobody").total == 0
    assert listed_runs(registry, search="run-000003", state="succeeded", kind="release").total == 1
    assert listed_runs(registry, state="failed").total == 0
    assert listed_runs(registry, kind="rerun").counts == {"succeeded": RELEASES}
    assert listed_verdicts(registry, search="run-000003 sam identical").total == 1
    assert listed_verdicts(registry, search="different").counts == {"IDENTICAL": RELEASES}
    assert listed_evaluations(registry, search="triage-1@2").total == 1
    assert listed_versions(registry.register, search="clinic dataset-1@").total == 10
    assert listed_versions(registry.register, data_class="public").rows == []
