from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import Signer, SSlibKey

from governed_kernel.errors import IntegrityBroken, SignatureRefused, UsageError
from governed_kernel.governance import keys
from governed_kernel.governance.pkcs8 import Cost, encrypt
from governed_kernel.governance.public_keys import parse_public_key
from governed_kernel.governance.signers import PersonSigner
from tests.governance.people import passphrase


def test_a_private_key_is_readable_by_its_owner_alone_and_encrypted(home: Path) -> None:
    file = keys.key_file("rita")
    assert file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_shipped_cost_of_a_guess_is_one_that_openssl_admits() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = encrypt(private, b"a passphrase", Cost())
    loaded = load_pem_private_key(pem, b"a passphrase")
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    assert loaded.private_numbers() == private.private_numbers()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="NOT RUN: no openssl command")
def test_openssl_reads_a_key_file_and_names_its_derivation(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(encrypt(ec.generate_private_key(ec.SECP256R1()), b"a passphrase", Cost()))
    done = subprocess.run(
        ["openssl", "asn1parse", "-in", file], check=True, capture_output=True, text=True
    )
    assert "scrypt" in done.stdout
    assert "aes-256-cbc" in done.stdout
    subprocess.run(
        ["openssl", "pkey", "-in", file, "-passin", "pass:a passphrase", "-noout"], check=True
    )


def test_a_person_signs_through_securesystemslib_by_uri(home: Path) -> None:
    public = SSlibKey.from_crypto(parse_public_key(keys.public_key_of("rita")).opened)
    signer = Signer.from_priv_key_uri(
        f"{PersonSigner.SCHEME}:rita", public, lambda _: passphrase("rita").decode()
    )
    public.verify_signature(signer.sign(b"what is said"), b"what is said")


def test_a_key_has_the_id_that_securesystemslib_gives_it(home: Path) -> None:
    ours = parse_public_key(keys.public_key_of("rita"))
    theirs = SSlibKey.from_crypto(load_pem_public_key(ours.pem.encode()))
    assert (ours.keyid, ours.pem) == (theirs.keyid, theirs.keyval["public"])


def test_a_wrong_passphrase_is_refused_and_not_repeated_in_the_message(home: Path) -> None:
    with pytest.raises(SignatureRefused) as caught:
        keys.unlock("rita", b"not her passphrase")
    assert "not her passphrase" not in str(caught.value)
    keys.unlock("rita", passphrase("rita"))


@pytest.mark.parametrize("given", [b"", b"\0", "ü".encode() * 500])
def test_a_strange_passphrase_is_refused(home: Path, given: bytes) -> None:
    with pytest.raises(SignatureRefused):
        keys.unlock("rita", given)


def test_three_wrong_passphrases_lock_the_key_for_a_minute(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000_000.0]
    monkeypatch.setattr("time.time", lambda: clock[0])
    for _ in range(3):
        with pytest.raises(SignatureRefused, match="did not open"):
            keys.unlock("rita", b"wrong")
    with pytest.raises(SignatureRefused, match="locked for another"):
        keys.unlock("rita", passphrase("rita"))
    clock[0] += 61
    keys.unlock("rita", passphrase("rita"))
    with pytest.raises(SignatureRefused, match="attempt 1"):
        keys.unlock("rita", b"wrong")


def test_a_clock_that_goes_back_does_not_lock_for_longer_than_a_minute(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000_000.0]
    monkeypatch.setattr("time.time", lambda: clock[0])
    for _ in range(3):
        with pytest.raises(SignatureRefused):
            keys.unlock("rita", b"wrong")
    clock[0] = 500_000.0
    with pytest.raises(SignatureRefused, match="another 61 seconds"):
        keys.unlock("rita", passphrase("rita"))
    clock[0] += 61
    keys.unlock("rita", passphrase("rita"))


def test_a_spoiled_counter_of_attempts_does_not_lock_anybody_out(home: Path) -> None:
    keys.key_file("rita").with_suffix(".attempts").write_bytes(b"{")
    keys.unlock("rita", passphrase("rita"))


@pytest.mark.parametrize("kind", [os.mkfifo, Path.mkdir])
def test_a_key_that_is_no_file_is_refused_and_nobody_waits_for_it(
    home: Path, kind: Callable[[Path], None]
) -> None:
    file = keys.key_file("rita")
    for suffix, said in ((".pub", "has no key"), (".pem", "can't be read")):
        path = file.with_suffix(suffix)
        path.unlink()
        kind(path)
        with pytest.raises(SignatureRefused, match=said):
            keys.public_key_of("rita") if suffix == ".pub" else keys.unlock("rita", b"x" * 20)
    attempts = keys.key_file("sam").with_suffix(".attempts")
    kind(attempts)
    keys.unlock("sam", passphrase("sam"))


def other_kind(protection: KeySerializationEncryption, *, is_rsa: bool) -> bytes:
    private = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(CURVE)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


LOCKED = BestAvailableEncryption(passphrase("rita"))
CURVE = ec.SECP256R1()


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (lambda _: b"garbage", "no encrypted key, or not all of one"),
        (lambda whole: whole[:120], "no encrypted key, or not all of one"),
        (lambda _: other_kind(NoEncryption(), is_rsa=False), "no encrypted key"),
        (lambda _: other_kind(LOCKED, is_rsa=True), "a key of another kind than P-256"),
    ],
)
def test_a_damaged_key_is_told_as_such_and_is_no_wrong_passphrase(
    home: Path, held: Callable[[bytes], bytes], why: str
) -> None:
    file = keys.key_file("rita")
    file.write_bytes(held(file.read_bytes()))
    for _ in range(keys.MISTAKES + 1):
        with pytest.raises(SignatureRefused, match="the key of rita is damaged") as refused:
            keys.unlock("rita", passphrase("rita"))
        assert why in refused.value.why
    assert not file.with_suffix(".attempts").exists()


def test_a_service_s_key_of_another_kind_is_told_as_such(home: Path) -> None:
    public = keys.make_service_key("workspace-1")
    keys.service_key_file("workspace-1", public).write_bytes(
        other_kind(NoEncryption(), is_rsa=True)
    )
    with pytest.raises(IntegrityBroken, match="no private key of a service"):
        keys.service_signer("workspace-1", public)


def test_nothing_in_the_personal_folder_holds_a_passphrase(home: Path) -> None:
    with pytest.raises(SignatureRefused):
        keys.unlock("rita", b"a wrong passphrase")
    for file in home.rglob("*"):
        if file.is_file():
            assert b"passphrase" not in file.read_bytes()
    attempts = keys.key_file("rita").with_suffix(".attempts").read_bytes()
    assert msgspec.json.decode(attempts)["wrong"] == 1


def test_a_second_key_of_one_name_is_refused_until_the_first_is_put_aside(home: Path) -> None:
    before = keys.public_key_of("rita")
    with pytest.raises(UsageError, match="has a key"):
        keys.generate("rita", passphrase("rita"))
    aside = keys.retire("rita")
    assert aside is not None
    assert aside.exists()
    assert keys.generate("rita", passphrase("rita")) != before


def test_no_key_that_is_put_aside_takes_the_place_of_another(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often that happens, and by whatever clock."""
    monkeypatch.setattr("time.time_ns", lambda: 1)
    made = set()
    for _ in range(3):
        made.add(keys.key_file("rita").read_bytes())
        keys.retire("rita")
        keys.generate("rita", passphrase("rita"))
    there = {path.read_bytes() for path in (home / "keys").glob("rita.retired-*.pem")}
    assert there == made
    assert len(made) == 3


def test_a_short_passphrase_makes_no_key(home: Path) -> None:
    with pytest.raises(UsageError, match="too short"):
        keys.generate("nina", b"1234567")
    assert not keys.key_file("nina").exists()


def test_a_private_key_swapped_for_another_is_noticed(home: Path) -> None:
    shutil.copy(keys.key_file("mallory"), keys.key_file("rita"))
    with pytest.raises(SignatureRefused, match="does not belong"):
        keys.unlock("rita", passphrase("mallory"))


@pytest.mark.parametrize("name", ["../rita", "Rita", "", ".", "service", "a/b", "rita\n", "ä"])
def test_a_name_that_is_no_name_reaches_no_file(home: Path, name: str) -> None:
    with pytest.raises(UsageError):
        keys.key_file(name)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1()])
def test_a_public_key_of_another_curve_is_refused(curve: ec.EllipticCurve) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = ec.generate_private_key(curve).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(UsageError, match="P-256"):
        parse_public_key(pem)


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n"])
def test_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no public key"):
        parse_public_key(text)
