"""``ro-crate-metadata.json``: the bundle as a research object, a Process Run Crate.

https://w3id.org/ro/crate/1.1 and https://w3id.org/ro/wfrun/process/0.5
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from governed_kernel.lineage.events import FileDigest
from governed_kernel.release.account import NOT_STATED, Account

__all__ = ["PROFILE", "research_object"]

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_CRATE = "https://w3id.org/ro/crate/1.1"
_SAID = {
    "manifest.json": "what run made every file, with its SHA-256",
    "SHA256SUMS": "the same for sha256sum -c",
    "model.sig": "signature over the bundle (OpenSSF Model Signing)",
    "signature.dsse.json": "the seal: signature over the manifest and the model signature",
    "README.md": "model card",
    "data_card.md": "data card",
    "data_card.croissant.json": "data card for tools (Croissant)",
    "bom.cdx.json": "bill of materials (CycloneDX)",
    "people.json": "public keys of the people who signed",
}


def research_object(
    account: Account, files: Sequence[FileDigest], later: Sequence[str]
) -> dict[str, Any]:
    """The index of a bundle.

    Parameters
    ----------
    files : sequence of FileDigest
        Every file that is there already.
    later : sequence of str
        Files that are made after this one, so that it can't tell their digests.
    """
    parts = [*map(_file, files), *(_named(name) for name in later)]
    data = [_dataset(item.name, item.version.sha256) for item in account.materials()]
    return {
        "@context": [f"{_CRATE}/context", {"sha256": "https://schema.org/sha256"}],
        "@graph": [
            {
                "@id": "ro-crate-metadata.json",
                "@type": "CreativeWork",
                "about": {"@id": "./"},
                "conformsTo": {"@id": _CRATE},
            },
            {
                "@id": "./",
                "@type": "Dataset",
                "name": account.bound.release,
                "description": f"Bundle of run {account.run.run_id}",
                "datePublished": account.ended_at.isoformat(),
                "license": {"@id": "#licence"},
                "conformsTo": {"@id": PROFILE},
                "hasPart": [{"@id": item["@id"]} for item in parts],
                "mentions": [{"@id": f"#{account.run.run_id}"}],
            },
            {"@id": "#licence", "@type": "CreativeWork", "name": NOT_STATED},
            {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate"},
            *_action(account),
            *data,
            *parts,
        ],
    }


def _action(account: Account) -> list[dict[str, Any]]:
    notebook = _id(f"release/{account.bound.notebook.path}")
    person = account.registry.register.people.get(account.run.started.person)
    name = person.printed_name if person else account.run.started.person
    agent = f"#{quote(account.run.started.person)}"
    return [
        {
            "@id": f"#{account.run.run_id}",
            "@type": "CreateAction",
            "name": f"Execution of {account.bound.release}",
            "instrument": {"@id": notebook},
            "agent": {"@id": agent},
            "startTime": account.run.started.occurred_at.isoformat(),
            "endTime": account.ended_at.isoformat(),
            "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
            "object": [{"@id": f"#{quote(item.name)}"} for item in account.bound.inputs],
            "result": [{"@id": _id(f"artifacts/{item.name}")} for item in account.ended.artifacts],
        },
        {"@id": agent, "@type": "Person", "name": name},
    ]


def _dataset(name: str, sha256: str) -> dict[str, Any]:
    """Data and base models are named by digest; they are no part of a bundle."""
    return {"@id": f"#{quote(name)}", "@type": "CreativeWork", "name": name, "sha256": sha256}


def _file(file: FileDigest) -> dict[str, Any]:
    code = file.path.startswith("release/") and file.path.endswith((".ipynb", ".py"))
    return {
        **_named(file.path),
        "@type": ["File", "SoftwareSourceCode"] if code else "File",
        "contentSize": str(file.bytes),
        "sha256": file.sha256,
    }


def _named(path: str) -> dict[str, Any]:
    found = {"@id": _id(path), "@type": "File", "name": path}
    return {**found, "description": _SAID[path]} if path in _SAID else found


def _id(path: str) -> str:
    return quote(path)
