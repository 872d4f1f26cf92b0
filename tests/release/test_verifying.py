"""``docs/verifying.md``, executed as it stands where this product is not installed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import string
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.release import packing
from tests.loop.stages import Stages
from tests.release import tools

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs" / "verifying.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
Verify = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tools that the page says to install."""
    (line,) = re.findall(r"^pip install (.*)$", PAGE, re.MULTILINE)
    return tools.make(tmp_path_factory.mktemp("tools") / "environment", shlex.split(line))


@pytest.fixture(scope="session")
def verify(stages: Stages, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Verify:
    """Run every command of the page, to the first that fails."""
    folder = tmp_path_factory.mktemp("auditor")
    (folder / "service.pub").write_text(stages.released.done_here("audit key").out)

    def run(bundle: Path, commands: list[str] = COMMANDS) -> subprocess.CompletedProcess[str]:
        script = ["set -e -o pipefail", *commands, "echo all of it"]
        return subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=folder,
            env=tools.variables(programs, BUNDLE=str(bundle)),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def bundle(stages: Stages, tmp_path: Path) -> Path:
    """A copy that can be altered."""
    (sealed,) = stages.released.workspace.bundles.iterdir()
    copy = tmp_path / sealed.name
    shutil.copytree(sealed, copy)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


def test_there_is_nothing_of_ours_where_it_runs(programs: Path) -> None:
    done = subprocess.run(
        [programs / "python", "-c", "import governed_kernel"],
        env=tools.variables(programs),
        cwd=programs,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named 'governed_kernel'" in done.stderr


def test_standard_tools_alone_verify_a_bundle(verify: Verify, bundle: Path) -> None:
    done = verify(bundle)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all of it\n")
    for said in ("is by Mara", "is by Rui", "slsa.dev/provenance/v1", "test-result/v0.1"):
        assert said in done.stdout


def test_they_verify_what_a_tar_holds(verify: Verify, bundle: Path, tmp_path: Path) -> None:
    packing.write_tar(bundle, tmp_path / "bundle.tar")
    there = tmp_path / "there"
    there.mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "bundle.tar", "-C", there], check=True)
    done = verify(there / bundle.name)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("change", ["a byte", "a line more", "gone"])
def test_they_find_every_altered_file(verify: Verify, bundle: Path, change: str) -> None:
    unnoticed = []
    for path in packing.files_of(bundle):
        data = path.read_bytes()
        if change == "gone":
            path.unlink()
        elif change == "a byte":
            middle = len(data) // 2
            path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        else:
            path.write_bytes(data + b"\n")
        if verify(bundle).returncode == 0:
            unnoticed.append(path.name)
        path.write_bytes(data)
    assert unnoticed == []


def _other_bits(text: str) -> str:
    """The same bytes in base64 by other letters, where some bits of the last one say nothing."""
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    body = text.rstrip("=")
    if body == text:
        return f"{text[:20]}\n{text[20:]}"
    return body[:-1] + letters[letters.index(body[-1]) | 1] + text[len(body) :]


def _beside(seal: dict[str, Any]) -> None:
    seal["signatures"].append({"keyid": "11" * 32, "sig": "eA=="})


FORMS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a field more": lambda seal: seal.update(note="also approved for children"),
    "a field more in the signature": lambda seal: seal["signatures"][0].update(cert="x"),
    "a signature more": _beside,
    "the signature twice": lambda seal: seal["signatures"].append(seal["signatures"][0]),
    "other bits of the signature": lambda seal: seal["signatures"][0].update(
        sig=_other_bits(seal["signatures"][0]["sig"])
    ),
    "other bits of the payload": lambda seal: seal.update(payload=_other_bits(seal["payload"])),
}


@pytest.mark.parametrize("change", list(FORMS))
def test_they_find_what_nobody_signed_around_a_signature(
    verify: Verify, bundle: Path, change: str
) -> None:
    path = bundle / "signature.dsse.json"
    seal = json.loads(path.read_bytes())
    assert verify(bundle, COMMANDS[2:3]).returncode == 0
    FORMS[change](seal)
    path.write_text(json.dumps(seal, sort_keys=True, separators=(",", ":")))
    done = verify(bundle, COMMANDS[2:3])
    assert done.returncode != 0
    assert re.search("is not written as it was sealed|Multiple signatures|base64 data", done.stderr)


@pytest.mark.parametrize("name", ["artifacts/more.py", ".gitattributes", "approvals/05-run.json"])
def test_they_find_an_added_file(verify: Verify, bundle: Path, name: str) -> None:
    (bundle / name).write_text("{}")
    assert "Extra files" in verify(bundle).stderr + verify(bundle).stdout


def test_they_find_the_bundle_of_another_workspace(
    verify: Verify, bundle: Path, programs: Path, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "service.pub").write_bytes(pem)
    done = subprocess.run(
        ["bash", "-c", COMMANDS[1]],
        cwd=tmp_path,
        env=tools.variables(programs, BUNDLE=str(bundle)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Key mismatch" in done.stderr + done.stdout
