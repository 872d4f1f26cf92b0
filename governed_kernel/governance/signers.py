"""Signing as a person: a ``securesystemslib`` Signer with the URI ``governed-key:PERSON``."""

from __future__ import annotations

from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    Key,
    SecretsHandler,
    Signature,
    Signer,
    SSlibKey,
)

from governed_kernel.governance import keys

__all__ = ["PersonSigner"]


class PersonSigner(Signer):
    """Signs as one person, with their key file unlocked for this one use."""

    SCHEME = "governed-key"

    def __init__(self, person: str, signer: Signer, public_key: SSlibKey) -> None:
        self.person = person
        self._signer = signer
        self._public_key = public_key

    def sign(self, payload: bytes) -> Signature:
        """Sign `payload` (ECDSA over SHA-256)."""
        return self._signer.sign(payload)

    @property
    def public_key(self) -> SSlibKey:
        """The public half."""
        return self._public_key

    @classmethod
    def from_priv_key_uri(
        cls,
        priv_key_uri: str,
        public_key: Key,
        secrets_handler: SecretsHandler | None = None,
    ) -> PersonSigner:
        """Unlock the key of ``governed-key:PERSON``; the handler is asked for its passphrase."""
        scheme, _, person = priv_key_uri.partition(":")
        if scheme != cls.SCHEME or secrets_handler is None:
            raise ValueError(f"{priv_key_uri} needs the scheme {cls.SCHEME} and a secrets handler")
        signer = keys.unlock(person, secrets_handler("passphrase").encode())
        if signer.public_key.keyid != public_key.keyid:
            raise keys.not_the_key(person)
        return signer


SIGNER_FOR_URI_SCHEME[PersonSigner.SCHEME] = PersonSigner
