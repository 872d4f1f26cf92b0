"""``model.sig``: a signature of the OpenSSF Model Signing format (OMS) over a whole folder.

It verifies with ``model_signing verify key`` and the public key alone, without this product.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from governed_kernel.errors import MissingExtra

__all__ = ["SIGNATURE", "check_installed", "sign"]

SIGNATURE = "model.sig"


def check_installed() -> None:
    """Refuse before anything is made.

    Raises
    ------
    MissingExtra
        The library that signs is not installed.
    """
    # model-signing imports OpenSSL without declaring that it needs it.
    for module, library in (("model_signing", "model-signing"), ("OpenSSL", "pyOpenSSL")):
        if importlib.util.find_spec(module) is None:
            raise MissingExtra(library, "bundle")


def sign(folder: Path, private_key: Path, unsigned: tuple[str, ...]) -> None:
    """Sign every file below `folder` but those that are `unsigned`, into ``model.sig`` there.

    Parameters
    ----------
    folder : Path
        Its name becomes the name of what is signed.
    private_key : Path
        A P-256 key in a PEM file.
    unsigned : tuple of str
        Paths relative to `folder`; the signature names them, so a verifier needs no list.
    """
    check_installed()
    from model_signing import hashing, signing

    # By default files such as .gitattributes are not signed, and anybody could change them.
    config = hashing.Config().set_ignored_paths(
        paths=[SIGNATURE, *unsigned], ignore_git_paths=False
    )
    signer = signing.Config().use_elliptic_key_signer(private_key=private_key)
    signer.set_hashing_config(config).sign(folder, folder / SIGNATURE)
