"""Private keys that lie in a token or a cloud, used by their URI; they never reach this machine.

``hsm:KEYID?label=TOKEN`` is PKCS#11, by ``securesystemslib`` and ``python-pkcs11``, with the
library of the token's maker that the variable ``PYKCS11LIB`` names; its PIN is the secret that is
entered for each signature. A scheme that asks for no secret can't sign as a person, whoever
offers it.
"""

from __future__ import annotations

import importlib.util
from urllib.parse import parse_qsl, urlparse

from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import HSMSigner, Signer, SSlibKey

from governed_kernel.errors import ResourceMissing, UsageError

__all__ = ["BEGINNINGS", "SCHEMES", "check_scheme", "open_token", "read_public_key"]

SCHEMES = ("hsm",)
"""What a person's key may lie in."""
BEGINNINGS = tuple(f"{scheme}:".encode() for scheme in SCHEMES)
"""What the file of such a key begins with."""
_ASK_FOR_NOTHING = ("awskms", "azurekms", "gcpkms", "envvar", "file", "file2", "gnupg", "sigstore")
"""Schemes of ``securesystemslib`` under which whoever runs a program signs, unasked."""
_PROOF = b"governed: this secret opens this key"


def read_public_key(uri: str, pin: bytes) -> tuple[str, SSlibKey]:
    """The URI with the token's label in it, and the public half of the key that it names.

    Raises
    ------
    UsageError
        The scheme is none that a person can sign with, or no such key is in the token.
    ResourceMissing
        What the scheme needs is not installed.
    """
    check_scheme(uri)
    parts = urlparse(uri)
    try:
        number = int(parts.path) if parts.path else None
        label = dict(parse_qsl(parts.query)).get("label")
        return HSMSigner.import_(number, label, lambda _: pin.decode())
    except (ValueError, _token_errors()) as error:
        raise UsageError(
            f"{uri} names no key that can sign here",
            why=str(error) or type(error).__name__,
            next="name a P-256 key as hsm:KEYID?label=TOKEN, give the token's PIN, and let "
            "PYKCS11LIB name the library of its maker",
        ) from error


def open_token(uri: str, public: SSlibKey, pin: bytes) -> Signer:
    """A signer whose key and PIN were proved by a signature.

    Raises
    ------
    ValueError
        The token did not sign, or with another key; a wrong PIN says so.
    ResourceMissing
        What the scheme needs is not installed.
    """
    check_scheme(uri)
    try:
        signer = Signer.from_priv_key_uri(uri, public, lambda _: pin.decode())
        public.verify_signature(signer.sign(_PROOF), _PROOF)
    except UnsupportedLibraryError as error:
        raise _not_installed(uri, str(error)) from error
    except (ValueError, _token_errors()) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    return signer


def check_scheme(uri: str) -> None:
    """Refuse a URI that no person can sign by, here or anywhere."""
    scheme = urlparse(uri).scheme
    if scheme not in SCHEMES:
        silent = scheme in _ASK_FOR_NOTHING
        raise UsageError(
            f"no person's key can lie at {uri}",
            why=f"{scheme}: asks for no secret, and each signature takes one that is entered again"
            if silent
            else f"{scheme or 'no scheme'} is unknown; known are {', '.join(SCHEMES)}",
            next="keep the key in a token (hsm:KEYID?label=TOKEN), or in a file: 'governed people "
            "key NAME'",
        )
    if importlib.util.find_spec("pkcs11") is None:
        raise _not_installed(uri, "python-pkcs11 is not installed")


def _token_errors() -> type[Exception]:
    from pkcs11.exceptions import PKCS11Error

    found: type[Exception] = PKCS11Error
    return found


def _not_installed(uri: str, why: str) -> ResourceMissing:
    return ResourceMissing(
        f"{uri} can't be used on this machine",
        why=why,
        next="pip install 'governed-notebooks[pkcs11]', and let PYKCS11LIB name the library of the "
        "token's maker",
    )
