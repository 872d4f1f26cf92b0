"""The rules as an administrator adopted them last, also where others lie in the workspace now.

Whoever may write one byte of ``governed.toml`` or of a policy can have gates refuse. What takes
something out of use (a revocation, a rejection, a roll-back) must not be stopped that way, and goes
by the adopted rules then: the ledger carries them, signed.
"""

from __future__ import annotations

from typing import NoReturn

import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.configuration import Configuration
from governed_kernel.errors import GovernedError, NotApproved
from governed_kernel.files import read_regular
from governed_kernel.governance.register import Register
from governed_kernel.governance.rules import policy_files, rules_digest
from governed_kernel.governance.signing import record_refusal
from governed_kernel.workspace import Workspace

__all__ = ["as_adopted"]


def as_adopted(workspace: Workspace, person: str, action: str, resource: str) -> Workspace:
    """The workspace as if the rules lay in it that were adopted last; itself where they do.

    Parameters
    ----------
    person, action, resource : str
        What a refusal is recorded as.

    Raises
    ------
    NotApproved
        Others lie there, and the adopted ones are not known any more. The refusal is on record.
    """
    try:
        return _as_adopted(workspace)
    except NotApproved as error:
        record_refusal(workspace, person, action, resource, error)
        raise


def _as_adopted(workspace: Workspace) -> Workspace:
    register = Register.read(workspace)
    try:
        if rules_digest(workspace) == register.policy:
            return workspace
    except GovernedError:
        pass  # nobody can read them: so much the more do the adopted ones decide
    policies = {
        path.name: _text_of(register, path.name, sha256)
        for path, sha256 in policy_files(register.rules)
    }
    try:
        settings = msgspec.convert(register.settings, Configuration)
    except msgspec.ValidationError as error:
        _refuse(f"what was adopted can't be understood by this version: {error}")
    seen = workspace.with_rules(settings, policies)
    if rules_digest(seen) != register.policy:
        _refuse("nobody kept what they said when they were adopted")
    return seen


def _text_of(register: Register, name: str, sha256: str) -> bytes:
    """A policy as it was adopted: as the ledger says it, else the file, if it is still the same."""
    kept = register.policy_texts.get(name)
    if kept is not None:
        return kept.encode()
    try:
        content = read_regular(register.workspace.policies / name)
    except OSError:
        content = b""
    if digest_bytes(content) != sha256:
        _refuse(f"policies/{name} was altered, and nobody kept what it said")
    return content


def _refuse(why: str) -> NoReturn:
    raise NotApproved(
        "governed.toml and the policies are not those that an administrator adopted",
        why=why,
        next="undo the edit, or have it adopted: 'governed policy adopt --as ADMIN'",
    )
