"""Private keys that lie in a token, used by their URI; they never reach this machine.

``hsm:KEYID?label=TOKEN`` is PKCS#11, by ``securesystemslib`` and ``python-pkcs11``, with the
library of the token's maker that the variable ``PYKCS11LIB`` names; its PIN is the secret that is
entered for each signature. A scheme that asks for no secret can't sign as a person, whoever
offers it. A URI says where a key lies and nothing more: one with a PIN in it is refused, in words
that do not repeat it, since it would be kept with the key and shown wherever that is spoken of.
"""

from __future__ import annotations

import importlib.util
import re
from urllib.parse import unquote_plus

from securesystemslib.exceptions import UnsupportedLibraryError, UnverifiedSignatureError
from securesystemslib.signer import HSMSigner, Signature, Signer, SSlibKey

from governed_kernel.errors import ResourceMissing, SignatureRefused, UsageError

__all__ = ["BEGINNINGS", "SCHEMES", "check_uri", "open_token", "read_public_key"]

SCHEMES = ("hsm",)
"""What a person's key may lie in."""
BEGINNINGS = tuple(f"{scheme}:".encode() for scheme in SCHEMES)
"""What the file of such a key begins with."""
_ASK_FOR_NOTHING = ("awskms", "azurekms", "gcpkms", "envvar", "file", "file2", "gnupg", "sigstore")
"""Schemes of ``securesystemslib`` under which whoever runs a program signs, unasked."""
_SAYS_MORE = frozenset("&=?#;")
_URI = re.compile(r"[Hh][Ss][Mm]:(?P<number>[0-9]{1,18})(?:\?label=(?P<label>[^&=?#]+))?")
"""Of what ``securesystemslib`` takes, what names a key; it reads past anything else."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")
_LONGEST_LABEL = 32
"""Bytes of a token's label (PKCS#11 v2.40, CK_TOKEN_INFO)."""
_PROOF = b"governed: this secret opens this key"
_FAILURES = (ValueError, RuntimeError, OSError, AssertionError)
"""What ``securesystemslib`` and ``python-pkcs11`` raise; the latter's own are RuntimeErrors."""


class _TokenSigner(HSMSigner):
    """Signs in a token, which may be pulled out, or wait to be touched, at each signature."""

    def sign(self, payload: bytes) -> Signature:
        """Sign `payload`; what the library says is told in the product's words."""
        place = f"the token {self.token_label}" if self.token_label else "the token"
        try:
            return super().sign(payload)
        except _FAILURES as error:
            if _is_wrong_pin(error):
                raise SignatureRefused(
                    f"{place} did not sign", why=_said(error), next="give the PIN of that token"
                ) from error
            raise ResourceMissing(
                f"{place} did not sign",
                why=_said(error),
                next="plug it in, touch it where it asks for that, let PYKCS11LIB name the library "
                "of its maker, and try again; a PIN that is locked takes its maker's tools",
            ) from error


def read_public_key(uri: str, pin: bytes) -> tuple[str, SSlibKey]:
    """The URI with the token's label in it, and the public half of the key that it names.

    Raises
    ------
    UsageError
        It is no URI that a person can sign by, or no such key is in the token.
    ResourceMissing
        What the scheme needs is not installed.
    """
    number, label = check_uri(uri)
    try:
        return HSMSigner.import_(number, label, lambda _: pin.decode())
    except UnsupportedLibraryError as error:
        raise _not_installed(uri, str(error)) from error
    except _FAILURES as error:
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
        The PIN is wrong.
    SignatureRefused
        The token signed with another key.
    ResourceMissing
        The token did not sign for any other reason, or what the scheme needs is not installed;
        the signer that is given says so as well.
    """
    check_uri(uri)
    try:
        signer = _TokenSigner.from_priv_key_uri(uri, public, lambda _: pin.decode())
        signed = signer.sign(_PROOF)
    except UnsupportedLibraryError as error:
        raise _not_installed(uri, str(error)) from error
    except SignatureRefused as error:
        raise ValueError(error.why) from error
    try:
        public.verify_signature(signed, _PROOF)
    except UnverifiedSignatureError as error:
        raise SignatureRefused(
            f"the key at {uri} does not belong to the public key on this machine",
            why="the token signed, and the signature is another key's",
            next="use the token that holds the key; if it is gone, have an administrator revoke "
            "the key and add a new one",
        ) from error
    return signer


def check_uri(uri: str) -> tuple[int, str | None]:
    """The number of the key and the label of its token, of a URI that a person can sign by.

    Raises
    ------
    UsageError
        It is another one, or says more. It is not repeated: a PIN may be in it.
    ResourceMissing
        What it takes is not installed.
    """
    begins = _SCHEME.match(uri)
    scheme = begins[0].lower() if begins else ""
    if scheme not in SCHEMES:
        silent = scheme in _ASK_FOR_NOTHING
        raise _no_place(
            f"{scheme}: asks for no secret, and each signature takes one that is entered again"
            if silent
            else f"its scheme is none that is known: {', '.join(SCHEMES)}"
        )
    named = _URI.fullmatch(uri)
    label = unquote_plus(named["label"]) if named and named["label"] else None
    if named is None or not (label is None or _is_label(label)):
        raise _no_place(
            "it takes the number of a key and, where there are several tokens, the label of one; "
            "nothing else is taken, a PIN least of all, as it would be kept and shown. One that "
            "was typed here may lie in this shell's history"
        )
    if importlib.util.find_spec("pkcs11") is None:
        raise _not_installed(uri, "python-pkcs11 is not installed")
    return int(named["number"]), label


def _is_label(text: str) -> bool:
    """Whether a token may be called so, and nothing else is meant, such as a PIN."""
    fits = text.isprintable() and len(text.encode()) <= _LONGEST_LABEL and bool(text.strip())
    return fits and not _SAYS_MORE.intersection(text)


def _no_place(why: str) -> UsageError:
    return UsageError(
        "no person's key can lie at that URI",
        why=why,
        next="keep the key in a token (hsm:KEYID?label=TOKEN; its PIN is asked for), or in a file: "
        "'governed people key NAME'",
    )


def _is_wrong_pin(error: Exception) -> bool:
    """Whether it is a mistake of whoever enters the PIN, and nothing that the token lacks."""
    from pkcs11.exceptions import PinIncorrect, PinInvalid, PinLenRange

    return isinstance(error, PinIncorrect | PinInvalid | PinLenRange | UnicodeDecodeError)


def _said(error: Exception) -> str:
    """What an error says; many of a token's have a name only."""
    return ": ".join(part for part in (type(error).__name__, str(error)) if part)


def _not_installed(uri: str, why: str) -> ResourceMissing:
    return ResourceMissing(
        f"{uri} can't be used on this machine",
        why=why,
        next="pip install 'governed-notebooks[pkcs11]', and let PYKCS11LIB name the library of the "
        "token's maker",
    )
