"""A workspace with people in it, real keys and a real ledger, for every test of governance."""

from __future__ import annotations

import re
from pathlib import Path

from governed_kernel.governance import genesis, people, policy
from governed_kernel.governance import keys as key_files
from governed_kernel.governance.register import Register
from governed_kernel.governance.rules import rules_digest
from governed_kernel.governance.signing import attest
from governed_kernel.lineage.attestations import Promotion
from governed_kernel.workspace import Workspace

DIGEST = "ab" * 32
OTHER = "cd" * 32
RELEASE = "triage@1"
ROLES = {
    "sam": ["data-scientist", "reviewer"],
    "rita": ["reviewer"],
    "dora": ["domain-expert"],
    "olga": ["operator"],
}
EVERYBODY = ("ada", *ROLES, "mallory")


def passphrase(person: str) -> bytes:
    return f"the passphrase of {person}".encode()


def make_workspace(folder: Path) -> Workspace:
    """Ada administers; Sam writes releases; Rita and Dora review; Olga operates."""
    workspace = genesis.initialise(folder, "ada", "Ada Lovelace", passphrase("ada"), "triage")
    for name, roles in ROLES.items():
        people.add(
            workspace,
            "ada",
            passphrase("ada"),
            name=name,
            printed_name=name.title(),
            roles=roles,
            public_key=key_files.public_key_of(name),
        )
    return workspace


def promote(workspace: Workspace, release: str = RELEASE, digest: str = DIGEST) -> None:
    """Sam asks for a release."""
    attest(
        workspace,
        "sam",
        passphrase("sam"),
        lambda _, who: Promotion(
            person=who.name,
            printed_name=who.printed_name,
            release=release,
            digest=digest,
            notebook="research/triage.ipynb",
            session_id="20261121T000000-00000000",
            risk_class="minimal",
        ),
        action="promote",
        resource=release,
    )


def counting(workspace: Workspace, digest: str = DIGEST, release: str = RELEASE) -> list[str]:
    """Who has approved that release for a run, so that it counts."""
    given = Register.read(workspace).approvals_for(release, digest, "run")
    return [approval.person for approval in given if approval.counts]


def reasons(workspace: Workspace, digest: str = DIGEST, release: str = RELEASE) -> list[str]:
    """Why the other approvals do not count."""
    given = Register.read(workspace).approvals_for(release, digest, "run")
    return [approval.reason for approval in given if not approval.counts]


def mask(workspace: Workspace, masked: str) -> Workspace:
    """Have the columns of health data masked for whoever is no domain expert."""
    file = workspace.root / "governed.toml"
    text = re.sub(r"\nmasked = .*\nunmasked = .*", "", file.read_text())
    said = f'masked = {masked}\nunmasked = ["domain-expert"]'
    file.write_text(text.replace("[classes.health]\n", f"[classes.health]\n{said}\n"))
    workspace = Workspace.open(workspace.root)
    policy.adopt(workspace, "ada", passphrase("ada"), rules_digest(workspace))
    return workspace
