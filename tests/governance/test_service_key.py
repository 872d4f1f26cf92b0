"""The service's key lost, or known to others, and replaced: what it signed before still counts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from governed_kernel.errors import SignatureRefused
from governed_kernel.governance import envelopes, keys, signing
from governed_kernel.governance.names import SERVICE, SERVICE_NAME
from governed_kernel.governance.register import Register
from governed_kernel.lineage.attestations import Record, ServiceKeyReplaced
from governed_kernel.lineage.events import Attested, RunStarted
from governed_kernel.lineage.ledger import Ledger
from tests.loop.place import Place
from tests.loop.refusal import explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow


@pytest.fixture
def place(stages: Stages, tmp_path: Path) -> Place:
    return stages.released.copy(tmp_path)


def private_keys(place: Place) -> list[Path]:
    return sorted((place.home / "services").glob("*.pem"))


def test_without_its_key_nothing_is_signed_and_a_new_one_makes_it_work_again(place: Place) -> None:
    (lost,) = private_keys(place)
    lost.unlink()
    file = place.root / "kept.json"
    explains(place.here(f"audit checkpoint {file}"), 6, "governed people service-key --replace")
    explains(place.governed("run sour --as otto"), 6, "service key is not on this machine")
    place.done_here("people service-key --replace --reason 'disk died' {ada}")
    place.done_here(f"audit checkpoint {file}")
    assert place.here("audit verify").code == 0
    place.done_here(f"audit verify --since {file}")
    (made,) = private_keys(place)
    assert made.stat().st_mode & 0o777 == 0o600
    first, second = place.done_here("people service-key --json").facts
    assert first["counts_from_record"] < second["counts_from_record"]
    assert second["public_key"] == place.done_here("audit key --json").facts["public_key"]


def test_what_was_signed_before_is_held_against_the_key_of_then(
    place: Place, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.json"
    place.done_here(f"audit checkpoint {kept}")
    old, new = tmp_path / "old.pem", tmp_path / "new.pem"
    old.write_text(place.done_here("audit key").out)
    place.done_here("people service-key --replace {ada}")
    new.write_text(place.done_here("audit key").out)
    done = place.done_here("audit verify --json")
    assert {check["outcome"] for check in done.facts["checks"]} == {"ok"}
    place.done_here(f"audit verify --since {kept}")
    (bundle,) = place.workspace.bundles.glob("[!.]*")
    place.done_here(f"audit verify {bundle} --key {old}")
    explains(place.here(f"audit verify {bundle} --key {new}"), 4, "does not verify")
    place.done_here("deploy sour --env production {otto}")  # of the bundle that is there


def test_a_bundle_sealed_later_names_the_new_key(stages: Stages, tmp_path: Path) -> None:
    place = stages.validated.copy(tmp_path)
    place.done_here("people service-key --replace {ada}")
    place.done_here("deploy sour --env preprod {otto}")
    (bundle,) = place.workspace.bundles.glob("[!.]*")
    key = tmp_path / "key.pem"
    key.write_text(place.done_here("audit key").out)
    place.done_here(f"audit verify {bundle} --key {key}")
    assert place.here("audit verify").code == 0


def test_what_the_old_key_signs_afterwards_counts_for_nothing(place: Place) -> None:
    with place.inside():
        register = Register.read(place.workspace)
        stolen = keys.service_signer(register.workspace_id, register.service_key)
    place.done_here("people service-key --replace --reason stolen {ada}")
    started = RunStarted(
        run_id="run-20260101T000000-00000000",
        release="sour@1",
        digest="0" * 64,
        kind="release",
        person="otto",
        parameters={},
        environment="",
    )
    said = Record(
        person=SERVICE,
        printed_name=SERVICE_NAME,
        meaning="recorded",
        workspace_id=register.workspace_id,
        event=started,
    )
    Ledger(place.workspace).append(Attested(envelope=envelopes.sign(said, stolen)))
    with place.inside():
        *_, last = Register.read(place.workspace).entries
    assert not last.valid
    assert "does not verify" in last.reason
    assert started.run_id not in [run["run"] for run in place.release()["runs"]]


def test_only_an_administrator_replaces_it_and_a_refusal_leaves_nothing(place: Place) -> None:
    before = private_keys(place)
    assert place.here("people service-key --replace {otto}").code == 3
    explains(place.here("people service-key --replace"), 2, "nobody vouches")
    assert private_keys(place) == before
    assert place.events("Decided")[-1].action == "people service-key"


def test_a_key_stands_for_one_signer(place: Place) -> None:
    """Neither an earlier key of the service nor a person's can become the service's."""
    with place.inside():
        register = Register.read(place.workspace)
        secret = (place.home / "passphrases" / "ada").read_bytes().strip()
        for known in (register.service_key, keys.public_key_of("otto")):

            def make(_: Register, who: object, known: str = known) -> ServiceKeyReplaced:
                return ServiceKeyReplaced(
                    person="ada",
                    printed_name=who.printed_name,  # type: ignore[attr-defined]
                    workspace_id=register.workspace_id,
                    public_key=known,
                    reason="",
                )

            with pytest.raises(SignatureRefused, match="known already"):
                signing.attest(
                    place.workspace, "ada", secret, make, action="people service-key", resource=""
                )
    assert (
        msgspec.json.encode(place.done_here("people service-key --json").facts).count(b"BEGIN") == 1
    )
