"""Whether a version may be used for a purpose: what ``data.load`` and the inputs of a run ask."""

from __future__ import annotations

from collections.abc import Sequence

from governed_kernel.capture.emitter import Decision
from governed_kernel.configuration import Configuration
from governed_kernel.errors import PolicyDenied
from governed_kernel.governance import authorization, masking
from governed_kernel.governance.cedar import Verdict
from governed_kernel.governance.denied import ALWAYS
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import DatasetRegistered

__all__ = [
    "check_sees_all",
    "closed_to",
    "decide_purpose",
    "decision_of",
    "floor",
    "is_locked",
    "not_a_reader",
    "restriction",
]


def is_locked(register: Register, version: DatasetRegistered) -> bool:
    """Whether the content is a locked holdout, under whatever name it is registered."""
    return version.sha256 in register.locked


def restriction(register: Register, version: DatasetRegistered) -> tuple[str, str]:
    """Policy id and reason why only validation runs may read `version`; empty when all may."""
    name = f"{version.dataset}@{version.version}"
    if is_locked(register, version):
        return "locked-holdout", f"{name} is a locked holdout; only validation runs read it"
    split = register.divided.get(version.sha256)
    if split is not None:
        parts = ", ".join(part for which, part in split.parts.items() if which != "holdout")
        holdout = split.parts.get("holdout", "")
        whole = register.whole_of(split)
        if whole is not None and whole.sha256 != version.sha256:
            made = f"{name} was made from {split.dataset}@{split.version}, which contains"
            use = f"use {parts}, or what is made from these"
            return "split-parent", f"{made} the locked holdout {holdout}; {use}"
        return "split-parent", f"{name} contains the locked holdout {holdout}; use {parts}"
    behind = register.behind.get(version.sha256)
    if behind is not None:
        parts = ", ".join(part for which, part in behind.parts.items() if which != "holdout")
        return "split-parent", (
            f"{name} may hold rows of the locked holdout {behind.parts.get('holdout', '')}: "
            f"{behind.dataset}@{behind.version}, which was divided, was made from it, or from what "
            f"it was made from; use {parts}, or transform it and divide what that makes"
        )
    return "", ""


def is_closed_by_kin(register: Register, version: DatasetRegistered) -> bool:
    """Whether a version is closed only because what was made from the same was divided."""
    content = version.sha256
    return content in register.behind and content not in register.locked


def decide_purpose(
    register: Register,
    version: DatasetRegistered,
    purpose: str,
    mode: str = "research",
    run_kind: str = "",
    *,
    person: str = "",
    transforms: bool = False,
) -> Decision:
    """Whether `version` may be used for `purpose` (one of `names.PURPOSES`).

    Parameters
    ----------
    mode : str
        ``research`` or ``release``.
    run_kind : str
        The run's kind: release, rerun, validation; empty in research.
    person : str
        Who asks; by default whoever works in this session.
    transforms : bool
        Whether rules make another version of it, which stays as closed as it is.

    Notes
    -----
    Whatever policies say, denied are: a locked holdout or its parent outside a validation run, a
    version that was withdrawn or is not approved yet, and one whose retention has ended (for a
    re-run too: what had to be gone is not read). Beyond that the policies decide.
    """
    person = person or authorization.session_person()
    found = floor(register, version, purpose, mode, run_kind)
    if transforms and is_closed_by_kin(register, version):
        found = [one for one in found if one[0] != "split-parent"]
    if mode == "research":
        found += closed_to(register, version, person)
    if found:
        return decision_of(version, found, None)
    verdict = authorization.may_read(
        register, version, purpose, person=person, mode=mode, run_kind=run_kind
    )
    return decision_of(version, [], verdict)


def floor(
    register: Register, version: DatasetRegistered, purpose: str, mode: str, run_kind: str
) -> list[tuple[str, str]]:
    """Id and reason of each thing that refuses this read whatever policies say.

    Parameters
    ----------
    purpose : str
        Empty for whoever opens a path and does not say what for.
    """
    found = []
    policy, reason = restriction(register, version)
    if policy and (mode, run_kind, purpose) != ("release", "validation", "validate"):
        found.append((policy, reason))
    name = f"{version.dataset}@{version.version}"
    if version.state in ("withdrawn", "registered"):
        held = ", ".join(register.withdrawn_in(version))
        because = f": it holds {held}, which was withdrawn" if held else ""
        found.append(("state", f"{name} is {version.state}, not approved{because}"))
    if authorization.is_expired(version, register.moment):
        found.append(("retention", f"{name} had to be gone by {version.retention_until}"))
    return found


def closed_to(register: Register, version: DatasetRegistered, person: str) -> list[tuple[str, str]]:
    """Id and reason when the class is read by roles that `person` does not have."""
    who = register.people.get(person)
    return not_a_reader(
        register.workspace.settings,
        f"{version.dataset}@{version.version}",
        version.data_class,
        person,
        who.roles if who is not None else (),
    )


def check_sees_all(
    register: Register, version: DatasetRegistered, person: str, action: str
) -> None:
    """Refuse who may not read a version's class, or some of its columns, what tells of all values.

    Parameters
    ----------
    action : str
        What is asked for, as in "divide".

    Raises
    ------
    PolicyDenied
        A rule, code or a comparison of theirs could tell what is hidden from them.
    """
    name = f"{version.dataset}@{version.version}"
    reasons = [reason for _, reason in closed_to(register, version, person)]
    if masking.is_masked_for(register, version, person):
        unmasked = register.workspace.settings.classes[version.data_class].unmasked
        reasons.append(
            f"some columns of {name} are masked for {person}, and this works on their values; "
            f"{' or '.join(unmasked) or 'nobody'} sees these"
        )
    if reasons:
        raise PolicyDenied(
            f"{person} may not {action} {name}",
            why="; ".join(reasons),
            next="ask somebody with such a role to; a notebook is given the masked copy",
        )


def not_a_reader(
    settings: Configuration, label: str, data_class: str, person: str, roles: Sequence[str]
) -> list[tuple[str, str]]:
    """Id and reason when that class is read by others than who has `roles`, on record or not.

    Parameters
    ----------
    label : str
        What the version is called.
    """
    known = settings.classes.get(data_class)
    if known is None or not known.readers or set(roles) & set(known.readers):
        return []
    readers, held = " or ".join(known.readers), ", ".join(roles) or "none"
    said = f"{label} is {data_class}, read by {readers}; {person or 'who asks'} has {held}"
    return [("class-readers", said)]


def decision_of(
    version: DatasetRegistered, floor: list[tuple[str, str]], verdict: Verdict | None
) -> Decision:
    """The decision, with every reason, what to do, and the ids of the policies behind it."""
    reasons = [reason for _, reason in floor]
    policies = [policy for policy, _ in floor]
    advice = [ALWAYS[policy][1] for policy in policies if policy in ALWAYS]
    if verdict is not None:
        policies += verdict.ids
        if not verdict.allowed:
            reasons.append(verdict.why)
            advice.append(verdict.advice)
    return Decision(
        allowed=not floor and verdict is not None and verdict.allowed,
        reason="; ".join(reasons),
        policies=policies,
        dataset=version.dataset,
        version=version.version,
        data_class=version.data_class,
        advice="; ".join(filter(None, advice)),
    )
