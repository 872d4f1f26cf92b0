"""How a workspace begins: its folder, its first administrator, the first entry of its ledger."""

from __future__ import annotations

import contextlib
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from governed_kernel import configuration
from governed_kernel.canonical import digest_json
from governed_kernel.errors import ResourceMissing, UsageError
from governed_kernel.files import write_atomically
from governed_kernel.governance import envelopes, keys, pins
from governed_kernel.governance.names import check_name, check_printed_name
from governed_kernel.governance.rules import policy_texts, rule_files, rules_digest
from governed_kernel.governance.templates import template_folder
from governed_kernel.lineage.attestations import WorkspaceCreated
from governed_kernel.lineage.derived_head import write_head
from governed_kernel.lineage.events import Attested
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.locks import exclusive_lock
from governed_kernel.workspace import CONFIGURATION_FILE, Workspace, canonical_root

if TYPE_CHECKING:
    from governed_kernel.governance.signers import PersonSigner

__all__ = ["initialise"]

FOLDERS = ("policies", "catalog", "suites", "research", "release", "bundles")
STATE_FOLDERS = ("journals", "objects", "snapshots", "runs")


def initialise(
    folder: Path, administrator: str, printed_name: str, passphrase: bytes, name: str = ""
) -> Workspace:
    """Make a workspace in `folder`, or only its state where a ``governed.toml`` lies already.

    Parameters
    ----------
    administrator : str
        The first administrator; their key on this machine is made when there is none.
    passphrase : bytes
        Opens or will open that key.
    name : str
        What the workspace is called; the folder's name when empty.

    Raises
    ------
    UsageError
        The folder has a ledger already.
    """
    check_name(administrator)
    printed_name = check_printed_name(printed_name)
    root = canonical_root(Path(folder))
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceMissing(
            f"{root} can't be made", why=error.strerror or str(error), next="choose another folder"
        ) from error
    # Two that begin at once would each make a service key; the second finds a ledger.
    with exclusive_lock(root / ".governed" / "genesis.lock"):
        _refuse_second(root)
        _write_files(root, name or root.name)
        workspace = Workspace.open(root)
        workspace.derived.touch()  # nothing is lost yet: nobody has to look for it
        write_head(workspace)
        policy = rules_digest(workspace)
        rules = rule_files(workspace)
        signer, public_key = _administrator_key(administrator, passphrase)
        workspace_id = f"w{secrets.token_hex(8)}"
        created = WorkspaceCreated(
            person=administrator,
            printed_name=printed_name,
            workspace_id=workspace_id,
            name=workspace.settings.workspace.name,
            public_key=public_key,
            policy=policy,
            rules=rules,
            settings=workspace.settings.adoptable(),
            policies=policy_texts(workspace),
            service_key=keys.make_service_key(workspace_id),
        )
        envelope = envelopes.sign(created, signer)
        # A folder that held another workspace is a new one now: this person has just made it.
        pins.remember(root, workspace_id, digest_json(envelope))
        Ledger(workspace).create(workspace_id, Attested(envelope=envelope))
    return workspace


def _refuse_second(root: Path) -> None:
    ledger = Workspace(root).ledger
    if ledger.exists() and ledger.stat().st_size:
        raise UsageError(
            f"{root} is a workspace already",
            why=f"{ledger} exists, and a ledger is never started twice",
            next="use it as it is, or choose another folder",
        )


def _administrator_key(administrator: str, passphrase: bytes) -> tuple[PersonSigner, str]:
    if not keys.key_file(administrator).exists():
        keys.generate(administrator, passphrase)
    return keys.unlock(administrator, passphrase), keys.public_key_of(administrator)


def _write_files(root: Path, name: str) -> None:
    """The template's files, where the folder does not have its own."""
    template = template_folder("workspace")
    configured = root / CONFIGURATION_FILE
    if not configured.exists():
        text = (template / CONFIGURATION_FILE).read_text(encoding="utf-8")
        quoted = msgspec.json.encode(_plain(name)).decode()
        text = re.sub(r"(?m)^name = .*$", lambda _: f"name = {quoted}", text, count=1)
        configuration.parse(text, configured)
        write_atomically(configured, text.encode())
    for part in FOLDERS:
        (root / part).mkdir(exist_ok=True)
    write_starter_policies(root / "policies")
    for part in STATE_FOLDERS:
        (root / ".governed" / part).mkdir(parents=True, exist_ok=True)
    ignore = root / ".gitignore"
    wanted = (template / "gitignore").read_text(encoding="utf-8")
    present = ""
    with contextlib.suppress(FileNotFoundError):
        present = ignore.read_text(encoding="utf-8")
    if ".governed/" not in present.split():
        write_atomically(ignore, f"{present}{wanted}".encode())


def write_starter_policies(folder: Path) -> list[str]:
    """Write the starter set where no policy lies yet; returns the names of what was written."""
    if any(folder.glob("*.cedar")):
        return []
    starters = sorted((template_folder("workspace") / "policies").iterdir())
    written = []
    for starter in starters:
        target = folder / starter.name
        if not target.exists():
            write_atomically(target, starter.read_bytes())
            written.append(starter.name)
    return written


def _plain(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable()).strip() or "workspace"
