"""The observers inside a kernel, one file a library; they know no store.

`install` puts them in place for the rest of the process; `read` reads the text of what comes,
`statement` tells them what the notebook executes, and `settle` that a cell ends.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from governed_kernel.capture.emitter import Emitter

if TYPE_CHECKING:
    from governed_kernel.capture.observation import EnvironmentRule
    from governed_kernel.capture.readings import Reading

__all__ = ["entity_of", "install", "read", "settle", "statement"]

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
    from governed_kernel.capture import rewriting
    from governed_kernel.capture.arming import arm_imports
    from governed_kernel.capture.audit import install_audit_hook
    from governed_kernel.capture.observation import Observation, environment_rule
    from governed_kernel.capture.prepared import Prepared

    if _installed:
        return
    rewriting.kept = kept = Prepared()
    observation = Observation(
        emitter,
        is_environment or environment_rule(),
        session or os.environ.get("GOVERNED_SESSION", "local"),
    )
    _installed.append(observation)
    observation.at_end.append(kept.save)
    # A forked child goes on counting where its parent does: names of its own keep them apart.
    os.register_at_fork(after_in_child=lambda: observation.continue_as(os.getpid()))
    install_audit_hook(observation)
    arm_imports(observation)


def entity_of(thing: object) -> str | None:
    """The name on record of something in memory; None where no observer has met it."""
    for observation in _installed:
        node = observation.registry.get(thing)
        if node is not None:
            return str(node.entity)
    return None


def settle() -> None:
    """At the end of a cell: let observers say what they still held back."""
    for observation in _installed:
        for say in observation.at_end:
            with observation.guarded("settle"):
                say()


def read(nodes: Iterable[ast.stmt]) -> list[Reading | ast.stmt]:
    """Read the statements of a cell before it is run, each for `statement`.

    Where that goes wrong a statement is given back as it is: `statement` meets it again, and says
    so.
    """
    from governed_kernel.capture import readings

    found: list[Reading | ast.stmt] = []
    for node in nodes:
        try:
            found.append(readings.read(node))
        except Exception:  # told when it is met again, and never the user's
            found.append(node)
    return found


@contextmanager
def statement(node: Reading | ast.stmt, namespace: dict[str, Any]) -> Iterator[None]:
    """While one top-level statement of the notebook is executed in `namespace`.

    What goes wrong in following it is recorded, and changes nothing for the user.
    """
    if not _installed:
        yield
        return
    from governed_kernel.capture.variables import Variables

    observation = _installed[0]
    variables = observation.variables
    if variables is None or variables.namespace is not namespace:
        variables = Variables(observation, namespace)
    with observation.guarded("variables"):
        variables.enter(node)
    try:
        yield
    finally:
        with observation.guarded("variables"):
            variables.leave()
