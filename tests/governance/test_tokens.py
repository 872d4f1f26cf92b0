"""A person's key may lie in a token; what asks for no secret signs for nobody."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, HSMSigner, Signature

from governed_kernel.errors import ResourceMissing, SignatureRefused, UsageError
from governed_kernel.governance import keys, people, tokens
from governed_kernel.governance.public_keys import parse_public_key
from governed_kernel.governance.register import Register
from governed_kernel.workspace import Workspace
from tests.governance.people import passphrase

PIN = b"12345678"
URI = "hsm:1?label=governed"
MODULES = (os.environ.get("SOFTHSM2_MODULE", ""), "/usr/lib/softhsm/libsofthsm2.so")


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("awskms:alias/mine", "asks for no secret"),
        ("file2:/home/ada/key.pem", "asks for no secret"),
        ("moon:1", "its scheme is none that is known"),
        ("/home/ada/key.pem", "its scheme is none that is known"),
        ("", "its scheme is none that is known"),
    ],
)
def test_a_key_that_no_secret_opens_is_refused_by_its_scheme(
    home: Path, uri: str, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        keys.use_token("hans", uri, PIN)
    assert not keys.key_file("hans").exists()


SECRET = "73519462"


@pytest.mark.parametrize(
    "uri",
    [
        f"pkcs11:object=ada?pin-value={SECRET}",
        f"hsm:1?label=governed&pin-value={SECRET}",
        f"hsm:1?pin-value={SECRET}",
        f"hsm:1?label=governed#{SECRET}",
        f"hsm:1?label=governed?{SECRET}",
        f"hsm:1:{SECRET}",
        f"hsm://ada:{SECRET}@governed/1",
        f"{SECRET}",
        f"{SECRET}:1",
        f"hsm:1?label=governed\n{SECRET}",
        f"hsm:1?label=%26pin%3D{SECRET}",
        f"hsm:1?label=T%3Fpin-value%3D{SECRET}",
        f"hsm:1?label=T;pin-value:{SECRET}",
        f"a{SECRET}+b:foo",
        "hsm:",
        "hsm:-1",
        "hsm: 1",
        "hsm:1.0",
        "hsm:٣",
        "hsm:" + "9" * 40,
        "hsm://[x",
        "hsm:1?label=",
        "hsm:1?label=%00",
        "hsm:1?label=" + "a" * 33,
        "hsm:1?label=a&label=b",
    ],
)
def test_a_uri_that_says_more_than_where_a_key_lies_is_refused_without_being_repeated(
    home: Path, uri: str
) -> None:
    with pytest.raises(UsageError, match="no person's key can lie at that URI") as caught:
        keys.use_token("hans", uri, PIN)
    assert SECRET not in str(caught.value)
    assert not keys.key_file("hans").exists()
    keys.key_file("rita").write_text(f"{uri}\n")  # as somebody may write it by hand
    with pytest.raises((UsageError, SignatureRefused)) as caught_too:
        keys.unlock("rita", PIN)
    assert SECRET not in str(caught_too.value)


def test_where_a_token_can_not_be_used_it_is_said_what_is_missing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ResourceMissing, match=r"python-pkcs11 is not installed[^$]*\[pkcs11\]"):
        keys.use_token("rita", URI, PIN)


def goes_wrong(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    """Let tokens fail as the library does; without an error they sign with another key."""

    def sign(signer: HSMSigner, payload: bytes) -> Signature:
        if error is not None:
            raise error
        other = CryptoSigner.generate_ecdsa()
        return Signature(signer.public_key.keyid, other.sign(payload).signature)

    monkeypatch.setattr(HSMSigner, "sign", sign)


@pytest.fixture
def plugged(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person whose key lies in a token that no library reaches here."""
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    monkeypatch.delenv("PYKCS11LIB", raising=False)
    keys.key_file("rita").write_text(f"{URI}\n")


@pytest.mark.usefixtures("plugged")
def test_a_token_that_is_not_there_is_no_wrong_pin_however_often_it_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for _ in range(keys.MISTAKES + 1):
        with pytest.raises(ResourceMissing, match=r"governed did not sign[^$]*PYKCS11LIB"):
            keys.unlock("rita", PIN)
    monkeypatch.setenv("PYKCS11LIB", str(tmp_path / "none.so"))
    with pytest.raises(ResourceMissing, match=r"none\.so"):
        keys.unlock("rita", PIN)
    exceptions = importlib.import_module("pkcs11.exceptions")
    for error in (exceptions.PinLocked(), exceptions.DeviceRemoved(), ValueError("no such key")):
        goes_wrong(monkeypatch, error)
        with pytest.raises(ResourceMissing, match="did not sign"):
            keys.unlock("rita", PIN)
    goes_wrong(monkeypatch, None)
    with pytest.raises(SignatureRefused, match="another key's"):
        keys.unlock("rita", PIN)
    goes_wrong(monkeypatch, exceptions.PinIncorrect())
    for attempt in range(1, keys.MISTAKES + 1):
        with pytest.raises(SignatureRefused, match=f"PinIncorrect; attempt {attempt} in a row"):
            keys.unlock("rita", PIN)
    with pytest.raises(SignatureRefused, match="is locked for another"):
        keys.unlock("rita", PIN)


@pytest.mark.usefixtures("plugged")
def test_who_has_a_key_is_told_so_before_the_pin_is_used(home: Path) -> None:
    with pytest.raises(UsageError, match=r"rita --uri '[^']*' --replace'"):
        keys.use_token("rita", URI, PIN)


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A P-256 key in a token of SoftHSM; needs ``softhsm2`` and ``python-pkcs11``."""
    pkcs11: Any = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    module = next((name for name in MODULES if name and Path(name).exists()), None)
    tool = shutil.which("softhsm2-util")
    if module is None or tool is None:
        pytest.skip("SoftHSM is not installed (Debian: softhsm2; or SOFTHSM2_MODULE and PATH)")
    (tmp_path / "tokens").mkdir()
    settings = tmp_path / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
    monkeypatch.setenv("PYKCS11LIB", module)
    made = [tool, "--module", module, "--init-token", "--free", "--label", "governed"]
    subprocess.run([*made, "--pin", PIN.decode(), "--so-pin", "87654321"], check=True)
    importlib.import_module("pkcs11.util.ec")
    curve = pkcs11.util.ec.encode_named_curve_parameters("secp256r1")
    with (
        pkcs11.lib(module)
        .get_token(token_label="governed")
        .open(user_pin=PIN.decode(), rw=True) as session
    ):
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
        )
        number = pkcs11.util.biginteger(1)
        parameters.generate_keypair(
            mechanism=pkcs11.Mechanism.EC_KEY_PAIR_GEN, store=True, id=number
        )
    return URI


@pytest.mark.full
def test_a_person_signs_with_a_key_that_never_leaves_its_token(
    workspace: Workspace, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="could not find"):
        keys.use_token("hans", "hsm:7?label=governed", PIN)
    with pytest.raises(SignatureRefused, match="PinIncorrect"):
        keys.use_token("hans", token, b"1111111")
    public = keys.use_token("hans", token, PIN)
    assert keys.key_file("hans").read_text() == f"{token}\n"
    assert tokens.read_public_key(token, PIN)[1].keyid == parse_public_key(public).keyid
    people.add(
        workspace, "ada", passphrase("ada"), name="hans", printed_name="Hans",
        roles=["administrator"], public_key=public,
    )  # fmt: skip
    for _ in range(2):
        with pytest.raises(SignatureRefused, match="did not open"):
            people.grant(workspace, "hans", b"1111111", name="hans", role="reviewer")
    people.grant(workspace, "hans", PIN, name="hans", role="reviewer")
    register = Register.read(workspace)
    assert register.people["hans"].roles == ["administrator", "reviewer"]
    assert register.entries[-1].key_id == parse_public_key(public).keyid
    assert register.entries[-1].valid
    signer = keys.unlock("hans", PIN)
    monkeypatch.setenv("PYKCS11LIB", "/gone")  # pulled out after its PIN was proved
    with pytest.raises(ResourceMissing, match="the token governed did not sign"):
        signer.sign(b"")
