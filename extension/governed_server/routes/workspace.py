"""The workspace itself: what there is, who works in it, and making one."""

from __future__ import annotations

from typing import Any

import msgspec

from governed_kernel import __version__
from governed_kernel.errors import UnknownName
from governed_kernel.governance import genesis, keys
from governed_kernel.governance.templates import notebook_templates
from governed_kernel.workspace import Workspace
from governed_server.routes.asked import Place, Remembered, Signed
from governed_server.routing import get, post
from governed_server.service import Service

__all__ = ["Creation", "create", "status", "templates"]


class Creation(Signed, kw_only=True):
    """A new workspace in the folder `path`."""

    printed_name: str
    name: str = ""


@get("status")
def status(service: Service, asked: Remembered) -> dict[str, Any]:
    """The workspace of a place with its people and settings, or the offer to make one."""
    told: dict[str, Any] = {
        "version": __version__,
        "person": asked.person,
        "signed_in": service.knows_people(),
        "workspace": None,
    }
    try:
        found = service.workspace(asked.path)
    except UnknownName as error:
        return {**told, "problem": error.describe()}
    return {**told, "workspace": _workspace(service, found)}


@get("templates")
def templates(service: Service, asked: Place) -> list[dict[str, Any]]:  # noqa: ARG001 (routes are called alike)
    """Notebooks to begin with."""
    return notebook_templates()


@post("workspaces")
def create(service: Service, asked: Creation) -> dict[str, Any]:
    """Make a workspace in a folder of the server, with its first administrator."""
    made = genesis.initialise(
        service.path(asked.path), asked.person, asked.printed_name, asked.secret, asked.name
    )
    return _workspace(service, made)


def _workspace(service: Service, workspace: Workspace) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": workspace.settings.workspace.name,
        "root": str(workspace.root),
        "path": service.browser_path(workspace.root),
        "classes": msgspec.to_builtins(workspace.settings.classes),
        "environments": list(workspace.settings.deployment.environments),
        "governed": workspace.ledger.exists(),
        "people": [],
    }
    if told["governed"]:
        register = service.registry(workspace).register
        told["people"] = [
            {
                "name": person.name,
                "printed_name": person.printed_name,
                "roles": person.roles,
                "can_sign_here": keys.key_file(person.name).exists(),
            }
            for person in register.people.values()
        ]
    return told
