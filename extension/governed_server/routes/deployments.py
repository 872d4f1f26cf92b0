"""Deployments: a bundle goes live, or what was live before does again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import identify
from governed_kernel.release import deployment
from governed_server.routes.asked import Signed
from governed_server.routing import Work, job

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


@job("deployments", "Asking every gate, then sealing the bundle")
def deploy(work: Work, asked: Going) -> dict[str, Any]:
    """Put a release live; its bundle is sealed first where that was not done yet."""
    _identify(work, asked)
    done = deployment.deploy(
        work.workspace,
        asked.release,
        asked.environment,
        asked.person,
        asked.secret,
        run_id=asked.run,
        slot=asked.slot,
        reason=asked.reason,
    )
    return asdict(done)


@job("deployments/rollback", "Looking for what may go live again")
def roll_back(work: Work, asked: Return) -> dict[str, Any]:
    """Put live again what was live there before."""
    _identify(work, asked)
    done = deployment.roll_back(
        work.workspace,
        asked.environment,
        asked.person,
        asked.secret,
        slot=asked.slot,
        reason=asked.reason,
    )
    return asdict(done)


def _identify(work: Work, asked: Signed) -> None:
    """Before anything is sealed, or a refusal put on record, in that person's name."""
    identify(Register.read(work.workspace), asked.person, asked.secret)
