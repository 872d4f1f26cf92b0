"""Signed statements: in-toto Statement v1 in a DSSE envelope, read back strictly.

An envelope verifies with ``securesystemslib.dsse.Envelope`` and the signer's public key alone.
Here more is asked: canonical bytes (so nothing is said twice), exactly one signature, a known
predicate without unknown fields, and subjects that follow from the predicate (so an envelope
can't be shown around as being about something else).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import Signer, SSlibKey

from governed_kernel.canonical import canonical_json, digest_bytes, digest_json
from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance.verified import Verified, digest_of
from governed_kernel.lineage.attestations import (
    PREDICATE_ROOT,
    Approval,
    Bundle,
    Checkpoint,
    Collection,
    Deployment,
    Erasure,
    KeyRevoked,
    PersonAdded,
    PolicyAdopted,
    Predicate,
    Promotion,
    Recall,
    RecallAnswer,
    Record,
    Rejection,
    Revocation,
    RiskAcceptance,
    RoleGranted,
    RoleWithdrawn,
    ServiceKeyReplaced,
    Withdrawal,
    WorkspaceCreated,
)

__all__ = [
    "PAYLOAD_TYPE",
    "Statement",
    "Subject",
    "add_verified",
    "check",
    "keep_verified",
    "peek",
    "public_keys",
    "read",
    "remembered",
    "sign",
    "sign_statement",
    "subjects_of",
    "verified_by",
    "verify",
    "verify_statement",
]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
LARGEST = 4 << 20
_MALFORMED = (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError)
"""What comes of taking apart what anybody may have written."""


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a statement is about: a name and digests, here always SHA-256."""

    name: str
    digest: dict[str, str]


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An in-toto Statement v1."""

    type: str = msgspec.field(name="_type", default=STATEMENT_TYPE)
    subject: list[Subject]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: dict[str, Any]


def subjects_of(predicate: Predicate) -> list[Subject]:
    """The subjects that a statement with this predicate has."""
    match predicate:
        case (
            Promotion()
            | Approval()
            | RiskAcceptance()
            | RecallAnswer()
            | Rejection()
            | Revocation()
        ):
            name, digest = predicate.release, predicate.digest
        case Bundle():
            name, digest = f"{predicate.release}/{predicate.run_id}", predicate.digest
        case Checkpoint():
            name, digest = f"ledger/{predicate.size}", predicate.root
        case Record():
            name, digest = predicate.event.run_id, digest_json(predicate.event)
        case Deployment():
            name, digest = predicate.bundle, predicate.sha256
        case Withdrawal():
            name, digest = f"{predicate.dataset}@{predicate.version}", predicate.sha256
        case Recall():
            name, digest = predicate.recall, digest_json(predicate.versions)
        case Collection():
            name, digest = "objects", digest_json(predicate.objects)
        case Erasure():
            name, digest = "texts", digest_json(predicate.texts)
        case PolicyAdopted():
            name, digest = "governed.toml", predicate.policy
        case KeyRevoked():
            name, digest = predicate.subject_person, predicate.key_id
        case PersonAdded():
            name, digest = predicate.subject_person, digest_bytes(predicate.public_key.encode())
        case ServiceKeyReplaced():
            name, digest = predicate.workspace_id, digest_bytes(predicate.public_key.encode())
        case RoleGranted() | RoleWithdrawn():
            name, digest = predicate.subject_person, digest_bytes(predicate.subject_person.encode())
        case WorkspaceCreated():
            name, digest = predicate.workspace_id, digest_bytes(predicate.public_key.encode())
    return [Subject(name, {"sha256": digest})]


def sign(predicate: Predicate, signer: Signer) -> dict[str, Any]:
    """`predicate` as a statement in an envelope, signed by `signer`."""
    return sign_statement(_statement_of(predicate), signer)


def _statement_of(predicate: Predicate) -> Statement:
    """What is signed to say this."""
    return Statement(
        subject=subjects_of(predicate),
        predicate_type=f"{PREDICATE_ROOT}{type(predicate).__struct_config__.tag}",
        predicate=msgspec.to_builtins(predicate),
    )


def sign_statement(statement: Statement, signer: Signer) -> dict[str, Any]:
    """A statement in an envelope, whatever vocabulary its predicate is in."""
    envelope = Envelope(canonical_json(statement), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    found: dict[str, Any] = envelope.to_dict()
    return found


def verify_statement(envelope: dict[str, Any], key: SSlibKey) -> Statement:
    """The statement of an envelope that `key` has signed, in whatever vocabulary.

    Raises
    ------
    IntegrityBroken
        It is no envelope of a statement, or the signature is not by `key`.
    """
    try:
        payload, _ = _payload_of(envelope)
        _check(envelope, key)
        return msgspec.json.decode(payload, type=Statement)
    except _MALFORMED as error:
        raise IntegrityBroken(
            "a signed statement does not verify",
            why=str(error),
            next="what it says counts for nothing",
        ) from error


def peek(envelope: dict[str, Any]) -> tuple[Statement, Predicate, str]:
    """Statement, predicate and key id of an envelope whose signature is **not yet checked**.

    Raises
    ------
    IntegrityBroken
        It is no envelope of ours, or says something that has no meaning here.
    """
    try:
        payload, key_id = _payload_of(envelope)
        statement = msgspec.json.decode(payload, type=Statement)
        if canonical_json(statement) != payload:
            raise ValueError("the payload is not in its one canonical form")
        predicate = msgspec.convert(statement.predicate, Predicate)
        _no_unknown_fields(statement.predicate, msgspec.to_builtins(predicate))
        tag = type(predicate).__struct_config__.tag
        if statement.type != STATEMENT_TYPE or statement.predicate_type != f"{PREDICATE_ROOT}{tag}":
            raise ValueError("its type does not fit its predicate")
        if statement.subject != subjects_of(predicate):
            raise ValueError("its subject is not what its predicate speaks of")
    except _MALFORMED as error:
        raise IntegrityBroken(
            "a signed statement can't be understood",
            why=str(error),
            next="it counts for nothing; 'governed audit verify' shows where it lies",
        ) from error
    return statement, predicate, key_id


def _in_base64(text: bytes) -> list[str]:
    """What base64 of anything with `text` in it has in it: by where a group of three begins."""
    found = []
    for before in range(3):
        written = base64.b64encode(bytes(before) + text).decode()
        after = -(before + len(text)) % 3
        found.append(written[(0, 2, 3)[before] : len(written) - (0, 2, 3)[after]])
    return found


_NAMES_A_KEY = _in_base64(b'_key":"-----BEGIN ')


class _Body(msgspec.Struct, frozen=True):
    """What an envelope says, of a payload that is known to be strictly ours."""

    predicate: Predicate


_VERIFIED = Verified()
_BODY: msgspec.json.Decoder[_Body] = msgspec.json.Decoder(_Body)


def verified_by(envelope: dict[str, Any]) -> bytes | None:
    """Digest of the key that exactly this envelope was verified with before; else None."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        return _VERIFIED.key_of(digest_of(envelope))
    return None


def read(envelope: dict[str, Any], known: bytes | None) -> tuple[Predicate, str]:
    """Predicate and key id as `peek` gives them; quickly where `verify` has passed them before.

    Parameters
    ----------
    known : bytes, optional
        What `verified_by` says of this very envelope.
    """
    if known is not None:
        said = _BODY.decode(base64.b64decode(envelope["payload"])).predicate
        return said, envelope["signatures"][0]["keyid"]
    with contextlib.suppress(*_MALFORMED):
        payload, key_id = _payload_of(envelope)
        predicate = _BODY.decode(payload).predicate
        # Byte for byte what `sign` writes to say this: canonical, nothing unknown, of that type
        # and subject. What was written in another way (by an older version) is taken apart.
        if canonical_json(_statement_of(predicate)) == payload:
            return predicate, key_id
    _, predicate, key_id = peek(envelope)
    return predicate, key_id


def check(envelope: dict[str, Any], key: SSlibKey, known: bytes | None) -> None:
    """Refuse (`IntegrityBroken`) what `key` has not signed.

    Parameters
    ----------
    envelope : dict
        One that `read` has just taken: its form is not looked at once more.
    known : bytes, optional
        As for `read`.
    """
    if known is None:
        _check_signed(envelope, key)
    elif known != _digest_of_key(key):
        verify(envelope, key)


def public_keys(envelopes: Iterable[dict[str, Any]]) -> set[str]:
    """Every public key, as PEM, that any envelope says is somebody's, signed or not."""
    found: set[str] = set()
    for envelope in envelopes:
        with contextlib.suppress(*_MALFORMED):
            payload = envelope["payload"]
            if any(written in payload for written in _NAMES_A_KEY):
                said = _BODY.decode(base64.b64decode(payload)).predicate
                named = (getattr(said, name, "") for name in ("public_key", "service_key"))
                found.update(filter(None, named))
    return found


def remembered(envelope: dict[str, Any]) -> bytes:
    """What is remembered of an envelope that has verified, for `add_verified`."""
    digest = digest_of(envelope)
    return digest + (_VERIFIED.key_of(digest) or b"")


def add_verified(said: bytes) -> None:
    """Take what a copy of this process verified, one `remembered` after the other."""
    _VERIFIED.add_all(said)


def keep_verified() -> None:
    """Remember for this person's next commands what was verified in this one."""
    _VERIFIED.keep()


def _digest_of_key(key: SSlibKey) -> bytes:
    return _digest_of_parts(key.keyid, key.keytype, key.scheme, key.keyval["public"])


@lru_cache(maxsize=64)
def _digest_of_parts(*parts: str) -> bytes:
    return hashlib.sha256("\n".join(parts).encode()).digest()


def verify(envelope: dict[str, Any], key: SSlibKey) -> tuple[Statement, Predicate]:
    """Statement and predicate of an envelope that `key`, and nobody else, has signed.

    Raises
    ------
    IntegrityBroken
        The signature is not by `key`, or the envelope is not strictly what `sign` writes.
    """
    statement, predicate, _ = peek(envelope)
    _check_signed(envelope, key)
    return statement, predicate


def _check_signed(envelope: dict[str, Any], key: SSlibKey) -> None:
    """Refuse another signature than by `key`; remember what has passed."""
    try:
        _check(envelope, key)
    except (ValueError, KeyError) as error:
        raise IntegrityBroken(
            "a signature does not verify",
            why=str(error),
            next="what it says counts for nothing; 'governed audit verify' shows where it lies",
        ) from error
    _VERIFIED.add(digest_of(envelope), _digest_of_key(key))


def _check(envelope: dict[str, Any], key: SSlibKey) -> None:
    """Refuse what `key` has not signed: as ``Envelope.verify``, with its key read but once."""
    (signature,) = envelope["signatures"]
    if signature["keyid"] != key.keyid:
        raise ValueError(f"it is signed by the key {signature['keyid']}, not by {key.keyid}")
    signed = Envelope(base64.b64decode(envelope["payload"]), envelope["payloadType"], {}).pae()
    try:
        _opened(key.keytype, key.scheme, key.keyval["public"]).verify(
            base64.b64decode(signature["sig"]), signed, _ECDSA
        )
    except InvalidSignature as error:
        raise ValueError(f"the signature is not by the key {key.keyid}") from error


_ECDSA = ec.ECDSA(hashes.SHA256())


@lru_cache(maxsize=64)
def _opened(kind: str, scheme: str, public: str) -> ec.EllipticCurvePublicKey:
    """The key in this form; P-256 is the one kind that there is here (`parse_public_key`)."""
    key = load_pem_public_key(public.encode())
    if (kind, scheme) != ("ecdsa", "ecdsa-sha2-nistp256"):
        raise ValueError(f"a key of the kind {kind}, {scheme} is none of ours")
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise ValueError("the key is not on the curve P-256")
    return key


def _payload_of(envelope: dict[str, Any]) -> tuple[bytes, str]:
    if set(envelope) != {"payload", "payloadType", "signatures"}:
        raise ValueError(f"its fields are {sorted(map(str, envelope))}")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise ValueError(f"its payload type is {envelope['payloadType']!r}")
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise ValueError("it must have exactly one signature")
    signature = signatures[0]
    if not isinstance(signature, dict) or set(signature) != {"keyid", "sig"}:
        raise ValueError("its signature must have a key id and nothing else")
    if not all(isinstance(text, str) for text in signature.values()):
        raise ValueError("its signature and key id must be text")
    if not isinstance(envelope["payload"], str) or len(envelope["payload"]) > LARGEST:
        raise ValueError("its payload is no text, or too long")
    _bytes_of(signature["sig"], "signature")
    return _bytes_of(envelope["payload"], "payload"), signature["keyid"]


def _bytes_of(text: str, what: str) -> bytes:
    """The bytes of a base64 text, which has no other form: else one thing could be said twice."""
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"its {what} is not base64: {error}") from error
    if base64.b64encode(found).decode() != text:
        raise ValueError(f"its {what} is base64 of another form than ours")
    return found


def _no_unknown_fields(given: Any, understood: Any) -> None:
    """Every key of `given` must have been understood, at every depth."""
    if isinstance(given, dict):
        unknown = set(given) - set(understood)
        if unknown:
            raise ValueError(f"unknown fields {sorted(unknown)}")
        for key, value in given.items():
            _no_unknown_fields(value, understood[key])
    elif isinstance(given, list):
        for value, known in zip(given, understood, strict=True):
            _no_unknown_fields(value, known)
