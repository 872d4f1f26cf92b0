"""A person's key may lie in a token; what asks for no secret signs for nobody."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.errors import ResourceMissing, SignatureRefused, UsageError
from governed_kernel.governance import keys, people, tokens
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
        ("moon:1", "moon is unknown"),
        ("/home/ada/key.pem", "no scheme is unknown"),
        ("", "no scheme is unknown"),
    ],
)
def test_a_key_that_no_secret_opens_is_refused_by_its_scheme(
    home: Path, uri: str, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        keys.use_token("hans", uri, PIN)
    assert not keys.key_file("hans").exists()


def test_where_a_token_can_not_be_used_it_is_said_what_is_missing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ResourceMissing, match=r"python-pkcs11 is not installed[^$]*\[pkcs11\]"):
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
    workspace: Workspace, token: str
) -> None:
    with pytest.raises(UsageError, match="could not find"):
        keys.use_token("hans", "hsm:7?label=governed", PIN)
    with pytest.raises(SignatureRefused, match="PinIncorrect"):
        keys.use_token("hans", token, b"1111111")
    public = keys.use_token("hans", token, PIN)
    assert keys.key_file("hans").read_text() == f"{token}\n"
    assert tokens.read_public_key(token, PIN)[1].keyid == keys.parse_public_key(public).keyid
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
    assert register.entries[-1].key_id == keys.parse_public_key(public).keyid
    assert register.entries[-1].valid
