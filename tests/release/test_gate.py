"""A manifest is its author's word: the gate before a run holds it against the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.errors import GovernedError, IntegrityBroken, Refused
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import FileDigest
from governed_kernel.release import admission, manifest
from governed_kernel.release.evidence import as_input
from governed_kernel.release.manifest import Input, ReleaseManifest
from tests.loop.place import Place
from tests.loop.stages import Stages


@pytest.fixture(scope="module")
def place(stages: Stages) -> Iterator[Place]:
    with stages.candidate.inside():
        yield stages.candidate


def check(place: Place, item: Input, *, validation: bool = False) -> None:
    register = Register.read(place.workspace)
    admission.check_inputs(place.workspace, register, [item], validation=validation)


def known(place: Place, name: str, **changes: Any) -> Input:
    item = as_input(Register.read(place.workspace).version(name))
    return msgspec.structs.replace(item, **changes)


def test_what_the_catalog_says_passes(place: Place) -> None:
    check(place, known(place, "berries-train"))


@pytest.mark.parametrize("name", ["berries-holdout", "berries"])
def test_only_a_validation_run_reads_a_holdout_or_what_contains_it(place: Place, name: str) -> None:
    with pytest.raises(Refused, match="can't be read by a run of a release"):
        check(place, known(place, name))
    check(place, known(place, name), validation=True)


@pytest.mark.parametrize(
    "claim", [{"purposes": ["deploy"]}, {"data_class": "licensed"}, {"kind": "model"}], ids=str
)
def test_a_manifest_cannot_say_otherwise_how_data_is_governed(
    place: Place, claim: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityBroken, match="than the catalog"):
        check(place, known(place, "berries-train", **claim))


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../outside", ""])
@pytest.mark.parametrize("where", ["code", "inputs", "suites"])
def test_no_path_of_a_manifest_leads_out_of_the_release(
    place: Place, tmp_path: Path, path: str, where: str
) -> None:
    original = place.workspace.releases / "sour@1" / "manifest.json"
    bound = msgspec.json.decode(original.read_bytes(), type=ReleaseManifest)
    hostile: list[Any] = [FileDigest(path, "0" * 64, 1)]
    if where == "inputs":
        hostile = [msgspec.structs.replace(bound.inputs[0], paths=[path])]
    if where == "suites":
        hostile = [msgspec.structs.replace(bound.suites[0], path=path)]
    bound = msgspec.structs.replace(bound, **{where: hostile})
    (tmp_path / "manifest.json").write_bytes(bound.encoded())
    with pytest.raises(GovernedError) as refused:
        manifest.load(tmp_path, bound.digest())
    assert "leads out of the release" in refused.value.why
