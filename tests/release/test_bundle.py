"""What a bundle says of itself, read by the libraries of those who set its formats."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.canonical import digest_file
from governed_kernel.release.bundle import BundleManifest, manifest_of
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow
COLUMNS = {"firmness", "redness", "taste"}


@pytest.fixture(scope="session")
def bundle(stages: Stages) -> Path:
    (folder,) = stages.released.workspace.bundles.iterdir()
    return folder


@pytest.fixture(scope="session")
def made(bundle: Path) -> BundleManifest:
    return manifest_of(bundle)[0]


@pytest.fixture(scope="session")
def key(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "service.pub"
    file.write_text(stages.released.done_here("audit key").out)
    return file


def facts(bundle: Path, name: str) -> Any:
    return json.loads((bundle / name).read_bytes())


# --- model signature -----------------------------------------------------------------------------


def test_the_model_signature_covers_every_file_but_the_seal(bundle: Path, key: Path) -> None:
    from model_signing import verifying

    verifying.Config().use_elliptic_key_verifier(public_key=key).verify(
        bundle, bundle / "model.sig"
    )
    envelope = facts(bundle, "model.sig")["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    signed = {item["name"]: item["digest"] for item in statement["predicate"]["resources"]}
    files = [path for path in bundle.rglob("*") if path.is_file()]
    there = {path.relative_to(bundle).as_posix(): digest_file(path) for path in files}
    assert {*there} - {*signed} == {"model.sig", "signature.dsse.json"}
    assert all(there[name] == digest for name, digest in signed.items())
    assert statement["subject"][0]["name"] == bundle.name


def test_without_the_library_that_signs_nothing_is_made(stages: Stages, tmp_path: Path) -> None:
    place = stages.validated.copy(tmp_path)
    hidden = "import sys; sys.modules['model_signing'] = None; "
    code = hidden + "from governed_kernel.cli import main; main(sys.argv[1:])"
    words = place.words(f"--workspace {place.root} release build {stages.run_id} --as otto")
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=place.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6, done.stderr
    assert "model-signing is not installed" in done.stderr
    assert "governed-notebooks[bundle]" in done.stderr
    assert not list(place.workspace.bundles.iterdir())


# --- bill of materials ---------------------------------------------------------------------------


def test_the_bill_of_materials_is_strictly_cyclonedx(bundle: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (bundle / "bom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_bill_of_materials_names_everything_once(bundle: Path) -> None:
    bom = facts(bundle, "bom.cdx.json")
    components = {item["bom-ref"]: item for item in bom["components"]}
    assert len(components) == len(bom["components"])
    roles = {
        ref: prop["value"]
        for ref, item in components.items()
        for prop in item.get("properties", [])
        if prop["name"] == "governed:role"
    }
    assert roles == {
        "berries-train@1": "input",
        "palate@1": "input",
        "berries-holdout@1": "evaluation",
        "berries@1": "source",
        "suite:suites/berries": "validation suite",
    }
    lock = facts(bundle, "release/environment.json")["distributions"]
    assert {f"pkg:pypi/{item['name']}@{item['version']}" for item in lock} <= {*components}
    listed = {*components, bom["metadata"]["component"]["bom-ref"]}
    named = {ref for item in bom["dependencies"] for ref in [item["ref"], *item["dependsOn"]]}
    assert named <= listed
    assert components["palate@1"]["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]


def test_the_bill_of_materials_describes_the_model_by_evidence(
    bundle: Path, made: BundleManifest
) -> None:
    model = facts(bundle, "bom.cdx.json")["metadata"]["component"]
    listed = {file.path: file.sha256 for file in made.files}
    for part in model["components"]:
        assert part["hashes"] == [{"alg": "SHA-256", "content": listed[part["name"]]}]
    evidence = facts(bundle, "evaluation/evidence/berries.json")
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {item["type"]: float(item["value"]) for item in metrics} == {
        f"{case['layer']}/{case['id']}": case["value"] for case in evidence["cases"]
    }
    learnt = [
        item["value"].split()
        for item in model["modelCard"]["properties"]
        if item["name"] == "governed:learnt-from"
    ]
    assert {(item[0], item[1]) for item in learnt} == {("berries-train@1", n) for n in COLUMNS}


# --- cards ---------------------------------------------------------------------------------------


def test_hubs_read_the_model_card(bundle: Path) -> None:
    from huggingface_hub import ModelCard

    card = ModelCard.load(bundle / "README.md", ignore_metadata_errors=False)
    assert card.data.base_model == "palate"
    assert card.data.library_name == "peft"
    assert card.data.datasets == ["berries-train@1", "berries-holdout@1", "berries@1"]
    for said in ("promoted by Dora", "approved for deployment by Mara", "recall-sour"):
        assert said in card.text
    assert "**Intended use** (what the model is for, and who uses it): not stated" in card.text


def test_the_data_card_tells_which_columns_were_learnt(bundle: Path) -> None:
    sections = (bundle / "data_card.md").read_text().split("\n## ")
    (train,) = [text for text in sections if text.startswith("berries-train@1: input")]
    assert "columns that went into the weights: `firmness`, `redness`, `taste`" in train
    assert "train of berries@1, split by `splits/by_taste.py`" in train
    assert "licence: not stated" in train
