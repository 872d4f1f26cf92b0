"""The observers inside a kernel, one file a library; they know no store.

`install` puts them in place for the rest of the process.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from governed_kernel.capture.emitter import Emitter

if TYPE_CHECKING:
    from governed_kernel.capture.observation import EnvironmentRule

__all__ = ["install"]

_installed: list[Any] = []


def install(
    emitter: Emitter,
    *,
    is_environment: EnvironmentRule | None = None,
    session: str | None = None,
) -> None:
    """Observe this process from now on: audit events at once, libraries when they are imported.

    Once is enough, and for good: a second call is ignored, since hooks can't be taken out.

    Parameters
    ----------
    emitter : Emitter
        Takes the events and gives cells and decisions.
    is_environment : callable, optional
        Tells of an absolute path (and ``write=``) whether it belongs to the environment; by
        default the recorder's rules in a governed session, a simple prefix rule elsewhere.
    session : str, optional
        Names things in memory; by default ``GOVERNED_SESSION``.
    """
    from governed_kernel.capture.arming import arm_imports
    from governed_kernel.capture.audit import install_audit_hook
    from governed_kernel.capture.observation import Observation, environment_rule

    if _installed:
        return
    observation = Observation(
        emitter,
        is_environment or environment_rule(),
        session or os.environ.get("GOVERNED_SESSION", "local"),
    )
    _installed.append(observation)
    install_audit_hook(observation)
    arm_imports(observation)
