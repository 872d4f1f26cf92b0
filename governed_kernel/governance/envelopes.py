"""Signed statements: in-toto Statement v1 in a DSSE envelope, read back strictly.

An envelope verifies with ``securesystemslib.dsse.Envelope`` and the signer's public key alone.
Here more is asked: canonical bytes (so nothing is said twice), exactly one signature, a known
predicate without unknown fields, and subjects that follow from the predicate (so an envelope
can't be shown around as being about something else).
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from governed_kernel.canonical import canonical_json
from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance.public_keys import PublicKey
from governed_kernel.governance.subjects import Subject, subjects_of
from governed_kernel.governance.verified import Verified, digest_of
from governed_kernel.lineage.attestations import PREDICATE_ROOT, Predicate, Record

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

__all__ = [
    "PAYLOAD_TYPE",
    "Opened",
    "Statement",
    "add_signed",
    "begin",
    "is_new",
    "keep_verified",
    "may_name_a_key",
    "opened",
    "peek",
    "public_keys",
    "sign",
    "sign_statement",
    "signed_by",
    "verify",
    "verify_statement",
]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
LARGEST = 4 << 20
_MALFORMED = (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError)
"""What comes of taking apart what anybody may have written."""


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An in-toto Statement v1."""

    type: str = msgspec.field(name="_type", default=STATEMENT_TYPE)
    subject: list[Subject]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: dict[str, Any]


class _Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A Statement to be written, whose predicate is not turned into an object before."""

    type: str = msgspec.field(name="_type", default=STATEMENT_TYPE)
    subject: list[Subject]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: Predicate


def sign(predicate: Predicate, signer: Signer) -> dict[str, Any]:
    """`predicate` as a statement in an envelope, signed by `signer`."""
    return _signed(canonical_json(_statement_of(predicate)), signer)


def _statement_of(predicate: Predicate, event: bytes = b"") -> _Draft:
    """What is signed to say this; for `event` see `subjects_of`."""
    return _Draft(
        subject=subjects_of(predicate, event),
        predicate_type=f"{PREDICATE_ROOT}{type(predicate).__struct_config__.tag}",
        predicate=predicate,
    )


def sign_statement(statement: Statement, signer: Signer) -> dict[str, Any]:
    """A statement in an envelope, whatever vocabulary its predicate is in."""
    return _signed(canonical_json(statement), signer)


def _signed(payload: bytes, signer: Signer) -> dict[str, Any]:
    made = signer.sign(_pae(PAYLOAD_TYPE, payload))
    signature = base64.b64encode(bytes.fromhex(made.signature)).decode()
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": made.keyid, "sig": signature}],
    }


def _pae(kind: str, payload: bytes) -> bytes:
    """What is signed of a payload: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)


def verify_statement(envelope: dict[str, Any], key: PublicKey) -> Statement:
    """The statement of an envelope that `key` has signed, in whatever vocabulary.

    Raises
    ------
    IntegrityBroken
        It is no envelope of a statement, or the signature is not by `key`.
    """
    try:
        payload, signature, key_id = _parts_of(envelope)
        _check(payload, signature, key_id, key)
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
        payload, _, key_id = _parts_of(envelope)
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
_KEYS_IN_BYTES = [written.encode() for written in _NAMES_A_KEY]


class _Body(msgspec.Struct, frozen=True):
    """What an envelope says, of a payload that is known to be strictly ours."""

    predicate: Predicate


class _Told(msgspec.Struct, frozen=True):
    """What a record tells, as it stands there."""

    event: msgspec.Raw


class _Telling(msgspec.Struct, frozen=True):
    """A record as `_Body`, not taken apart."""

    predicate: _Told


_VERIFIED = Verified()
_BODY: msgspec.json.Decoder[_Body] = msgspec.json.Decoder(_Body)
_TELLING: msgspec.json.Decoder[_Telling] = msgspec.json.Decoder(_Telling)
_BASE64: msgspec.json.Decoder[bytes] = msgspec.json.Decoder(bytes)
_IN_BASE64 = msgspec.json.Encoder().encode


def begin() -> None:
    """Take what this person's programs verified before, as a ledger is about to be replayed."""
    _VERIFIED.begin()


def is_new(envelope: dict[str, Any]) -> bool:
    """Whether the signature of exactly this envelope was never looked at, as far as is known."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        digest = digest_of(envelope)
        return _VERIFIED.key_of(digest) is None and _VERIFIED.signed_with(digest) is None
    return True


class Opened(msgspec.Struct, frozen=True):
    """An envelope that was taken apart once, for all that is asked of it.

    Attributes
    ----------
    predicate, key_id
        As `peek` gives them; the signature is **not yet checked** (`check`).
    known : bytes, optional
        Digest of the key that exactly this envelope was verified with before.
    """

    envelope: dict[str, Any]
    predicate: Predicate
    key_id: str
    known: bytes | None
    digest: bytes

    def check(self, key: PublicKey) -> None:
        """Refuse (`IntegrityBroken`) what `key` has not signed."""
        known = self.known or _VERIFIED.signed_with(self.digest)
        if known is None:
            _check_signed(self, key)
        elif known != key.digest:
            verify(self.envelope, key)
        elif self.known is None:  # its form was looked at when it was opened
            _VERIFIED.add(self.digest, known)


def opened(envelope: dict[str, Any]) -> Opened:
    """An envelope of the one form that there is; quickly where it has verified before.

    Raises
    ------
    IntegrityBroken
        As for `peek`.
    """
    with contextlib.suppress(*_MALFORMED, AttributeError):
        digest = digest_of(envelope)
        known = _VERIFIED.key_of(digest)
        if known is not None:
            said = _BODY.decode(_BASE64.decode(_quoted(envelope["payload"]))).predicate
            return Opened(envelope, said, envelope["signatures"][0]["keyid"], known, digest)
        payload, _, key_id = _parts_of(envelope)
        said = _BODY.decode(payload).predicate
        event = _TELLING.decode(payload).predicate.event if isinstance(said, Record) else b""
        # Byte for byte what `sign` writes to say this: canonical (so the event in it is as well),
        # nothing unknown, of that type and subject. What was written in another way (by an older
        # version) is taken apart.
        if canonical_json(_statement_of(said, bytes(event))) == payload:
            return Opened(envelope, said, key_id, None, digest)
    _, said, key_id = peek(envelope)
    return Opened(envelope, said, key_id, None, digest_of(envelope))


def signed_by(envelope: dict[str, Any], keys: Mapping[str, PublicKey]) -> bytes:
    """What a copy tells of an envelope that is signed with one of `keys`, for `add_signed`.

    Nothing is asked of the form of what is said: whoever takes it in looks at that (`opened`).

    Raises
    ------
    IntegrityBroken
        It is no envelope, or not signed by the key that it names.
    """
    try:
        payload, signature, key_id = _parts_of(envelope)
        key = keys[key_id]
        _check(payload, signature, key_id, key)
    except _MALFORMED as error:
        raise _not_signed(error) from error
    return digest_of(envelope) + key.digest


def may_name_a_key(line: bytes) -> bool:
    """Whether a line with an envelope in it can say that a public key is somebody's."""
    return any(written in line for written in _KEYS_IN_BYTES)


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


def add_signed(said: bytes) -> None:
    """Take what a copy of this process found, one `signed_by` after the other."""
    _VERIFIED.add_signed(said)


def keep_verified() -> None:
    """Remember for this person's next commands what was verified in this one."""
    _VERIFIED.keep()


def verify(envelope: dict[str, Any], key: PublicKey) -> tuple[Statement, Predicate]:
    """Statement and predicate of an envelope that `key`, and nobody else, has signed.

    Raises
    ------
    IntegrityBroken
        The signature is not by `key`, or the envelope is not strictly what `sign` writes.
    """
    statement, predicate, key_id = peek(envelope)
    _check_signed(Opened(envelope, predicate, key_id, None, digest_of(envelope)), key)
    return statement, predicate


def _check_signed(found: Opened, key: PublicKey) -> None:
    """Refuse another signature than by `key`; remember what has passed."""
    try:
        payload, signature, key_id = _parts_of(found.envelope)
        _check(payload, signature, key_id, key)
    except ValueError as error:
        raise _not_signed(error) from error
    _VERIFIED.add(found.digest, key.digest)


def _not_signed(error: Exception) -> IntegrityBroken:
    return IntegrityBroken(
        "a signature does not verify",
        why=str(error),
        next="what it says counts for nothing; 'governed audit verify' shows where it lies",
    )


def _check(payload: bytes, signature: bytes, key_id: str, key: PublicKey) -> None:
    """Refuse what `key` has not signed."""
    if key_id != key.keyid:
        raise ValueError(f"it is signed by the key {key_id}, not by {key.keyid}")
    if not key.has_signed(signature, _pae(PAYLOAD_TYPE, payload)):
        raise ValueError(f"the signature is not by the key {key.keyid}")


def _parts_of(envelope: dict[str, Any]) -> tuple[bytes, bytes, str]:
    """Payload, signature and key id of an envelope of our form."""
    if set(envelope) != {"payload", "payloadType", "signatures"}:
        raise ValueError(f"its fields are {sorted(map(str, envelope))}")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise ValueError(f"its payload type is {envelope['payloadType']!r}")
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise ValueError("it must have exactly one signature")
    made = signatures[0]
    if not isinstance(made, dict) or made.keys() != {"keyid", "sig"}:
        raise ValueError("its signature must have a key id and nothing else")
    if not isinstance(made["keyid"], str) or not isinstance(made["sig"], str):
        raise ValueError("its signature and key id must be text")
    if not isinstance(envelope["payload"], str) or len(envelope["payload"]) > LARGEST:
        raise ValueError("its payload is no text, or too long")
    signature = _bytes_of(made["sig"], "signature")
    return _bytes_of(envelope["payload"], "payload"), signature, made["keyid"]


def _bytes_of(text: str, what: str) -> bytes:
    """The bytes of a base64 text, which has no other form: else one thing could be said twice."""
    quoted = _quoted(text)
    try:
        found = _BASE64.decode(quoted)
    except msgspec.MsgspecError as error:
        raise ValueError(f"its {what} is not base64: {error}") from error
    if _IN_BASE64(found) != quoted:
        raise ValueError(f"its {what} is base64 of another form than ours")
    return found


def _quoted(text: str) -> bytes:
    """A text without anything to escape, as JSON: msgspec is twice as quick with base64."""
    return b'"%b"' % text.encode()


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
