"""Deployments: a bundle goes live, or what was live before does again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import identify
from governed_kernel.release import deployment
from governed_kernel.release.deployment import Deployed
from governed_kernel.workspace import Workspace
from governed_server.routes.asked import Signed
from governed_server.routing import post
from governed_server.service import Service

__all__ = ["Going", "Return", "deploy", "roll_back"]


class Return(Signed, kw_only=True):
    """A slot of an environment that is to hold again what it held before."""

    environment: str
    slot: str = "default"
    reason: str = ""


class Going(Return, kw_only=True):
    """A release that is to go live."""

    release: str
    run: str = ""


@post("deployments")
def deploy(service: Service, asked: Going) -> dict[str, Any]:
    """Start to put a release live; its bundle is sealed first where that was not done yet."""
    return _start(
        service,
        asked,
        "deploy",
        "Asking every gate, then sealing the bundle",
        lambda workspace: deployment.deploy(
            workspace,
            asked.release,
            asked.environment,
            asked.person,
            asked.secret,
            run_id=asked.run,
            slot=asked.slot,
            reason=asked.reason,
        ),
    )


@post("deployments/rollback")
def roll_back(service: Service, asked: Return) -> dict[str, Any]:
    """Start to put live again what was live there before."""
    return _start(
        service,
        asked,
        "rollback",
        "Looking for what may go live again",
        lambda workspace: deployment.roll_back(
            workspace,
            asked.environment,
            asked.person,
            asked.secret,
            slot=asked.slot,
            reason=asked.reason,
        ),
    )


def _start(
    service: Service, asked: Return, kind: str, step: str, change: Callable[[Workspace], Deployed]
) -> dict[str, Any]:
    workspace = service.workspace(asked.path)

    def work(progress: Any) -> dict[str, Any]:
        progress(step)
        # before anything is sealed, or a refusal put on record, in that person's name
        identify(Register.read(workspace), asked.person, asked.secret)
        return asdict(change(workspace))

    return service.jobs.start(kind, work)
