"""Names of people, datasets and purposes: what may be a name, and which mean the same."""

from __future__ import annotations

import re
from typing import get_args

from governed_kernel.configuration import Role
from governed_kernel.errors import UsageError

__all__ = [
    "PURPOSES",
    "ROLES",
    "SERVICE",
    "SERVICE_NAME",
    "check_name",
    "check_printed_name",
    "check_role",
    "purpose",
]

ROLES: tuple[str, ...] = get_args(Role)
PURPOSES = ("explore", "train", "evaluate", "validate", "deploy")
SERVICE = "service"
"""The name under which the workspace's own key signs; no person can have it."""
SERVICE_NAME = "Governed Notebooks service"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ALIASES = {
    "exploration": "explore",
    "training": "train",
    "evaluation": "evaluate",
    "validation": "validate",
    "deployment": "deploy",
}


def check_name(name: str, of: str = "person") -> str:
    """`name` when it may name a person, dataset, slot or workspace; it may be part of file names.

    Raises
    ------
    UsageError
        It may not.
    """
    if not _NAME.fullmatch(name) or (of == "person" and name == SERVICE):
        raise UsageError(
            f"{name!r} can't name a {of}",
            why=f"{SERVICE!r} is the workspace's own signature"
            if name == SERVICE
            else "names are 1 to 64 of a-z, 0-9, '.', '_', '-', and begin with a letter or digit",
            next="choose another name"
            + ("; a person's full name goes into --printed-name" if of == "person" else ""),
        )
    return name


def check_printed_name(name: str) -> str:
    """`name` as it is printed beside a signature: visible characters on one line."""
    clean = name.strip()
    if not clean or len(clean) > 200 or not clean.isprintable():
        raise UsageError(
            f"{name!r} can't be a printed name",
            why="it must have 1 to 200 visible characters, without control characters",
            next="give the person's name as it should stand beside a signature",
        )
    return clean


def check_role(role: str) -> str:
    """`role` when it is one of `ROLES`."""
    if role not in ROLES:
        raise UsageError(
            f"no role is called {role!r}",
            why=f"the roles are {', '.join(ROLES)}",
            next="choose one of them",
        )
    return role


def purpose(name: str) -> str:
    """The purpose meant by `name` (``training`` means ``train``).

    Raises
    ------
    UsageError
        There is no such purpose.
    """
    found = _ALIASES.get(name, name)
    if found not in PURPOSES:
        raise UsageError(
            f"no purpose is called {name!r}",
            why=f"the purposes are {', '.join(PURPOSES)}",
            next="choose one of them",
        )
    return found
