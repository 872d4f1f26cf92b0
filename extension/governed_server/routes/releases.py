"""Releases: the list, one as a reviewer sees it, and what a person signs about it."""

from __future__ import annotations

from typing import Any, Literal

from governed_kernel.canonical import digest_file
from governed_kernel.errors import NotApproved, UnknownName
from governed_kernel.governance import approvals
from governed_kernel.governance.counting import Purpose
from governed_kernel.release import lists, manifest
from governed_kernel.release.overview import overview, summary
from governed_kernel.release.review import review
from governed_kernel.workspace import Workspace
from governed_server.routes.asked import Listed, Place, Release, Signed
from governed_server.routes.promotion import told_comparisons
from governed_server.routing import Work, get, job, post
from governed_server.service import Service

__all__ = ["Asked", "Ending", "Reviewed", "approve", "end", "listed", "one", "reviewed"]


class Asked(Listed, kw_only=True):
    """A page of the list, and who looks at it.

    Attributes
    ----------
    state : str
        Only releases of that state, or `lists.WAITING`.
    """

    person: str = ""
    state: str = ""


class Reviewed(Release, kw_only=True):
    """A release as a person would sign it."""

    person: str
    purpose: Purpose = "run"
    run: str = ""


class Approval(Signed, kw_only=True):
    """A signature under a release, with the digest that the person was shown."""

    release: str
    digest: str
    meaning: str
    purpose: Purpose = "run"
    run: str = ""
    comment: str = ""


class Ending(Signed, kw_only=True):
    """A no for good, with the digest that the person was shown."""

    release: str
    digest: str
    reason: str
    ending: Literal["reject", "revoke"]


@get("releases")
def listed(service: Service, asked: Asked) -> lists.Page:
    """Some of the releases with their state, and whether they wait for the person who asks."""
    return lists.listed_releases(
        service.current(asked.path),
        asked.person,
        search=asked.search,
        state=asked.state,
        limit=asked.limit,
        offset=asked.offset,
    )


@get("release")
def one(service: Service, asked: Release) -> dict[str, Any]:
    """The whole path of a release."""
    registry = service.current(asked.path)
    return overview(registry, registry.release(asked.release))


@get("release/notebook")
def of_notebook(service: Service, asked: Place) -> dict[str, Any]:
    """The release that a notebook below ``release/`` belongs to, and whether it still is it."""
    path = service.path(asked.path)
    try:
        workspace = service.workspace(asked.path)
    except UnknownName:  # a notebook outside of any workspace is of no release
        return {"release": None}
    if not path.is_relative_to(workspace.releases):
        return {"release": None}
    registry = service.registry(workspace)
    name = path.relative_to(workspace.releases).parts[0]
    record = registry.release(name)
    bound = manifest.load(manifest.release_folder(workspace, record.name), record.digest)
    own = {bound.notebook.path: bound.notebook, bound.origin.path: bound.origin}
    file = own.get(path.relative_to(manifest.release_folder(workspace, record.name)).as_posix())
    intact = file is not None and digest_file(path) == file.sha256
    return {"release": summary(registry, record), "intact": intact}


@job("release/review", "Verifying every file and record behind the signature")
def reviewed(work: Work, asked: Reviewed) -> dict[str, Any]:
    """Verify what a person is about to sign, from bytes up; the result says what it is."""
    found = review(work.workspace, asked.release, asked.purpose, asked.person, asked.run)
    return {
        "release": found.release.name,
        "run": found.run_id,
        "digest": found.digest,
        "facts": found.facts,
        "comparisons": told_comparisons(found.comparisons),
    }


@job("release/approve", "Verifying once more, then signing")
def approve(work: Work, asked: Approval) -> dict[str, Any]:
    """Sign: verified anew, and only if it is still what the person was shown."""
    found = review(work.workspace, asked.release, asked.purpose, asked.person, asked.run)
    entry = approvals.approve(
        work.workspace,
        found.release.name,
        asked.purpose,
        asked.person,
        asked.secret,
        meaning=asked.meaning,
        digest=_unchanged(asked.digest, found.digest),
        evidence=found.evidence,
        run_id=found.run_id,
        comment=asked.comment,
    )
    return {"release": found.release.name, "ledger_record": entry.number}


@post("release/end")
def end(service: Service, asked: Ending) -> dict[str, Any]:
    """Reject or revoke a release, signed and with a reason."""
    workspace: Workspace = service.workspace(asked.path)
    act = approvals.reject if asked.ending == "reject" else approvals.revoke
    entry = act(
        workspace,
        asked.release,
        asked.person,
        asked.secret,
        digest=asked.digest,
        reason=asked.reason,
    )
    return {"release": asked.release, "ledger_record": entry.number}


def _unchanged(shown: str, found: str) -> str:
    if shown != found:
        raise NotApproved(
            "this is not what you were shown",
            why=f"you saw the digest {shown[:16]}…, and now it is {found[:16]}…",
            next="read it again, then sign",
        )
    return found
