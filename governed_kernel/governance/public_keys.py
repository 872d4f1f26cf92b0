"""Public keys: what signatures are verified with. P-256, the one kind that every format admits.

Verifying takes the curve alone; ``securesystemslib``, which signs, is not loaded for it. The id of
a key is the one that ``securesystemslib`` gives it, so that its envelopes name the same signer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from governed_kernel.errors import UsageError

__all__ = ["PublicKey", "parse_public_key", "pem_of"]

_KIND, _SCHEME = "ecdsa", "ecdsa-sha2-nistp256"
_ECDSA = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True)
class PublicKey:
    """A key that somebody's signatures verify with.

    Attributes
    ----------
    keyid : str
        The id that ``securesystemslib`` gives it: SHA-256 of its kind, scheme and PEM text as OLPC
        canonical JSON.
    pem : str
        SubjectPublicKeyInfo, as ``cryptography`` writes it.
    digest : bytes
        What is remembered of it beside an envelope that it verified.
    """

    keyid: str
    pem: str
    digest: bytes = field(repr=False)
    opened: ec.EllipticCurvePublicKey = field(repr=False, compare=False)

    def has_signed(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` (ECDSA over SHA-256) is one of `data` by this key."""
        try:
            self.opened.verify(signature, data, _ECDSA)
        except InvalidSignature:
            return False
        return True


@lru_cache(maxsize=256)
def parse_public_key(pem: str) -> PublicKey:
    """The key of a PEM text (SubjectPublicKeyInfo).

    Raises
    ------
    UsageError
        It is no public P-256 key.
    """
    try:
        public = load_pem_public_key(pem.encode())
    except (ValueError, UnicodeError, TypeError) as error:
        raise UsageError(
            "that is no public key",
            why=str(error),
            next="give the PEM text that 'governed people key NAME' prints",
        ) from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != "secp256r1":
        raise UsageError(
            "that public key can't be used here",
            why="people and services sign with P-256 keys, the one kind that every format admits",
            next="make a key with 'governed people key NAME'",
        )
    text = pem_of(public)
    said = f'{{"keytype":"{_KIND}","keyval":{{"public":"{text}"}},"scheme":"{_SCHEME}"}}'
    key_id = hashlib.sha256(said.encode()).hexdigest()
    digest = hashlib.sha256("\n".join((key_id, _KIND, _SCHEME, text)).encode()).digest()
    return PublicKey(key_id, text, digest, public)


def pem_of(public: ec.EllipticCurvePublicKey) -> str:
    """SubjectPublicKeyInfo of a key, as PEM text."""
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
