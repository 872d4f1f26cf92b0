"""Keys that people and the workspace's service sign with: P-256, one file each.

A person's private key lies in their own configuration folder, never in a workspace, encrypted
under a passphrase by scrypt (`pkcs8`), or in a token, and then the file holds its URI (`tokens`).
It is used through a ``securesystemslib`` Signer (`signers`), which is loaded when somebody signs.
Passphrases are neither kept nor written anywhere; the private key is forgotten with its signer.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from governed_kernel.errors import IntegrityBroken, ResourceMissing, SignatureRefused, UsageError
from governed_kernel.files import read_regular, write_atomically
from governed_kernel.governance.names import check_name
from governed_kernel.governance.pkcs8 import Cost, encrypt
from governed_kernel.governance.public_keys import parse_public_key, pem_of
from governed_kernel.locks import exclusive_lock
from governed_kernel.workspace import personal_folder

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

    from governed_kernel.governance.signers import PersonSigner

__all__ = [
    "COST",
    "check_uri",
    "forget_service_key",
    "generate",
    "key_file",
    "make_service_key",
    "not_the_key",
    "public_key_of",
    "retire",
    "service_key_file",
    "service_signer",
    "unlock",
    "use_token",
]

COST = Cost()
LOCK_SECONDS = 60
MISTAKES = 3
SHORTEST_PASSPHRASE = 8
_BEGINS, _ENDS = (b"-----%b ENCRYPTED PRIVATE KEY-----" % word for word in (b"BEGIN", b"END"))


class _Attempts(msgspec.Struct):
    wrong: int = 0
    locked_until: float = 0.0


def key_file(person: str) -> Path:
    """Where the private key of `person` lies on this machine."""
    return personal_folder() / "keys" / f"{check_name(person)}.pem"


def public_key_of(person: str) -> str:
    """PEM text of the public key of `person` on this machine, without any passphrase."""
    file = key_file(person).with_suffix(".pub")
    try:
        return read_regular(file).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SignatureRefused(
            f"{person} has no key on this machine",
            why=f"{file} can't be read",
            next=f"make one with 'governed people key {person}', and have an administrator add it",
        ) from error


def generate(person: str, passphrase: bytes) -> str:
    """Make the key of `person` on this machine; returns the public key as PEM text.

    Raises
    ------
    UsageError
        There is a key already, or the passphrase is too short.
    """
    check_name(person)
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise UsageError(
            f"the passphrase for the key of {person} is too short",
            why=f"it has {len(passphrase)} bytes, and {SHORTEST_PASSPHRASE} are the least",
            next="choose a longer one",
        )
    private = ec.generate_private_key(ec.SECP256R1())
    public = pem_of(private.public_key())
    _put(person, public, encrypt(private, passphrase, COST))
    return public


def use_token(person: str, uri: str, pin: bytes, *, replace: bool = False) -> str:
    """Let `person` sign with the key that `uri` names (`tokens`); returns its public half as PEM.

    Parameters
    ----------
    replace : bool
        Instead of the key that they have on this machine, which is put aside.

    Raises
    ------
    UsageError
        There is a key already, or a person can't sign with such a one.
    SignatureRefused
        The PIN is wrong, or the token signed with another key than it shows.
    ResourceMissing
        The token did not sign, or what such a key needs is not installed.
    """
    from governed_kernel.governance import tokens

    check_uri(person, uri, replace=replace)
    named, key = tokens.read_public_key(uri, pin)
    public = str(key.keyval["public"])
    parse_public_key(public)
    try:
        tokens.open_token(named, key, pin)
    except ValueError as error:
        raise SignatureRefused(
            f"{uri} did not sign", why=str(error), next="give the PIN of that token"
        ) from error
    if replace:
        retire(person)
    _put(person, public, f"{named}\n".encode())
    return public


def check_uri(person: str, uri: str, *, replace: bool = False) -> None:
    """Refuse what `use_token` would refuse whatever the PIN is, before it is asked for.

    Raises
    ------
    UsageError
        There is a key already, or a person can't sign with such a one.
    ResourceMissing
        What such a key needs is not installed.
    """
    from governed_kernel.governance import tokens

    tokens.check_uri(uri)
    file = key_file(person)
    if file.exists() and not replace:
        raise _has_a_key(person, file, f" --uri '{uri}'")


def _has_a_key(person: str, file: Path, how: str = "") -> UsageError:
    return UsageError(
        f"{person} has a key on this machine already",
        why=f"{file} exists",
        next=f"use it, or put it aside with 'governed people key {person}{how} --replace'",
    )


def _put(person: str, public: str, held: bytes) -> None:
    """Put a key in place where there is none."""
    file = key_file(person)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The private half comes last, so that a crash never leaves one whose public half nobody has.
    with exclusive_lock(file.with_suffix(".lock")):
        if file.exists():
            raise _has_a_key(person, file)
        write_atomically(file.with_suffix(".pub"), public.encode(), mode=0o644)
        write_atomically(file, held, mode=0o600, replace=False)


def retire(person: str) -> Path | None:
    """Put the key of `person` aside, so that a new one can be made; nothing is deleted."""
    file = key_file(person)
    if not file.exists():
        return None
    moment = time.time_ns()
    while (aside := file.with_suffix(f".retired-{moment}.pem")).exists():
        moment += 1  # a rename would write over that one
    file.rename(aside)
    file.with_suffix(".pub").unlink(missing_ok=True)
    return aside


def unlock(person: str, passphrase: bytes) -> PersonSigner:
    """The signer of `person`, after the passphrase was given again.

    Raises
    ------
    SignatureRefused
        The passphrase is wrong, the key is locked after three mistakes, or there is no key.
    ResourceMissing
        The key lies in a token that does not sign here and now; that is no mistake of theirs.
    """
    from securesystemslib.signer import CryptoSigner, Signer, SSlibKey

    from governed_kernel.governance import tokens
    from governed_kernel.governance.signers import PersonSigner

    file = key_file(person)
    public = SSlibKey.from_crypto(parse_public_key(public_key_of(person)).opened)
    # The lock makes parallel guesses wait for each other, so that they are counted one by one.
    with exclusive_lock(file.with_suffix(".lock")):
        attempts = _attempts(file)
        _refuse_while_locked(person, file, attempts)
        held = _read(person, file)
        try:
            signer: Signer
            if held.startswith(tokens.BEGINNINGS):
                signer = tokens.open_token(held.decode().strip(), public, passphrase)
            else:
                private = _private(person, file, held, passphrase)
                if _id_of(private) != public.keyid:
                    raise not_the_key(person)
                signer = CryptoSigner(private, public)
        except ValueError as error:
            raise _wrong(person, file, attempts, error) from None
        if attempts.wrong:
            _attempts_file(file).unlink(missing_ok=True)
    return PersonSigner(person, signer, public)


def _private(person: str, file: Path, held: bytes, passphrase: bytes) -> ec.EllipticCurvePrivateKey:
    """The key in a file; `ValueError` where the passphrase does not open it.

    What was never a key of ours is no wrong passphrase, and no reason to lock anybody out.
    """
    if not (held.startswith(_BEGINS) and held.rstrip().endswith(_ENDS)):
        raise _damaged(person, file, "it is no encrypted key, or not all of one")
    try:
        private = load_pem_private_key(held, passphrase or b"\0")
    except (TypeError, UnsupportedAlgorithm) as error:
        raise _damaged(person, file, str(error)) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise _damaged(person, file, "it holds a key of another kind than P-256")
    return private


def _damaged(person: str, file: Path, why: str) -> SignatureRefused:
    return SignatureRefused(
        f"the key of {person} is damaged",
        why=f"{file}: {why}",
        next="restore the file from a backup, or have an administrator revoke the key and add a "
        "new one",
    )


def _id_of(private: ec.EllipticCurvePrivateKey) -> str:
    return parse_public_key(pem_of(private.public_key())).keyid


def make_service_key(workspace_id: str, *, another: bool = False) -> str:
    """Make a key the workspace's service signs with; returns the public key as PEM.

    It is not encrypted, since runs end without a person at hand; only its owner can read it.

    Parameters
    ----------
    another : bool
        Beside the first one, which is lost or known to others; nothing is written over.
    """
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = pem_of(private.public_key())
    first, further = _service_files(workspace_id, public)
    file = further if another else first
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(file, pem, mode=0o600, replace=False)
    return public


def service_signer(workspace_id: str, public_key: str) -> CryptoSigner:
    """The signer of the workspace's service on this machine.

    Parameters
    ----------
    public_key : str
        PEM of the key that counts now.

    Raises
    ------
    ResourceMissing
        Its private half is not here.
    """
    from securesystemslib.signer import CryptoSigner

    private = _service_key(service_key_file(workspace_id, public_key))
    assert private is not None
    return CryptoSigner(private)


def service_key_file(workspace_id: str, public_key: str) -> Path:
    """The file on this machine that holds the private half of the service's key.

    Raises
    ------
    ResourceMissing
        None does.
    """
    wanted = parse_public_key(public_key).keyid
    files = _service_files(workspace_id, public_key)
    for file in files:
        private = _service_key(file)
        if private is not None and _id_of(private) == wanted:
            return file
    raise ResourceMissing(
        "the workspace's service key is not on this machine",
        why=f"neither {files[0]} nor {files[1].name} beside it holds the key {wanted[:16]}…",
        next="work as the user who initialised the workspace, restore that file, or have an "
        "administrator replace the key: 'governed people service-key --replace --as ADMIN'",
    )


def forget_service_key(workspace_id: str, public_key: str) -> None:
    """Remove a further key that was made and never came to count."""
    _service_files(workspace_id, public_key)[1].unlink(missing_ok=True)


def _service_files(workspace_id: str, public_key: str) -> tuple[Path, Path]:
    """Where the first key of a service lies, and where this one does if it is a further one."""
    folder, name = personal_folder() / "services", check_name(workspace_id, "workspace")
    key_id = parse_public_key(public_key).keyid
    return folder / f"{name}.pem", folder / f"{name}-{key_id[:16]}.pem"


def _service_key(file: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        private = load_pem_private_key(read_regular(file), None)
    except OSError:
        return None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_service_key(file, str(error)) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise _no_service_key(file, "it holds a key of another kind than P-256")
    return private


def _no_service_key(file: Path, why: str) -> IntegrityBroken:
    return IntegrityBroken(
        f"{file} is no private key of a service", why=why, next="restore it from a backup"
    )


def _read(person: str, file: Path) -> bytes:
    try:
        return read_regular(file)
    except FileNotFoundError as error:
        raise SignatureRefused(
            f"{person} has no key on this machine",
            why=f"there is no {file}",
            next=f"make one with 'governed people key {person}', and have an administrator add it",
        ) from error
    except OSError as error:
        raise SignatureRefused(
            f"the key of {person} can't be read",
            why=f"{file}: {error.strerror}",
            next="mend its permissions, or take away what is no file there, then try again",
        ) from error


def _attempts_file(file: Path) -> Path:
    return file.with_suffix(".attempts")


def _attempts(file: Path) -> _Attempts:
    # A counter that can't be read counts as none: who can write there could delete it as well.
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(read_regular(_attempts_file(file)), type=_Attempts)
    return _Attempts()


def _refuse_while_locked(person: str, file: Path, attempts: _Attempts) -> None:
    left = attempts.locked_until - time.time()
    if left <= 0:
        return
    if left > LOCK_SECONDS:  # the clock went back: a lock never lasts longer than a minute
        left = LOCK_SECONDS
        attempts.locked_until = time.time() + left
        write_atomically(_attempts_file(file), msgspec.json.encode(attempts), mode=0o600)
    raise SignatureRefused(
        f"the key of {person} is locked for another {int(left) + 1} seconds",
        why=f"{attempts.wrong} wrong passphrases in a row",
        next=f"wait, then try again with the right passphrase; {_forgotten(person)}",
    )


def _wrong(person: str, file: Path, attempts: _Attempts, error: ValueError) -> SignatureRefused:
    attempts.wrong += 1
    if attempts.wrong >= MISTAKES:
        attempts.locked_until = time.time() + LOCK_SECONDS
    write_atomically(_attempts_file(file), msgspec.json.encode(attempts), mode=0o600)
    locked = attempts.wrong >= MISTAKES
    # the library's word for it is one that nobody was asked for
    said = "the passphrase is wrong" if "password" in str(error).lower() else str(error)
    return SignatureRefused(
        f"the key of {person} did not open",
        why=f"{said}; attempt {attempts.wrong} in a row"
        + (f", the key is locked for {LOCK_SECONDS} seconds" if locked else ""),
        next=f"wait so long, then try again with the right passphrase; {_forgotten(person)}"
        if locked
        else "try again with the right passphrase",
    )


def _forgotten(person: str) -> str:
    """What to do where nobody knows it any more."""
    return (
        f"if it is forgotten: 'governed people key {person} --replace', and an administrator ends "
        "the old key and adds the new one"
    )


def not_the_key(person: str) -> SignatureRefused:
    """What is said of two key files that are not of one pair."""
    return SignatureRefused(
        f"the private key of {person} does not belong to their public key",
        why="the two files are not of one pair",
        next="restore the key files, or have an administrator revoke the key and add a new one",
    )
