"""What a bundle says of itself, read by the libraries of those who set its formats."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.canonical import digest_file
from governed_kernel.errors import IntegrityBroken
from governed_kernel.release import manifest
from governed_kernel.release.account import Account
from governed_kernel.release.bundle import BundleManifest, manifest_of, verify
from governed_kernel.release.cards import model_card
from governed_kernel.release.registry import Registry
from tests.loop.refusal import alter, explains
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
    assert card.data.datasets == ["berries-train@1"], "hubs take these for what it was trained on"
    for said in ("promoted by Dora", "approved for deployment by Mara", "recall-sour"):
        assert said in card.text
    assert "## Intended use\n\nSorting berries in our kitchen" in card.text
    assert "risk if wrong: A sour cake" in card.text
    assert "licence: BSD-3-Clause" in card.text
    assert "| at least 0.7 | yes |" in card.text


def test_what_a_run_only_read_is_no_training_data_of_its_model(
    stages: Stages, made: BundleManifest
) -> None:
    workspace = stages.released.workspace
    registry = Registry.read(workspace)
    record = registry.release(made.release)
    bound = manifest.load(manifest.release_folder(workspace, record.name), record.digest)
    found = Account.read(workspace, registry, registry.run(made.run_id), bound)
    trained = "## Training data\n\n- berries-train@1"
    read = "did not learn from\n\n- berries-train@1"
    assert trained in model_card(found)
    assert read not in model_card(found)
    none = model_card(dataclasses.replace(found, learnt=()))
    assert "## Training data\n\n- not stated" in none
    assert read in none
    assert "datasets:" not in none


def test_the_data_card_tells_which_columns_were_learnt(bundle: Path) -> None:
    sections = (bundle / "data_card.md").read_text().split("\n## ")
    (train,) = [text for text in sections if text.startswith("berries-train@1: input")]
    assert "columns that went into the weights: `firmness`, `redness`, `taste`" in train
    assert "train of berries@1, split by `splits/by_taste.py`" in train
    assert "licence: not stated" in train


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # within rdflib, which reads JSON-LD
def test_the_data_card_is_croissant(bundle: Path, stages: Stages) -> None:
    import mlcroissant

    card = mlcroissant.Dataset(jsonld=str(bundle / "data_card.croissant.json")).metadata
    assert not card.ctx.issues.errors
    files = {item.id: item.sha256 for item in card.distribution}
    versions = stages.released.events("DatasetRegistered")
    known = {f"{v.dataset}@{v.version}/{f.path}": f.sha256 for v in versions for f in v.files}
    assert {*files} == {
        *("berries@1/berries.csv", "berries-train@1/berries-train.csv"),
        "berries-holdout@1/berries-holdout.csv",
    }
    assert files.items() <= known.items()


# --- statements and index ------------------------------------------------------------------------


def statement(bundle: Path, name: str, predicate: Any) -> Any:
    """The predicate, read strictly by in-toto's own definition of it."""
    from google.protobuf import json_format
    from in_toto_attestation.v1.statement import Statement

    said = json.loads(base64.b64decode(facts(bundle, name)["payload"]))
    statement = json_format.ParseDict(said, Statement([], "", {}).pb)
    Statement.copy_from_pb(statement).validate()
    json_format.ParseDict(said["predicate"], predicate)
    return said


def test_provenance_is_slsa(bundle: Path, made: BundleManifest) -> None:
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2

    read = provenance_pb2.Provenance()
    said = statement(bundle, "attestations/provenance.dsse.json", read)
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    assert read.run_details.metadata.invocation_id == made.run_id
    listed = {file.path: file.sha256 for file in made.files}
    subjects = {item["name"]: item["digest"]["sha256"] for item in said["subject"]}
    assert {name for name in listed if name.startswith("artifacts/")} == {*subjects}
    named = {
        item.name: item.digest["sha256"] for item in read.build_definition.resolved_dependencies
    }
    assert {"berries-train@1", "palate@1", "release/environment.json"} < {*named}
    lock = named.pop("release/environment.json")
    assert lock == facts(bundle, "release/manifest.json")["environment"]
    ours = {name: digest for name, digest in [*subjects.items(), *named.items()] if "/" in name}
    assert ours.items() <= listed.items()


def test_the_data_bill_names_what_was_really_read(bundle: Path, made: BundleManifest) -> None:
    envelope = facts(bundle, "attestations/data-bill-of-materials.dsse.json")
    said = json.loads(base64.b64decode(envelope["payload"]))
    assert said["predicateType"] == "urn:governed-notebooks:data-bill-of-materials:1"
    bill = said["predicate"]
    assert (bill["run"], bill["releaseDigest"]) == (made.run_id, made.release_digest)
    read = {item["name"]: item for item in bill["datasets"]}
    assert {*read} == {"berries-train@1", "palate@1", "berries-holdout@1"}
    assert read["berries-holdout@1"]["readBy"] == ["validation"]
    train = read["berries-train@1"]
    assert (train["approvedInput"], train["class"]) == (True, "public")
    assert (train["legalBasis"], train["neverLearn"]) == ("picked by us", ["berry_id"])
    assert train["split"]["of"] == "berries@1"
    assert read["palate@1"]["licence"] == "BSD-3-Clause"
    assert [item["name"] for item in bill["sources"]] == ["berries@1"]


def test_the_evaluation_is_an_in_toto_test_result(bundle: Path, made: BundleManifest) -> None:
    from in_toto_attestation.predicates.test_result.v0 import test_result_pb2

    read = test_result_pb2.TestResult()
    said = statement(bundle, "attestations/test-result-berries.dsse.json", read)
    assert said["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert read.result == "PASSED"
    cases = facts(bundle, "evaluation/evidence/berries.json")["cases"]
    assert [*read.passed_tests] == [f"{case['layer']}/{case['id']}" for case in cases]
    listed = {file.path: file.sha256 for file in made.files}
    (weights,) = said["subject"]
    assert weights["digest"]["sha256"] == listed[weights["name"]]
    judged = {item.name for item in read.configuration}
    assert judged == {"berries", "berries-holdout@1", "evaluation/evidence/berries.json"}


def test_the_index_is_a_process_run_crate_of_every_file(bundle: Path) -> None:
    from rocrate.rocrate import ROCrate

    crate = ROCrate(bundle)
    there = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert {item["name"] for item in crate.data_entities} | {"ro-crate-metadata.json"} == there
    for item in crate.data_entities:
        if "sha256" in item.properties():
            assert digest_file(bundle / item["name"]) == item["sha256"]
    (action,) = [item for item in crate.contextual_entities if item.type == "CreateAction"]
    assert action["agent"]["name"] == "Otto"
    assert action["instrument"]["name"] == "release/research/sour.ipynb"
    assert {item["name"] for item in action["object"]} == {"berries-train@1", "palate@1"}
    assert "artifacts/adapter/adapter_model.safetensors" in {i["name"] for i in action["result"]}


# --- one file, written once ----------------------------------------------------------------------


def test_a_bundle_packs_into_the_same_tar_every_time(stages: Stages, tmp_path: Path) -> None:
    place = stages.released.copy(tmp_path)
    words = f"release build {stages.run_id} --as otto --json --tar"
    first = place.done_here(words, str(tmp_path / "first.tar")).facts
    moved = Path(first["folder"]).rename(tmp_path / "aside")  # another inode, another day
    subprocess.run(["cp", "-r", moved, first["folder"]], check=True)
    second = place.done_here(words, str(tmp_path / "second.tar")).facts
    assert first["tar_sha256"] == second["tar_sha256"] == digest_file(tmp_path / "second.tar")
    with tarfile.open(tmp_path / "first.tar") as tar:
        entries = tar.getmembers()
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert {(item.mtime, item.uid, item.gid, item.uname) for item in entries} == {(0, 0, 0, "")}
    assert {item.mode & 0o222 for item in entries} == {0}


def test_what_was_handed_out_is_never_written_over(stages: Stages, tmp_path: Path) -> None:
    place = stages.released.copy(tmp_path)
    (tmp_path / "there.tar").write_text("somebody's")
    words = f"release build {stages.run_id} --as otto --tar"
    explains(place.here(words, str(tmp_path / "there.tar")), 2, "never written over")
    assert (tmp_path / "there.tar").read_text() == "somebody's"


def test_an_altered_bundle_is_not_packed(stages: Stages, tmp_path: Path) -> None:
    place = stages.released.copy(tmp_path)
    (folder,) = place.workspace.bundles.iterdir()
    alter(folder / "README.md")
    words = f"release build {stages.run_id} --as otto --tar"
    explains(place.here(words, str(tmp_path / "out.tar")), 4, "README.md is not what was sealed")
    assert not (tmp_path / "out.tar").exists()


@pytest.mark.parametrize("name", ["manifest.json", "signature.dsse.json", "model.sig", "README.md"])
def test_a_file_of_nothing_but_holes_is_refused_unread(
    stages: Stages, tmp_path: Path, name: str
) -> None:
    """Four terabytes would take hours to be hashed, and no machine has the memory."""
    (folder,) = stages.released.copy(tmp_path).workspace.bundles.iterdir()
    folder.chmod(0o755)
    (folder / name).chmod(0o644)
    os.truncate(folder / name, 4 << 40)
    with pytest.raises(IntegrityBroken, match=f"{name} is not what was sealed") as refused:
        verify(folder)
    assert "4,398,046,511,104 bytes" in refused.value.why
