"""Encrypted private keys as PKCS#8 files under scrypt, which OpenSSL and others can read.

``cryptography`` reads such files but writes only PBKDF2 with few iterations (0.3 ms a guess), so
the small DER structure is written here: EncryptedPrivateKeyInfo (RFC 5958) with PBES2 (RFC 8018),
scrypt (RFC 7914) and AES-256-CBC. Reading is left to ``cryptography``.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

__all__ = ["Cost", "encrypt"]

_SEQUENCE, _INTEGER, _OCTETS, _OBJECT = 0x30, 0x02, 0x04, 0x06
_PBES2 = bytes.fromhex("2a864886f70d01050d")
_SCRYPT = bytes.fromhex("2b06010401da47040b")
_AES256_CBC = bytes.fromhex("60864801650304012a")
_KEY_BYTES = 32


@dataclass(frozen=True)
class Cost:
    """What one guess of a passphrase costs (scrypt's N, r, p).

    The default is one of OWASP's recommended sets; its 16 MiB stay below the 32 MiB that the
    ``openssl`` command admits, so that the files open everywhere (about 0.2 s a guess).
    """

    n: int = 2**14
    r: int = 8
    p: int = 5


def encrypt(key: EllipticCurvePrivateKey, passphrase: bytes, cost: Cost) -> bytes:
    """`key` as PEM (``BEGIN ENCRYPTED PRIVATE KEY``) under `passphrase`."""
    salt, vector = os.urandom(16), os.urandom(16)
    secret = hashlib.scrypt(
        passphrase, salt=salt, n=cost.n, r=cost.r, p=cost.p, dklen=_KEY_BYTES, maxmem=2**30
    )
    plain = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
    sealed = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    derivation = _der(
        _SEQUENCE,
        _der(_OBJECT, _SCRYPT),
        _der(
            _SEQUENCE,
            _der(_OCTETS, salt),
            *(_integer(number) for number in (cost.n, cost.r, cost.p, _KEY_BYTES)),
        ),
    )
    scheme = _der(_SEQUENCE, _der(_OBJECT, _AES256_CBC), _der(_OCTETS, vector))
    algorithm = _der(_SEQUENCE, _der(_OBJECT, _PBES2), _der(_SEQUENCE, derivation, scheme))
    return _pem(_der(_SEQUENCE, algorithm, _der(_OCTETS, sealed)))


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def _integer(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    title = b"ENCRYPTED PRIVATE KEY-----"
    return b"\n".join([b"-----BEGIN " + title, *lines, b"-----END " + title, b""])
