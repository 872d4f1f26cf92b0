"""Hold catalogued versions against each other for what they must not share, on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from governed_kernel.errors import CheckFailed, Refused, UsageError
from governed_kernel.governance import authorization, catalog, permission
from governed_kernel.governance.catalog import label
from governed_kernel.governance.descriptions import check_person
from governed_kernel.governance.leaks import Asked, find_leaks, in_words
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import append, record_refusal
from governed_kernel.lineage.events import Decided, LeaksChecked
from governed_kernel.workspace import Workspace

__all__ = ["check_leaks", "look"]


def check_leaks(
    workspace: Workspace, names: Sequence[str], asked: Asked, person: str
) -> LeaksChecked:
    """Look for what versions share; the finding goes into the ledger, whatever it is.

    Only counts leave this process, so a locked evaluation set may be among the versions.

    Raises
    ------
    CheckFailed
        Something leaks, and ``governed.toml`` says that this blocks.
    Refused
        `person` may not register data, or sees some of these columns masked.
    UsageError
        Fewer than two versions, or columns that are not in all of them.
    """
    said = " ".join(names)
    try:
        register = Register.read(workspace)
        register.check_policy()
        check_person(register, person)
        policies = authorization.check_workspace(register, person, "register")
        versions = [register.version(name) for name in names]
        if len({version.sha256 for version in versions}) < 2:
            raise UsageError(
                "there is nothing to hold against each other",
                why=f"{said} is one content",
                next="name two versions: 'governed data leaks A@1 B@1'",
            )
        for version in versions:
            permission.check_sees_all(register, version, person, "look for what is shared with")
        places = {label(version): catalog.verify(workspace, version) for version in versions}
        found = find_leaks(places, asked)
        blocks = workspace.settings.leaks.action == "block"
        event = LeaksChecked(
            versions=list(places),
            checks=found,
            outcome="clean" if not any(found.values()) else "blocked" if blocks else "warned",
            settings=_settings(asked),
            person=person,
        )
        decided = Decided(
            person=person, action="data leaks", resource=said, outcome="allowed", policies=policies
        )
        append(workspace, lambda _: ((event, decided), None))
        if event.outcome == "blocked":
            raise _leaking(found, said.replace(" ", " and "))
    except (Refused, CheckFailed) as error:
        record_refusal(workspace, person, "data leaks", said, error)
        raise
    return event


def look(workspace: Workspace, parts: Mapping[str, Path], asked: Asked) -> dict[str, int]:
    """What the parts of a division share in text and time.

    Raises
    ------
    CheckFailed
        Something leaks, and ``governed.toml`` says that this blocks.
    """
    found = find_leaks(parts, asked)
    found.pop("duplicate rows", None)  # the division looks for these itself
    if any(found.values()) and workspace.settings.leaks.action == "block":
        raise _leaking(found, "the parts")
    return found


def _settings(asked: Asked) -> dict[str, Any]:
    return {
        "keys": list(asked.keys),
        "ignored": list(asked.ignored),
        "texts": list(asked.texts),
        "time": asked.time,
        "similarity": asked.similarity,
    }


def _leaking(found: Mapping[str, int], what: str) -> CheckFailed:
    return CheckFailed(
        f"{what} share what they must not share",
        why=in_words(found),
        next="keep everything of one entity, all copies of a text, and what is later, apart; "
        "'[leaks] action' in governed.toml says whether this blocks",
    )
