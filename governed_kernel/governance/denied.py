"""Why an access was denied and what to do about it, from the ids of the policies on its record."""

from __future__ import annotations

from collections.abc import Iterable

from governed_kernel.governance.cedar import Policies
from governed_kernel.governance.rules import read_rules
from governed_kernel.workspace import Workspace

__all__ = ["ALWAYS", "explain_denials"]

ALWAYS = {
    "locked-holdout": (
        "it is a locked holdout; only validation runs read it",
        "use the training or validation part of the split",
    ),
    "split-parent": (
        "it contains a locked holdout, since it was divided, or what it was made from, or what was "
        "made from it",
        "use the training or validation part of the split, or divide what you make of it by rules",
    ),
    "restricted-content": (
        "its content is that of data whose use is restricted",
        "use a version that you may read ('governed data list')",
    ),
    "masked-columns": (
        "some of its columns are masked for whoever asked",
        "read the version by data.load, which gives the copy in which they are masked",
    ),
    "class-readers": (
        "governed.toml names the roles that read data of its class",
        "an administrator grants roles: 'governed people grant'",
    ),
    "state": (
        "it was withdrawn, or is not approved yet",
        "use a version that you may read ('governed data list')",
    ),
    "retention": (
        "the day is over until which it might be kept",
        "use a version that you may read ('governed data list'), or ask its owner",
    ),
    "workspace-state": (
        "it is the workspace's own record, which no notebook changes or reads",
        "ask with governed_kernel.questions, or 'governed lineage sql'",
    ),
}
"""What holds whatever the policies say: reason and advice."""


def explain_denials(workspace: Workspace, ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Policy id → ``reason``, ``advice`` and ``file``, for those that the workspace has."""
    policies, _ = read_rules(workspace)
    known = {policy.id: policy for policy in Policies(policies).policies}
    found = {}
    for name in dict.fromkeys(ids):
        if name in known:
            policy = known[name]
            place = f"{policy.file}:{policy.line}"
            found[name] = {"reason": policy.reason, "advice": policy.advice, "file": place}
        elif name in ALWAYS:
            reason, advice = ALWAYS[name]
            found[name] = {"reason": reason, "advice": advice, "file": ""}
    return found
