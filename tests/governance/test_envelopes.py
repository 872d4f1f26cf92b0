from __future__ import annotations

import base64
import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from governed_kernel.canonical import canonical_json
from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance import envelopes, keys
from governed_kernel.governance.names import SERVICE
from governed_kernel.governance.public_keys import PublicKey, parse_public_key
from governed_kernel.governance.signers import PersonSigner
from governed_kernel.governance.subjects import Subject
from governed_kernel.lineage.attestations import Approval, Record
from governed_kernel.lineage.events import FileDigest, RunEnded
from tests.governance.people import DIGEST, RELEASE, passphrase


@pytest.fixture
def signer(home: Path) -> PersonSigner:
    return keys.unlock("rita", passphrase("rita"))


@pytest.fixture
def approval() -> Approval:
    return Approval(
        person="rita",
        printed_name="Rita",
        workspace_id="w1",
        release=RELEASE,
        purpose="run",
        digest=DIGEST,
        evidence=[FileDigest("a.txt", DIGEST, 3)],
    )


@pytest.fixture
def envelope(approval: Approval, signer: PersonSigner) -> dict[str, Any]:
    return envelopes.sign(approval, signer)


def public_key_of(signer: PersonSigner) -> PublicKey:
    return parse_public_key(signer.public_key.keyval["public"])


def resigned(payload: dict[str, Any], signer: PersonSigner, **changes: Any) -> dict[str, Any]:
    """An envelope with that payload, truly signed."""
    data = changes.pop("data", canonical_json(payload))
    made = Envelope(data, changes.pop("payload_type", envelopes.PAYLOAD_TYPE), {})
    made.sign(signer)
    found: dict[str, Any] = made.to_dict()
    return found


def payload_of(envelope: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(base64.b64decode(envelope["payload"]))
    return found


def test_what_was_signed_is_read_back(
    approval: Approval, envelope: dict[str, Any], signer: PersonSigner
) -> None:
    statement, predicate = envelopes.verify(envelope, public_key_of(signer))
    assert predicate == approval
    assert statement.subject == [Subject(RELEASE, {"sha256": DIGEST})]


def test_an_envelope_verifies_by_securesystemslib_and_the_public_key_alone(
    envelope: dict[str, Any], home: Path
) -> None:
    public = load_pem_public_key((home / "keys" / "rita.pub").read_bytes())
    loaded = Envelope.from_dict(copy.deepcopy(envelope))
    assert loaded.verify([SSlibKey.from_crypto(public)], 1)


def test_its_payload_is_a_valid_in_toto_statement(envelope: dict[str, Any]) -> None:
    import google.protobuf.json_format as pb_json
    import in_toto_attestation.v1.statement_pb2 as spb
    from in_toto_attestation.v1.statement import Statement

    message = pb_json.ParseDict(payload_of(envelope), spb.Statement())
    statement = Statement.copy_from_pb(message)
    statement.validate()
    assert statement.pb.predicate["digest"] == DIGEST


def test_verifying_leaves_the_envelope_as_it_was(
    envelope: dict[str, Any], signer: PersonSigner
) -> None:
    before = copy.deepcopy(envelope)
    envelopes.verify(envelope, public_key_of(signer))
    assert envelope == before


def test_another_persons_key_does_not_verify_it(envelope: dict[str, Any]) -> None:
    with pytest.raises(IntegrityBroken, match="does not verify"):
        envelopes.verify(envelope, parse_public_key(keys.public_key_of("dora")))


def test_a_stranger_under_the_id_of_a_known_key_is_found_out(
    approval: Approval, signer: PersonSigner
) -> None:
    forged = envelopes.sign(approval, keys.unlock("mallory", passphrase("mallory")))
    forged["signatures"][0]["keyid"] = signer.public_key.keyid
    with pytest.raises(IntegrityBroken, match="does not verify"):
        envelopes.verify(forged, public_key_of(signer))


def test_one_changed_byte_of_the_payload_is_found_out(
    envelope: dict[str, Any], signer: PersonSigner
) -> None:
    payload = payload_of(envelope)
    payload["predicate"]["comment"] = "and I mean it"
    envelope["payload"] = base64.b64encode(canonical_json(payload)).decode()
    with pytest.raises(IntegrityBroken, match="does not verify"):
        envelopes.verify(envelope, public_key_of(signer))


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.update(extra=1),
        lambda e: e.pop("signatures"),
        lambda e: e.update(signatures=[]),
        lambda e: e.update(signatures=e["signatures"] * 2),
        lambda e: e.update(signatures="none"),
        lambda e: e["signatures"][0].update(extra="x"),
        lambda e: e["signatures"][0].update(sig="no base64!"),
        lambda e: e["signatures"][0].update(sig=7),
        lambda e: e.update(payloadType="application/json"),
        lambda e: e.update(payload="no base64!"),
        lambda e: e.update(payload=7),
        lambda e: e.update(payload=base64.b64encode(b"[" * 100_000).decode()),
        lambda e: e.update(payload=f"{e['payload']}\n"),
        lambda e: e.update(payload=f'{e["payload"]}" "'),
        lambda e: e.update(payload=f"\\u{ord(e['payload'][0]):04x}{e['payload'][1:]}"),
        lambda e: e.update(payload="\ud800"),
        lambda e: e["signatures"][0].update(sig=e["signatures"][0]["sig"].rstrip("=")[:-1] + "="),
    ],
)
def test_an_envelope_of_another_form_is_refused(
    envelope: dict[str, Any], signer: PersonSigner, change: Any
) -> None:
    change(envelope)
    with pytest.raises(IntegrityBroken):
        envelopes.verify(envelope, public_key_of(signer))
    with pytest.raises(IntegrityBroken):
        envelopes.opened(envelope).check(public_key_of(signer))


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["predicate"].update(unknown=True),
        lambda p: p["predicate"]["evidence"][0].update(unknown=True),
        lambda p: p["predicate"].update(type="promotion"),
        lambda p: p["predicate"].pop("digest"),
        lambda p: p["predicate"].update(purpose="world domination"),
        lambda p: p.update(predicateType="urn:something-else"),
        lambda p: p.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda p: p.update(subject=[]),
        lambda p: p["subject"][0].update(name="another@1"),
        lambda p: p["subject"][0]["digest"].update(sha256="cd" * 32),
        lambda p: p["subject"].append({"name": "another@1", "digest": {"sha256": "cd" * 32}}),
        lambda p: p.update(unknown=True),
    ],
)
def test_a_truly_signed_statement_that_is_not_strictly_ours_is_refused(
    envelope: dict[str, Any], signer: PersonSigner, change: Any
) -> None:
    payload = payload_of(envelope)
    change(payload)
    with pytest.raises(IntegrityBroken, match="can't be understood"):
        envelopes.verify(resigned(payload, signer), public_key_of(signer))
    with pytest.raises(IntegrityBroken, match="can't be understood"):
        envelopes.opened(resigned(payload, signer))


def test_a_statement_that_says_a_thing_twice_is_refused(
    envelope: dict[str, Any], signer: PersonSigner
) -> None:
    data = base64.b64decode(envelope["payload"])
    twice = data.replace(b'"comment":""', b'"comment":"","comment":""')
    assert twice != data
    for take in (envelopes.peek, envelopes.opened):
        with pytest.raises(IntegrityBroken, match="canonical"):
            take(resigned({}, signer, data=twice))


_ENDED = RunEnded(run_id="run-1", state="succeeded", seconds=2.0, reason="é")


def test_an_event_in_a_record_is_read_back(signer: PersonSigner) -> None:
    envelope = envelopes.sign(_record(), signer)
    opened = envelopes.opened(envelope)
    opened.check(public_key_of(signer))
    assert opened.predicate == _record()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b'"seconds":2', b'"seconds":2.0'),
        lambda data: data.replace(b'"seconds":2', b'"seconds":3'),
        lambda data: data.replace(b'"event":{', b'"event":{"run_id":"run-2",'),
        lambda data: data.replace(b'"event":{', b'"event": {'),
        lambda data: data.replace("é".encode(), b"\\u00e9"),
    ],
)
def test_an_event_in_another_form_or_under_another_digest_is_refused(
    signer: PersonSigner, change: Any
) -> None:
    data = base64.b64decode(envelopes.sign(_record(), signer)["payload"])
    assert change(data) != data
    with pytest.raises(IntegrityBroken, match="can't be understood"):
        envelopes.opened(resigned({}, signer, data=change(data)))


def _record() -> Record:
    return Record(
        person=SERVICE, printed_name="service", workspace_id="w1",
        signed_at=_ENDED.occurred_at, meaning="recorded", event=_ENDED,
    )  # fmt: skip
