"""What gates would refuse of a release now, asked of the ledger without any data being read."""

from __future__ import annotations

from governed_kernel.errors import GovernedError
from governed_kernel.release import admission, deployment, gate, manifest
from governed_kernel.release.registry import Registry, ReleaseRecord
from governed_kernel.release.taken_back import check_recalls
from governed_kernel.workspace import Workspace

__all__ = ["refusal"]


def refusal(workspace: Workspace, registry: Registry, action: str, name: str) -> str:
    """Why a release can't be run or deployed now, whoever asks; empty where nothing is known.

    Whether its data and its environment are what was approved shows when it is run.

    Parameters
    ----------
    action : str
        ``run`` or ``deploy``; of anything else no gate is asked.
    """
    try:
        if action == "run":
            _check_run(workspace, registry, registry.release(name))
        elif action == "deploy":
            record = registry.release(name)
            gate.check_deployable(registry, record, deployment.latest_run(record))
    except GovernedError as error:
        return "; ".join(part for part in (error.what, error.why, error.next) if part)
    return ""


def _check_run(workspace: Workspace, registry: Registry, record: ReleaseRecord) -> None:
    gate.check_state(record)
    bound = manifest.load(manifest.release_folder(workspace, record.name), record.digest)
    gate.check_approvals(registry.register, record, bound)
    gate.check_card(workspace, registry.register, bound)
    check_recalls(registry, record)
    for item in bound.inputs:
        admission.check_lifetime(registry.register, admission.catalogued(registry.register, item))
