"""The catalog: datasets and base models by version, and registering a file as one."""

from __future__ import annotations

from typing import Any

from governed_kernel.governance import catalog, catalog_rows, descriptions
from governed_kernel.governance.names import PURPOSES
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import identify
from governed_kernel.release import lists
from governed_server import reading
from governed_server.routes.asked import Listed, Place, Signed
from governed_server.routing import Work, get, job
from governed_server.service import Service

__all__ = ["Registration", "Version", "choices", "listed", "one", "register"]


class Asked(Listed, kw_only=True):
    """A page of the catalog, of all classes or of one."""

    data_class: str = ""


class Registration(Signed, kw_only=True):
    """A file or folder to be registered, relative to the workspace."""

    name: str
    file: str
    data_class: str
    owner: str
    purposes: tuple[str, ...]
    legal_basis: str
    kind: descriptions.Kind = "data"
    retention_until: str = ""
    licence: str = ""
    origin: str = ""
    intended_use: str = ""


class Version(Place, kw_only=True):
    """A dataset or base model: ``NAME@VERSION``, or the newest of ``NAME``."""

    name: str


@get("catalog")
def listed(service: Service, asked: Asked) -> lists.Page:
    """Some of the versions of datasets and base models."""
    return lists.listed_versions(
        service.registry(service.workspace(asked.path)).register,
        search=asked.search,
        data_class=asked.data_class,
        limit=asked.limit,
        offset=asked.offset,
    )


@get("catalog/version")
def one(service: Service, asked: Version) -> dict[str, Any]:
    """All that is known of a version, and what a notebook may use it for."""
    workspace = service.workspace(asked.path)
    register = service.registry(workspace).register
    return catalog_rows.facts(workspace, register, register.version(asked.name))


@get("catalog/choices")
def choices(service: Service, asked: Place) -> dict[str, Any]:
    """What a registration may say: the workspace's classes and the purposes."""
    workspace = service.workspace(asked.path)
    classes = workspace.settings.classes
    return {
        "classes": {
            name: {"description": item.description, "purposes": list(item.purposes)}
            for name, item in classes.items()
        },
        "purposes": list(PURPOSES),
    }


@job("catalog/versions")
def register(work: Work, asked: Registration) -> dict[str, Any]:
    """Register a file or folder as a version, with an immutable snapshot."""
    file = work.workspace.inside(asked.file)
    identify(Register.read(work.workspace), asked.person, asked.secret)
    work.progress("Copying and hashing")
    description = descriptions.Description(
        data_class=asked.data_class,
        owner=asked.owner,
        purposes=asked.purposes,
        legal_basis=asked.legal_basis,
        kind=asked.kind,
        retention_until=asked.retention_until,
        licence=asked.licence,
        origin=asked.origin,
        intended_use=asked.intended_use,
    )
    progress = reading.copying(work.progress, file)
    done = catalog.register(work.workspace, asked.name, file, description, asked.person, progress)
    return {"version": catalog.label(done.version), "new": done.new}
